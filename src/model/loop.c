#include "model/loop.h"

#include "model/engine.h"
#include "model/sweep.h"

enum { EVENTS_MAX = 256, TURN_EVENTS = 4, ARRIVALS_MAX = 64, BATCH_MAX = 64 };

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

bool loop_obeys(struct worker *worker)
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
        if (worker->crew->before_sleep != NULL && worker->crew->before_sleep(worker))
            ms = 0;
    }
    active_leave(worker->env.active);
    int count = poller_wait(&place->poller, events, worker->crew->threads > 1 ? TURN_EVENTS : EVENTS_MAX, ms);
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

/* Those that are to be read are a cohort. */
static void serve_together(struct worker *worker, struct conn *const *conns, int count)
{
    if (count > 1)
        worker->counts.together += (uint64_t)cohort_receive(&worker->env, conns, count);
    for (int i = 0; i < count; i++)
        worker_serve(worker, conns[i]);
    cohort_end(&worker->env.cohort);
}

/* One at a time where other threads wait at the same poller; and where it is measured what each request takes:
 * receiving is a part of that. */
static int most_together(const struct worker *worker)
{
    bool together = worker->crew->reads && place_keeps(worker->place) && !worker->crew->metered;
    return together ? COHORT_MAX : 1;
}

static void run_ready(struct worker *worker, const struct poller_event *events, int count)
{
    struct arrival arrivals[ARRIVALS_MAX];
    struct conn *conns[COHORT_MAX];
    int most = worker->place->kind == PLACE_SHARED ? 1 : ARRIVALS_MAX; /* the next is somebody else's turn */
    int ready = 0, together = most_together(worker);
    for (int i = 0; i < count; i++) {
        if (acceptor_is_listener(events[i].key)) {
            serve_together(worker, conns, ready); /* who has left makes room for who comes */
            ready = 0;
            worker_admit(worker, arrivals, acceptor_take(worker->place->acceptor, events[i].key, arrivals, most));
            continue;
        }
        struct conn *c = find(worker, events[i].key);
        if (c != NULL)
            conns[ready++] = c;
        if (ready == together) {
            serve_together(worker, conns, ready);
            ready = 0;
        }
    }
    serve_together(worker, conns, ready);
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
        worker_serve(worker, &engine->table.conns[fds[i]]);
}

/* What the accept stage asks for when it has no room: files, and behind place->shed connections. It calls when both
 * are told. */
static void shed(struct worker *worker)
{
    uint32_t asked = atomic_load_explicit(&worker->engine->shared->shed_calls, memory_order_acquire);
    if (asked == worker->shed_heard)
        return;
    worker->shed_heard = asked;
    docroot_shed_files(&worker->docroot);
    uint32_t count = atomic_exchange_explicit(&worker->place->shed, 0, memory_order_relaxed);
    if (count > 0)
        sweep_idle(worker, count);
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

/* Every worker that polls has files of its own to give up, whoever of its place sweeps. It is woken for each sweep, if
 * a little later than who does it. */
static void tidy(struct worker *worker)
{
    uint64_t now_ms = worker->env.clock.now_ms;
    if (now_ms < worker->tidy_ms)
        return;
    worker->tidy_ms = now_ms + SWEEP_EVERY_MS / 2;
    docroot_tidy(&worker->docroot);
}

static void poll_loop(struct worker *worker)
{
    struct poller_event events[EVENTS_MAX];
    for (;;) {
        int count = wait_for_events(worker, events);
        conn_env_tick(&worker->env);
        if (!loop_obeys(worker))
            return;
        run_ready(worker, events, count);
        run_inbox(worker);
        shed(worker);
        if (is_to_sweep(worker))
            sweep(worker);
        tidy(worker);
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
        loop_obeys(worker); /* its end comes as a shut queue */
        for (int i = 0; i < count; i++)
            worker_serve(worker, &engine->table.conns[fds[i]]);
        shed(worker);
        worker_tell_logger(worker);
    }
}

void loop_run(struct worker *worker)
{
    if (worker->place->kind == PLACE_QUEUE)
        queue_loop(worker);
    else
        poll_loop(worker);
}
