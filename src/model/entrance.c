/*
 * What the main thread does: it accepts, where no crew does, and waits for what its caller waits for. It reads no
 * peer's bytes.
 */
#include "model/engine.h"

#include "base/clock.h"

enum {
    ARRIVALS_MAX = 64,
    REAP_MS = 200, /* how often it is looked whether processes have ended, should a SIGCHLD come before the wait */
};

static const uint64_t control_key = UINT64_MAX - ACCEPTOR_LISTENERS_MAX - 1;

void engine_admit(struct engine *engine, const struct arrival *arrival)
{
    struct conn *c = engine_open_conn(engine, arrival, 0);
    if (c == NULL)
        return;
    struct conn_due due = conn_due(c, &engine->settings.limits, clock_now_ms());
    struct place *to = engine->settings.model->admit(engine, c, engine->main.accepted++);
    engine->main.handoffs++;
    if (to == NULL)
        return;
    place_pass(&engine->table, NULL, to, c, STAGE_READ, due);
    if (engine->settings.model->admitted != NULL)
        engine->settings.model->admitted(engine, to);
}

/* How many may be taken before the first of them is given away: what is taken already, a process would inherit. */
static int batch_of(const struct engine *engine)
{
    return engine->settings.processes ? 1 : ARRIVALS_MAX;
}

static void admit_some(struct engine *engine, uint64_t key)
{
    struct arrival arrivals[ARRIVALS_MAX];
    int count = acceptor_take(engine->entrance.acceptor, key, arrivals, batch_of(engine));
    for (int i = 0; i < count; i++)
        engine_admit(engine, &arrivals[i]);
}

static int patience(const struct engine *engine)
{
    const struct acceptor *acceptor = engine->entrance.acceptor;
    int ms = acceptor == NULL ? -1 : acceptor_patience(acceptor);
    return engine->settings.processes && (ms < 0 || ms > REAP_MS) ? REAP_MS : ms;
}

/* One turn of the main thread; whether `control` is readable. */
static bool accept_or_wait(struct engine *engine, int *result)
{
    struct poller_event events[ACCEPTOR_LISTENERS_MAX + 1];
    struct acceptor *acceptor = engine->entrance.acceptor;
    bool told = false;
    active_leave(engine_active(engine));
    *result = poller_wait(&engine->entrance.poller, events, ACCEPTOR_LISTENERS_MAX + 1, patience(engine));
    active_enter(engine_active(engine));
    if (engine->settings.model->reap != NULL)
        engine->settings.model->reap(engine);
    for (int i = 0; i < *result; i++) {
        if (events[i].key == control_key)
            told = true;
        else
            admit_some(engine, events[i].key);
    }
    if (acceptor != NULL)
        acceptor_look(acceptor);
    return told;
}

int engine_run(struct engine *engine, int control)
{
    int result;
    if (poller_add(&engine->entrance.poller, control, POLLER_IN, control_key) < 0)
        return -1;
    active_enter(engine_active(engine));
    while (!accept_or_wait(engine, &result) && result >= 0)
        ;
    active_leave(engine_active(engine));
    poller_remove(&engine->entrance.poller, control);
    usage_of_thread(&engine->main.usage);
    return result < 0 ? -1 : 0;
}

void engine_drain(struct engine *engine)
{
    struct acceptor *acceptor = engine->entrance.acceptor;
    struct arrival last[ARRIVALS_MAX];
    int count;
    if (acceptor != NULL) {
        while ((count = acceptor_take_last(acceptor, last, batch_of(engine))) > 0)
            for (int i = 0; i < count; i++)
                engine_admit(engine, &last[i]);
        acceptor_close(acceptor);
    }
    engine_order(engine, ENGINE_DRAIN);
}

bool engine_is_busy(struct engine *engine)
{
    for (int i = 0; i < engine->acceptor_count; i++)
        if (engine->acceptors[i].open)
            return true;
    return engine_connections(engine) > 0;
}
