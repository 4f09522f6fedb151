/*
 * sped: one thread does everything, and while it waits for a disk, everything waits (single process, event driven;
 * Voras, "Guide to multi-processing network server models").
 */
#include "model/models.h"

static void settle(struct engine_settings *settings)
{
    settings->workers = 1;
    settings->crews[0] = (struct crew){.role = "all",
                                       .kind = PLACE_POLLER,
                                       .places = 1,
                                       .threads = 1,
                                       .cores = CORES_UP,
                                       .reads = true,
                                       .idles = true,
                                       .accepts = true,
                                       .run = worker_run};
    settings->crew_count = 1;
}

static struct place *route(const struct engine *engine, struct place *from, const struct conn *c, enum stage next)
{
    (void)engine, (void)c;
    return next == STAGE_BLOCK ? NULL : from;
}

const struct model model_sped = {"sped", settle, models_admit_none, route, NULL, NULL, NULL};
