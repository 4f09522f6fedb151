#include "base/ring.h"

#include <stdlib.h>

int ring_open(struct ring *ring, size_t size)
{
    *ring = (struct ring){.bytes = malloc(size), .size = size};
    return ring->bytes == NULL ? -1 : 0;
}

void ring_close(struct ring *ring)
{
    free(ring->bytes);
    ring->bytes = NULL;
    ring->size = 0;
}

bool ring_put(struct ring *ring, struct slice record)
{
    uint64_t put = atomic_load_explicit(&ring->put, memory_order_relaxed);
    uint64_t taken = atomic_load_explicit(&ring->taken, memory_order_acquire);
    if (record.len > ring->size - (put - taken)) {
        atomic_fetch_add_explicit(&ring->lost, 1, memory_order_relaxed);
        return false;
    }
    uint64_t at = put & (ring->size - 1);
    uint64_t first = record.len < ring->size - at ? record.len : ring->size - at;
    memcpy(ring->bytes + at, record.at, first);
    memcpy(ring->bytes, record.at + first, record.len - first);
    atomic_store_explicit(&ring->put, put + record.len, memory_order_release);
    return true;
}

size_t ring_take(struct ring *ring, char *to, size_t room)
{
    uint64_t taken = atomic_load_explicit(&ring->taken, memory_order_relaxed);
    uint64_t put = atomic_load_explicit(&ring->put, memory_order_acquire);
    uint64_t len = put - taken < room ? put - taken : room;
    uint64_t at = taken & (ring->size - 1);
    uint64_t first = len < ring->size - at ? len : ring->size - at;
    memcpy(to, ring->bytes + at, first);
    memcpy(to + first, ring->bytes, len - first);
    atomic_store_explicit(&ring->taken, taken + len, memory_order_release);
    return len;
}
