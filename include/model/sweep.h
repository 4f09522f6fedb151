/* sweep: what a worker does about its place's connections that have been as they are for too long. */
#ifndef SHUNT_MODEL_SWEEP_H
#define SHUNT_MODEL_SWEEP_H

#include "model/worker.h"

enum { SWEEP_EVERY_MS = 1000, SWEEP_DRAIN_MS = 100 };

/* Ends stranded ones, and shuts down those that are due; when the server is stopping, all that wait for a request, but
 * one whose request has come meanwhile is still answered. Who is due is only shut down, and the event that follows ends
 * it: it may have been passed to us a moment ago, and its socket be on its way into our poller. Closed are stranded
 * ones, and in the end those in PHASE_IDLE, in which none is ever passed. */
void sweep(struct worker *worker);

/* The same for a single connection, by the thread that it has for itself; and where the accept stage asks for it, it
 * may be one that is shed. */
void sweep_one(struct worker *worker, struct conn *c);

/* Shuts down up to `count` of the longest idle ones. */
void sweep_idle(struct worker *worker, uint32_t count);

#endif
