/*
 * rota: whose turn it is to get a new connection, round-robin with weights. One of weight 3 has three turns in a round,
 * as far apart as can be.
 */
#ifndef SHUNT_MODEL_ROTA_H
#define SHUNT_MODEL_ROTA_H

#include <stdint.h>

struct rota {
    uint16_t *turns; /* owned: one round, `length` turns long */
    int length;
};

/* For so many, the first `weight_count` of which have a weight, at least 1; the others have 1. 0, or -1 with errno
 * ENOMEM. */
int rota_open(struct rota *rota, int count, const int *weights, int weight_count);

/* Safe on a zeroed rota. */
void rota_close(struct rota *rota);

/* Who gets the n-th. */
static inline uint16_t rota_turn(const struct rota *rota, uint64_t n)
{
    return rota->turns[n % (uint64_t)rota->length];
}

#endif
