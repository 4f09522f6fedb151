#include "model/rota.h"

#include <stdlib.h>

struct weighed {
    const int *weights;
    int weight_count;
};

static int weight_of(const struct weighed *weighed, int i)
{
    return i < weighed->weight_count ? weighed->weights[i] : 1;
}

/* Everybody is owed a weight more each turn; who is owed most has it, and owes it to all. */
static void fill(struct rota *rota, int *owed, int count, const struct weighed *weighed)
{
    for (int turn = 0; turn < rota->length; turn++) {
        int next = 0;
        for (int i = 0; i < count; i++) {
            owed[i] += weight_of(weighed, i);
            if (owed[i] > owed[next])
                next = i;
        }
        owed[next] -= rota->length;
        rota->turns[turn] = (uint16_t)next;
    }
}

int rota_open(struct rota *rota, int count, const int *weights, int weight_count)
{
    struct weighed weighed = {weights, weight_count};
    *rota = (struct rota){0};
    for (int i = 0; i < count; i++)
        rota->length += weight_of(&weighed, i);
    int *owed = calloc((size_t)count, sizeof *owed);
    rota->turns = calloc((size_t)rota->length, sizeof *rota->turns);
    int result = owed == NULL || rota->turns == NULL ? -1 : 0;
    if (result == 0)
        fill(rota, owed, count, &weighed);
    free(owed);
    return result;
}

void rota_close(struct rota *rota)
{
    free(rota->turns);
    *rota = (struct rota){0};
}
