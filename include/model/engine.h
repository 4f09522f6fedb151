/*
 * engine: the threads, and what they share.
 *
 * Shared and never changed once the threads run: the settings, the site, the places. Shared and changing: the table of
 * connections, by the rule of one owner (conn/table.h); the queues; the order. The list of workers only grows.
 * Everything else belongs to one thread.
 */
#ifndef SHUNT_MODEL_ENGINE_H
#define SHUNT_MODEL_ENGINE_H

#include "base/active.h"
#include "conn/table.h"
#include "model/acceptor.h"
#include "model/load.h"
#include "model/logger.h"
#include "model/processes.h"
#include "model/rota.h"
#include "model/settings.h"
#include "model/worker.h"

/* What all threads are told. */
enum engine_order {
    ENGINE_RUN = 0,
    ENGINE_DRAIN, /* no new connections: finish what is running, close what is idle */
    ENGINE_STOP,  /* end now */
};

/* What all threads, and processes, of the server see. */
struct engine_shared {
    _Alignas(64) _Atomic uint32_t order; /* enum engine_order */
    _Alignas(64) _Atomic uint32_t shed;  /* idle connections that are to end, where each has a thread of its own */
    _Atomic uint32_t shed_calls;         /* how often all were asked to give up files and idle connections */
    _Atomic uint64_t requests;           /* that ended processes have answered */
};

struct engine {
    struct engine_settings settings;
    struct engine_shared *shared;
    struct conn_table table;
    struct place *places; /* of all crews in their order; the one that owns by the number n is places[n - 1] */
    int place_count;
    struct worker *workers; /* `most` at most; the first `count` were made, crew by crew */
    int most;
    _Atomic int count;
    struct place entrance;     /* where the main thread waits */
    struct worker_counts main; /* of the main thread */
    _Atomic uint64_t ended; /* connections that have ended without a worker of ours: with their process, or at once */
    struct acceptor_room room;
    struct acceptor *acceptors; /* the main thread's one, or one for each place that accepts */
    int acceptor_count;
    struct logger logger;
    struct active active;
    /* Each of one model, and zero in all others: */
    struct rota rota;
    struct load load;
    struct processes processes; /* of the connections, if each has one */
};

/* Starts all threads. The settings are copied. `listeners`: `addresses` of them for each acceptor in turn; they are the
 * engine's from now on, also when it fails. 0, or -1 with nothing running and a line logged that says what failed. */
int engine_open(struct engine *engine, const struct engine_settings *settings, const int *listeners, int addresses);

/* What the main thread does: accepts, where no crew does, until `control` is readable. 0, or -1 with errno. */
int engine_run(struct engine *engine, int control);

/* Gives the engine a new connection, as the main thread does: only where no crew accepts. */
void engine_admit(struct engine *engine, const struct arrival *arrival);

/* Makes one more thread of the first crew, which grows. False when there are as many as can be. */
bool engine_grow(struct engine *engine);

/* A crew's i-th place. */
static inline struct place *engine_place(const struct engine *engine, int crew, int i)
{
    return &engine->places[engine->settings.crews[crew].first + i];
}

/* The place where a connection is at home. */
static inline struct place *engine_home(const struct engine *engine, const struct conn *c)
{
    return engine_place(engine, CREW_HOME, c->home);
}

/* The place that owns by this number; NULL: none does, but a worker or nobody. */
static inline struct place *engine_owner(const struct engine *engine, uint32_t owner)
{
    return owner - 1 < (uint32_t)engine->place_count ? &engine->places[owner - 1] : NULL;
}

/* Connections that have ended so far, and that are open. */
uint64_t engine_ended(struct engine *engine);
uint64_t engine_connections(struct engine *engine);

/* The table's place for a new connection, which is nobody's yet; NULL when there is none, and it was closed. */
struct conn *engine_open_conn(struct engine *engine, const struct arrival *arrival, uint16_t home);

/* The number by which a worker owns what it seized. */
uint32_t engine_worker_id(const struct engine *engine, const struct worker *worker);

/* What threads hold while they work; NULL without a limit. */
struct active *engine_active(struct engine *engine);

/* Tells all threads. */
void engine_order(struct engine *engine, enum engine_order order);

/* ENGINE_DRAIN: what has come already is let in, then the listeners are closed. */
void engine_drain(struct engine *engine);

/* Whether connections are open, or may still come in from a backlog. */
bool engine_is_busy(struct engine *engine);

/* Ends all threads, closes every connection, and writes the last line of the access log. False when a thread would not
 * end within a second, asleep on a dead disk: then the process is to end by _exit(2) once what is wanted was read.
 * Nothing is given back before engine_free(). */
bool engine_stop(struct engine *engine);

/* Gives everything back. After engine_stop() has said true; safe on an engine that failed to open. */
void engine_free(struct engine *engine);

#endif
