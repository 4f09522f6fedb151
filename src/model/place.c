#include "model/place.h"

#include "model/crew.h"

int place_open(struct place *place, const struct crew *crew, uint32_t id, int size)
{
    enum place_kind kind = crew->kind;
    place->crew = crew;
    place->kind = kind;
    place->id = id;
    place->poller = POLLER_CLOSED;
    if ((kind == PLACE_QUEUE || kind == PLACE_INBOX) && queue_open(&place->queue, size) < 0)
        return -1;
    return poller_open(&place->poller);
}

void place_close(struct place *place)
{
    queue_close(&place->queue);
    poller_close(&place->poller);
}

void place_wake(struct place *place)
{
    poller_wake(&place->poller);
}

/* It waits for a thread, whatever its socket does: its deadline is kept for later, and no sweep looks at it. */
static void put_into_queue(struct conn_table *table, struct place *to, struct conn *c, struct conn_due due)
{
    int fd = c->fd;
    c->interest = 0;
    conn_table_set_due(table, fd, (struct conn_due){due.ms, PHASE_QUEUED});
    conn_table_pass(table, fd, to->id);
    if (queue_put(&to->queue, fd) && to->kind == PLACE_INBOX)
        place_wake(to);
}

static bool goes_by_queue(const struct place *to, const struct conn *c)
{
    return to->kind == PLACE_QUEUE || (to->kind == PLACE_INBOX && (!to->crew->only_unread || c->phase == PHASE_FRESH));
}

void place_pass(struct conn_table *table, struct place *from, struct place *to, struct conn *c, enum stage next,
                struct conn_due due)
{
    int fd = c->fd;
    uint32_t interest = conn_interest(c, next);
    uint64_t key = conn_table_key(table, fd);
    if (from != NULL && place_keeps(from) && c->interest != 0)
        poller_remove(&from->poller, fd);
    c->stage = (uint8_t)next;
    if (goes_by_queue(to, c)) {
        put_into_queue(table, to, c, due);
        return;
    }
    c->interest = interest;
    conn_table_set_due(table, fd, due);
    conn_table_pass(table, fd, to->id);
    if (poller_add(&to->poller, fd, interest, key) < 0)
        conn_table_strand(table, fd, to->id);
}

/* It stands there silent while a thread is at it, and is only armed again. */
static int arm(struct place *to, const struct conn *c, uint64_t key)
{
    uint32_t interest = conn_interest(c, (enum stage)c->stage) | POLLER_ONCE;
    return c->parked ? poller_modify(&to->poller, c->fd, interest, key) : poller_add(&to->poller, c->fd, interest, key);
}

enum place_outcome place_share(struct conn_table *table, uint32_t self, struct place *to, struct conn *c,
                               enum stage next, struct conn_due due)
{
    int fd = c->fd;
    c->stage = (uint8_t)next;
    conn_table_set_due(table, fd, due);
    conn_table_pass(table, fd, self);
    if (arm(to, c, conn_table_key(table, fd)) < 0)
        return PLACE_BROKEN;
    c->parked = true;
    return conn_table_give_back(table, fd, self, to->id) ? PLACE_GIVEN : PLACE_CALLED;
}
