/*
 * handoff: passing a connection from one place to another. Between threads that poll there is no queue and no lock: one
 * poller forgets the socket, another registers it, and the kernel wakes the thread.
 *
 *     1  forget it here          no event of it will come to us any more
 *     2  store a fresh deadline, then the new owner (release)
 *     3  register it there       from step 2 on it is not ours: not to be touched again
 *
 * Step 3 can fail (no memory, too many watches). The connection is the new owner's then all the same, whose sweep may
 * be looking at it already; it is only marked as stranded, and that sweep ends it. Nothing is ever taken back.
 */
#ifndef SHUNT_MODEL_HANDOFF_H
#define SHUNT_MODEL_HANDOFF_H

#include "conn/table.h"
#include "model/queue.h"
#include "os/poller.h"

/* Where a connection can wait: in a poller, for its socket; or in a queue, for a thread. One of the two is NULL. */
struct place {
    uint32_t id; /* the owner's number in the table: a worker's, or that of a pool whose threads own as one */
    struct poller *poller;
    struct queue *queue;
};

/* Passes a connection that the caller owns to `to`, for its stage `next`. `from`: the poller that it stands in, or
 * NULL. deadline_ms: when its patience ends from now on, monotonic; 0: never. */
void handoff(struct conn_table *table, struct poller *from, const struct place *to, struct conn *c, enum stage next,
             uint64_t deadline_ms);

#endif
