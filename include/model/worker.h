/*
 * worker: one thread with its own poller, and the loop that every model runs:
 *
 *     wait · run the stage of what is ready · route it · once a second, sweep the deadlines
 *
 * A worker runs whatever stage its connections are in: what makes a reader a reader is what is routed to it.
 */
#ifndef SHUNT_MODEL_WORKER_H
#define SHUNT_MODEL_WORKER_H

#include "conn/conn.h"
#include "os/poller.h"

#include <pthread.h>

struct engine;

struct worker {
    struct engine *engine;
    uint32_t id;      /* its number as an owner of connections, from 1 */
    char role[24];    /* "read 0", "write 1": the thread's name */
    int cpu;          /* to be pinned to; -1: none */
    pthread_t thread;
    bool started;
    struct poller poller;
    struct blockers *queue; /* not NULL: this is the pool that may sleep, which polls nothing and takes from a queue */
    struct conn_env env;
    struct cache cache;
    struct ring access;
    uint64_t sweep_ms; /* when the next sweep is due */

    _Atomic uint32_t shed; /* idle connections that the accept stage asks to be closed */

    /* Written by this thread, read by anyone. */
    _Atomic uint64_t ended;    /* connections closed here */
    _Atomic uint64_t handoffs; /* connections passed on from here */
};

/* `count` zeroed workers, each on cache lines of its own; free() them. NULL with errno ENOMEM. */
struct worker *worker_array(int count);

/* 0, or -1 with errno. `cache`: NULL for a worker that never reads requests. `with_log`: it has a ring for the access log. */
int worker_open(struct worker *worker, struct engine *engine, uint32_t id, const struct cache_limits *cache, bool with_log);

/* Starts the thread. 0, or -1 with errno. */
int worker_start(struct worker *worker);

/* Waits for the thread to end, if it was started. Safe to repeat. */
void worker_join(struct worker *worker);

/* Gives everything back; no thread runs any more. */
void worker_close(struct worker *worker);

/* Runs the stage that a connection of this worker's is in, and routes it to the next. */
void worker_run(struct worker *worker, struct conn *c);

/* The same for a connection that stands in no poller: the stage is run on a thread of the pool. */
void worker_run_unregistered(struct worker *worker, struct conn *c);

/* Closes a connection that this worker owns. */
void worker_end(struct worker *worker, struct conn *c);

#endif
