#include "model/worker.h"

#include "base/log.h"
#include "model/engine.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

enum { STACK_SMALL = 256 << 10 }; /* bytes */

/* ---- a worker's parts */

static int core_of(const struct engine_settings *settings, const struct crew *crew, int i)
{
    const struct cpu_set_list *cpus = &settings->cpus;
    if (!settings->pin || crew->cores == CORES_ANY)
        return -1;
    return cpus->ids[crew->cores == CORES_UP ? i % cpus->count : cpus->count - 1 - i % cpus->count];
}

int worker_open(struct worker *worker, struct engine *engine, int crew, int i)
{
    const struct engine_settings *settings = &engine->settings;
    worker->engine = engine;
    worker->crew = &settings->crews[crew];
    worker->seat = (uint16_t)(i / worker->crew->threads);
    worker->place = engine_place(engine, crew, worker->seat);
    worker->id = engine_worker_id(engine, worker);
    worker->cpu = core_of(settings, worker->crew, i);
    snprintf(worker->role, sizeof worker->role, "%s %d", worker->crew->role, i);
    struct cache_limits limits = settings_cache_limits(settings);
    if (docroot_open(&worker->docroot, &settings->site, worker->crew->reads ? &limits : NULL) < 0)
        return -1;
    worker->docroot.assume_cold = settings->limits.assume_cold;
    struct ring *access = NULL;
    if (settings->access_log != NULL &&
        (access = logger_add_ring(&engine->logger, worker->crew->grows && !settings->processes)) == NULL)
        return -1;
    if (conn_env_open(&worker->env, &settings->limits, &worker->docroot, access) < 0)
        return -1;
    worker->env.active = engine_active(engine);
    worker->env.shed_calls = &engine->shared->shed_calls;
    worker->env.sends_later = worker->crew->sends_later;
    if (worker->crew->metered) {
        worker->meter.hash = engine->load.hash;
        worker->env.meter = &worker->meter;
    }
    return 0;
}

static void *run_thread(void *arg)
{
    struct worker *worker = arg;
    cpu_name_self(worker->role);
    if (worker->cpu >= 0)
        cpu_pin_self(worker->cpu); /* best effort: a sandbox may forbid it */
    active_enter(worker->env.active);
    worker->loop(worker);
    active_leave(worker->env.active);
    usage_of_thread(&worker->counts.usage);
    atomic_store_explicit(&worker->finished, true, memory_order_release);
    return NULL;
}

int worker_start(struct worker *worker, void (*loop)(struct worker *))
{
    worker->loop = loop;
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    if (worker->crew->grows) /* there may be thousands; address space is all that a large stack costs others */
        pthread_attr_setstacksize(&attr, STACK_SMALL);
    int error = pthread_create(&worker->thread, &attr, run_thread, worker);
    pthread_attr_destroy(&attr);
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
    worker->engine = NULL;
}

/* ---- one connection */

void worker_end(struct worker *worker, struct conn *c)
{
    int fd = c->fd;
    if (worker->engine->load.costs != NULL)
        load_forget(&worker->engine->load, engine_home(worker->engine, c), c);
    conn_fini(c, &worker->env);
    conn_table_release(&worker->engine->table, fd);
    active_leave(worker->env.active); /* it waits where the socket lingers */
    close(fd);
    active_enter(worker->env.active);
    atomic_fetch_add_explicit(&worker->ended, 1, memory_order_release);
}

struct conn_due worker_due(const struct worker *worker, const struct conn *c)
{
    struct conn_due due = conn_due(c, worker->env.limits, worker->env.clock.now_ms);
    uint64_t before_ms = conn_table_due(&worker->engine->table, c->fd).ms;
    if (!worker->env.rearm && before_ms != 0)
        due.ms = before_ms;
    return due;
}

