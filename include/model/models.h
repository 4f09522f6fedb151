/* models: all that there are, each a short file of crews and a route. See staged.c for the first. */
#ifndef SHUNT_MODEL_MODELS_H
#define SHUNT_MODEL_MODELS_H

#include "model/engine.h"

extern const struct model model_staged, model_symmetric, model_turns, model_sped, model_balanced, model_amped,
    model_seda, model_forked;

/* The default first, ended by NULL. */
extern const struct model *const models[];

/* The crew that all have, where connections are at home: it reads, and idle ones rest there. */
struct crew models_workers(const char *role, enum place_kind kind, int places, int threads);

/* The crew that most have, for what may sleep. */
struct crew models_blockers(const struct engine_settings *settings, const char *role);

/* Fills in the number of workers where it was left open: one for each core. */
void models_settle_workers(struct engine_settings *settings);

/* What most do where connections never change threads but to sleep: crew 0 has them, crew 1 sleeps. */
struct place *models_route_home(const struct engine *engine, struct place *from, const struct conn *c, enum stage next);

#endif
