/*
 * watch: what the kernel tells of changes in directories (inotify(7)).
 *
 * An event is in the queue before the call that made the change returns: whoever then looks, finds it. Nothing is told
 * of writes through a mapping, through another hard link or an fd whose name is gone, by io_submit(2), nor of mounts,
 * nor of what a file server's other clients do.
 */
#ifndef SHUNT_OS_WATCH_H
#define SHUNT_OS_WATCH_H

#include "base/slice.h"

enum {
    WATCH_ALL_LOST = -1, /* in the place of a directory's number: the queue was full, and nobody knows what changed */
};

/* What in a directory is of interest. */
enum watch_interest {
    WATCH_NAMES = 1, /* what they lead to, and who may follow them */
    WATCH_FILES,     /* and what is written to them */
};

/* A watch of no directory yet. Its fd, or -1 with errno: EMFILE (too many instances for this user), ENFILE, ENOMEM. */
int watch_open(void);

/* Watches a directory, given by its fd. Its number, above 0: they are given out in turn, and come again after 2^31
 * others; of one that is watched already, the one it has. -1 with errno: ENOSPC (too many for this user), EACCES (it
 * can't be read), ENOENT (proc(5) isn't mounted), ENOMEM. Takes longer where many of its files' names are in memory. */
int watch_add(int watch, int directory, enum watch_interest interest);

/* Watches it no more, which is told of as a change of the directory itself; nothing if it isn't watched. */
void watch_remove(int watch, int number);

/* Bytes of events that are in the queue. There is no cheaper way to ask: an event that equals the last one in the queue
 * is merged with it and wakes nobody, so that poll(2) and epoll(7) may not know of the first one yet when the second
 * writer has returned. */
size_t watch_pending(int watch);

/* Reads at least so many bytes of events. `tell` is called for each: `name` in the directory was changed, or the
 * directory itself, then the name is empty. */
void watch_read(int watch, size_t pending, void (*tell)(void *context, int number, struct slice name), void *context);

#endif
