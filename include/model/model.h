/*
 * model: which thread runs which stage of which connection. Four answers are a model; the loop, the handoff and the
 * HTTP engine are the same for all.
 */
#ifndef SHUNT_MODEL_MODEL_H
#define SHUNT_MODEL_MODEL_H

#include "conn/conn.h"
#include "model/worker.h"

struct engine_settings;

struct model {
    const char *name;

    /* Fills in how many threads there are, where the user left it open: settings->workers, ->writers and ->threads, the
     * sum. */
    void (*settle)(struct engine_settings *settings);

    /* What the i-th of those threads is there for. */
    struct post (*post)(const struct engine_settings *settings, int i);

    /* The thread that the n-th new connection belongs to, for life. */
    int (*home)(const struct engine_settings *settings, uint64_t n);

    /* Where a connection goes for its next stage. */
    const struct place *(*route)(const struct engine *engine, const struct conn *c, enum stage next);
};

#endif
