/*
 * symmetric: each worker has a listener of its own (SO_REUSEPORT), accepts, reads and writes; nothing is ever handed
 * over but to a disk (Darcy, "High-Performance Server Architecture": connections partitioned; Voras's SYMPED).
 *
 *     worker 0 … worker N-1:  accept ─► read ─► write ─┐
 *                                        ▲             │        a connection stays where the kernel put it: by the
 *                                        └─────────────┘        CPU that its first packet came on, or by a hash
 */
#include "model/models.h"

static void settle(struct engine_settings *settings)
{
    models_settle_workers(settings);
    settings->crews[0] = models_workers("worker", PLACE_POLLER, settings->workers, 1);
    settings->crews[0].accepts = true;
    settings->crews[1] = models_blockers(settings, "block");
    settings->crew_count = 2;
}

const struct model model_symmetric = {.name = "symmetric", .settle = settle, .route = models_route_home};
