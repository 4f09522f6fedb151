/*
 * place: where a connection waits while no thread runs it, and how it gets from one place to another.
 *
 * A place owns connections by a number of its own (conn/table.h). There are four kinds:
 *
 *  - a poller: for its socket, watched by one thread; what stays there needs no system call between two requests
 *  - a shared one: for its socket, watched by several threads; an event comes once, to one, who seizes the connection
 *  - a queue: for a thread, whichever is free first
 *  - an inbox: one thread's poller with a queue before it, which other threads may take from, too
 *
 * Passing a connection on:
 *
 *     1  forget it here          no event of it will come to us any more
 *     2  store when it is due, then the new owner (release)
 *     3  register it there       from step 2 on it is not ours: not to be touched again
 *
 * (For a shared place steps 2 and 3 change places, see conn/table.h.)
 *
 * Between pollers there is no queue and no lock: the kernel wakes the thread. Step 3 can fail (no memory, too many
 * watches). The connection is the new owner's then all the same, whose sweep may be looking at it already; it is only
 * marked as stranded, and that sweep ends it. Nothing is ever taken back.
 */
#ifndef SHUNT_MODEL_PLACE_H
#define SHUNT_MODEL_PLACE_H

#include "conn/table.h"
#include "model/queue.h"
#include "os/poller.h"

struct acceptor;
struct crew;

enum place_kind {
    PLACE_POLLER = 1,
    PLACE_SHARED,
    PLACE_QUEUE,
    PLACE_INBOX,
};

struct place {
    enum place_kind kind;
    const struct crew *crew; /* whose it is */
    uint32_t id;             /* the owner's number in the table */
    struct poller poller;
    struct queue queue;        /* of a queue or an inbox */
    struct acceptor *acceptor; /* the engine's: of listeners that this place watches as well; NULL: none */

    _Alignas(64) _Atomic uint64_t sweep_ms; /* shared: when the next sweep is due; whoever comes first does it */
    _Atomic uint32_t shed;                  /* shared: idle connections that the accept stage asks to be closed */
    _Atomic bool asleep;                    /* shared, an inbox's: its thread waits, or is about to */
    _Atomic int64_t load_ns;                /* shared: what its connections are expected to cost, see load.h */
};

/* `size`: how many connections there can be. 0, or -1 with errno; place_close() is owed either way. */
int place_open(struct place *place, const struct crew *crew, uint32_t id, int size);

/* Safe on one that is zeroed but for a closed poller. */
void place_close(struct place *place);

/* Wakes the thread, or one of the threads, that wait at its poller. */
void place_wake(struct place *place);

/* Whether a connection that this thread runs for a place may stay there without being passed. */
static inline bool place_keeps(const struct place *place)
{
    return place->kind == PLACE_POLLER || place->kind == PLACE_INBOX;
}

/* Passes a connection that the caller owns from `from` (NULL: it stands nowhere) to `to`, which isn't shared, for its
 * stage `next`. */
void place_pass(struct conn_table *table, struct place *from, struct place *to, struct conn *c, enum stage next,
                struct conn_due due);

enum place_outcome {
    PLACE_GIVEN = 1, /* it is not ours any more */
    PLACE_CALLED,    /* it is ours still: its socket is ready already */
    PLACE_BROKEN     /* it is ours still: it can't be watched (no memory, too many watches) */
};

/* The same where `to` is shared. `self`: the number by which the caller owns it, alone. */
enum place_outcome place_share(struct conn_table *table, uint32_t self, struct place *to, struct conn *c,
                               enum stage next, struct conn_due due);

#endif
