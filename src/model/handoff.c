#include "model/handoff.h"

#include "base/log.h"
#include "model/engine.h"

#include <errno.h>

uint64_t handoff_deadline(const struct worker *worker, const struct conn *c)
{
    uint32_t patience_ms = conn_patience(c, worker->env.limits);
    return patience_ms == 0 ? 0 : worker->env.clock.now_ms + patience_ms;
}

/* Steps 2 and 3. `deadline_ms` and `owner_again`: what holds if it can't be done. 0, or -1 with errno. */
static int pass(struct conn_table *table, struct worker *to, struct conn *c, uint64_t deadline_ms, uint32_t owner_again)
{
    int fd = c->fd;
    uint32_t interest = c->interest;
    uint64_t key = conn_table_key(table, fd);
    conn_table_set_deadline(table, fd, deadline_ms);
    conn_table_pass(table, fd, to->id);
    if (poller_add(&to->poller, fd, interest, key) == 0)
        return 0;
    conn_table_pass(table, fd, owner_again);
    return -1;
}

void handoff(struct worker *from, struct worker *to, struct conn *c, enum stage next, bool registered)
{
    struct conn_table *table = &from->engine->table;
    atomic_fetch_add_explicit(&from->handoffs, 1, memory_order_relaxed);
    if (registered)
        poller_remove(&from->poller, c->fd);
    c->stage = (uint8_t)next;
    if (to->queue != NULL) {
        c->interest = 0;
        conn_table_set_deadline(table, c->fd, 0);
        conn_table_pass(table, c->fd, to->id);
        blockers_put(to->queue, c);
        return;
    }
    c->interest = conn_interest(c, next);
    if (pass(table, to, c, handoff_deadline(from, c), from->id) < 0) {
        log_errno(LOG_LEVEL_ERROR, "pass a connection to thread '%s'", to->role);
        worker_end(from, c);
    }
}

int handoff_new(struct worker *to, struct conn *c)
{
    c->interest = conn_interest(c, STAGE_READ);
    uint64_t deadline_ms = clock_now_ms() + conn_patience(c, to->env.limits);
    return pass(&to->engine->table, to, c, deadline_ms, OWNER_NOBODY);
}
