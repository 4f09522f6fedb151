/*
 * engine: the threads, and what they share.
 *
 * Shared and never changed once the threads run: the settings, the site, the list of workers. Shared and changing: the
 * table of connections, by the rule of one owner (conn/table.h); the queue of the pool that may sleep; the order.
 * Everything else belongs to one thread.
 */
#ifndef SHUNT_MODEL_ENGINE_H
#define SHUNT_MODEL_ENGINE_H

#include "conn/table.h"
#include "model/blockers.h"
#include "model/logger.h"
#include "model/model.h"
#include "os/cpu.h"

enum {
    ENGINE_WORKERS_MAX = 1024,
    ENGINE_RESERVE = 8, /* descriptors, and connections, kept to answer 503 with when there are no others */
};

struct engine_settings {
    const struct model *model;
    int workers;         /* as asked for, 0: by the cores; settled by the model */
    int writers;         /* likewise, -1: by the cores */
    int threads;         /* the model's in all */
    int blockers;        /* threads for what may sleep, at least 1 */
    int cores;           /* that we may use, at least 1 */
    int files_max;       /* descriptors that this process may have */
    int connections_max; /* connections at once, see engine_connections_max() */
    bool pin;            /* pin threads to cores */
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

struct engine {
    struct engine_settings settings;
    struct conn_table table;
    struct worker *workers; /* `count` of them */
    int count;
    struct blockers blockers;
    struct logger logger;
    _Alignas(64) _Atomic uint32_t order; /* enum engine_order */
};

/* How many connections there can be at most with so many descriptors, after files, threads and the reserve. Less than
 * 1: too few. */
int engine_connections_max(int files_max, int threads);

/* What each thread's cache may hold. */
struct cache_limits engine_cache_limits(const struct engine_settings *settings);

/* Starts all threads. The settings are copied; its model has settled them. 0, or -1 with nothing running and a line
 * logged that says what failed. */
int engine_open(struct engine *engine, const struct engine_settings *settings);

/* Connections that all threads have closed so far. */
uint64_t engine_ended(const struct engine *engine);

/* Asks every thread where connections idle to close up to `each` of those that did so longest, and its cache's files.
 */
void engine_shed(struct engine *engine, uint32_t each);

/* ENGINE_DRAIN: no connection may come in from now on. */
void engine_drain(struct engine *engine);

/* Ends all threads, closes every connection, and writes the last line of the access log. False when a thread would not
 * end within a second, asleep on a dead disk: then nothing was given back, and the process is to end by _exit(2). Safe
 * on an engine that failed to open. */
bool engine_close(struct engine *engine);

#endif
