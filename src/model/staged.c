#include "model/staged.h"

#include <stdio.h>

enum { CORES_PER_WRITER = 8 };

static void settle(struct engine_settings *settings)
{
    if (settings->workers == 0)
        settings->workers = settings->cores;
    if (settings->writers < 0)
        settings->writers = settings->cores < CORES_PER_WRITER ? 1 : settings->cores / CORES_PER_WRITER;
    settings->threads = settings->workers + settings->writers;
}

/* Readers from the first core up, writers from the last down. */
static struct post post(const struct engine_settings *settings, int i)
{
    const struct cpu_set_list *cpus = &settings->cpus;
    struct post post = {.reads = i < settings->workers};
    int number = post.reads ? i : i - settings->workers;
    int core = post.reads ? number % cpus->count : cpus->count - 1 - number % cpus->count;
    snprintf(post.role, sizeof post.role, "%s %d", post.reads ? "read" : "write", number);
    post.cpu = settings->pin ? cpus->ids[core] : -1;
    return post;
}

static int home(const struct engine_settings *settings, uint64_t n)
{
    return (int)(n % (uint64_t)settings->workers);
}

static const struct place *route(const struct engine *engine, const struct conn *c, enum stage next)
{
    const struct engine_settings *settings = &engine->settings;
    if (next == STAGE_BLOCK)
        return &engine->blockers.place;
    if (next == STAGE_WRITE && settings->writers > 0)
        return engine->workers[settings->workers + c->home % settings->writers].place;
    return engine->workers[c->home].place;
}

const struct model model_staged = {"staged", settle, post, home, route};
