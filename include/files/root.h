/*
 * root: a directory that is or was served, open, and the path that leads to it.
 *
 * That path may be a link which somebody swaps for another while we run (ln -sfn), or a directory that is renamed. Each
 * request is answered from where it leads when that request has come, and from there alone. While it leads nowhere, as
 * for a moment where a link is removed and made anew, the last directory that it led to goes on being served.
 */
#ifndef SHUNT_FILES_ROOT_H
#define SHUNT_FILES_ROOT_H

#include "base/clock.h"
#include "files/changes.h"
#include "os/beneath.h"

/* A directory that the path leads to, or led to. It never changes; whoever drops the last reference closes it. */
struct root {
    int fd;
    bool may_sleep; /* nothing beneath it is opened without sleeping, see beneath_may_sleep() */
    dev_t device;
    ino_t inode;
    uint64_t number; /* no other has the same */
    _Atomic uint32_t references;
};

/* One for all threads. */
struct root_path {
    const char *path; /* absolute, or relative to where we were started; not owned */
    uint32_t valid_ms;
    struct changes *changes;
    _Atomic(struct root *) root; /* a reference; changed under the lock */
    _Atomic uint64_t checked_ms; /* when it was last known to be where the path leads, */
    _Atomic uint32_t epoch;      /* as far as was told by then */
    pthread_mutex_t lock;
    struct trail trail; /* of the path; under the lock */
    _Atomic bool blind; /* nothing is told of it */
};

/* Finds the directory. `valid_ms`: after so long the path is looked at again, though no change was told. 0, or -1 with
 * errno: it can't be opened as a directory. */
int root_path_open(struct root_path *path, const char *directory, struct changes *changes, uint32_t valid_ms);

/* Safe on a zeroed one. */
void root_path_close(struct root_path *path);

/* Whether it leads to the same directory as another path. May sleep. */
bool root_path_leads_to(const struct root_path *path, const char *directory);

/* Whether this is still the directory to be served: a few comparisons in most cases; never sleeps. False, too,
 * where that can't be told: see root_take_now(). */
bool root_is_current(struct root_path *path, const struct root *root, const struct clock *now);

/* Whether nothing was told of the path that would make this another directory than the one to be served. */
bool root_is_untouched(struct root_path *path, const struct root *root);

/* The directory to be served now: a reference, the caller's. NULL: that can't be told without sleeping. */
struct root *root_take_now(struct root_path *path, const struct clock *now);

/* The same, and may sleep. NULL with errno EMFILE, ENFILE, ENOMEM: it can't be told, for want of those. */
struct root *root_take(struct root_path *path, const struct clock *now);

/* One reference less. NULL is fine. */
void root_drop(struct root *root);

#endif
