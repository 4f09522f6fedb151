/*
 * seda: stages with a queue and a few threads each, which take a batch at a time (Welsh, "SEDA: an architecture for
 * well-conditioned, scalable internet services"; Voras; Darcy on what the queues cost).
 *
 *     accept ─► queue ─► read 0 … ─► queue ─► send 0 …        read parses and finds the reply, send sends it
 *                 ▲         │                   │
 *                 └─ poll ◄─┴───────────────────┘             whoever must wait for its socket waits in between
 */
#include "model/models.h"

enum { POLL, READ, SEND, BLOCK };
enum { BATCH = 16 };

static void dispatch(struct worker *worker, struct conn *c);

static struct crew stage(const char *role, int threads)
{
    return (struct crew){
        .role = role, .kind = PLACE_QUEUE, .places = 1, .threads = threads, .batch = BATCH, .cores = CORES_ANY};
}

static void settle(struct engine_settings *settings)
{
    models_settle_workers(settings);
    settings->writers = settings->workers;
    settings->crews[POLL] = (struct crew){.role = "poll",
                                          .kind = PLACE_SHARED,
                                          .places = 1,
                                          .threads = 1,
                                          .cores = CORES_ANY,
                                          .rests = true,
                                          .run = dispatch};
    settings->crews[READ] = stage("read", settings->workers);
    settings->crews[READ].reads = true;
    settings->crews[READ].sends_later = true;
    settings->crews[SEND] = stage("send", settings->writers);
    settings->crews[BLOCK] = models_blockers(settings, "block");
    settings->crew_count = 4;
}

static struct place *admit(struct engine *engine, struct conn *c, uint64_t n)
{
    (void)c, (void)n;
    return engine_place(engine, READ, 0);
}

static struct place *queue_of(const struct engine *engine, enum stage next)
{
    return engine_place(engine, next == STAGE_READ ? READ : next == STAGE_WRITE ? SEND : BLOCK, 0);
}

/* Who has just done what it could waits for its socket; so does who waits for a request. */
static struct place *route(const struct engine *engine, struct place *from, const struct conn *c, enum stage next)
{
    struct place *queue = queue_of(engine, next);
    bool must_wait = queue == from || (next == STAGE_READ && !c->pending);
    return must_wait ? engine_place(engine, POLL, 0) : queue;
}

/* Its socket is ready. */
static void dispatch(struct worker *worker, struct conn *c)
{
    enum stage next = (enum stage)c->stage;
    worker_pass(worker, queue_of(worker->engine, next), c, next);
}

const struct model model_seda = {.name = "seda", .settle = settle, .admit = admit, .route = route};
