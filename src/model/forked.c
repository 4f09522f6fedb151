/*
 * forked: one thread, or with --processes one process, for each connection, which does nothing else from its first
 * request to its end and sleeps in between (multi-process; Voras, "Guide to multi-processing network server models").
 *
 *     accept ──► thread 0: read ─► write ─► read …
 *           └──► thread 1: read …                     a thread whose connection has ended takes the next one
 *
 * It sleeps in ppoll(2) on its one socket, and not in recv(2) or send(2): so it has its deadlines, hears of the
 * server's end, and holds its place among the active threads (--active-limit) only while it works.
 */
#include "model/loop.h"
#include "model/models.h"
#include "model/shed.h"
#include "model/sweep.h"
#include "os/sleeper.h"

static void serve(struct worker *worker, struct conn *c);

static void settle(struct engine_settings *settings)
{
    if (settings->workers == 0)
        settings->workers = SETTINGS_THREADS_MAX;
    settings->crews[0] = (struct crew){.role = "conn",
                                       .kind = PLACE_QUEUE,
                                       .places = 1,
                                       .threads = settings->workers,
                                       .cores = CORES_ANY,
                                       .reads = true,
                                       .grows = true,
                                       .run = serve};
    settings->crew_count = 1;
}

static struct place *admit(struct engine *engine, struct conn *c, uint64_t n)
{
    (void)n;
    if (!engine->settings.processes)
        return engine_place(engine, 0, 0);
    processes_admit(engine, c);
    return NULL;
}

/* A thread for it, if none is free; or the thread of a connection that is idle; else it waits. */
static void admitted(struct engine *engine, struct place *to)
{
    if (queue_is_behind(&to->queue) && !engine_grow(engine))
        shed_ask(engine, 1);
}

static void wake(struct engine *engine)
{
    processes_wake(engine);
    for (int i = 0; i < engine->count; i++)
        if (engine->workers[i].started)
            sleeper_wake(engine->workers[i].thread);
}

static void reap(struct engine *engine)
{
    if (engine->settings.processes)
        processes_reap(engine);
}

/* A connection stays with its thread. */
static struct place *route(const struct engine *engine, struct place *from, const struct conn *c, enum stage next)
{
    (void)engine, (void)from, (void)c, (void)next;
    return NULL;
}

static int patience(const struct worker *worker, struct conn_due due)
{
    uint64_t now_ms = worker->env.clock.now_ms, most_ms = worker->env.draining ? SWEEP_DRAIN_MS : SWEEP_EVERY_MS;
    bool looked_at = worker->env.draining || due.phase == PHASE_REPLY || due.phase == PHASE_LINGER;
    uint64_t ms = due.ms > now_ms ? due.ms - now_ms : 0;
    return (int)(looked_at && ms > most_ms ? most_ms : ms);
}

/* Sleeps until the connection's socket is ready for what it needs next, or what was heard meanwhile may be its end.
 * False when the server ends. */
static bool sleep_on(struct worker *worker, const struct sleeper *sleeper, struct conn *c)
{
    struct conn_table *table = &worker->engine->table;
    uint32_t interest = conn_interest(c, (enum stage)c->stage), ready = 0;
    conn_table_set_due(table, c->fd, worker_due(worker, c));
    worker_tell_logger(worker);
    while (ready == 0) {
        active_leave(worker->env.active);
        ready = sleeper_wait(sleeper, c->fd, interest, patience(worker, conn_table_due(table, c->fd)));
        active_enter(worker->env.active);
        conn_env_tick(&worker->env);
        if (!loop_obeys(worker))
            return false;
        if (ready == 0)
            sweep_one(worker, c);
    }
    return true;
}

static void serve(struct worker *worker, struct conn *c)
{
    struct sleeper sleeper;
    enum stage next;
    sleeper_init(&sleeper);
    do {
        next = worker_run_stage(worker, c);
        c->stage = (uint8_t)next;
    } while (next == STAGE_BLOCK || (next != STAGE_CLOSE && sleep_on(worker, &sleeper, c)));
    worker_end(worker, c);
    docroot_shed_files(&worker->docroot); /* who waits for a connection keeps no file open */
    worker_tell_logger(worker);
}

const struct model model_forked = {.name = "forked",
                                   .has_processes = true,
                                   .workers_max = SETTINGS_THREADS_MAX,
                                   .settle = settle,
                                   .admit = admit,
                                   .route = route,
                                   .admitted = admitted,
                                   .wake = wake,
                                   .reap = reap};
