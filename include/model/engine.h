/*
 * engine: the threads, and what they share.
 *
 * Shared and never changed once the threads run: the settings, the site, the places, the list of workers. Shared and
 * changing: the table of connections, by the rule of one owner (conn/table.h); the queues; the order. Everything else
 * belongs to one thread.
 */
#ifndef SHUNT_MODEL_ENGINE_H
#define SHUNT_MODEL_ENGINE_H

#include "base/active.h"
#include "conn/table.h"
#include "model/acceptor.h"
#include "model/load.h"
#include "model/logger.h"
#include "model/model.h"
#include "model/processes.h"
#include "model/worker.h"
#include "os/cpu.h"

enum {
    ENGINE_WORKERS_MAX = 1024,  /* that can be asked for */
    ENGINE_THREADS_MAX = 32768, /* of a crew that grows */
    ENGINE_CREWS_MAX = 4,
    ENGINE_WEIGHTS_MAX = 64, /* that can be given */
    ENGINE_WEIGHT_MAX = 100, /* the largest of them */
};

struct engine_settings {
    const struct model *model;
    struct crew crews[ENGINE_CREWS_MAX]; /* settled by the model, */
    int crew_count;                      /* from what was asked for: */
    int workers;                         /* 0: by the cores */
    int writers;                         /* -1: by the cores */
    int blockers;                        /* threads for what may sleep, at least 1 */
    bool processes;                      /* a connection gets a process, not a thread */
    int weights[ENGINE_WEIGHTS_MAX];     /* of the readers, in the choice of one for a new connection */
    int weight_count;                    /* readers without a weight have 1 */
    int active_limit;                    /* threads that may work at once; 0: all */
    int cores;                           /* that we may use, at least 1 */
    int files_max;                       /* descriptors that this process may have */
    int connections_max;                 /* connections at once, see engine_connections_max() */
    bool pin;                            /* pin threads to cores */
    struct cpu_set_list cpus;
    uint64_t cache_bytes;   /* of all caches together */
    uint32_t cache_entries; /* of each */
    const char *access_log; /* a file's path, "-" for standard output, or NULL */
    int root;               /* what is served: a directory's fd, see beneath_root() */
    struct conn_limits limits;
};

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
    _Atomic uint64_t requests;           /* that ended processes have answered */
};

struct engine {
    struct engine_settings settings;
    struct engine_shared *shared;
    struct conn_table table;
    struct place *places[ENGINE_CREWS_MAX]; /* of each crew */
    struct worker *workers;                 /* `most` at most; the first `count` were made, crew by crew */
    int most;
    _Atomic int count;
    struct place entrance; /* where the main thread waits */
    struct worker main;    /* what the main thread counts as in a report; it runs no connection */
    struct acceptor_room room;
    struct acceptor *acceptors; /* the main thread's one, or one for each place that accepts */
    int acceptor_count;
    struct logger logger;
    struct active active;
    struct load load;
    struct processes processes; /* of the connections, if each has one */
    uint16_t *turns;            /* readers in the order in which new connections go to them, `turn_count` long */
    int turn_count;
};

/* Lets the model settle its crews, and settles how many connections there can be from what descriptors there are.
 * `wanted`: at most so many; 0: as many as possible. Less than 1 in ->connections_max: there are too few. */
void engine_settle(struct engine_settings *settings, int wanted);

/* Threads that the crews have in all, but for those that are made as they are needed. */
int engine_threads(const struct engine_settings *settings);

/* How many times each address has to be listened on: once, or for each place that accepts. */
int engine_acceptors(const struct engine_settings *settings);

/* What each thread's cache may hold. */
struct cache_limits engine_cache_limits(const struct engine_settings *settings);

/* Starts all threads. The settings are copied. `listeners`: `addresses` of them for each acceptor in turn; they are the
 * engine's from now on, also when it fails. 0, or -1 with nothing running and a line logged that says what failed. */
int engine_open(struct engine *engine, const struct engine_settings *settings, const int *listeners, int addresses);

/* What the main thread does: accepts, where no crew does, until `control` is readable. 0, or -1 with errno. */
int engine_run(struct engine *engine, int control);

/* Gives the engine a new connection, as the main thread's accept stage does. */
void engine_admit(struct engine *engine, const struct arrival *arrival);

/* Makes one more thread of the first crew, which grows. Where that fails, there are as many as can be. */
void engine_grow(struct engine *engine);

/* A crew's i-th place. */
static inline struct place *engine_place(const struct engine *engine, int crew, int i)
{
    return &engine->places[crew][i];
}

/* Connections that are open. */
uint64_t engine_connections(struct engine *engine);

/* The table's place for a new connection, which is nobody's yet; NULL when there is none, and it was closed. */
struct conn *engine_open_conn(struct engine *engine, const struct arrival *arrival, uint16_t home);

/* The number by which a worker owns what it seized. */
uint32_t engine_worker_id(const struct engine *engine, const struct worker *worker);

/* What threads hold while they work; NULL without a limit. */
struct active *engine_active(struct engine *engine);

/* Asks for up to `count` of the longest idle connections to be closed by their owners, and the caches' files. */
void engine_shed(struct engine *engine, uint32_t count);

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
