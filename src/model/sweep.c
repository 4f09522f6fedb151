#include "model/sweep.h"

#include "base/log.h"
#include "model/engine.h"
#include "model/shed.h"

enum {
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
            if (due->ms != 0 && due->phase != PHASE_QUEUED)
                return fd;
        }
    return -1;
}

/* Ends what seize() began. An event that came meanwhile is ours to answer. */
static void give_back(struct worker *worker, struct conn *c)
{
    if (worker->place->kind == PLACE_SHARED &&
        !conn_table_give_back(&worker->engine->table, c->fd, worker->id, worker->place->id))
        worker_serve(worker, c);
}

/* From here until give_back() the connection is ours. NULL when another thread of the place has it, or had it since it
 * was seen to be `due`, which then says nothing any more. */
static struct conn *seize(struct worker *worker, int fd, struct conn_due due)
{
    struct conn_table *table = &worker->engine->table;
    struct conn *c = &table->conns[fd];
    if (worker->place->kind != PLACE_SHARED)
        return c;
    if (!conn_table_seize(table, fd, worker->place->id, worker->id))
        return NULL;
    struct conn_due as_ours = conn_table_due(table, fd);
    if (as_ours.ms == due.ms && as_ours.phase == due.phase)
        return c;
    give_back(worker, c);
    return NULL;
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
    struct conn *c = seize(worker, fd, due);
    if (c == NULL)
        return;
    if (slow && conn_takes(c))
        conn_table_set_due(&worker->engine->table, fd, conn_due(c, worker->env.limits, now_ms));
    else if (due.ms <= now_ms)
        expire(worker, c);
    give_back(worker, c);
}

static uint64_t idle_ms(const struct worker *worker, struct conn_due due)
{
    return conn_idle_ms(due, worker->env.limits, worker->env.clock.now_ms);
}

static uint64_t shed_age(const struct worker *worker, struct conn_due due)
{
    return shed_idle_ms(due, worker->env.limits, worker->env.clock.now_ms);
}

void sweep_one(struct worker *worker, struct conn *c)
{
    struct conn_due due = conn_table_due(&worker->engine->table, c->fd);
    _Atomic uint32_t *shed = &worker->engine->shared->shed;
    uint32_t left = atomic_load_explicit(shed, memory_order_relaxed);
    bool ends = worker->env.draining && (due.phase == PHASE_IDLE || idle_ms(worker, due) > SHED_SHY_MS);
    if (!ends && left > 0 && shed_age(worker, due) > 0)
        ends =
            atomic_compare_exchange_strong_explicit(shed, &left, left - 1, memory_order_relaxed, memory_order_relaxed);
    if (ends)
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
        bool long_idle = idle_ms(worker, due) > SHED_SHY_MS;
        if (due.phase != PHASE_IDLE && !long_idle)
            continue;
        struct conn *c = seize(worker, fd, due);
        if (c == NULL)
            continue;
        if (due.phase == PHASE_IDLE) {
            worker_serve(worker, c);
        } else {
            expire(worker, c);
            give_back(worker, c);
        }
    }
}

void sweep(struct worker *worker)
{
    sweep_deadlines(worker);
    if (worker->env.draining)
        sweep_drain(worker);
}

void sweep_idle(struct worker *worker, uint32_t count)
{
    struct shed_cut cut = {0};
    struct conn_due due;
    for (int fd = 0; (fd = next_of(worker, fd, &due)) >= 0; fd++)
        shed_count(&cut, shed_age(worker, due));
    shed_cut(&cut, count);
    for (int fd = 0; (fd = next_of(worker, fd, &due)) >= 0; fd++) {
        struct conn *c = shed_takes(&cut, shed_age(worker, due)) ? seize(worker, fd, due) : NULL;
        if (c == NULL)
            continue;
        expire(worker, c);
        give_back(worker, c);
    }
}