void worker_serve(struct worker *worker, struct conn *c)
{
    worker->env.rearm = false;
    if (worker->crew->run == NULL)
        worker_run(worker, c);
    else
        worker->crew->run(worker, c);
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

enum stage worker_run_stage(struct worker *worker, struct conn *c)
{
    worker->env.rearm = false;
    if (worker->env.meter == NULL)
        return run_stage(c, &worker->env);
    uint64_t began_ns = load_begin(&worker->engine->load, worker->place, &worker->meter, c);
    enum stage next = run_stage(c, &worker->env);
    load_end(&worker->engine->load, worker->place, &worker->meter, c, next, began_ns);
    return next;
}

/* The connection stays: its poller hears of another interest only where there is one. */
static void stay(struct worker *worker, struct conn *c)
{
    struct conn_table *table = &worker->engine->table;
    uint32_t was = c->interest;
    if (worker->env.rearm || was == 0)
        conn_table_set_due(table, c->fd, worker_due(worker, c));
    c->interest = conn_interest(c, (enum stage)c->stage);
    if (c->interest == was)
        return;
    uint64_t key = conn_table_key(table, c->fd);
    struct poller *poller = &worker->place->poller;
    if ((was == 0 ? poller_add(poller, c->fd, c->interest, key) : poller_modify(poller, c->fd, c->interest, key)) < 0) {
        log_errno(LOG_LEVEL_ERROR, "watch a connection in thread '%s'", worker->role);
        worker_end(worker, c);
    }
}

/* Whether it is gone; else its socket was ready at once, and it is ours still, to be run. A thread that doesn't serve
 * the place leaves that to those that do: the event will come again. */
static bool share(struct worker *worker, struct place *to, struct conn *c, enum stage next, struct conn_due due)
{
    enum place_outcome outcome;
    do
        outcome = place_share(&worker->engine->table, worker->id, to, c, next, due);
    while (outcome == PLACE_CALLED && to != worker->place);
    if (outcome == PLACE_BROKEN) {
        log_errno(LOG_LEVEL_ERROR, "watch a connection in thread '%s'", worker->role);
        worker_end(worker, c);
    }
    return outcome != PLACE_CALLED;
}

bool worker_pass(struct worker *worker, struct place *to, struct conn *c, enum stage next)
{
    struct conn_due due = worker_due(worker, c);
    worker->counts.handoffs += to != worker->place;
    if (to->kind == PLACE_SHARED)
        return share(worker, to, c, next, due);
    place_pass(&worker->engine->table, worker->place, to, c, next, due);
    return true;
}

/* Runs a connection's stages for as long as they are this thread's; *next: the first that isn't. Where to; NULL when it
 * has ended. */
static struct place *run_stages(struct worker *worker, struct conn *c, enum stage *next)
{
    struct engine *engine = worker->engine;
    struct place *to = NULL;
    while (to == NULL) {
        *next = worker_run_stage(worker, c);
        if (*next == STAGE_CLOSE) {
            worker_end(worker, c);
            return NULL;
        }
        to = engine->settings.model->route(engine, worker->place, c, *next);
        c->stage = (uint8_t)*next;
    }
    return to;
}

void worker_run(struct worker *worker, struct conn *c)
{
    enum stage next;
    struct place *to = run_stages(worker, c, &next);
    while (to != NULL) {
        if (to == worker->place && place_keeps(to)) {
            stay(worker, c);
            return;
        }
        if (worker_pass(worker, to, c, next))
            return;
        to = run_stages(worker, c, &next);
    }
}

void worker_admit(struct worker *worker, const struct arrival *arrivals, int count)
{
    struct engine *engine = worker->engine;
    bool keeps = place_keeps(worker->place);
    worker->counts.accepted += (uint64_t)count;
    for (int i = 0; i < count; i++) {
        struct conn *c = engine_open_conn(engine, &arrivals[i], worker->seat);
        if (c == NULL)
            continue;
        conn_table_pass(&engine->table, c->fd, keeps ? worker->place->id : worker->id);
        worker_run(worker, c);
    }
}

struct conn *worker_steal(struct worker *thief, struct place *from)
{
    struct conn_table *table = &thief->engine->table;
    int fd;
    if (queue_take(&from->queue, &fd, 1) == 0)
        return NULL;
    table->conns[fd].home = thief->seat;
    conn_table_pass(table, fd, thief->place->id);
    thief->counts.steals += from != thief->place;
    return &table->conns[fd];
}

void worker_tell_logger(struct worker *worker)
{
    if (!worker->env.logged)
        return;
    logger_nudge(&worker->engine->logger, worker->env.log_full);
    worker->env.logged = worker->env.log_full = false;
}
