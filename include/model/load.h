/*
 * load: what requests cost, by verb and target, and so what each worker has before it (Pauley, "A High Concurrency HTTP
 * Server Architecture").
 *
 * The table is bounded and hashed. A row holds a moving average of handling time: what a request's stages took its
 * thread, from begin to end, waiting excluded. It is shared by all workers without a lock; two that meet in a row may
 * lose one of two measurements, which a moving average forgives, or give one key two rows, of which the first is
 * believed and the other makes room in time.
 *
 * A place's load is the sum of what its open requests are expected to cost. A connection that nobody has read yet
 * counts as much as a request costs on average: what it will ask for is not known.
 */
#ifndef SHUNT_MODEL_LOAD_H
#define SHUNT_MODEL_LOAD_H

#include "base/hash.h"
#include "conn/conn.h"
#include "model/place.h"

#include <stdatomic.h>

enum {
    LOAD_ROWS = 8192,
    LOAD_WAYS = 4, /* rows where a key may stand; a new one takes the place of the least counted of them */
};

struct load_row {
    _Atomic uint64_t key_and_mean; /* the key in the upper half, nanoseconds in the lower; 0: free */
    _Atomic uint32_t count;        /* requests that were measured */
};

/* What the request in the making of a connection costs. */
struct load_cost {
    uint32_t key;         /* stands for its verb and target; 0: none is in the making */
    uint32_t expected_ns; /* what its thread counts on; of a connection not read yet, too */
    uint32_t spent_ns;    /* on it so far */
    uint32_t accepted_us; /* when, monotonic, cut off; 0: it has been read since */
};

struct load {
    struct hash_key hash;                  /* of verb and target, for the keys */
    struct load_row *rows;                 /* owned; NULL: nothing is measured */
    struct load_cost *costs;               /* mapped: of each connection, by its descriptor; the affair of its owner */
    _Alignas(64) _Atomic uint32_t mean_ns; /* of all requests, moving */
    _Atomic uint32_t wait_ns;              /* from accept to the first read, moving */
};

/* What is known, in all. */
struct load_summary {
    int targets;       /* rows in use */
    uint64_t requests; /* that they count */
    double median_ns;  /* handling time, over the requests */
    double mean_ns;
    double wait_ns; /* from accept to the first read, the moving average */
};

/* For descriptors below `size`. 0, or -1 with errno; load_close() is owed either way. */
int load_open(struct load *load, int size);

/* Safe on a zeroed one. */
void load_close(struct load *load);

/* A request of this key took so long. */
void load_note(struct load *load, uint32_t key, uint32_t ns);

/* How long the next one is expected to take; where the key is not known, as long as any. */
uint32_t load_expect(const struct load *load, uint32_t key);

/* A new connection, unread, is given to a place. */
void load_admit(struct load *load, struct place *to, const struct conn *c);

/* It is taken from one place to another, still unread. */
void load_move(struct load *load, struct place *from, struct place *to, const struct conn *c);

/* Around a stage that a connection runs whose home is `at`, by the same thread: load_begin gives the time that load_end
 * is told, `meter` then has the requests that were answered; `next` says whether the last of them is in the making
 * still. */
uint64_t load_begin(struct load *load, struct place *at, struct meter *meter, const struct conn *c);
void load_end(struct load *load, struct place *at, const struct meter *meter, const struct conn *c, enum stage next,
              uint64_t began_ns);

/* The connection ends: nothing is expected of it any more. */
void load_forget(struct load *load, struct place *at, const struct conn *c);

/* Reads the table while others write it. */
void load_sum_up(const struct load *load, struct load_summary *summary);

/* Requests that can be answered within `duration_s` by so many threads, which are kept busy for a part `queue` of it
 * (1: always something waits): Pauley's queue × duration × concurrency ÷ median handling time. 0 where nothing is
 * known. */
double load_capacity(const struct load_summary *summary, double queue, double duration_s, int concurrency);

#endif
