#include "model/sweep.h"

#include "base/log.h"
#include "model/engine.h"

enum {
    AGES = 128,    /* how finely idle connections are told apart: by seconds, the last for all that are older */
    SHY_MS = 1000, /* one that may have an event on its way is left alone so long */
    EXPIRED_AGAIN_MS = 5000 /* a shut down socket's event comes at once; this is for the case that it doesn't */
};

/* A walk over all connections of an owner: the next one from *fd on, or NULL; *deadline_ms is its deadline. */
static struct conn *next_of(struct worker *worker, uint32_t owner, int *fd, uint64_t *deadline_ms)
{
    struct conn_table *table = &worker->engine->table;
    int top = atomic_load_explicit(&table->top, memory_order_acquire);
    for (; *fd < top; (*fd)++)
        if (conn_table_owns(table, *fd, owner)) {
            *deadline_ms = atomic_load_explicit(&table->slots[*fd].deadline_ms, memory_order_relaxed);
            return &table->conns[(*fd)++];
        }
    return NULL;
}

static struct conn *next_own(struct worker *worker, int *fd, uint64_t *deadline_ms)
{
    return next_of(worker, worker->place->id, fd, deadline_ms);
}

/* Ends those that could not be registered with our poller. */
static void end_stranded(struct worker *worker)
{
    uint64_t deadline_ms;
    struct conn *c;
    int number = 0;
    for (int fd = 0; (c = next_of(worker, worker->place->id | OWNER_STRANDED, &fd, &deadline_ms)) != NULL; number++)
        worker_end(worker, c);
    if (number > 0)
        log_line(LOG_LEVEL_ERROR, "%d connections were lost: no memory to watch them, or see fs.epoll.max_user_watches",
                 number);
}

/* Ends a connection, unless it waits for a request and one has come meanwhile: the event for it is on its way. */
static void expire(struct worker *worker, struct conn *c)
{
    if (conn_awaits_request(c) && socket_has_input(c->fd))
        return;
    conn_expire(c, &worker->env);
    conn_table_set_deadline(&worker->engine->table, c->fd, worker->env.clock.now_ms + EXPIRED_AGAIN_MS);
}

void sweep_deadlines(struct worker *worker)
{
    uint64_t now_ms = worker->env.clock.now_ms, deadline_ms;
    struct conn *c;
    end_stranded(worker);
    for (int fd = 0; (c = next_own(worker, &fd, &deadline_ms)) != NULL;) {
        if ((c->phase == PHASE_REPLY || c->phase == PHASE_LINGER) && conn_takes(c))
            conn_table_set_deadline(&worker->engine->table, c->fd, worker_deadline(worker, c));
        else if (deadline_ms != 0 && deadline_ms <= now_ms)
            expire(worker, c);
    }
}

static uint64_t idle_ms(const struct worker *worker, const struct conn *c, uint64_t deadline_ms)
{
    return conn_idle_ms(c, worker->env.limits, deadline_ms, worker->env.clock.now_ms);
}

/* The same for shedding: a new one is given a moment to say what it wants, and a last one to take what it was told. */
static uint64_t shed_ms(const struct worker *worker, const struct conn *c, uint64_t deadline_ms)
{
    uint64_t ms = idle_ms(worker, c, deadline_ms);
    bool shy = c->phase == PHASE_FRESH || c->phase == PHASE_LINGER;
    return shy && ms < SHY_MS ? 0 : ms;
}

static uint32_t age_of(uint64_t ms)
{
    return ms / 1000 < AGES ? (uint32_t)(ms / 1000) : AGES - 1;
}

/* The age from which on at most `count` connections are idle; *younger: how many of the next younger age may go as
 * well. */
static uint32_t oldest_ages(struct worker *worker, uint32_t count, uint32_t *younger)
{
    uint32_t number[AGES] = {0}, age = AGES;
    uint64_t deadline_ms;
    struct conn *c;
    for (int fd = 0; (c = next_own(worker, &fd, &deadline_ms)) != NULL;) {
        uint64_t ms = shed_ms(worker, c, deadline_ms);
        if (ms > 0)
            number[age_of(ms)]++;
    }
    while (age > 0 && number[age - 1] <= count)
        count -= number[--age];
    *younger = count;
    return age;
}

void sweep_idle(struct worker *worker, uint32_t count)
{
    uint32_t younger, age = oldest_ages(worker, count, &younger);
    uint64_t deadline_ms;
    struct conn *c;
    for (int fd = 0; (c = next_own(worker, &fd, &deadline_ms)) != NULL;) {
        uint64_t ms = shed_ms(worker, c, deadline_ms);
        if (ms == 0)
            continue;
        if (age_of(ms) < age) {
            if (age_of(ms) + 1 < age || younger == 0)
                continue;
            younger--;
        }
        expire(worker, c);
    }
}

void sweep_drain(struct worker *worker)
{
    uint64_t deadline_ms;
    struct conn *c;
    for (int fd = 0; (c = next_own(worker, &fd, &deadline_ms)) != NULL;) {
        if (c->phase == PHASE_IDLE)
            worker_run(worker, c);
        else if (idle_ms(worker, c, deadline_ms) > SHY_MS)
            expire(worker, c);
    }
}
