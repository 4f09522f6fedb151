/*
 * hot: whether an entry's file is in the page cache, so that sending it will not wait for a disk.
 *
 * Of a file that lies elsewhere (a network's file system, another process's) nobody can tell that, and to have read it
 * is no proof: the next open of it, by anyone, may empty its page cache, and what is there may be asked after before
 * each read. So what is sent of it was read into memory of ours before, by a thread that may sleep.
 */
#ifndef SHUNT_FILES_HOT_H
#define SHUNT_FILES_HOT_H

#include "files/entry.h"

/* Whether the file's bytes from `offset` are there, as far as a few samples tell. False where the file system can't
 * say; not to be asked of a file elsewhere. */
bool hot_look(const struct entry *entry, uint64_t offset, uint64_t length);

/* What looks of the last second found: the file is there from `offset` up to the byte returned; 0 if that isn't known.
 * And to tell of such a look. Both by the thread whose cache the entry is in. */
uint64_t hot_known(const struct entry *entry, uint64_t offset, uint64_t now_ms);
void hot_note(struct entry *entry, uint64_t offset, uint64_t upto, uint64_t now_ms);

/* Reads these bytes of the file, so that they are there. Sleeps. 0, or -1 with errno. */
int hot_warm(const struct entry *entry, uint64_t offset, uint64_t length);

/* Reads up to `length` bytes of the file, at least 1, to the end of `window`. Sleeps. 0, or -1 with errno: ENODATA
 * where the file ends before them, as it shrank. */
int hot_fetch(const struct entry *entry, uint64_t offset, size_t length, struct buffer *window);

#endif
