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
    settings->crews[0] = (struct crew){.role = "worker",
                                       .kind = PLACE_POLLER,
                                       .places = settings->workers,
                                       .threads = 1,
                                       .cores = CORES_UP,
                                       .reads = true,
                                       .idles = true,
                                       .accepts = true,
                                       .run = worker_run};
    settings->crews[1] = models_blockers(settings, "block");
    settings->crew_count = 2;
}

const struct model model_symmetric = {"symmetric", settle, models_admit_none, models_route_home, NULL, NULL, NULL};
