/*
 * loop: what every worker does from its start to its end, in a paragraph of verbs:
 *
 *     wait · run the stage of what is ready · pass it to its next place · once a second, sweep
 */
#ifndef SHUNT_MODEL_LOOP_H
#define SHUNT_MODEL_LOOP_H

#include "model/worker.h"

/* By the kind of its place: at a poller, or at a queue. */
void loop_run(struct worker *worker);

/* Takes the engine's order. Whether to go on. */
bool loop_obeys(struct worker *worker);

#endif
