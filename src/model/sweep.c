#include "model/sweep.h"

#include "base/log.h"
#include "model/engine.h"

enum {
    AGES = 128,    /* how finely idle connections are told apart: by seconds, the last for all that are older */
    SHY_MS = 1000, /* one that may have an event on its way is left alone so long */
    EXPIRED_AGAIN_MS = 5000 /* a shut down socket's event comes at once; this is for the case that it doesn't */
};

/* A walk over all connections of a place: the number of the next one from fd on, or -1; *due: when. What waits in a
 * queue is due at no time, and somebody else may be taking it: it is passed over. */
static int next_of(const struct worker *worker, int fd, struct conn_due *due)
{
    struct conn_table *table = &worker->engine->table;
    int top = atomic_load_explicit(&table->top, memory_order_acquire);
    for (; fd < top; fd++)
        if (conn_table_owns(table, fd, worker->place->id)) {
            *due = conn_table_due(table, fd);
            if (due->ms != 0)
                return fd;
        }
    return -1;
}

/* From here until leave_alone() the connection is ours; NULL when another thread of the place has it. */
static struct conn *seize(struct worker *worker, int fd)
{
    struct conn_table *table = &worker->engine->table;
    if (worker->place->kind == PLACE_SHARED && !conn_table_seize(table, fd, worker->place->id, worker->id))
        return NULL;
    return &table->conns[fd];
}

/* An event that came meanwhile is ours to answer. */
static void leave_alone(struct worker *worker, struct conn *c)
{
    if (worker->place->kind == PLACE_SHARED &&
        !conn_table_give_back(&worker->engine->table, c->fd, worker->id, worker->place->id))
        worker->crew->run(worker, c);
}

/* Ends those that could not be registered with our poller. */
static void end_stranded(struct worker *worker)
{
    struct conn_table *table = &worker->engine->table;
    uint32_t stranded = worker->place->id | OWNER_STRANDED;
    int top = atomic_load_explicit(&table->top, memory_order_acquire), number = 0;
    for (int fd = 0; fd < top; fd++)
        if (conn_table_owns(table, fd, stranded) && conn_table_seize(table, fd, stranded, worker->id)) {
            worker_end(worker, &table->conns[fd]);
            number++;
        }
    if (number > 0)
        log_line(LOG_LEVEL_ERROR, "%d connections were lost: no memory to watch them, or see fs.epoll.max_user_watches",
                 number);
}

/* Ends a connection, unless it waits for a request and one has come meanwhile: the event for it is on its way. */
static void expire(struct worker *worker, struct conn *c)
{
    struct conn_due again = {worker->env.clock.now_ms + EXPIRED_AGAIN_MS, 0};
    if (conn_awaits_request(c) && socket_has_input(c->fd))
        return;
    conn_expire(c, &worker->env);
    conn_table_set_due(&worker->engine->table, c->fd, again);
}

static void look_at(struct worker *worker, int fd, struct conn_due due)
{
    uint64_t now_ms = worker->env.clock.now_ms;
    bool slow = due.phase == PHASE_REPLY || due.phase == PHASE_LINGER; /* it may be taking all the same */
    if (!slow && due.ms > now_ms)
        return;
    struct conn *c = seize(worker, fd);
    if (c == NULL)
        return;
    if (slow && conn_takes(c))
        conn_table_set_due(&worker->engine->table, fd, conn_due(c, worker->env.limits, now_ms));
    else if (due.ms <= now_ms)
        expire(worker, c);
    leave_alone(worker, c);
}

static uint64_t idle_ms(const struct worker *worker, struct conn_due due)
{
    return conn_idle_ms(due, worker->env.limits, worker->env.clock.now_ms);
}

/* For shedding, a new connection is given a moment to say what it wants, and a last one to take what it was told. */
static uint64_t shed_ms(const struct conn_limits *limits, struct conn_due due, uint64_t now_ms)
{
    uint64_t ms = conn_idle_ms(due, limits, now_ms);
    bool shy = due.phase == PHASE_FRESH || due.phase == PHASE_LINGER;
    return shy && ms < SHY_MS ? 0 : ms;
}

void sweep_one(struct worker *worker, struct conn *c)
{
    struct conn_due due = conn_table_due(&worker->engine->table, c->fd);
    _Atomic uint32_t *shed = &worker->engine->shared->shed;
    uint32_t left = atomic_load_explicit(shed, memory_order_relaxed);
    bool goes = worker->env.draining && (due.phase == PHASE_IDLE || idle_ms(worker, due) > SHY_MS);
    if (!goes && left > 0 && shed_ms(worker->env.limits, due, worker->env.clock.now_ms) > 0)
        goes =
            atomic_compare_exchange_strong_explicit(shed, &left, left - 1, memory_order_relaxed, memory_order_relaxed);
    if (goes)
        expire(worker, c);
    else
        look_at(worker, c->fd, due);
}

