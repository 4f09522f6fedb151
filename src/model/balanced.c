/*
 * balanced: the main thread accepts and gives each connection to the worker that has least before it; once read, it
 * stays there for life (Pauley, "A High Concurrency HTTP Server Architecture").
 *
 *     accept ──► inbox 0 ──► worker 0      what a worker has before it is the sum of what its open requests are
 *           └──► inbox 1 ──► worker 1      expected to cost, from a table by verb and target (load.h)
 *                   └ ─ ─ ─ ─ ─▲           a worker with nothing to do takes from the fullest inbox
 *
 * An inbox is a queue, not a poller that another thread may ask too: with deferred accept what comes in has spoken
 * already, so that there is nothing to poll for, and who takes it out is alone with it at once.
 */
#include "model/models.h"

enum { BATCH = 8 }; /* what is taken out can't be taken by others any more */

static bool steal(struct worker *thief);

static void settle(struct engine_settings *settings)
{
    models_settle_workers(settings);
    settings->crews[0] = models_workers("worker", PLACE_INBOX, settings->workers, 1);
    settings->crews[0].only_unread = true;
    settings->crews[0].batch = BATCH;
    settings->crews[0].metered = true;
    settings->crews[0].before_sleep = steal;
    settings->crews[1] = models_blockers(settings, "block");
    settings->crew_count = 2;
}

static int64_t load_of(const struct place *place)
{
    return atomic_load_explicit(&place->load_ns, memory_order_relaxed);
}

/* The least loaded; among equals, the next in turn. */
static struct place *admit(struct engine *engine, struct conn *c, uint64_t n)
{
    int workers = engine->settings.workers, least = (int)(n % (uint64_t)workers);
    for (int i = 0; i < workers; i++)
        if (load_of(engine_place(engine, 0, i)) < load_of(engine_place(engine, 0, least)))
            least = i;
    struct place *to = engine_place(engine, 0, least);
    c->home = (uint16_t)least;
    load_admit(&engine->load, to, c);
    return to;
}

/* Where its worker is at something else, one that sleeps may take it. */
static void admitted(struct engine *engine, struct place *to)
{
    if (atomic_load(&to->asleep))
        return;
    for (int i = 0; i < engine->settings.workers; i++) {
        struct place *place = engine_place(engine, 0, i);
        if (atomic_exchange(&place->asleep, false)) {
            place_wake(place);
            return;
        }
    }
}

static struct place *fullest(const struct engine *engine)
{
    struct place *fullest = engine_place(engine, 0, 0);
    for (int i = 1; i < engine->settings.workers; i++) {
        struct place *place = engine_place(engine, 0, i);
        if (queue_length(&place->queue) > queue_length(&fullest->queue))
            fullest = place;
    }
    return fullest;
}

/* Takes the connection that has waited longest in the fullest inbox. Whether there was one. */
static bool steal(struct worker *thief)
{
    struct place *from = fullest(thief->engine);
    struct conn *c = worker_steal(thief, from);
    if (c == NULL)
        return false;
    load_move(&thief->engine->load, from, thief->place, c);
    atomic_store(&thief->place->asleep, false);
    worker_serve(thief, c);
    return true;
}

static int open_load(struct engine *engine)
{
    return load_open(&engine->load, engine->table.size);
}

const struct model model_balanced = {.name = "balanced",
                                     .settle = settle,
                                     .open = open_load,
                                     .admit = admit,
                                     .route = models_route_home,
                                     .admitted = admitted};
