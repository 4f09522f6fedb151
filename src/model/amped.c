/*
 * amped: one thread for the network, and helpers for what may block, whose results come back by a queue (asymmetric
 * multi-process, event driven: the Flash server; Voras, "Guide to multi-processing network server models").
 *
 *     network:  accept ─► read ─► write        ◄── queue ── help 0 … help N-1
 *                            └────────── queue ──────────────►
 */
#include "model/models.h"

enum { BATCH = 64 };

static void settle(struct engine_settings *settings)
{
    settings->workers = 1;
    settings->crews[0] = (struct crew){.role = "network",
                                       .kind = PLACE_INBOX,
                                       .places = 1,
                                       .threads = 1,
                                       .batch = BATCH,
                                       .cores = CORES_UP,
                                       .reads = true,
                                       .idles = true,
                                       .accepts = true,
                                       .run = worker_run};
    settings->crews[1] = models_blockers(settings, "help");
    settings->crew_count = 2;
}

const struct model model_amped = {"amped", settle, models_admit_none, models_route_home, NULL, NULL, NULL};
