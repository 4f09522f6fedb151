/*
 * pool: tests side by side, each in a process of its own, so that it may break, and need not clean up.
 *
 * What a test prints is handed on when its process has ended, in one piece. Of one that broke that is told, and it has
 * failed.
 */
#ifndef WIRE_POOL_H
#define WIRE_POOL_H

#include "site.h"
#include "tally.h"

#include <sys/types.h>

enum { POOL_MAX = 8 };

struct pool_place {
    pid_t pid; /* 0: it is free */
    int said;  /* a file in memory: the test's tally, and behind it what the test prints */
    const char *name;
    struct site site;
};

struct pool {
    int at_once;             /* at most POOL_MAX */
    const struct site *site; /* of all tests; NULL: each has its own */
    struct pool_place places[POOL_MAX];
    struct tally tally; /* of those that have ended */
};

/* Has a test played as soon as there is a place for it: that prints what is wrong, and returns what it came to. The
 * context is needed for this call, the name until the test's end. */
void pool_play(struct pool *pool, const char *name, struct tally (*play)(const void *context, const struct site *site),
               const void *context);

/* Waits for all of them and prints the sum; returns the program's exit status. */
int pool_finish(struct pool *pool);

#endif
