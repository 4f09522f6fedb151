#include "model/worker.h"

#include "base/log.h"
#include "model/engine.h"
#include "model/sweep.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

enum { EVENTS_MAX = 256, ARRIVALS_MAX = 64, BATCH_MAX = 64, STACK_SMALL = 256 << 10 };

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
    struct cache_limits limits = engine_cache_limits(settings);
    if (docroot_open(&worker->docroot, settings->root, worker->crew->reads ? &limits : NULL) < 0)
        return -1;
    worker->docroot.assume_cold = settings->limits.assume_cold;
    struct ring *access = NULL;
    if (settings->access_log != NULL &&
        (access = logger_add_ring(&engine->logger, worker->crew->grows && !settings->processes)) == NULL)
        return -1;
    if (conn_env_open(&worker->env, &settings->limits, &worker->docroot, access) < 0)
        return -1;
    worker->env.active = engine_active(engine);
    worker->env.sends_later = worker->crew->sends_later;
    if (worker->crew->metered) {
        worker->meter.hash = engine->load.hash;
        worker->env.meter = &worker->meter;
    }
    return 0;
}

static void loop(struct worker *worker);
static void queue_loop(struct worker *worker);

static void *run_thread(void *arg)
{
    struct worker *worker = arg;
    cpu_name_self(worker->role);
    if (worker->cpu >= 0)
        cpu_pin_self(worker->cpu); /* best effort: a sandbox may forbid it */
    active_enter(worker->env.active);
    if (worker->place->kind == PLACE_QUEUE)
        queue_loop(worker);
    else
        loop(worker);
    active_leave(worker->env.active);
    usage_of_thread(&worker->counts.usage);
    atomic_store_explicit(&worker->finished, true, memory_order_release);
    return NULL;
}

int worker_start(struct worker *worker)
{
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
}

/* ---- one connection */

void worker_end(struct worker *worker, struct conn *c)
{
    int fd = c->fd;
    if (c->cost.expected_ns > 0)
        load_forget(engine_place(worker->engine, 0, c->home), c);
    conn_fini(c, &worker->env);
    conn_table_release(&worker->engine->table, fd);
    close(fd);
    atomic_fetch_add_explicit(&worker->ended, 1, memory_order_relaxed);
}

