#include "conn/table.h"

#include "os/memory.h"

int conn_table_open(struct conn_table *table, int size)
{
    *table = (struct conn_table){.size = size};
    table->conns = memory_map((size_t)size * sizeof *table->conns);
    table->slots = memory_map((size_t)size * sizeof *table->slots);
    if (table->conns != NULL && table->slots != NULL)
        return 0;
    conn_table_close(table);
    return -1;
}

void conn_table_close(struct conn_table *table)
{
    memory_unmap(table->conns, (size_t)table->size * sizeof *table->conns);
    memory_unmap(table->slots, (size_t)table->size * sizeof *table->slots);
    table->conns = NULL;
    table->slots = NULL;
}

static void raise_top(struct conn_table *table, int top)
{
    int seen = atomic_load_explicit(&table->top, memory_order_relaxed);
    while (seen < top &&
           !atomic_compare_exchange_weak_explicit(&table->top, &seen, top, memory_order_release, memory_order_relaxed))
        ;
}

struct conn *conn_table_claim(struct conn_table *table, int fd)
{
    struct conn_slot *slot = &table->slots[fd];
    /* Acquires what the one that had this descriptor before wrote, up to its release. */
    (void)atomic_load_explicit(&slot->owner, memory_order_acquire);
    atomic_fetch_add_explicit(&slot->generation, 1, memory_order_relaxed);
    atomic_store_explicit(&slot->due, 0, memory_order_relaxed);
    raise_top(table, fd + 1);
    return &table->conns[fd];
}

void conn_table_release(struct conn_table *table, int fd)
{
    atomic_store_explicit(&table->slots[fd].owner, OWNER_NOBODY, memory_order_release);
}

uint64_t conn_table_key(const struct conn_table *table, int fd)
{
    uint64_t generation = atomic_load_explicit(&table->slots[fd].generation, memory_order_relaxed);
    return generation << 32 | (uint32_t)fd;
}

struct conn *conn_table_find(struct conn_table *table, uint64_t key, uint32_t owner)
{
    int fd = (int)(key & 0xffffffff);
    if (!conn_table_owns(table, fd, owner) || conn_table_key(table, fd) != key)
        return NULL;
    return &table->conns[fd];
}

struct conn *conn_table_answer(struct conn_table *table, uint64_t key, uint32_t shared, uint32_t self)
{
    int fd = (int)(key & 0xffffffff);
    _Atomic uint32_t *slot = &table->slots[fd].owner;
    while (conn_table_key(table, fd) == key) {
        uint32_t owner = atomic_load_explicit(slot, memory_order_relaxed);
        if (owner == OWNER_NOBODY)
            return NULL;
        if (owner == shared ? conn_table_seize(table, fd, shared, self)
                            : atomic_compare_exchange_strong_explicit(slot, &owner, owner | OWNER_CALLED,
                                                                      memory_order_relaxed, memory_order_relaxed))
            return owner == shared ? &table->conns[fd] : NULL;
    }
    return NULL;
}
