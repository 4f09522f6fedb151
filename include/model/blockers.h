/*
 * blockers: the pool of threads for what may sleep: an open, a read from a cold disk. They poll no socket and send
 * nothing.
 *
 * The one place with a lock and a queue. A poller can't carry these connections: what they wait for is a thread, not
 * their socket, and a socket that isn't writable would never get its turn. Work here costs a disk's time; a lock is
 * nothing beside it.
 */
#ifndef SHUNT_MODEL_BLOCKERS_H
#define SHUNT_MODEL_BLOCKERS_H

#include "model/worker.h"

struct blockers {
    struct worker *workers; /* `count` threads, each with its scratch */
    int count;
    struct place place; /* they own as one: a connection is the pool's while one of them is at it */
    struct queue queue;
};

/* Starts `count` threads, which own connections by the number `id`. 0, or -1 with errno; blockers_close() is owed
 * either way. */
int blockers_open(struct blockers *pool, struct engine *engine, int count, uint32_t id);

/* Tells the threads to end once each has finished what it is at; what waits in the queue is left. Safe on a zeroed
 * pool, as is the next one. */
void blockers_stop(struct blockers *pool);

/* Gives everything back; no thread runs any more. */
void blockers_close(struct blockers *pool);

#endif
