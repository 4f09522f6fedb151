/*
 * settings: what an engine is to be: its model, how many threads of each kind, and its limits. Filled in by whoever
 * starts it, settled once, and never changed after.
 */
#ifndef SHUNT_MODEL_SETTINGS_H
#define SHUNT_MODEL_SETTINGS_H

#include "conn/env.h"
#include "model/crew.h"
#include "model/model.h"
#include "os/cpu.h"

enum {
    SETTINGS_WORKERS_MAX = 1024,  /* that can be asked for */
    SETTINGS_THREADS_MAX = 32768, /* of a crew that grows */
    SETTINGS_CREWS_MAX = 4,
    SETTINGS_WEIGHTS_MAX = 64, /* that can be given */
    SETTINGS_WEIGHT_MAX = 100, /* the largest of them */
};

struct engine_settings {
    const struct model *model;
    struct crew crews[SETTINGS_CREWS_MAX]; /* settled by the model, */
    int crew_count;                        /* from what was asked for: */
    int workers;                           /* 0: by the cores */
    int writers;                           /* -1: by the cores */
    int blockers;                          /* threads for what may sleep, at least 1 */
    bool processes;                        /* a connection gets a process, not a thread */
    int weights[SETTINGS_WEIGHTS_MAX];     /* of the readers, in the choice of one for a new connection */
    int weight_count;                      /* readers without a weight have 1 */
    int active_limit;                      /* threads that may work at once; 0: all */
    int addresses;                         /* that are listened on */
    int cores;                             /* that we may use, at least 1 */
    int files_max;                         /* descriptors that this process may have */
    int connections_max;                   /* connections at once, settled from the others */
    bool pin;                              /* pin threads to cores */
    struct cpu_set_list cpus;
    uint64_t cache_bytes;   /* of all caches together */
    uint32_t cache_entries; /* of each */
    const char *access_log; /* a file's path, "-" for standard output, or NULL */
    struct site site;
    struct conn_limits limits;
};

/* Lets the model settle its crews, and settles how many connections there can be from what descriptors there are.
 * `wanted`: at most so many; 0: as many as possible. Less than 1 in ->connections_max: there are too few. */
void settings_settle(struct engine_settings *settings, int wanted);

/* Places, and threads, that the crews have in all; but for threads that are made as they are needed, see ->grows,
 * unless `all` are counted. */
int settings_places(const struct engine_settings *settings);
int settings_threads(const struct engine_settings *settings, bool all);

/* How many times each address has to be listened on: once, or for each place that accepts. */
int settings_acceptors(const struct engine_settings *settings);

/* What each thread's cache may hold. */
struct cache_limits settings_cache_limits(const struct engine_settings *settings);

#endif
