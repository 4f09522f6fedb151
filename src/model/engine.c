#include "model/engine.h"

#include "base/clock.h"
#include "base/log.h"
#include "model/loop.h"
#include "os/memory.h"
#include "os/process.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    STOP_MS = 1000, /* for threads to end what they are at */
};

uint32_t engine_worker_id(const struct engine *engine, const struct worker *worker)
{
    return (uint32_t)(engine->place_count + 1 + (worker - engine->workers));
}

struct active *engine_active(struct engine *engine)
{
    return engine->settings.active_limit > 0 ? &engine->active : NULL;
}

/* ---- the start */

static int open_places(struct engine *engine)
{
    const struct engine_settings *settings = &engine->settings;
    int count = settings_places(settings);
    engine->places = aligned_alloc(_Alignof(struct place), (size_t)count * sizeof *engine->places);
    if (engine->places == NULL)
        return -1;
    for (engine->place_count = 0; engine->place_count < count; engine->place_count++)
        engine->places[engine->place_count] = (struct place){.poller = POLLER_CLOSED};
    uint32_t id = 1;
    for (int crew = 0; crew < settings->crew_count; crew++)
        for (int i = 0; i < settings->crews[crew].places; i++)
            if (place_open(engine_place(engine, crew, i), &settings->crews[crew], id++, engine->table.size) < 0)
                return -1;
    return poller_open(&engine->entrance.poller);
}

static int open_acceptors(struct engine *engine, const int *listeners, int addresses)
{
    int count = settings_acceptors(&engine->settings), result = 0;
    bool accepts = engine->settings.crews[CREW_HOME].accepts;
    engine->acceptors = calloc((size_t)count, sizeof *engine->acceptors);
    if (engine->acceptors == NULL)
        return -1;
    engine->acceptor_count = count;
    for (int i = 0; i < count; i++) {
        struct place *place = accepts ? engine_place(engine, CREW_HOME, i) : &engine->entrance;
        place->acceptor = &engine->acceptors[i];
        if (acceptor_open(place->acceptor, engine, place, listeners + i * addresses, addresses) < 0)
            result = -1; /* and on, so that all listeners have an owner */
    }
    return result;
}

static int open_worker(struct engine *engine, int crew, int i)
{
    struct worker *worker = &engine->workers[engine->count++];
    if (worker_open(worker, engine, crew, i) == 0)
        return 0;
    log_errno(LOG_LEVEL_ERROR, "make thread '%s'", worker->role);
    return -1;
}

static int open_workers(struct engine *engine)
{
    for (int crew = 0; crew < engine->settings.crew_count; crew++) {
        const struct crew *c = &engine->settings.crews[crew];
        for (int i = 0; i < c->places * c->threads && !c->grows; i++)
            if (open_worker(engine, crew, i) < 0)
                return -1;
    }
    return 0;
}

static int fail(const char *what)
{
    log_errno(LOG_LEVEL_ERROR, "%s", what);
    return -1;
}

/* All that threads share stands before the first of them starts. */
static int open_parts(struct engine *engine, const int *listeners, int addresses)
{
    const struct engine_settings *settings = &engine->settings;
    int threads = settings_threads(settings, true);
    if ((engine->shared = memory_map_shared(sizeof *engine->shared)) == NULL)
        return fail("make shared memory");
    if (conn_table_open(&engine->table, settings->files_max) < 0)
        return fail("make a table of connections");
    if (open_places(engine) < 0)
        return fail("make pollers");
    if (open_acceptors(engine, listeners, addresses) < 0)
        return fail("watch the listeners");
    if (settings->active_limit > 0 && active_open(&engine->active, (unsigned)settings->active_limit) < 0)
        return fail("make a semaphore");
    if (logger_open(&engine->logger, settings->access_log, threads) < 0) {
        log_errno(LOG_LEVEL_ERROR, "open the access log %s", settings->access_log);
        return -1;
    }
    engine->logger.active = engine_active(engine);
    if ((settings->model->open != NULL && settings->model->open(engine) < 0) ||
        (engine->workers = memory_map((size_t)threads * sizeof *engine->workers)) == NULL)
        return fail("make the threads' tables");
    engine->most = threads;
    return open_workers(engine);
}

static int start_threads(struct engine *engine)
{
    const struct engine_settings *settings = &engine->settings;
    for (int i = 0; i < engine->count; i++)
        if (worker_start(&engine->workers[i], loop_run) < 0) {
            log_errno(LOG_LEVEL_ERROR, "start thread '%s'", engine->workers[i].role);
            return -1;
        }
    if (settings->processes)
        /* Who forks must have no other thread: each process has a logger of its own. */
        return process_heed_children() < 0 ? fail("hear of processes that end") : 0;
    return logger_start(&engine->logger) < 0 ? fail("start the access log's thread") : 0;
}

