#include "model/load.h"

#include "base/clock.h"

#include <stdlib.h>
#include <unistd.h>

enum {
    WEIGHT = 8,            /* a measurement's part in a moving average is one in so many */
    MEAN_AT_FIRST = 10000, /* nanoseconds, before anything was measured */
};

/* ---- the table */

int load_open(struct load *load, int size)
{
    *load = (struct load){.mean_ns = MEAN_AT_FIRST};
    load->rows = calloc(LOAD_ROWS, sizeof *load->rows);
    load->costs = calloc((size_t)size, sizeof *load->costs);
    bool opened = load->rows != NULL && load->costs != NULL && getentropy(&load->hash, sizeof load->hash) == 0;
    return opened ? 0 : -1;
}

void load_close(struct load *load)
{
    free(load->rows);
    free(load->costs);
    load->rows = NULL;
    load->costs = NULL;
}

static uint32_t key_of(uint64_t key_and_mean)
{
    return (uint32_t)(key_and_mean >> 32);
}

static uint32_t mean_of(uint64_t key_and_mean)
{
    return (uint32_t)key_and_mean;
}

static uint32_t move_average(uint32_t mean, uint32_t ns)
{
    return (uint32_t)((int64_t)mean + ((int64_t)ns - mean) / WEIGHT);
}

static void note_average(_Atomic uint32_t *mean, uint32_t ns)
{
    uint32_t was = atomic_load_explicit(mean, memory_order_relaxed);
    atomic_store_explicit(mean, move_average(was, ns), memory_order_relaxed);
}

/* The key's row, or NULL; *victim: the one that it may have instead, of those where it could stand. */
static struct load_row *find(const struct load *load, uint32_t key, struct load_row **victim)
{
    uint32_t first = key % LOAD_ROWS;
    *victim = NULL;
    for (uint32_t i = 0; i < LOAD_WAYS; i++) {
        struct load_row *row = &load->rows[(first + i) % LOAD_ROWS];
        if (key_of(atomic_load_explicit(&row->key_and_mean, memory_order_relaxed)) == key)
            return row;
        if (*victim == NULL || atomic_load_explicit(&row->count, memory_order_relaxed) <
                                   atomic_load_explicit(&(*victim)->count, memory_order_relaxed))
            *victim = row;
    }
    return NULL;
}

void load_note(struct load *load, uint32_t key, uint32_t ns)
{
    struct load_row *victim, *row = find(load, key, &victim);
    uint32_t mean = ns, count = 1;
    if (row != NULL) {
        mean = move_average(mean_of(atomic_load_explicit(&row->key_and_mean, memory_order_relaxed)), ns);
        count += atomic_load_explicit(&row->count, memory_order_relaxed);
    } else {
        row = victim;
    }
    atomic_store_explicit(&row->key_and_mean, (uint64_t)key << 32 | mean, memory_order_relaxed);
    atomic_store_explicit(&row->count, count, memory_order_relaxed);
    note_average(&load->mean_ns, ns);
}

uint32_t load_expect(const struct load *load, uint32_t key)
{
    struct load_row *victim, *row = find(load, key, &victim);
    return row == NULL ? atomic_load_explicit(&load->mean_ns, memory_order_relaxed)
                       : mean_of(atomic_load_explicit(&row->key_and_mean, memory_order_relaxed));
}

/* ---- a connection */

static void add(struct place *place, int64_t ns)
{
    atomic_fetch_add_explicit(&place->load_ns, ns, memory_order_relaxed);
}

static uint32_t to_32(uint64_t ns)
{
    return ns < UINT32_MAX ? (uint32_t)ns : UINT32_MAX;
}

static uint32_t micro(uint64_t ns)
{
    uint32_t us = (uint32_t)(ns / 1000);
    return us == 0 ? 1 : us;
}

static struct load_cost *cost_of(struct load *load, const struct conn *c)
{
    return &load->costs[c->fd];
}

void load_admit(struct load *load, struct place *to, const struct conn *c)
{
    struct load_cost *cost = cost_of(load, c);
    *cost = (struct load_cost){.expected_ns = atomic_load_explicit(&load->mean_ns, memory_order_relaxed),
                               .accepted_us = micro(clock_now_ns())};
    add(to, cost->expected_ns);
}

