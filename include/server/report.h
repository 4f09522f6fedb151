/* report: what each thread has done, as JSON, for whoever compares models. */
#ifndef SHUNT_SERVER_REPORT_H
#define SHUNT_SERVER_REPORT_H

#include "model/engine.h"

/*
 * Writes the report of an engine that was stopped to a file ("-": standard output):
 *
 *     {"model": "staged", "workers": [{"role": "read 0", "cpu": 0, "accepted": 0, "requests": 0, "handoffs": 0,
 *     "steals": 0, "together": 0, "voluntary_switches": 0, "involuntary_switches": 0}, …]}
 *
 * The first of them is the main thread, "accept" where it accepts and "main" where it doesn't; behind the workers come
 * "processes", the sum of all, where each connection had one, and "log". "cpu" is -1 for who isn't pinned. The numbers
 * are counts from start to end; "together" counts the times that a connection was read as one of a cohort.
 *
 * A model that measures what requests cost (load.h) adds behind the workers:
 *
 *     "load": {"targets": 2, "requests": 9, "median_handler_us": 4.2, "mean_handler_us": 4.6, "mean_wait_us": 30.1,
 *     "queue": 1, "duration_s": 1, "concurrency": 2, "capacity": 476190}
 *
 * 0, or -1 after a line that says what failed.
 */
int report_write(const struct engine *engine, const char *path);

/* Whether it can be written, while there is nothing to write yet: 0, or -1 after a line that says what failed. */
int report_check(const char *path);

#endif
