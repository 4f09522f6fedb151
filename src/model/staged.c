/*
 * staged: the default (Carncross, "fast servers"). The main thread accepts; each connection has a read-stage thread,
 * for life, round-robin; what that can't send at once goes to a write-stage thread and comes home when it is sent.
 *
 *     accept ──► read 0 … read N-1 ──► write 0 … write M-1
 *                  ▲   │                  │
 *                  │   └──► blockers ─────┤      without writers (--writers 0) the reader writes: Voras's SYMPED
 *                  └──────────────────────┘
 */
#include "model/models.h"

enum { READ, BLOCK, WRITE };
enum { CORES_PER_WRITER = 8 };

static void settle(struct engine_settings *settings)
{
    models_settle_workers(settings);
    if (settings->writers < 0)
        settings->writers = settings->cores < CORES_PER_WRITER ? 1 : settings->cores / CORES_PER_WRITER;
    settings->crews[READ] = models_workers("read", PLACE_POLLER, settings->workers, 1);
    settings->crews[BLOCK] = models_blockers(settings, "block");
    settings->crews[WRITE] = (struct crew){
        .role = "write", .kind = PLACE_POLLER, .places = settings->writers, .threads = 1, .cores = CORES_DOWN};
    settings->crew_count = settings->writers > 0 ? 3 : 2;
}

static int open_rota(struct engine *engine)
{
    const struct engine_settings *settings = &engine->settings;
    return rota_open(&engine->rota, settings->workers, settings->weights, settings->weight_count);
}

static struct place *admit(struct engine *engine, struct conn *c, uint64_t n)
{
    c->home = rota_turn(&engine->rota, n);
    return engine_place(engine, READ, c->home);
}

static struct place *route(const struct engine *engine, struct place *from, const struct conn *c, enum stage next)
{
    int writers = engine->settings.writers;
    if (next == STAGE_WRITE && writers > 0)
        return engine_place(engine, WRITE, c->home % writers);
    return models_route_home(engine, from, c, next);
}

const struct model model_staged = {.name = "staged",
                                   .has_writers = true,
                                   .has_weights = true,
                                   .settle = settle,
                                   .open = open_rota,
                                   .admit = admit,
                                   .route = route};
