/*
 * table: every connection that can be, by its descriptor's number; and who owns it.
 *
 * A connection has one owner at every instant: the thread that may touch it. To pass it on, the old owner stores a
 * fresh deadline and the new owner, with release order, before the socket is registered with the new owner's poller;
 * from that store on it must not touch the connection again. An event carries descriptor and generation: it is the new
 * owner's only if both still hold, so events of a socket that was passed or closed meanwhile fall on the floor.
 *
 * The slots lie apart from the connections, small and flat, since each worker walks them once a second for its own that
 * are past their deadline. Memory is committed as descriptors are used.
 */
#ifndef SHUNT_CONN_TABLE_H
#define SHUNT_CONN_TABLE_H

#include "conn/conn.h"

#include <stdatomic.h>

#define OWNER_NOBODY 0u /* owners are numbered from 1 */
/* Two flags beside an owner's number. */
#define OWNER_STRANDED 0x80000000u /* it stands in no poller, the owner's next sweep ends it */
#define OWNER_CALLED   0x40000000u /* an event came while a thread had it that watches it for several */

struct conn_slot {
    _Atomic uint64_t due; /* a struct conn_due in one word */
    _Atomic uint32_t owner;
    _Atomic uint32_t generation; /* of the descriptor: how many connections it has been */
};

struct conn_table {
    struct conn *conns; /* mapped, `size` of them */
    struct conn_slot *slots;
    int size;        /* descriptors 0 … size - 1 have a place */
    _Atomic int top; /* one past the largest descriptor ever used */
};

/* 0, or -1 with errno ENOMEM. */
int conn_table_open(struct conn_table *table, int size);
void conn_table_close(struct conn_table *table);

/* A new connection's place: fd must be below table->size, and new. It is nobody's, which is to say the caller's. */
struct conn *conn_table_claim(struct conn_table *table, int fd);

/* Gives the place up; to be called before the descriptor is closed. */
void conn_table_release(struct conn_table *table, int fd);

/* The key that a poller is given for fd in its present generation. */
uint64_t conn_table_key(const struct conn_table *table, int fd);

/* The connection that an event with this key is about, if `owner` owns it and it is still the same; else NULL. */
struct conn *conn_table_find(struct conn_table *table, uint64_t key, uint32_t owner);

/* Whether `owner` owns fd now. For walking over all of them; a stranded one has `owner | OWNER_STRANDED`. */
static inline bool conn_table_owns(const struct conn_table *table, int fd, uint32_t owner)
{
    return atomic_load_explicit(&table->slots[fd].owner, memory_order_acquire) == owner;
}

/* The owner's: when the connection is due. */
static inline void conn_table_set_due(struct conn_table *table, int fd, struct conn_due due)
{
    atomic_store_explicit(&table->slots[fd].due, (uint64_t)due.phase << 56 | due.ms, memory_order_relaxed);
}

/* Anybody's: the same, as it was a moment ago. */
static inline struct conn_due conn_table_due(const struct conn_table *table, int fd)
{
    uint64_t word = atomic_load_explicit(&table->slots[fd].due, memory_order_relaxed);
    return (struct conn_due){word & (UINT64_MAX >> 8), (enum conn_phase)(word >> 56)};
}

/* The connection could not be registered with its new owner's poller. By whoever passed it: the one thing allowed after
 * that. */
static inline void conn_table_strand(struct conn_table *table, int fd, uint32_t owner)
{
    atomic_store_explicit(&table->slots[fd].owner, owner | OWNER_STRANDED, memory_order_release);
}

/*
 * Where several threads watch one poller, a connection is the poller's until one of them makes it its own. All that is
 * done to it, arming its socket again included, is done before it is given back, so that nobody's late call can hit a
 * descriptor that another has closed meanwhile. An event that comes in between is noted, and not lost.
 */

/* Makes a connection of `from` the caller's. Whether it was the first; then it sees all that was stored before. */
static inline bool conn_table_seize(struct conn_table *table, int fd, uint32_t from, uint32_t to)
{
    return atomic_compare_exchange_strong_explicit(&table->slots[fd].owner, &from, to, memory_order_acquire,
                                                   memory_order_relaxed);
}

/* Gives it back to `to`. False when an event has come for it meanwhile: it is the caller's still. */
static inline bool conn_table_give_back(struct conn_table *table, int fd, uint32_t self, uint32_t to)
{
    uint32_t owner = self;
    if (atomic_compare_exchange_strong_explicit(&table->slots[fd].owner, &owner, to, memory_order_release,
                                                memory_order_relaxed))
        return true;
    atomic_store_explicit(&table->slots[fd].owner, self, memory_order_relaxed);
    return false;
}

/* The connection that an event with this key is about, seized from `shared` for `self`. NULL when there is none, or
 * another thread has it, which then is told. */
struct conn *conn_table_answer(struct conn_table *table, uint64_t key, uint32_t shared, uint32_t self);

/* Passes ownership on. Everything stored before is seen by the new owner. */
static inline void conn_table_pass(struct conn_table *table, int fd, uint32_t owner)
{
    atomic_store_explicit(&table->slots[fd].owner, owner, memory_order_release);
}

#endif
