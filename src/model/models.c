#include "model/models.h"

const struct model *const models[] = {&model_staged, &model_symmetric, &model_turns,  &model_sped, &model_balanced,
                                      &model_amped,  &model_seda,      &model_forked, NULL};

struct crew models_blockers(const struct engine_settings *settings, const char *role)
{
    return (struct crew){.role = role,
                         .kind = PLACE_QUEUE,
                         .places = 1,
                         .threads = settings->blockers,
                         .cores = CORES_ANY,
                         .run = worker_run};
}

void models_settle_workers(struct engine_settings *settings)
{
    if (settings->workers == 0)
        settings->workers = settings->cores;
}

struct place *models_route_home(const struct engine *engine, struct place *from, const struct conn *c, enum stage next)
{
    (void)from;
    return next == STAGE_BLOCK ? engine_place(engine, 1, 0) : engine_place(engine, 0, c->home);
}

struct place *models_admit_none(struct engine *engine, struct conn *c, uint64_t n)
{
    (void)engine, (void)c, (void)n;
    return NULL;
}
