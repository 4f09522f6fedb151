/*
 * blockers: the pool of threads for what may sleep: an open, a read from a cold disk. They poll no socket and send nothing.
 *
 * The one place with a lock and a queue. A poller can't carry these connections: what they wait for is a thread, not their socket,
 * and a socket that isn't writable would never get its turn. Work here costs a disk's time; a lock is nothing beside it.
 */
#ifndef SHUNT_MODEL_BLOCKERS_H
#define SHUNT_MODEL_BLOCKERS_H

#include "model/worker.h"

struct blockers {
    struct engine *engine;
    struct worker *workers; /* `count` threads, each with its scratch */
    int count;
    struct worker face; /* what a route names: the pool as one owner */
    pthread_mutex_t lock;
    pthread_cond_t filled;
    int *queue; /* descriptors of connections, a ring as large as the table, so that it can't be full */
    uint32_t size, head, tail;
    bool stop;
};

/* Starts `count` threads, which all own connections by the number `id`. 0, or -1 with errno; blockers_close() is owed either way. */
int blockers_open(struct blockers *pool, struct engine *engine, int count, uint32_t id);

/* Ends the threads once each has finished what it is at; what waits in the queue is left. Both are safe on a zeroed pool. */
void blockers_join(struct blockers *pool);

/* Gives everything back. */
void blockers_close(struct blockers *pool);

/* Puts a connection into the queue; it belongs to the pool already. */
void blockers_put(struct blockers *pool, const struct conn *c);

#endif
