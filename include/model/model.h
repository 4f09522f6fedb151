/*
 * model: which thread runs which stage of which connection. A model says which crews there are, where a new connection
 * goes, and where one goes for its next stage; the loop, the passing and the HTTP engine are the same for all.
 */
#ifndef SHUNT_MODEL_MODEL_H
#define SHUNT_MODEL_MODEL_H

#include "conn/conn.h"
#include "model/crew.h"

struct engine;
struct engine_settings;

struct model {
    const char *name;

    /* Which options mean something to it. */
    bool has_writers, has_weights, has_processes;
    int workers_max; /* that can be asked for; 0: SETTINGS_WORKERS_MAX */

    /* Fills in settings->crews and ->crew_count, and ->workers and ->writers where the user left them open. */
    void (*settle)(struct engine_settings *settings);

    /* The place that the n-th new connection goes to, where the main thread accepts; sets its home. NULL: it is gone.
     */
    struct place *(*admit)(struct engine *engine, struct conn *c, uint64_t n);

    /* Where a connection that was at `from` goes for its next stage; NULL: nowhere, this thread goes on with it. */
    struct place *(*route)(const struct engine *engine, struct place *from, const struct conn *c, enum stage next);

    /* The rest is for a few. Makes what is this model's alone, when the places stand and before threads run. 0, or -1
     * with errno. */
    int (*open)(struct engine *engine);

    /* After a new connection was passed to its place: */
    void (*admitted)(struct engine *engine, struct place *to);

    /* Wakes whoever doesn't wait at a place, after a new order. */
    void (*wake)(struct engine *engine);

    /* Counts what has ended without a thread that would count it. */
    void (*reap)(struct engine *engine);
};

#endif
