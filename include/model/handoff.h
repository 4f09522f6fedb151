/*
 * handoff: passing a connection from one worker to another, without a queue and without a lock: it is forgotten by one poller
 * and registered with the other, and the kernel wakes the thread.
 *
 *     1  forget it here          no event of it will come to us any more
 *     2  store a fresh deadline, then the new owner (release)
 *     3  register it there       from step 2 on it is not ours: not to be touched again
 *
 * Where step 3 fails (no memory, too many watches) nobody else can know of it yet, so we are the owner again, and close it.
 */
#ifndef SHUNT_MODEL_HANDOFF_H
#define SHUNT_MODEL_HANDOFF_H

#include "model/worker.h"

/* Passes a connection that `from` owns, for `next`, to `to` (another worker, or the pool that may sleep). `registered`: it
 * stands in from's poller. */
void handoff(struct worker *from, struct worker *to, struct conn *c, enum stage next, bool registered);

/* A new connection's first handoff, from the accept stage, which owns it as OWNER_NOBODY. 0, or -1 with errno: it is still
 * the caller's to close. */
int handoff_new(struct worker *to, struct conn *c);

/* The deadline that counts from now for this connection, monotonic milliseconds; 0: none. */
uint64_t handoff_deadline(const struct worker *worker, const struct conn *c);

#endif
