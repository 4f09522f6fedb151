/* sweep: what a worker does about its own connections that have been as they are for too long. */
#ifndef SHUNT_MODEL_SWEEP_H
#define SHUNT_MODEL_SWEEP_H

#include "model/worker.h"

enum { SWEEP_EVERY_MS = 1000 };

/* Ends stranded ones, and shuts down those past their deadline. The event that follows ends them: never closed here,
 * since a connection may have been passed to us a moment ago and its socket be on its way into our poller. */
void sweep_deadlines(struct worker *worker);

/* Shuts down up to `count` of the longest idle ones. */
void sweep_idle(struct worker *worker, uint32_t count);

/* The server is stopping: ends all that wait for a request; one whose request has come meanwhile is still answered. */
void sweep_drain(struct worker *worker);

#endif
