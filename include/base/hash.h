/*
 * hash: SipHash-1-3 (Aumasson and Bernstein, "SipHash: a fast short-input PRF"), for tables whose keys a peer can
 * choose.
 *
 * Who doesn't know the key can't make keys that collide. A cheaper mix would let anyone fill one bucket.
 */
#ifndef SHUNT_BASE_HASH_H
#define SHUNT_BASE_HASH_H

#include "base/slice.h"

#include <stdint.h>

struct hash_key {
    uint64_t a, b; /* secret and random, where a peer chooses the bytes */
};

/* The same on machines of either byte order. */
uint64_t hash_bytes(struct hash_key key, struct slice bytes);

#endif
