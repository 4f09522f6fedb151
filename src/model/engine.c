#include "model/engine.h"

#include "base/log.h"
#include "model/handoff.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    FILES_OF_OUR_OWN = 16, /* standard streams, listeners, signals, the log, the docroot … */
    FILES_PER_THREAD = 2,  /* a poller's */
    FILES_TO_CACHE = 8,    /* one descriptor in so many may be a cached file */
};

int engine_connections_max(int files_max, int threads)
{
    return files_max - files_max / FILES_TO_CACHE - 2 * ENGINE_RESERVE - FILES_PER_THREAD * threads - FILES_OF_OUR_OWN;
}

static struct cache_limits cache_limits_of(const struct engine_settings *settings)
{
    return (struct cache_limits){
        .entries = settings->cache_entries,
        .bytes = settings->cache_bytes / (uint64_t)settings->readers,
        .files = (uint32_t)(settings->files_max / FILES_TO_CACHE / settings->readers),
    };
}

/* Readers from the first core up, writers from the last down. */
static int cpu_for(const struct engine_settings *settings, int i)
{
    const struct cpu_set_list *cpus = &settings->cpus;
    if (!settings->pin)
        return -1;
    if (i < settings->readers)
        return cpus->ids[i % cpus->count];
    return cpus->ids[cpus->count - 1 - (i - settings->readers) % cpus->count];
}

static int open_worker(struct engine *engine, int i)
{
    const struct engine_settings *settings = &engine->settings;
    struct worker *worker = &engine->workers[i];
    struct cache_limits cache = cache_limits_of(settings);
    bool reads = i < settings->readers;
    snprintf(worker->role, sizeof worker->role, reads ? "read %d" : "write %d", reads ? i : i - settings->readers);
    worker->cpu = cpu_for(settings, i);
    return worker_open(worker, engine, (uint32_t)i + 1, reads ? &cache : NULL, settings->access_log != NULL);
}

/* All that threads share stands before the first of them starts. */
static int open_parts(struct engine *engine)
{
    const struct engine_settings *settings = &engine->settings;
    int count = settings->readers + settings->writers;
    if (conn_table_open(&engine->table, settings->files_max) < 0)
        return log_errno(LOG_LEVEL_ERROR, "make a table of %d connections", settings->files_max), -1;
    if (logger_open(&engine->logger, engine, settings->access_log) < 0)
        return log_errno(LOG_LEVEL_ERROR, "open the access log %s", settings->access_log), -1;
    engine->workers = worker_array(count);
    if (engine->workers == NULL)
        return log_errno(LOG_LEVEL_ERROR, "make %d threads", count), -1;
    for (; engine->count < count; engine->count++)
        if (open_worker(engine, engine->count) < 0) {
            log_errno(LOG_LEVEL_ERROR, "make thread '%s'", engine->workers[engine->count].role);
            engine->count++; /* to be closed too */
            return -1;
        }
    return 0;
}

static int start_threads(struct engine *engine)
{
    for (int i = 0; i < engine->count; i++)
        if (worker_start(&engine->workers[i]) < 0)
            return log_errno(LOG_LEVEL_ERROR, "start thread '%s'", engine->workers[i].role), -1;
    if (blockers_open(&engine->blockers, engine, engine->settings.blockers, (uint32_t)engine->count + 1) < 0)
        return log_errno(LOG_LEVEL_ERROR, "start %d threads for slow files", engine->settings.blockers), -1;
    if (logger_start(&engine->logger) < 0)
        return log_errno(LOG_LEVEL_ERROR, "start the access log's thread"), -1;
    return 0;
}

int engine_open(struct engine *engine, const struct engine_settings *settings)
{
    *engine = (struct engine){.settings = *settings};
    if (open_parts(engine) == 0 && start_threads(engine) == 0)
        return 0;
    engine_close(engine);
    return -1;
}

void engine_adopt(struct engine *engine, int fd, const struct socket_peer *peer, bool refused)
{
    int reader = engine->next_reader;
    engine->next_reader = reader + 1 == engine->settings.readers ? 0 : reader + 1;
    if (fd >= engine->table.size) { /* somebody raised our limit on files while we ran */
        close(fd);
        return;
    }
    struct conn *c = conn_table_claim(&engine->table, fd, OWNER_NOBODY);
    conn_open(c, fd, peer, (uint16_t)reader, refused);
    if (handoff_new(&engine->workers[reader], c) < 0) {
        log_errno(LOG_LEVEL_ERROR, "pass a new connection to thread '%s'", engine->workers[reader].role);
        close(fd);
        return;
    }
    engine->accepted++;
}

uint64_t engine_connections(struct engine *engine, uint64_t limit)
{
    if (engine->accepted - engine->ended_seen < limit)
        return engine->accepted - engine->ended_seen;
    uint64_t ended = 0;
    for (int i = 0; i < engine->count; i++)
        ended += atomic_load_explicit(&engine->workers[i].ended, memory_order_relaxed);
    for (int i = 0; i < engine->blockers.count; i++)
        ended += atomic_load_explicit(&engine->blockers.workers[i].ended, memory_order_relaxed);
    engine->ended_seen = ended;
    return engine->accepted - ended;
}

static void wake_all(struct engine *engine)
{
    for (int i = 0; i < engine->count; i++)
        if (engine->workers[i].started)
            poller_wake(&engine->workers[i].poller);
}

void engine_shed(struct engine *engine, uint32_t each)
{
    for (int i = 0; i < engine->settings.readers; i++)
        atomic_store_explicit(&engine->workers[i].shed, each, memory_order_relaxed);
    wake_all(engine);
}

void engine_drain(struct engine *engine)
{
    atomic_store_explicit(&engine->order, ENGINE_DRAIN, memory_order_release);
    wake_all(engine);
}

/* No thread runs any more: what connections are left are ended here, in whatever stage they were. */
static void end_connections(struct engine *engine)
{
    struct conn_table *table = &engine->table;
    for (int fd = 0; fd < atomic_load(&table->top); fd++)
        if (!conn_table_owns(table, fd, OWNER_NOBODY))
            worker_end(&engine->workers[0], &table->conns[fd]);
}

void engine_abandon(struct engine *engine)
{
    logger_close(&engine->logger);
}

void engine_close(struct engine *engine)
{
    atomic_store_explicit(&engine->order, ENGINE_STOP, memory_order_release);
    wake_all(engine);
    for (int i = 0; i < engine->count; i++)
        worker_join(&engine->workers[i]);
    blockers_join(&engine->blockers);
    if (engine->table.conns != NULL && engine->workers != NULL)
        end_connections(engine);
    logger_close(&engine->logger);
    blockers_close(&engine->blockers);
    for (int i = 0; i < engine->count; i++)
        worker_close(&engine->workers[i]);
    free(engine->workers);
    conn_table_close(&engine->table);
    *engine = (struct engine){0};
}
