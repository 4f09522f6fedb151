#include "model/worker.h"

#include "base/log.h"
#include "model/engine.h"
#include "model/sweep.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EVENTS_MAX = 256, DRAIN_SWEEP_MS = 100 };

/* ---- a worker's parts */

struct worker *worker_array(int count)
{
    size_t size = (size_t)count * sizeof(struct worker);
    struct worker *workers = aligned_alloc(_Alignof(struct worker), size);
    if (workers == NULL)
        return NULL;
    memset(workers, 0, size);
    for (int i = 0; i < count; i++)
        workers[i].poller = POLLER_CLOSED;
    return workers;
}

int worker_open(struct worker *worker, struct engine *engine, const struct place *place, const struct post *post)
{
    const struct engine_settings *settings = &engine->settings;
    worker->engine = engine;
    worker->post = *post;
    worker->place = place != NULL ? place : &worker->own;
    if (place == NULL) {
        worker->own = (struct place){worker_id((int)(worker - engine->workers)), &worker->poller, NULL};
        if (poller_open(&worker->poller) < 0)
            return -1;
    }
    struct cache_limits limits = engine_cache_limits(settings);
    if (docroot_open(&worker->docroot, settings->root, post->reads ? &limits : NULL) < 0)
        return -1;
    worker->docroot.assume_cold = settings->limits.assume_cold;
    struct ring *access = NULL;
    if (settings->access_log != NULL && (access = logger_add_ring(&engine->logger)) == NULL)
        return -1;
    return conn_env_open(&worker->env, &settings->limits, &worker->docroot, access);
}

static void *run_thread(void *arg)
{
    struct worker *worker = arg;
    cpu_name_self(worker->post.role);
    if (worker->post.cpu >= 0)
        cpu_pin_self(worker->post.cpu); /* best effort: a sandbox may forbid it */
    worker->loop(worker);
    atomic_store_explicit(&worker->finished, true, memory_order_release);
    return NULL;
}

int worker_start(struct worker *worker, void (*loop)(struct worker *))
{
    worker->loop = loop;
    int error = pthread_create(&worker->thread, NULL, run_thread, worker);
    worker->started = error == 0;
    if (error != 0)
        errno = error;
    return error == 0 ? 0 : -1;
}

bool worker_is_finished(const struct worker *worker)
{
    return !worker->started || atomic_load_explicit(&worker->finished, memory_order_acquire);
}

void worker_join(struct worker *worker)
{
    if (worker->started)
        pthread_join(worker->thread, NULL);
    worker->started = false;
}

void worker_close(struct worker *worker)
{
    conn_env_close(&worker->env);
    docroot_close(&worker->docroot);
    poller_close(&worker->poller);
}

/* ---- one connection */

void worker_end(struct worker *worker, struct conn *c)
{
    int fd = c->fd;
    conn_fini(c, &worker->env);
    conn_table_release(&worker->engine->table, fd);
    close(fd);
    atomic_fetch_add_explicit(&worker->ended, 1, memory_order_relaxed);
}

uint64_t worker_deadline(const struct worker *worker, const struct conn *c)
{
    uint32_t patience_ms = conn_patience(c, worker->env.limits);
    return patience_ms == 0 ? 0 : worker->env.clock.now_ms + patience_ms;
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
        conn_table_set_deadline(table, c->fd, worker_deadline(worker, c));
    if (interest == c->interest)
        return;
    c->interest = interest;
    if (poller_modify(&worker->poller, c->fd, interest, conn_table_key(table, c->fd)) < 0) {
        log_errno(LOG_LEVEL_ERROR, "watch a connection in thread '%s'", worker->post.role);
        worker_end(worker, c);
    }
}

void worker_run(struct worker *worker, struct conn *c)
{
    struct engine *engine = worker->engine;
    worker->env.rearm = false;
    enum stage next = run_stage(c, &worker->env);
    if (next == STAGE_CLOSE) {
        worker_end(worker, c);
        return;
    }
    const struct place *to = engine->settings.model->route(engine, c, next);
    if (to == worker->place)
        stay(worker, c, next);
    else
        handoff(&engine->table, c->interest != 0 ? &worker->poller : NULL, to, c, next, worker_deadline(worker, c));
}

/* ---- the loop */

void worker_tell_logger(struct worker *worker)
{
    if (!worker->env.logged)
        return;
    logger_nudge(&worker->engine->logger, worker->env.log_full);
    worker->env.logged = worker->env.log_full = false;
}

/* How long to wait for events: until the next sweep. */
static int patience(const struct worker *worker)
{
    uint64_t now_ms = worker->env.clock.now_ms;
    return worker->sweep_ms > now_ms ? (int)(worker->sweep_ms - now_ms) : 0;
}

static void run_ready(struct worker *worker, const struct poller_event *events, int count)
{
    for (int i = 0; i < count; i++) {
        struct conn *c = conn_table_find(&worker->engine->table, events[i].key, worker->place->id);
        if (c != NULL)
            worker_run(worker, c);
    }
}

/* What the accept stage asks for when it has no room. */
static void shed(struct worker *worker)
{
    uint32_t count = atomic_exchange_explicit(&worker->shed, 0, memory_order_relaxed);
    if (count == 0)
        return;
    sweep_idle(worker, count);
    docroot_shed_files(&worker->docroot);
}

static void sweep(struct worker *worker)
{
    uint64_t now_ms = worker->env.clock.now_ms;
    if (now_ms < worker->sweep_ms)
        return;
    sweep_deadlines(worker);
    if (worker->env.draining)
        sweep_drain(worker);
    worker->sweep_ms = now_ms + (worker->env.draining ? DRAIN_SWEEP_MS : SWEEP_EVERY_MS);
}

/* Takes the engine's order; whether to go on. */
static bool obey(struct worker *worker)
{
    enum engine_order order = atomic_load_explicit(&worker->engine->order, memory_order_acquire);
    if (order == ENGINE_DRAIN && !worker->env.draining) {
        worker->env.draining = true;
        worker->sweep_ms = 0;
    }
    return order != ENGINE_STOP;
}

void worker_loop(struct worker *worker)
{
    struct poller_event events[EVENTS_MAX];
    for (;;) {
        int count = poller_wait(&worker->poller, events, EVENTS_MAX, patience(worker));
        conn_env_tick(&worker->env);
        if (!obey(worker))
            return;
        run_ready(worker, events, count);
        shed(worker);
        sweep(worker);
        worker_tell_logger(worker);
    }
}
