/*
 * changes: what the kernel tells of the directories that paths lead through, so that no answer outlives what it was
 * made of. One for all threads.
 *
 * Whoever has received a request looks here before he answers it: what was changed before the request was sent is told
 * by then. Each event raises a counter, to which its directory and name are hashed. And whoever finds out what a path
 * is notes, before he looks at a name, that name's counter: all those are the answer's trail.
 *
 *     /docs/a.html      in the root "docs", in docs "a.html"; and either directory itself
 *
 * While the counters stand as they were noted, the answer is what a fresh look would find. Where two names share a
 * counter, one is looked at again for nothing.
 */
#ifndef SHUNT_FILES_CHANGES_H
#define SHUNT_FILES_CHANGES_H

#include "os/watch.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    CHANGES_COUNTERS = 65536, /* a power of two */
    CHANGES_WATCHED = 16384,  /* directories at once, of those that the user may watch in all; the oldest goes first */
    CHANGES_RETRY_MS = 10000, /* after so long it is tried again to watch what couldn't be watched */
    TRAIL_MAX = 64,           /* marks */
};

struct mark {
    uint32_t counter; /* its number, */
    uint32_t value;   /* and what it was */
};

struct trail {
    uint32_t count;
    bool blind; /* it has gaps: nothing may be told of some change */
    struct mark marks[TRAIL_MAX];
};

struct changes {
    int watch;                  /* -1: there is none */
    _Atomic uint32_t *counters; /* owned; NULL: nobody listens */
    _Atomic uint32_t epoch;     /* raised after any counters were */
    _Atomic bool applying;      /* somebody holds events that aren't counted yet */
    _Atomic bool complained;
    pthread_mutex_t lock; /* of all below, and of reading events */
    int *watched;         /* owned: the last directories' numbers, each in the place that is its remainder */
};

/* 0, or -1 with errno ENOMEM. That there is no watch to be had is no failure: see changes_are_told(). */
int changes_open(struct changes *changes);

/* The same without trying: all trails are blind. */
int changes_open_blind(struct changes *changes);

/* Safe on zeroed changes, and to repeat. */
void changes_close(struct changes *changes);

/* Whether changes are told of at all. */
static inline bool changes_are_told(const struct changes *changes)
{
    return changes->watch >= 0;
}

/* Takes in what was told by now. By any thread, after it has received requests; one system call, if there is nothing.
 */
void changes_catch_up(struct changes *changes);

/* While this is the same, all trails that held still hold. */
static inline uint32_t changes_epoch(const struct changes *changes)
{
    return atomic_load_explicit(&changes->epoch, memory_order_acquire);
}

/* Whether all these counters are what they were. Ask for the epoch first. */
bool changes_none_since(const struct changes *changes, const struct mark *marks, uint32_t count);

/* Watches a directory, and notes what is to be known of it in the trail. Its number; -1, and the trail is blind, where
 * it can't be watched. May sleep. */
int changes_note_directory(struct changes *changes, struct trail *trail, int directory, enum watch_interest interest);

/* Notes a name in the directory of this number, which is looked at next. Doesn't sleep. */
void changes_note_name(const struct changes *changes, struct trail *trail, int number, struct slice name);

#endif
