/* theatre: plays tables of scenes, some at once, each on a stage of its own. */
#ifndef WIRE_THEATRE_H
#define WIRE_THEATRE_H

#include "pool.h"
#include "stage.h"

struct theatre {
    struct harness harness;
    const char *only; /* the scenes whose sentence holds this word; NULL: all */
    int seconds;      /* as a stage has it */
    int limit_s;      /* so long a scene may take */
    struct pool pool;
};

/* Reads "SHUNT [-s SECONDS] [-o WORD] [-- OPTION ...]", of which -s only where `seconds` isn't 0. False where it reads
 * otherwise. */
bool theatre_open(struct theatre *theatre, int argc, char **argv);

/* Plays the scenes of these tables, behind the last of which is NULL. pool_finish() waits for their ends. */
void theatre_play(struct theatre *theatre, const struct scene *const *tables);

#endif
