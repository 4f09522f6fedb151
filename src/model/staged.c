#include "model/staged.h"

static struct worker *route(struct engine *engine, const struct conn *c, enum stage next)
{
    const struct engine_settings *settings = &engine->settings;
    if (next == STAGE_BLOCK)
        return &engine->blockers.face;
    if (next == STAGE_WRITE && settings->writers > 0)
        return &engine->workers[settings->readers + c->home % settings->writers];
    return &engine->workers[c->home];
}

const struct model model_staged = {.name = "staged", .route = route};
