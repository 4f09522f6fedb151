/*
 * worker: one thread, and the loop that every model runs:
 *
 *     wait · run the stage of what is ready · route it · once a second, sweep the deadlines
 *
 * A worker runs whatever stage its connections are in: what makes a reader a reader is what is routed to it. It owns
 * the poller that its connections stand in, the scratch that it lends them, and a cache; nothing of it is shared but
 * the words marked so.
 */
#ifndef SHUNT_MODEL_WORKER_H
#define SHUNT_MODEL_WORKER_H

#include "model/handoff.h"

#include <pthread.h>

struct engine;

/* What a thread is there for; a model says it. */
struct post {
    char role[24]; /* "read 0", "write 1": the thread's name */
    int cpu;       /* to be pinned to; -1: none */
    bool reads;    /* connections wait here for requests: it has a cache, and idle ones to shed */
};

struct worker {
    struct engine *engine;
    struct post post;
    const struct place *place; /* what it owns connections as: its own, or its pool's */
    struct place own;
    struct poller poller;
    pthread_t thread;
    void (*loop)(struct worker *); /* what the thread does */
    bool started;
    struct conn_env env;
    struct docroot docroot;
    uint64_t sweep_ms; /* when the next sweep is due */

    _Alignas(64) _Atomic uint32_t shed; /* shared: idle connections that the accept stage asks to be closed */
    _Atomic uint64_t ended;             /* shared: connections closed here; written by this thread */
    _Atomic bool finished;              /* shared: the loop has returned */
};

/* `count` zeroed workers, each on cache lines of its own; free() them. NULL with errno ENOMEM. */
struct worker *worker_array(int count);

/* `place`: a pool's, or NULL for a worker with a poller, whose number as an owner is worker_id(). 0, or -1 with errno.
 */
int worker_open(struct worker *worker, struct engine *engine, const struct place *place, const struct post *post);

/* The number by which the i-th worker of an engine owns connections. */
static inline uint32_t worker_id(int i)
{
    return (uint32_t)i + 1;
}

/* Starts the thread: worker_loop, or another. 0, or -1 with errno. */
int worker_start(struct worker *worker, void (*loop)(struct worker *));
void worker_loop(struct worker *worker);

/* Whether the thread has nothing more to do, or never ran: joining it won't take long. */
bool worker_is_finished(const struct worker *worker);

/* Waits for the thread to end, if it was started. Safe to repeat. */
void worker_join(struct worker *worker);

/* Gives everything back; no thread runs any more. Safe on a zeroed worker. */
void worker_close(struct worker *worker);

/* Runs the stage that a connection of this worker's is in, and routes it to the next. */
void worker_run(struct worker *worker, struct conn *c);

/* Closes a connection that this worker owns. */
void worker_end(struct worker *worker, struct conn *c);

/* The deadline that counts from now for this connection, monotonic milliseconds; 0: none. */
uint64_t worker_deadline(const struct worker *worker, const struct conn *c);

/* Wakes the logger if lines were put into this worker's ring. Once a turn. */
void worker_tell_logger(struct worker *worker);

#endif
