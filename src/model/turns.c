/*
 * turns: all threads wait at one poller, listeners and connections together, and take turns: whoever gets the next
 * event does all that it asks for, from listener to worker to listener (Darcy, "High-Performance Server Architecture").
 *
 *     one poller ──► thread 0 … thread N-1        an event comes once, to one thread, and not again
 *         ▲                 │                     until the socket is armed anew
 *         └─────────────────┘
 */
#include "model/models.h"

static void settle(struct engine_settings *settings)
{
    models_settle_workers(settings);
    settings->crews[0] = models_workers("turn", PLACE_SHARED, 1, settings->workers);
    settings->crews[0].accepts = true;
    settings->crews[1] = models_blockers(settings, "block");
    settings->crew_count = 2;
}

const struct model model_turns = {.name = "turns", .settle = settle, .route = models_route_home};
