/*
 * engine: the threads, and what they share. A model says which of them runs which stage of a connection.
 *
 * Shared and never changed once the threads run: the settings, the site, the list of workers. Shared and changing: the table
 * of connections, by the rule of one owner (conn/table.h); the queue of the pool that may sleep; a few atomics below.
 * Everything else belongs to one worker.
 */
#ifndef SHUNT_MODEL_ENGINE_H
#define SHUNT_MODEL_ENGINE_H

#include "conn/table.h"
#include "model/blockers.h"
#include "model/logger.h"
#include "model/worker.h"
#include "os/cpu.h"

enum {
    ENGINE_WORKERS_MAX = 1024,
    ENGINE_RESERVE = 8,  /* descriptors kept to answer 503 with when there are no others */
};

/* What a model decides: its workers' number follows from the settings, and this names the worker for what comes next. */
struct model {
    const char *name;
    struct worker *(*route)(struct engine *engine, const struct conn *c, enum stage next);
};

struct engine_settings {
    const struct model *model;
    int readers;   /* read-stage threads, at least 1 */
    int writers;   /* write-stage threads; 0: the reader writes */
    int blockers;  /* threads for what may sleep, at least 1 */
    int files_max; /* descriptors that this process may have */
    int connections_max; /* connections at once; at most what files_max leaves, see engine_connections_max() */
    bool pin;            /* pin readers to cores from the first up, writers from the last down */
    struct cpu_set_list cpus;
    uint64_t cache_bytes;   /* of all the readers' caches together */
    uint32_t cache_entries; /* of each reader's */
    const char *access_log; /* a file's path, "-" for standard output, or NULL */
    struct site site;
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
    struct worker *workers; /* readers, then writers */
    int count;
    struct blockers blockers;
    struct logger logger;
    _Atomic uint32_t order; /* enum engine_order */
    uint64_t accepted;      /* connections; the accept stage's alone */
    uint64_t ended_seen;    /* of those, how many were known to have ended when last counted */
    int next_reader;        /* round-robin; the accept stage's alone */
};

/* How many connections there can be at most with so many descriptors, after files, threads and the reserve. Less than 1: too few. */
int engine_connections_max(int files_max, int threads);

/* Starts all threads. The settings are copied. 0, or -1 with errno, nothing running and a line logged that says what failed. */
int engine_open(struct engine *engine, const struct engine_settings *settings);

/* Gives the threads a new connection: the accept stage's handoff, round-robin. Takes fd over, also when it fails. */
void engine_adopt(struct engine *engine, int fd, const struct socket_peer *peer, bool refused);

/* Connections that are open now. Sums the workers' counters only when `limit` may be reached. */
uint64_t engine_connections(struct engine *engine, uint64_t limit);

/* Asks every reader to close up to `each` of its longest idle connections, and the files of its cache. */
void engine_shed(struct engine *engine, uint32_t each);

/* ENGINE_DRAIN: no connection may be adopted from now on. */
void engine_drain(struct engine *engine);

/* For a process that ends at once: the access log's last lines are written; threads and connections are left to the kernel. */
void engine_abandon(struct engine *engine);

/* Ends all threads, closes every connection, and writes the last line of the access log. Safe on an engine that failed to open. */
void engine_close(struct engine *engine);

#endif
