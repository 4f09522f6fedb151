/*
 * ring: bytes from one thread to one other, without a lock. The access log of a worker goes through one.
 *
 * One thread puts, one takes; each side writes its own index and reads the other's. A record is put whole or not at
 * all, so a full ring costs the producer a line, never a wait: what did not fit is counted.
 */
#ifndef SHUNT_BASE_RING_H
#define SHUNT_BASE_RING_H

#include "base/slice.h"

#include <stdatomic.h>
#include <stdint.h>

struct ring {
    char *bytes;                         /* owned */
    uint64_t size;                       /* a power of two */
    _Alignas(64) _Atomic uint64_t put;   /* bytes ever put; written by the producer */
    _Atomic uint64_t lost;               /* records that did not fit; written by the producer */
    _Alignas(64) _Atomic uint64_t taken; /* bytes ever taken; written by the consumer */
};

/* `size` in bytes, a power of two. 0, or -1 with errno ENOMEM. */
int ring_open(struct ring *ring, size_t size);

/* Gives the memory back. Safe on a ring that was never opened, if zeroed. */
void ring_close(struct ring *ring);

/* Producer: appends the record, whole. False, and counted as lost, when it doesn't fit. */
bool ring_put(struct ring *ring, struct slice record);

/* Producer: whether more than half of it waits to be taken. */
static inline bool ring_is_filling(const struct ring *ring)
{
    uint64_t put = atomic_load_explicit(&ring->put, memory_order_relaxed);
    return put - atomic_load_explicit(&ring->taken, memory_order_relaxed) > ring->size / 2;
}

/* Consumer: moves at most `room` bytes to `to`; how many were moved. Records may be split between two calls. */
size_t ring_take(struct ring *ring, char *to, size_t room);

#endif
