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
    settings->crews[0] = models_workers("network", PLACE_INBOX, 1, 1);
    settings->crews[0].accepts = true;
    settings->crews[0].batch = BATCH;
    settings->crews[1] = models_blockers(settings, "help");
    settings->crew_count = 2;
}

const struct model model_amped = {.name = "amped", .settle = settle, .route = models_route_home};
