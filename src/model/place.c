#include "model/handoff.h"

static void put_into_queue(struct conn_table *table, const struct place *to, struct conn *c)
{
    int fd = c->fd;
    c->interest = 0;
    conn_table_set_deadline(table, fd, 0);
    conn_table_pass(table, fd, to->id);
    queue_put(to->queue, fd);
}

void handoff(struct conn_table *table, struct poller *from, const struct place *to, struct conn *c, enum stage next,
             uint64_t deadline_ms)
{
    int fd = c->fd;
    uint32_t interest = conn_interest(c, next);
    uint64_t key = conn_table_key(table, fd);
    if (from != NULL)
        poller_remove(from, fd);
    c->stage = (uint8_t)next;
    if (to->queue != NULL) {
        put_into_queue(table, to, c);
        return;
    }
    c->interest = interest;
    conn_table_set_deadline(table, fd, deadline_ms);
    conn_table_pass(table, fd, to->id);
    if (poller_add(to->poller, fd, interest, key) < 0)
        conn_table_strand(table, fd, to->id);
}
