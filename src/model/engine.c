#include "model/engine.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>
#include <unistd.h>

enum {
    FILES_OF_OUR_OWN = 16, /* standard streams, listeners, signals, the log, the docroot … */
    FILES_PER_THREAD = 2,  /* a poller's */
    FILES_TO_CACHE = 8,    /* one descriptor in so many may be a cached file */
    STOP_MS = 1000,        /* for threads to end what they are at */
    LOG_MS = 1000,         /* for the access log's last lines */
};

int engine_connections_max(int files_max, int threads)
{
    return files_max - files_max / FILES_TO_CACHE - 2 * ENGINE_RESERVE - FILES_PER_THREAD * threads - FILES_OF_OUR_OWN;
}

struct cache_limits engine_cache_limits(const struct engine_settings *settings)
{
    return (struct cache_limits){
        .entries = settings->cache_entries,
        .bytes = settings->cache_bytes / (uint64_t)settings->workers,
        .files = (uint32_t)(settings->files_max / FILES_TO_CACHE / settings->workers),
    };
}

static int open_worker(struct engine *engine, int i)
{
    struct post post = engine->settings.model->post(&engine->settings, i);
    if (worker_open(&engine->workers[i], engine, NULL, &post) == 0)
        return 0;
    log_errno(LOG_LEVEL_ERROR, "make thread '%s'", post.role);
    return -1;
}

/* All that threads share stands before the first of them starts. */
static int open_parts(struct engine *engine)
{
    const struct engine_settings *settings = &engine->settings;
    if (conn_table_open(&engine->table, settings->files_max) < 0) {
        log_errno(LOG_LEVEL_ERROR, "make a table of %d connections", settings->files_max);
        return -1;
    }
    if (logger_open(&engine->logger, settings->access_log, settings->threads + settings->blockers) < 0) {
        log_errno(LOG_LEVEL_ERROR, "open the access log %s", settings->access_log);
        return -1;
    }
    engine->workers = worker_array(settings->threads);
    if (engine->workers == NULL) {
        log_errno(LOG_LEVEL_ERROR, "make %d threads", settings->threads);
        return -1;
    }
    while (engine->count < settings->threads)
        if (open_worker(engine, engine->count++) < 0)
            return -1;
    return 0;
}

static int start_threads(struct engine *engine)
{
    const struct engine_settings *settings = &engine->settings;
    for (int i = 0; i < engine->count; i++)
        if (worker_start(&engine->workers[i], worker_loop) < 0) {
            log_errno(LOG_LEVEL_ERROR, "start thread '%s'", engine->workers[i].post.role);
            return -1;
        }
    if (blockers_open(&engine->blockers, engine, settings->blockers, worker_id(engine->count)) < 0) {
        log_errno(LOG_LEVEL_ERROR, "start %d threads for slow files", settings->blockers);
        return -1;
    }
    if (logger_start(&engine->logger) < 0) {
        log_errno(LOG_LEVEL_ERROR, "start the access log's thread");
        return -1;
    }
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

static uint64_t ended_by(const struct worker *workers, int count)
{
    uint64_t ended = 0;
    for (int i = 0; i < count; i++)
        ended += atomic_load_explicit(&workers[i].ended, memory_order_relaxed);
    return ended;
}

uint64_t engine_ended(const struct engine *engine)
{
    return ended_by(engine->workers, engine->count) + ended_by(engine->blockers.workers, engine->blockers.count);
}

static void wake_all(struct engine *engine)
{
    for (int i = 0; i < engine->count; i++)
        if (engine->workers[i].started)
            poller_wake(&engine->workers[i].poller);
}

void engine_shed(struct engine *engine, uint32_t each)
{
    for (int i = 0; i < engine->count; i++)
        if (engine->workers[i].post.reads)
            atomic_store_explicit(&engine->workers[i].shed, each, memory_order_relaxed);
    wake_all(engine);
}

static void give_order(struct engine *engine, enum engine_order order)
{
    atomic_store_explicit(&engine->order, order, memory_order_release);
    wake_all(engine);
}

void engine_drain(struct engine *engine)
{
    give_order(engine, ENGINE_DRAIN);
}

/* No thread runs any more: what connections are left are ended here, in whatever stage they were. */
static void end_connections(struct engine *engine)
{
    struct conn_table *table = &engine->table;
    for (int fd = 0; fd < atomic_load(&table->top); fd++)
        if (!conn_table_owns(table, fd, OWNER_NOBODY))
            worker_end(&engine->workers[0], &table->conns[fd]);
}

static bool are_finished(const struct worker *workers, int count)
{
    for (int i = 0; i < count; i++)
        if (!worker_is_finished(&workers[i]))
            return false;
    return true;
}

/* Tells all threads to end; whether they did within the time. One may be asleep on a dead disk. */
static bool stop_threads(struct engine *engine)
{
    uint64_t until_ms = clock_now_ms() + STOP_MS;
    bool finished;
    give_order(engine, ENGINE_STOP);
    blockers_stop(&engine->blockers);
    while (!(finished = are_finished(engine->workers, engine->count) &&
                        are_finished(engine->blockers.workers, engine->blockers.count)) &&
           clock_now_ms() < until_ms)
        usleep(1000);
    return finished;
}

static void join_finished(struct worker *workers, int count)
{
    for (int i = 0; i < count; i++)
        if (worker_is_finished(&workers[i]))
            worker_join(&workers[i]);
}

bool engine_close(struct engine *engine)
{
    bool finished = stop_threads(engine);
    join_finished(engine->workers, engine->count);
    join_finished(engine->blockers.workers, engine->blockers.count);
    if (!finished) {
        logger_flush(&engine->logger, LOG_MS);
        return false;
    }
    if (engine->count > 0)
        end_connections(engine);
    if (!logger_flush(&engine->logger, LOG_MS))
        return false;
    logger_close(&engine->logger);
    blockers_close(&engine->blockers);
    for (int i = 0; i < engine->count; i++)
        worker_close(&engine->workers[i]);
    free(engine->workers);
    conn_table_close(&engine->table);
    *engine = (struct engine){0};
    return true;
}