int engine_open(struct engine *engine, const struct engine_settings *settings, const int *listeners, int addresses)
{
    *engine = (struct engine){.settings = *settings, .entrance.poller = POLLER_CLOSED, .logger.poller = POLLER_CLOSED};
    acceptor_room_init(&engine->room);
    if (open_parts(engine, listeners, addresses) == 0 && start_threads(engine) == 0)
        return 0;
    if (engine->acceptor_count == 0)
        for (int i = 0; i < addresses * settings_acceptors(settings); i++)
            close(listeners[i]);
    if (engine_stop(engine))
        engine_free(engine);
    return -1;
}

/* ---- connections */

bool engine_grow(struct engine *engine)
{
    struct worker *worker = &engine->workers[engine->count];
    if (engine->count == engine->most)
        return false;
    if (worker->engine == NULL && worker_open(worker, engine, CREW_HOME, engine->count) < 0) {
        worker_close(worker);
        return false;
    }
    if (worker_start(worker, loop_run) < 0)
        return false; /* it stays as it is, for the next time */
    engine->count++;
    return true;
}

struct conn *engine_open_conn(struct engine *engine, const struct arrival *arrival, uint16_t home)
{
    if (arrival->fd >= engine->table.size) { /* somebody raised our limit on files while we ran */
        close(arrival->fd);
        atomic_fetch_add_explicit(&engine->ended, 1, memory_order_relaxed);
        return NULL;
    }
    struct conn *c = conn_table_claim(&engine->table, arrival->fd);
    conn_open(c, arrival->fd, &arrival->peer, home, arrival->refused);
    return c;
}

uint64_t engine_ended(struct engine *engine)
{
    if (engine->settings.model->reap != NULL)
        engine->settings.model->reap(engine);
    uint64_t ended = atomic_load_explicit(&engine->ended, memory_order_acquire);
    for (int i = 0; i < engine->count; i++)
        ended += atomic_load_explicit(&engine->workers[i].ended, memory_order_acquire);
    return ended;
}

uint64_t engine_connections(struct engine *engine)
{
    /* The ends first: a connection that both comes and goes meanwhile is counted as open. */
    uint64_t ended = engine_ended(engine), accepted = 0;
    for (int i = 0; i < engine->acceptor_count; i++)
        accepted += atomic_load_explicit(&engine->acceptors[i].accepted, memory_order_relaxed);
    return accepted - ended;
}

/* ---- orders */

static void wake_all(struct engine *engine)
{
    for (int i = 0; i < engine->place_count; i++)
        if (engine->places[i].poller.fd >= 0)
            place_wake(&engine->places[i]);
}

void engine_order(struct engine *engine, enum engine_order order)
{
    if (engine->shared == NULL)
        return;
    atomic_store_explicit(&engine->shared->order, order, memory_order_release);
    wake_all(engine);
    if (engine->settings.model->wake != NULL)
        engine->settings.model->wake(engine);
}

/* ---- the end */

static bool are_finished(struct engine *engine)
{
    if (engine->settings.model->reap != NULL)
        engine->settings.model->reap(engine);
    if (engine->processes.count > 0)
        return false;
    for (int i = 0; i < engine->count; i++)
        if (!worker_is_finished(&engine->workers[i]))
            return false;
    return true;
}

static void shut_queues(struct engine *engine)
{
    for (int i = 0; i < engine->place_count; i++)
        queue_shut(&engine->places[i].queue);
}

/* No thread runs any more: what connections are left are ended here, in whatever stage they were. */
static void end_connections(struct engine *engine)
{
    struct conn_table *table = &engine->table;
    for (int fd = 0; engine->count > 0 && fd < atomic_load(&table->top); fd++)
        if (!conn_table_owns(table, fd, OWNER_NOBODY))
            worker_end(&engine->workers[0], &table->conns[fd]);
}

bool engine_stop(struct engine *engine)
{
    uint64_t until_ms = clock_now_ms() + STOP_MS;
    engine_order(engine, ENGINE_STOP);
    shut_queues(engine);
    while (!are_finished(engine) && clock_now_ms() < until_ms)
        usleep(1000);
    for (int i = 0; i < engine->count; i++)
        if (worker_is_finished(&engine->workers[i]))
            worker_join(&engine->workers[i]);
    bool finished = are_finished(engine);
    if (finished)
        end_connections(engine);
    return logger_flush(&engine->logger, STOP_MS) && finished;
}

static void free_places(struct engine *engine)
{
    for (int i = 0; i < engine->place_count; i++)
        place_close(&engine->places[i]);
    free(engine->places);
    place_close(&engine->entrance);
}

void engine_free(struct engine *engine)
{
    for (int i = 0; i < engine->acceptor_count; i++)
        acceptor_close(&engine->acceptors[i]);
    logger_close(&engine->logger);
    for (int i = 0; i < engine->most && engine->workers[i].engine != NULL; i++)
        worker_close(&engine->workers[i]);
    memory_unmap(engine->workers, (size_t)engine->most * sizeof *engine->workers);
    free_places(engine);
    free(engine->acceptors);
    rota_close(&engine->rota);
    load_close(&engine->load);
    processes_free(&engine->processes);
    if (engine->settings.active_limit > 0)
        active_close(&engine->active);
    conn_table_close(&engine->table);
    memory_unmap(engine->shared, sizeof *engine->shared);
    *engine = (struct engine){0};
}