void load_move(struct load *load, struct place *from, struct place *to, const struct conn *c)
{
    const struct load_cost *cost = cost_of(load, c);
    add(from, -(int64_t)cost->expected_ns);
    add(to, cost->expected_ns);
}

static void forget(struct place *at, struct load_cost *cost)
{
    if (cost->expected_ns > 0)
        add(at, -(int64_t)cost->expected_ns);
    cost->expected_ns = 0;
}

void load_forget(struct load *load, struct place *at, const struct conn *c)
{
    forget(at, cost_of(load, c));
}

uint64_t load_begin(struct load *load, struct place *at, struct meter *meter, const struct conn *c)
{
    struct load_cost *cost = cost_of(load, c);
    uint64_t now_ns = clock_now_ns();
    meter->count = 0;
    if (cost->accepted_us != 0) {
        uint32_t waited_us = micro(now_ns) - cost->accepted_us;
        note_average(&load->wait_ns, to_32((uint64_t)waited_us * 1000));
        cost->accepted_us = 0;
        forget(at, cost);
    }
    return now_ns;
}

/* The request in the making is complete. */
static void finish(struct load *load, struct place *at, struct load_cost *cost)
{
    load_note(load, cost->key, cost->spent_ns);
    forget(at, cost);
    cost->key = cost->spent_ns = 0;
}

/* Each of the requests that one stage answered has an equal part in what it took. */
void load_end(struct load *load, struct place *at, const struct meter *meter, const struct conn *c, enum stage next,
              uint64_t began_ns)
{
    struct load_cost *cost = cost_of(load, c);
    uint32_t count = (uint32_t)meter->count, noted = count < METER_KEYS ? count : METER_KEYS;
    uint32_t part = to_32((clock_now_ns() - began_ns) / (count > 0 ? count : 1));
    if (count > 0 && cost->key != 0)
        finish(load, at, cost);
    for (uint32_t i = 0; i + 1 < noted; i++)
        load_note(load, meter->keys[i], part);
    if (noted > 0)
        cost->key = meter->keys[noted - 1];
    cost->spent_ns = to_32((uint64_t)cost->spent_ns + part);
    if (cost->key == 0)
        return;
    bool in_the_making = next == STAGE_WRITE || (next == STAGE_BLOCK && c->rest.entry != NULL);
    if (!in_the_making) {
        finish(load, at, cost);
    } else if (cost->expected_ns == 0) {
        cost->expected_ns = load_expect(load, cost->key);
        add(at, cost->expected_ns);
    }
}

/* ---- what is known in all */

struct sample {
    uint32_t mean_ns, count;
};

static int by_mean(const void *a, const void *b)
{
    const struct sample *one = a, *other = b;
    return (one->mean_ns > other->mean_ns) - (one->mean_ns < other->mean_ns);
}

static double median(struct sample *samples, int count, uint64_t requests)
{
    uint64_t seen = 0;
    qsort(samples, (size_t)count, sizeof *samples, by_mean);
    for (int i = 0; i < count; i++) {
        seen += samples[i].count;
        if (2 * seen >= requests)
            return samples[i].mean_ns;
    }
    return 0;
}

void load_sum_up(const struct load *load, struct load_summary *summary)
{
    struct sample samples[LOAD_ROWS];
    *summary = (struct load_summary){.wait_ns = atomic_load_explicit(&load->wait_ns, memory_order_relaxed)};
    for (int i = 0; i < LOAD_ROWS; i++) {
        uint64_t key_and_mean = atomic_load_explicit(&load->rows[i].key_and_mean, memory_order_relaxed);
        uint32_t count = atomic_load_explicit(&load->rows[i].count, memory_order_relaxed);
        if (key_and_mean == 0 || count == 0)
            continue;
        samples[summary->targets++] = (struct sample){mean_of(key_and_mean), count};
        summary->requests += count;
        summary->mean_ns += (double)mean_of(key_and_mean) * count;
    }
    if (summary->requests == 0)
        return;
    summary->mean_ns /= (double)summary->requests;
    summary->median_ns = median(samples, summary->targets, summary->requests);
}

double load_capacity(const struct load_summary *summary, double queue, double duration_s, int concurrency)
{
    return summary->median_ns > 0 ? queue * duration_s * 1e9 * concurrency / summary->median_ns : 0;
}
