/*
 * processes: the children of a server in which each connection has a process of its own. They share with their parent
 * what engine_shared says, and the listeners' backlog; nothing else.
 */
#ifndef SHUNT_MODEL_PROCESSES_H
#define SHUNT_MODEL_PROCESSES_H

#include "os/usage.h"

#include <sys/types.h>

struct engine;
struct conn;

struct processes {
    pid_t *children; /* owned; `count` that run, in no order, `size` long */
    int count, size;
    struct usage usage; /* of those that have ended */
};

/* Gives a connection to a process of its own, and forgets it here. */
void processes_admit(struct engine *engine, struct conn *c);

/* Wakes all of them: there is a new order. */
void processes_wake(struct engine *engine);

/* Counts those that have ended. */
void processes_reap(struct engine *engine);

/* Gives the list back. Safe on a zeroed one. */
void processes_free(struct processes *processes);

#endif