static void sweep_deadlines(struct worker *worker)
{
    struct conn_due due;
    end_stranded(worker);
    for (int fd = 0; (fd = next_of(worker, fd, &due)) >= 0; fd++)
        look_at(worker, fd, due);
}

static void sweep_drain(struct worker *worker)
{
    struct conn_due due;
    for (int fd = 0; (fd = next_of(worker, fd, &due)) >= 0; fd++) {
        bool long_idle = idle_ms(worker, due) > SHY_MS;
        if (due.phase != PHASE_IDLE && !long_idle)
            continue;
        struct conn *c = seize(worker, fd);
        if (c == NULL)
            continue;
        if (due.phase == PHASE_IDLE) {
            worker->crew->run(worker, c);
        } else {
            expire(worker, c);
            leave_alone(worker, c);
        }
    }
}

void sweep(struct worker *worker)
{
    sweep_deadlines(worker);
    if (worker->env.draining)
        sweep_drain(worker);
}

static uint32_t age_of(uint64_t ms)
{
    return ms / 1000 < AGES ? (uint32_t)(ms / 1000) : AGES - 1;
}

/* Which connections are the longest idle ones: all of this age and above, and some of the age below. */
struct cut {
    uint32_t age, younger;
};

static struct cut cut_at(const uint32_t number[AGES], uint32_t count)
{
    struct cut cut = {.age = AGES};
    while (cut.age > 0 && number[cut.age - 1] <= count)
        count -= number[--cut.age];
    cut.younger = count;
    return cut;
}

/* Whether one that is idle for so long goes. */
static bool goes(struct cut *cut, uint64_t ms)
{
    if (ms == 0)
        return false;
    if (age_of(ms) >= cut->age)
        return true;
    if (age_of(ms) + 1 < cut->age || cut->younger == 0)
        return false;
    cut->younger--;
    return true;
}

/* The place that owns a connection, if connections idle there; or NULL. */
static struct place *owner_of(const struct engine *engine, int fd)
{
    uint32_t owner = atomic_load_explicit(&engine->table.slots[fd].owner, memory_order_relaxed), first = 1;
    for (int crew = 0; crew < engine->settings.crew_count; crew++) {
        uint32_t places = (uint32_t)engine->settings.crews[crew].places;
        if (owner >= first && owner < first + places)
            return engine->settings.crews[crew].idles ? engine_place(engine, crew, (int)(owner - first)) : NULL;
        first += places;
    }
    return NULL;
}

/* How long it has been idle, as far as can be seen from outside; 0: it isn't, or is nobody's who could shed it. */
static uint64_t seen_idle_ms(const struct engine *engine, int fd, uint64_t now_ms)
{
    if (owner_of(engine, fd) == NULL)
        return 0;
    return shed_ms(&engine->settings.limits, conn_table_due(&engine->table, fd), now_ms);
}

void sweep_share_out(struct engine *engine, uint32_t count)
{
    uint32_t number[AGES] = {0};
    uint64_t now_ms = clock_now_ms();
    int top = atomic_load_explicit(&engine->table.top, memory_order_acquire);
    for (int fd = 0; fd < top; fd++) {
        uint64_t ms = seen_idle_ms(engine, fd, now_ms);
        if (ms > 0)
            number[age_of(ms)]++;
    }
    struct cut cut = cut_at(number, count);
    for (int fd = 0; fd < top; fd++) {
        struct place *place = goes(&cut, seen_idle_ms(engine, fd, now_ms)) ? owner_of(engine, fd) : NULL;
        if (place != NULL)
            atomic_fetch_add_explicit(&place->shed, 1, memory_order_relaxed);
    }
}

void sweep_idle(struct worker *worker, uint32_t count)
{
    uint32_t number[AGES] = {0};
    uint64_t now_ms = worker->env.clock.now_ms;
    struct conn_due due;
    for (int fd = 0; (fd = next_of(worker, fd, &due)) >= 0; fd++) {
        uint64_t ms = shed_ms(worker->env.limits, due, now_ms);
        if (ms > 0)
            number[age_of(ms)]++;
    }
    struct cut cut = cut_at(number, count);
    for (int fd = 0; (fd = next_of(worker, fd, &due)) >= 0; fd++) {
        struct conn *c = goes(&cut, shed_ms(worker->env.limits, due, now_ms)) ? seize(worker, fd) : NULL;
        if (c == NULL)
            continue;
        expire(worker, c);
        leave_alone(worker, c);
    }
}
