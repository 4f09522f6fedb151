/*
 * ways: the directories that paths were found to lead through, with the trail of each, for threads that may not sleep.
 * One table for all threads.
 *
 * Who may sleep walks a path step by step, watches each directory on it, and leaves here how its last one was reached.
 * Who may not takes it from here, and has no more to note than the names in that directory. Each place of the table
 * holds one way; another one of the same hash takes it.
 */
#ifndef SHUNT_FILES_WAYS_H
#define SHUNT_FILES_WAYS_H

#include "base/clock.h"
#include "base/hash.h"
#include "files/changes.h"
#include "os/beneath.h"

enum { WAYS = 8192 }; /* a power of two */

struct way;

struct ways {
    struct changes *changes;
    struct hash_key key;
    struct way **table; /* owned */
    pthread_mutex_t lock;
};

/* A file's path beneath a root. */
struct ways_path {
    uint64_t root;    /* the root's number */
    const char *path; /* relative, NUL-ended */
};

/* 0, or -1 with errno. Safe to close when it was zeroed. */
int ways_open(struct ways *ways, struct changes *changes);
void ways_close(struct ways *ways);

/* Adds to the trail how the path is reached, and its last name. False where that isn't known, or no longer true; the
 * trail is as it was. Doesn't sleep. */
bool ways_recall(struct ways *ways, struct ways_path path, const struct clock *now, struct trail *trail);

/* beneath_open() with BENEATH_WAIT, beneath `root`'s fd. Adds to the trail how the path is reached, and remembers it.
 */
int ways_open_file(struct ways *ways, struct ways_path path, int root, enum beneath_links links,
                   const struct clock *now, struct trail *trail);

/* Forgets how the path is reached: something there has changed, and nobody told. */
void ways_forget(struct ways *ways, struct ways_path path);

#endif
