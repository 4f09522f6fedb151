/* report: what each thread has done, as JSON, for whoever compares models. */
#ifndef SHUNT_SERVER_REPORT_H
#define SHUNT_SERVER_REPORT_H

#include "model/engine.h"

/*
 * Writes the report of an engine that was stopped to a file ("-": standard output):
 *
 *     {"model": "staged", "workers": [{"role": "read 0", "cpu": 0, "accepted": 0, "requests": 0, "handoffs": 0,
 *     "steals": 0, "voluntary_switches": 0, "involuntary_switches": 0}, …]}
 *
 * The main thread is the first of the workers; cpu is -1 for a thread that isn't pinned. A model that measures what
 * requests cost adds "load": see load.h. 0, or -1 after a line that says what failed.
 */
int report_write(const struct engine *engine, const char *path);

#endif
