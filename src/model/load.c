#include "model/load.h"

#include "base/clock.h"

#include <stdlib.h>
#include <unistd.h>

enum {
    WEIGHT = 8,            /* a measurement's part in a moving average is one in so many */
    MEAN_AT_FIRST = 10000, /* nanoseconds, before anything was measured */
};

/* ---- the table */

int load_open(struct load *load)
{
    *load = (struct load){.mean_ns = MEAN_AT_FIRST};
    load->rows = calloc(LOAD_ROWS, sizeof *load->rows);
    return load->rows == NULL || getentropy(&load->hash, sizeof load->hash) < 0 ? -1 : 0;
}

void load_close(struct load *load)
{
    free(load->rows);
    load->rows = NULL;
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

void load_admit(const struct load *load, struct place *to, struct conn *c)
{
    c->cost = (struct conn_cost){.expected_ns = atomic_load_explicit(&load->mean_ns, memory_order_relaxed),
                                 .accepted_us = micro(clock_now_ns())};
    add(to, c->cost.expected_ns);
}

void load_move(struct place *from, struct place *to, struct conn *c)
{
    add(from, -(int64_t)c->cost.expected_ns);
    add(to, c->cost.expected_ns);
}

void load_forget(struct place *at, struct conn *c)
{
    add(at, -(int64_t)c->cost.expected_ns);
    c->cost.expected_ns = 0;
}

uint64_t load_begin(struct load *load, struct place *at, struct meter *meter, struct conn *c)
{
    uint64_t now_ns = clock_now_ns();
    meter->count = 0;
    if (c->cost.accepted_us != 0) {
        uint32_t waited_us = micro(now_ns) - c->cost.accepted_us;
        note_average(&load->wait_ns, to_32((uint64_t)waited_us * 1000));
        c->cost.accepted_us = 0;
        load_forget(at, c);
    }
    return now_ns;
}

/* The request in the making is complete. */
static void finish(struct load *load, struct place *at, struct conn *c)
{
    load_note(load, c->cost.key, c->cost.spent_ns);
    if (c->cost.expected_ns > 0)
        load_forget(at, c);
    c->cost.key = c->cost.spent_ns = 0;
}

static void spend(struct conn *c, uint32_t ns)
{
    c->cost.spent_ns = to_32((uint64_t)c->cost.spent_ns + ns);
}

/* Each of the requests that one stage answered has an equal part in what it took. */
void load_end(struct load *load, struct place *at, const struct meter *meter, struct conn *c, enum stage next,
              uint64_t began_ns)
{
    uint32_t count = (uint32_t)meter->count, noted = count < METER_KEYS ? count : METER_KEYS;
    uint32_t part = to_32((clock_now_ns() - began_ns) / (count > 0 ? count : 1));
    if (count > 0 && c->cost.key != 0)
        finish(load, at, c);
    for (uint32_t i = 0; i + 1 < noted; i++)
        load_note(load, meter->keys[i], part);
    if (noted > 0)
        c->cost.key = meter->keys[noted - 1];
    spend(c, part);
    if (c->cost.key == 0)
        return;
    bool in_the_making = next == STAGE_WRITE || (next == STAGE_BLOCK && c->body != NULL);
    if (!in_the_making) {
        finish(load, at, c);
    } else if (c->cost.expected_ns == 0) {
        c->cost.expected_ns = load_expect(load, c->cost.key);
        add(at, c->cost.expected_ns);
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
