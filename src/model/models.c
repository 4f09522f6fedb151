#include "model/models.h"

const struct model *const models[] = {&model_staged, &model_symmetric, &model_turns,  &model_sped, &model_balanced,
                                      &model_amped,  &model_seda,      &model_forked, NULL};

struct crew models_blockers(const struct engine_settings *settings, const char *role)
{
    return (struct crew){
        .role = role, .kind = PLACE_QUEUE, .places = 1, .threads = settings->blockers, .cores = CORES_ANY};
}

struct crew models_workers(const char *role, enum place_kind kind, int places, int threads)
{
    return (struct crew){.role = role,
                         .kind = kind,
                         .places = places,
                         .threads = threads,
                         .cores = CORES_UP,
                         .reads = true,
                         .rests = true};
}

void models_settle_workers(struct engine_settings *settings)
{
    if (settings->workers == 0)
        settings->workers = settings->cores;
}

struct place *models_route_home(const struct engine *engine, struct place *from, const struct conn *c, enum stage next)
{
    (void)from;
    return next == STAGE_BLOCK ? engine_place(engine, 1, 0) : engine_home(engine, c);
}
