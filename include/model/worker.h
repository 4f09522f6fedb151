/*
 * worker: one thread: what it lends to connections, and what it does with one.
 *
 * A worker runs whatever stage its connections are in: what makes a reader a reader is what is routed to it. It owns
 * the scratch that it lends them, and a cache; nothing of it is shared but the words marked so.
 */
#ifndef SHUNT_MODEL_WORKER_H
#define SHUNT_MODEL_WORKER_H

#include "conn/env.h"
#include "model/acceptor.h"
#include "model/crew.h"
#include "os/usage.h"

#include <pthread.h>

struct engine;

/* What a report says of a thread. */
struct worker_counts {
    uint64_t accepted; /* connections that it let in */
    uint64_t handoffs; /* connections that it passed to another place */
    uint64_t steals;   /* connections that it took from another thread's */
    uint64_t together; /* times that a connection was read as one of a cohort */
    struct usage usage;
};

struct worker {
    struct engine *engine;
    const struct crew *crew;
    struct place *place; /* where its connections wait */
    uint16_t seat;       /* which of its crew's places that is */
    uint32_t id;         /* it owns by this number what it seized from a shared place */
    int cpu;             /* to be pinned to; -1: none */
    char role[24];       /* the thread's name */
    pthread_t thread;
    void (*loop)(struct worker *); /* what the thread does */
    bool started;
    struct conn_env env;
    struct docroot docroot;
    struct meter meter;
    uint32_t shed_heard; /* the last of the calls to shed (engine_shared) that it obeyed */
    uint64_t tidy_ms;    /* when its docroot is to be tidied again */
    struct worker_counts counts;

    _Alignas(64) _Atomic uint64_t ended; /* shared: connections closed here; written by this thread */
    _Atomic bool finished;               /* shared: the loop has returned */
};

/* The i-th thread of a crew. 0, or -1 with errno; worker_close() is owed either way. */
int worker_open(struct worker *worker, struct engine *engine, int crew, int i);

/* Starts the thread, which does `loop`. 0, or -1 with errno. */
int worker_start(struct worker *worker, void (*loop)(struct worker *));

/* Whether the thread has nothing more to do, or never ran: joining it won't take long. */
bool worker_is_finished(const struct worker *worker);

/* Waits for the thread to end, if it was started. Safe to repeat. */
void worker_join(struct worker *worker);

/* Gives everything back; no thread runs any more. Safe on a zeroed worker. */
void worker_close(struct worker *worker);

/* Does with a connection whose turn it is what its crew does. */
void worker_serve(struct worker *worker, struct conn *c);

/* Runs the stage that a connection is in, which this worker owns, and passes it to the next. */
void worker_run(struct worker *worker, struct conn *c);

/* Only the first half of it: what it needs next, by what was found out. */
enum stage worker_run_stage(struct worker *worker, struct conn *c);

/* Passes a connection on, for its stage `next`. Whether it is gone: where a shared place is this worker's, too, its
 * socket may be ready at once, and it is ours still. */
bool worker_pass(struct worker *worker, struct place *to, struct conn *c, enum stage next);

/* Lets connections in that have come to this worker's own place, and runs them. */
void worker_admit(struct worker *worker, const struct arrival *arrivals, int count);

/* Takes the connection that has waited longest in an inbox, be it another worker's: its home is here now. NULL when it
 * is empty. */
struct conn *worker_steal(struct worker *thief, struct place *from);

/* Closes a connection that this worker owns. */
void worker_end(struct worker *worker, struct conn *c);

/* When a connection is due: counted from now where its last stage asks for that (env.rearm), or nothing was counted
 * yet; else as the table has it. */
struct conn_due worker_due(const struct worker *worker, const struct conn *c);

/* Wakes the logger if lines were put into this worker's ring. Once a turn. */
void worker_tell_logger(struct worker *worker);

#endif
