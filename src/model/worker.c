#include "model/worker.h"

#include "base/log.h"
#include "model/engine.h"
#include "model/handoff.h"
#include "model/sweep.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EVENTS_MAX = 256, DRAIN_SWEEP_MS = 100 };

struct worker *worker_array(int count)
{
    size_t size = (size_t)count * sizeof(struct worker);
    struct worker *workers = aligned_alloc(_Alignof(struct worker), size);
    if (workers != NULL)
        memset(workers, 0, size);
    return workers;
}

int worker_open(struct worker *worker, struct engine *engine, uint32_t id, const struct cache_limits *cache, bool with_log)
{
    const struct engine_settings *settings = &engine->settings;
    worker->engine = engine;
    worker->id = id;
    worker->poller = (struct poller){-1, -1};
    if (with_log && ring_open(&worker->access, LOGGER_RING) < 0)
        return -1;
    if (cache != NULL && cache_open(&worker->cache, cache) < 0)
        return -1;
    return conn_env_open(&worker->env, &settings->limits, &settings->site, cache != NULL ? &worker->cache : NULL,
                         with_log ? &worker->access : NULL);
}

void worker_join(struct worker *worker)
{
    if (worker->started)
        pthread_join(worker->thread, NULL);
    worker->started = false;
}

void worker_close(struct worker *worker)
{
    if (worker->engine == NULL)
        return;
    conn_env_close(&worker->env);
    if (worker->cache.buckets != NULL)
        cache_close(&worker->cache);
    ring_close(&worker->access);
    poller_close(&worker->poller);
}

void worker_end(struct worker *worker, struct conn *c)
{
    int fd = c->fd;
    conn_fini(c, &worker->env);
    conn_table_release(&worker->engine->table, fd);
    close(fd);
    atomic_fetch_add_explicit(&worker->ended, 1, memory_order_relaxed);
}

static enum stage run_stage(struct conn *c, struct conn_env *env)
{
    switch ((enum stage)c->stage) {
    case STAGE_READ:
        return conn_read(c, env);
    case STAGE_WRITE:
        return conn_write(c, env);
    case STAGE_BLOCK:
        return conn_block(c, env);
    case STAGE_CLOSE:
        break;
    }
    return STAGE_CLOSE;
}

/* The connection stays: its poller hears of another interest only where there is one. */
static void stay(struct worker *worker, struct conn *c, enum stage next)
{
    struct conn_table *table = &worker->engine->table;
    uint32_t interest = conn_interest(c, next);
    c->stage = (uint8_t)next;
    if (worker->env.rearm)
        conn_table_set_deadline(table, c->fd, handoff_deadline(worker, c));
    if (interest == c->interest)
        return;
    c->interest = interest;
    if (poller_modify(&worker->poller, c->fd, interest, conn_table_key(table, c->fd)) < 0) {
        log_errno(LOG_LEVEL_ERROR, "watch a connection in thread '%s'", worker->role);
        worker_end(worker, c);
    }
}

static void run(struct worker *worker, struct conn *c, bool registered)
{
    worker->env.rearm = false;
    enum stage next = run_stage(c, &worker->env);
    if (next == STAGE_CLOSE) {
        worker_end(worker, c);
        return;
    }
    struct engine *engine = worker->engine;
    struct worker *to = engine->settings.model->route(engine, c, next);
    if (to == worker)
        stay(worker, c, next);
    else
        handoff(worker, to, c, next, registered);
}

void worker_run(struct worker *worker, struct conn *c)
{
    run(worker, c, true);
}

void worker_run_unregistered(struct worker *worker, struct conn *c)
{
    run(worker, c, false);
}

/* How long to wait for events: until the next sweep. */
static int patience(const struct worker *worker)
{
    uint64_t now_ms = worker->env.clock.now_ms;
    return worker->sweep_ms > now_ms ? (int)(worker->sweep_ms - now_ms) : 0;
}

static void sweep(struct worker *worker, enum engine_order order)
{
    uint64_t now_ms = worker->env.clock.now_ms;
    bool begins_to_drain = order == ENGINE_DRAIN && !worker->env.draining;
    worker->env.draining = order == ENGINE_DRAIN;
    if (now_ms < worker->sweep_ms && !begins_to_drain)
        return;
    sweep_deadlines(worker);
    if (worker->env.draining)
        sweep_drain(worker);
    worker->sweep_ms = now_ms + (worker->env.draining ? DRAIN_SWEEP_MS : SWEEP_EVERY_MS);
}

/* What the accept stage asks for when it has no room. */
static void shed(struct worker *worker)
{
    uint32_t count = atomic_exchange_explicit(&worker->shed, 0, memory_order_relaxed);
    if (count == 0)
        return;
    sweep_idle(worker, count);
    if (worker->cache.buckets != NULL)
        cache_shed_files(&worker->cache);
}

static void run_ready(struct worker *worker)
{
    struct poller_event events[EVENTS_MAX];
    int count = poller_wait(&worker->poller, events, EVENTS_MAX, patience(worker));
    conn_env_tick(&worker->env);
    for (int i = 0; i < count; i++) {
        struct conn *c = conn_table_find(&worker->engine->table, events[i].key, worker->id);
        if (c != NULL)
            worker_run(worker, c);
    }
}

static void *loop(void *arg)
{
    struct worker *worker = arg;
    struct engine *engine = worker->engine;
    enum engine_order order;
    cpu_name_self(worker->role);
    if (worker->cpu >= 0)
        cpu_pin_self(worker->cpu); /* best effort: a sandbox may forbid it */
    while ((order = atomic_load_explicit(&engine->order, memory_order_acquire)) != ENGINE_STOP) {
        run_ready(worker);
        shed(worker);
        sweep(worker, order);
        if (worker->env.logged) {
            worker->env.logged = false;
            logger_nudge(&engine->logger);
        }
    }
    return NULL;
}

int worker_start(struct worker *worker)
{
    if (poller_open(&worker->poller) < 0)
        return -1;
    int error = pthread_create(&worker->thread, NULL, loop, worker);
    worker->started = error == 0;
    if (error != 0)
        errno = error;
    return error == 0 ? 0 : -1;
}
