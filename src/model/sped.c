/*
 * sped: one thread does everything, and while it waits for a disk, everything waits (single process, event driven;
 * Voras, "Guide to multi-processing network server models").
 */
#include "model/models.h"

static void settle(struct engine_settings *settings)
{
    settings->workers = 1;
    settings->crews[0] = models_workers("all", PLACE_POLLER, 1, 1);
    settings->crews[0].accepts = true;
    settings->crew_count = 1;
}

static struct place *route(const struct engine *engine, struct place *from, const struct conn *c, enum stage next)
{
    (void)engine, (void)c;
    return next == STAGE_BLOCK ? NULL : from;
}

const struct model model_sped = {.name = "sped", .settle = settle, .route = route};