struct conn_due worker_due(const struct worker *worker, const struct conn *c)
{
    struct conn_due due = conn_table_due(&worker->engine->table, c->fd);
    if (worker->env.rearm || due.ms == 0)
        return conn_due(c, worker->env.limits, worker->env.clock.now_ms);
    return due;
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
static void stay(struct worker *worker, struct conn *c, enum stage next)
{
    struct conn_table *table = &worker->engine->table;
    uint32_t was = c->interest;
    c->stage = (uint8_t)next;
    if (worker->env.rearm || was == 0)
        conn_table_set_due(table, c->fd, worker_due(worker, c));
    c->interest = conn_interest(c, next);
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
    enum place_shared outcome;
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
            stay(worker, c, next);
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

/* ---- the loops */

void worker_tell_logger(struct worker *worker)
{
    if (!worker->env.logged)
        return;
    logger_nudge(&worker->engine->logger, worker->env.log_full);
    worker->env.logged = worker->env.log_full = false;
}

/* The listeners' last connections, and their end. */
static void stop_accepting(struct worker *worker)
{
    struct acceptor *acceptor = worker->place->acceptor;
    struct arrival last[ARRIVALS_MAX];
    int count;
    if (acceptor == NULL)
        return;
    while ((count = acceptor_take_last(acceptor, last, ARRIVALS_MAX)) > 0)
        worker_admit(worker, last, count);
    acceptor_close(acceptor);
}

bool worker_obeys(struct worker *worker)
{
    struct place *place = worker->place;
    enum engine_order order = atomic_load_explicit(&worker->engine->shared->order, memory_order_acquire);
    if (order == ENGINE_DRAIN && !worker->env.draining) {
        stop_accepting(worker);
        worker->env.draining = true;
        atomic_store_explicit(&place->sweep_ms, 0, memory_order_relaxed);
    } else if (order != ENGINE_STOP) {
        return true;
    }
    if (place->kind == PLACE_SHARED) /* a wake reaches one thread, which wakes the next */
        place_wake(place);
    return order != ENGINE_STOP;
}

static int sooner(int a, int b)
{
    return b < 0 || a < b ? a : b;
}

/* How long to wait for events: until the next sweep, or until the listeners want to be looked after. */
static int patience(const struct worker *worker)
{
    const struct place *place = worker->place;
    uint64_t now_ms = worker->env.clock.now_ms;
    uint64_t sweep_ms = atomic_load_explicit(&place->sweep_ms, memory_order_relaxed);
    int ms = sweep_ms > now_ms ? (int)(sweep_ms - now_ms) : 0;
    return place->acceptor == NULL ? ms : sooner(ms, acceptor_patience(place->acceptor));
}

/* Waits for events. An inbox tells that it sleeps, and looks once more before it does: who puts something in later sees
 * that it must be woken. */
static int wait_for_events(struct worker *worker, struct poller_event *events)
{
    struct place *place = worker->place;
    bool inbox = place->kind == PLACE_INBOX;
    int ms = patience(worker);
    if (inbox && queue_length(&place->queue) > 0)
        ms = 0;
    if (inbox && ms > 0) {
        atomic_store(&place->asleep, true);
        if (worker->crew->idle != NULL && worker->crew->idle(worker))
            ms = 0;
    }
    active_leave(worker->env.active);
    int count = poller_wait(&place->poller, events, EVENTS_MAX, ms);
    active_enter(worker->env.active);
    if (inbox)
        atomic_store(&place->asleep, false);
    return count;
}

/* The connection that an event is about, this worker's; or NULL. */
static struct conn *find(struct worker *worker, uint64_t key)
{
    struct conn_table *table = &worker->engine->table;
    if (worker->place->kind == PLACE_SHARED)
        return conn_table_answer(table, key, worker->place->id, worker->id);
    return conn_table_find(table, key, worker->place->id);
}

static void run_ready(struct worker *worker, const struct poller_event *events, int count)
{
    struct arrival arrivals[ARRIVALS_MAX];
    int most = worker->place->kind == PLACE_SHARED ? 1 : ARRIVALS_MAX; /* the next is somebody else's turn */
    for (int i = 0; i < count; i++) {
        if (acceptor_is_listener(events[i].key)) {
            worker_admit(worker, arrivals, acceptor_take(worker->place->acceptor, events[i].key, arrivals, most));
            continue;
        }
        struct conn *c = find(worker, events[i].key);
        if (c != NULL)
            worker->crew->run(worker, c);
    }
}

/* What was put before its poller. */
static void run_inbox(struct worker *worker)
{
    struct engine *engine = worker->engine;
    int fds[BATCH_MAX];
    if (worker->place->kind != PLACE_INBOX)
        return;
    int count = queue_take(&worker->place->queue, fds, worker->crew->batch);
    for (int i = 0; i < count; i++)
        worker->crew->run(worker, &engine->table.conns[fds[i]]);
}

/* What the accept stage asks for when it has no room. */
static void shed(struct worker *worker)
{
    struct place *place = worker->place;
    if (!atomic_load_explicit(&place->shed_files, memory_order_relaxed))
        return;
    atomic_store_explicit(&place->shed_files, false, memory_order_relaxed);
    uint32_t count = atomic_exchange_explicit(&place->shed, 0, memory_order_relaxed);
    if (count > 0)
        sweep_idle(worker, count);
    docroot_shed_files(&worker->docroot);
}

/* Whether this worker is the one of its place to sweep now. */
static bool is_to_sweep(struct worker *worker)
{
    uint64_t now_ms = worker->env.clock.now_ms;
    uint64_t due_ms = atomic_load_explicit(&worker->place->sweep_ms, memory_order_relaxed);
    uint64_t next_ms = now_ms + (worker->env.draining ? SWEEP_DRAIN_MS : SWEEP_EVERY_MS);
    return now_ms >= due_ms && atomic_compare_exchange_strong_explicit(&worker->place->sweep_ms, &due_ms, next_ms,
                                                                       memory_order_relaxed, memory_order_relaxed);
}

static void loop(struct worker *worker)
{
    struct poller_event events[EVENTS_MAX];
    for (;;) {
        int count = wait_for_events(worker, events);
        conn_env_tick(&worker->env);
        if (!worker_obeys(worker))
            return;
        run_ready(worker, events, count);
        run_inbox(worker);
        shed(worker);
        if (is_to_sweep(worker))
            sweep(worker);
        if (worker->place->acceptor != NULL)
            acceptor_look(worker->place->acceptor);
        worker_tell_logger(worker);
    }
}

static void queue_loop(struct worker *worker)
{
    struct engine *engine = worker->engine;
    struct queue *queue = &worker->place->queue;
    int fds[BATCH_MAX], most = worker->crew->batch > 1 ? worker->crew->batch : 1;
    for (;;) {
        active_leave(worker->env.active);
        int count = queue_wait(queue, fds, most);
        active_enter(worker->env.active);
        if (count == 0)
            return;
        conn_env_tick(&worker->env);
        worker_obeys(worker);
        for (int i = 0; i < count; i++)
            worker->crew->run(worker, &engine->table.conns[fds[i]]);
        worker_tell_logger(worker);
    }
}
