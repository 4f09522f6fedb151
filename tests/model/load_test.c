/*
 * Costs are told to the table in nanoseconds, as if they had been measured; where a connection's way is walked, the
 * clock is the real one, and only what is expected of it is looked at.
 */
#include "model/load.h"

#include "model/models.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { KILOBYTE_NS = 6000, MIDDLE_NS = 900000, TEN_GIGABYTES_NS = 2000000000, WORKERS = 4, CONNECTIONS = 4000 };

static struct load *opened(void)
{
    static struct load load;
    assert_int_equal(load_open(&load, CONNECTIONS), 0);
    return &load;
}

static unsigned next_random(unsigned *random)
{
    *random = *random * 1103515245 + 12345;
    return *random >> 8;
}

/* A cost as it is measured: up to a fifth more or less. */
static uint32_t about(uint32_t ns, unsigned *random)
{
    return (uint32_t)((uint64_t)ns * (80 + next_random(random) % 41) / 100);
}

static void expect_within(const char *what, double value, double wanted, double part)
{
    if (value < wanted * (1 - part) || value > wanted * (1 + part))
        fail_msg("%s: %.0f, and not about %.0f", what, value, wanted);
}

/* ---- the table */

/* What the article worries about: some requests cost a million times what others do. */
static void costs_that_lie_far_apart_are_told_apart(void **state)
{
    static const struct {
        const char *what;
        uint32_t key, ns;
        unsigned often; /* in a thousand */
    } rows[] = {{"1 kB", 7, KILOBYTE_NS, 900}, {"1 MB", 8, MIDDLE_NS, 98}, {"10 GB", 9, TEN_GIGABYTES_NS, 2}};
    (void)state;
    struct load *load = opened();
    unsigned random = 1;
    for (int i = 0; i < 30000; i++) {
        unsigned dice = next_random(&random) % 1000;
        int row = dice < rows[0].often ? 0 : dice < rows[0].often + rows[1].often ? 1 : 2;
        load_note(load, rows[row].key, about(rows[row].ns, &random));
    }
    for (int i = 0; i < 3; i++)
        expect_within(rows[i].what, load_expect(load, rows[i].key), rows[i].ns, 0.2);
    load_close(load);
}

static void an_average_follows_what_has_changed(void **state)
{
    (void)state;
    struct load *load = opened();
    for (int i = 0; i < 100; i++)
        load_note(load, 5, 1000);
    assert_int_equal(load_expect(load, 5), 1000);
    load_note(load, 5, 9000);
    uint32_t after_one = load_expect(load, 5);
    assert_true(after_one > 1000 && after_one < 3000); /* one measurement says little */
    for (int i = 0; i < 50; i++)
        load_note(load, 5, 9000);
    expect_within("after fifty", load_expect(load, 5), 9000, 0.05);
    for (int i = 0; i < 100; i++)
        load_note(load, 5, 0);
    assert_true(load_expect(load, 5) < 100);
    load_close(load);
}

static void what_is_not_known_is_expected_to_cost_what_all_cost(void **state)
{
    (void)state;
    struct load *load = opened();
    uint32_t before = load_expect(load, 5);
    assert_true(before > 0); /* before anything was measured, each connection counts all the same */
    for (int i = 0; i < 100; i++)
        load_note(load, 6, 70000);
    expect_within("a stranger", load_expect(load, 5), 70000, 0.05);
    load_close(load);
}

/* Keys that may stand in the same rows, and in no other. */
static uint32_t rival(uint32_t n)
{
    return 100 + n * LOAD_ROWS;
}

static void where_it_is_full_the_least_used_makes_room(void **state)
{
    static const int used[LOAD_WAYS] = {5, 2, 9, 7};
    (void)state;
    struct load *load = opened();
    for (uint32_t i = 0; i < LOAD_WAYS; i++)
        for (int n = 0; n < used[i]; n++)
            load_note(load, rival(i), 1000 * (i + 1));
    load_note(load, rival(LOAD_WAYS), 77000);
    assert_int_equal(load_expect(load, rival(LOAD_WAYS)), 77000);
    for (uint32_t i = 0; i < LOAD_WAYS; i++)
        if (i == 1)
            assert_int_equal(load_expect(load, rival(i)), load->mean_ns);
        else
            assert_int_equal(load_expect(load, rival(i)), 1000 * (i + 1));
    load_close(load);
}

static void it_stays_bounded_and_keeps_what_is_asked_for_often(void **state)
{
    (void)state;
    struct load *load = opened();
    struct load_summary summary;
    unsigned random = 3;
    for (int i = 0; i < 1000; i++)
        load_note(load, 12345, 4000);
    for (int i = 0; i < 20 * LOAD_ROWS; i++)
        load_note(load, 1 + (next_random(&random) << 8 ^ next_random(&random)), 50000);
    load_sum_up(load, &summary);
    assert_true(summary.targets <= LOAD_ROWS);
    assert_true(summary.targets > LOAD_ROWS * 9 / 10);
    assert_int_equal(load_expect(load, 12345), 4000);
    load_close(load);
}

struct noter {
    struct load *load;
    unsigned random;
};

static void *note_many(void *arg)
{
    struct noter *noter = arg;
    for (int i = 0; i < 20000; i++) {
        uint32_t key = 1 + next_random(&noter->random) % 20;
        load_note(noter->load, key, about(key * 1000, &noter->random));
        load_expect(noter->load, key);
    }
    return NULL;
}

static void several_threads_may_use_it_at_once(void **state)
{
    (void)state;
    struct load *load = opened();
    struct noter noters[2] = {{load, 1}, {load, 2}};
    struct load_summary summary;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, note_many, &noters[1]), 0);
    note_many(&noters[0]);
    pthread_join(thread, NULL);
    load_sum_up(load, &summary);
    assert_in_range(summary.targets, 20, 2 * 20); /* two that meet may give one a row each */
    for (uint32_t key = 1; key <= 20; key++)
        expect_within("one of twenty", load_expect(load, key), key * 1000, 0.25);
    load_close(load);
}

/* ---- what is known in all */

static void the_sum_counts_requests_and_not_targets(void **state)
{
    (void)state;
    struct load *load = opened();
    struct load_summary summary;
    load_sum_up(load, &summary);
    assert_int_equal(summary.targets, 0);
    assert_int_equal(summary.requests, 0);
    assert_true(summary.median_ns == 0 && summary.mean_ns == 0);
    for (int i = 0; i < 10; i++)
        load_note(load, 1, 1000);
    for (int i = 0; i < 20; i++)
        load_note(load, 2, 5000);
    for (int i = 0; i < 5; i++)
        load_note(load, 3, 700000);
    load_sum_up(load, &summary);
    assert_int_equal(summary.targets, 3);
    assert_int_equal(summary.requests, 35);
    assert_true(summary.median_ns == 5000);
    assert_true((int)summary.mean_ns == (10 * 1000 + 20 * 5000 + 5 * 700000) / 35);
    load_close(load);
}

static void the_capacity_is_what_the_formula_says(void **state)
{
    static const struct {
        double median_ns, queue, duration_s;
        int concurrency;
        double requests;
    } rows[] = {
        {1000000, 1, 1, 1, 1000},
        {1000000, 1, 1, 8, 8000},
        {1000000, 0.5, 1, 8, 4000},
        {1000000, 1, 60, 8, 480000},
        {4000000, 1, 60, 24, 360000},
        {5000, 1, 1, 2, 400000},
        {0, 1, 1, 8, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct load_summary summary = {.median_ns = rows[i].median_ns};
        double requests = load_capacity(&summary, rows[i].queue, rows[i].duration_s, rows[i].concurrency);
        if (requests < rows[i].requests - 0.01 || requests > rows[i].requests + 0.01)
            fail_msg("row %zu: %f", i, requests);
    }
}

/* ---- the way of a connection: whichever it takes, nothing is left of it */

enum step {
    ADMIT = 1,
    MOVE,    /* to the other place, unread */
    NOTHING, /* a stage that answers nothing, and waits for more */
    ANSWERS, /* one that answers, and sends it all */
    THREE,   /* three requests, all sent */
    MANY,    /* more than are noted */
    BEGINS,  /* one that answers, and can't send it all */
    TWO_BEGIN,
    SENDS,  /* one that sends some of it */
    WARMS,  /* one whose next bytes must come from a disk */
    LOOKS,  /* one whose file is to be looked for */
    ENDS,   /* one that sends the rest */
    FORGET, /* the connection is closed */
};

enum { STEPS_MAX = 8, KEY = 4711 };

static const struct way {
    const char *sentence;
    enum step steps[STEPS_MAX];
    bool open_in_between; /* something is expected of it after the last step but one */
    uint64_t noted;       /* requests that the table has been told of */
} ways[] = {
    {"closed before it was read", {ADMIT, FORGET}, true, 0},
    {"moved, and closed before it was read", {ADMIT, MOVE, FORGET}, true, 0},
    {"one request", {ADMIT, ANSWERS}, true, 1},
    {"one request, and closed", {ADMIT, ANSWERS, FORGET}, false, 1},
    {"moved, and one request", {ADMIT, MOVE, ANSWERS}, true, 1},
    {"half a request, and closed", {ADMIT, NOTHING, FORGET}, false, 0},
    {"half a request, and the rest", {ADMIT, NOTHING, ANSWERS}, false, 1},
    {"one after the other", {ADMIT, ANSWERS, ANSWERS, ANSWERS}, false, 3},
    {"three at once", {ADMIT, THREE}, true, 3},
    {"more at once than are noted", {ADMIT, MANY}, true, METER_KEYS},
    {"a large one", {ADMIT, BEGINS, SENDS, SENDS, ENDS}, true, 1},
    {"a large one, closed in the middle", {ADMIT, BEGINS, SENDS, FORGET}, true, 0},
    {"a large one, closed at once", {ADMIT, BEGINS, FORGET}, true, 0},
    {"two, of which one is large", {ADMIT, TWO_BEGIN, SENDS, ENDS}, true, 2},
    {"two, of which one is large and cut off", {ADMIT, TWO_BEGIN, FORGET}, true, 1},
    {"a cold one", {ADMIT, BEGINS, WARMS, SENDS, WARMS, ENDS}, true, 1},
    {"a cold one, closed while a disk is read", {ADMIT, BEGINS, WARMS, FORGET}, true, 0},
    {"one whose file is looked for", {ADMIT, LOOKS, ANSWERS}, false, 1},
    {"one whose file is looked for, closed meanwhile", {ADMIT, LOOKS, FORGET}, false, 0},
    {"a large one behind a large one", {ADMIT, BEGINS, ENDS, BEGINS, ENDS}, true, 2},
    {"a large one that begins where one ends", {ADMIT, BEGINS, BEGINS, ENDS}, true, 2},
    {"unread by the metered, as all are that were never admitted", {BEGINS, ENDS}, true, 1},
};

struct walk {
    struct load *load;
    struct place places[2];
    int at;
    struct meter meter;
    struct conn c;
};

static struct entry body;

/* The requests that a stage answers, and what is next. */
static void run_stage(struct walk *walk, int requests, enum stage next, bool has_body)
{
    struct place *at = &walk->places[walk->at];
    uint64_t began_ns = load_begin(walk->load, at, &walk->meter, &walk->c);
    assert_int_equal(walk->meter.count, 0);
    for (int i = 0; i < requests; i++) {
        if (i < METER_KEYS)
            walk->meter.keys[i] = KEY + (uint32_t)i;
        walk->meter.count++;
    }
    walk->c.rest.entry = has_body ? &body : NULL;
    load_end(walk->load, at, &walk->meter, &walk->c, next, began_ns);
}

static void take_step(struct walk *walk, enum step step)
{
    switch (step) {
    case ADMIT:
        load_admit(walk->load, &walk->places[walk->at], &walk->c);
        break;
    case MOVE:
        load_move(walk->load, &walk->places[0], &walk->places[1], &walk->c);
        walk->at = 1;
        break;
    case NOTHING:
        run_stage(walk, 0, STAGE_READ, false);
        break;
    case ANSWERS:
        run_stage(walk, 1, STAGE_READ, false);
        break;
    case THREE:
        run_stage(walk, 3, STAGE_READ, false);
        break;
    case MANY:
        run_stage(walk, METER_KEYS + 9, STAGE_READ, false);
        break;
    case BEGINS:
        run_stage(walk, 1, STAGE_WRITE, true);
        break;
    case TWO_BEGIN:
        run_stage(walk, 2, STAGE_WRITE, true);
        break;
    case SENDS:
        run_stage(walk, 0, STAGE_WRITE, true);
        break;
    case WARMS:
        run_stage(walk, 0, STAGE_BLOCK, true);
        break;
    case LOOKS:
        run_stage(walk, 0, STAGE_BLOCK, false);
        break;
    case ENDS:
        run_stage(walk, 0, STAGE_READ, false);
        break;
    case FORGET:
        load_forget(walk->load, &walk->places[walk->at], &walk->c);
        break;
    }
}

static void whichever_way_a_connection_takes_nothing_is_left_of_its_load(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct walk walk = {.load = opened()};
        struct load_summary summary;
        const enum step *step = ways[i].steps;
        int64_t before = 0;
        for (; step < ways[i].steps + STEPS_MAX && *step != 0; step++) {
            before = walk.places[walk.at].load_ns;
            take_step(&walk, *step);
            if (walk.places[0].load_ns < 0 || walk.places[1].load_ns < 0)
                fail_msg("%s: a place has less than nothing before it", ways[i].sentence);
        }
        if ((before > 0) != ways[i].open_in_between)
            fail_msg("%s: before its last step %lld were expected", ways[i].sentence, (long long)before);
        if (walk.places[0].load_ns != 0 || walk.places[1].load_ns != 0)
            fail_msg("%s: %lld and %lld are left", ways[i].sentence, (long long)walk.places[0].load_ns,
                     (long long)walk.places[1].load_ns);
        load_sum_up(walk.load, &summary);
        if (summary.requests != ways[i].noted)
            fail_msg("%s: the table was told of %d requests", ways[i].sentence, (int)summary.requests);
        load_close(walk.load);
    }
}

static void a_request_costs_what_all_its_stages_took_and_not_the_time_between(void **state)
{
    (void)state;
    struct walk walk = {.load = opened()};
    uint64_t slept_ns = 0;
    take_step(&walk, ADMIT);
    usleep(20000); /* nobody has read it yet: that is waiting */
    for (int i = 0; i < 3; i++) {
        uint64_t began_ns = load_begin(walk.load, &walk.places[0], &walk.meter, &walk.c);
        if (i == 0) {
            walk.meter.keys[0] = KEY;
            walk.meter.count = 1;
        }
        usleep(3000);
        load_end(walk.load, &walk.places[0], &walk.meter, &walk.c, i < 2 ? STAGE_WRITE : STAGE_READ, began_ns);
        slept_ns += 3000000;
        usleep(i < 2 ? 50000 : 0);
    }
    uint32_t ns = load_expect(walk.load, KEY);
    assert_true(ns >= slept_ns);
    assert_true(ns < slept_ns + 80000000);
    struct load_summary summary;
    load_sum_up(walk.load, &summary);
    assert_true(summary.wait_ns >= 20000000.0 / 8); /* a moving average from nothing */
    load_close(walk.load);
}

static void requests_that_one_stage_answers_have_equal_parts_in_what_it_took(void **state)
{
    (void)state;
    struct walk walk = {.load = opened()};
    uint64_t began_ns = load_begin(walk.load, &walk.places[0], &walk.meter, &walk.c);
    usleep(30000);
    for (walk.meter.count = 0; walk.meter.count < 3; walk.meter.count++)
        walk.meter.keys[walk.meter.count] = KEY + (uint32_t)walk.meter.count;
    uint64_t took_ns = clock_now_ns() - began_ns;
    load_end(walk.load, &walk.places[0], &walk.meter, &walk.c, STAGE_READ, began_ns);
    for (uint32_t i = 0; i < 3; i++)
        expect_within("a third", load_expect(walk.load, KEY + i), (double)took_ns / 3, 0.2);
    load_close(walk.load);
}

/* ---- who is given the next connection */

struct balance {
    struct engine engine;
    struct place places[WORKERS];
};

static void open_balance(struct balance *b)
{
    *b = (struct balance){.engine.settings = {.model = &model_balanced, .workers = WORKERS}};
    b->engine.places = b->places;
    assert_int_equal(load_open(&b->engine.load, CONNECTIONS), 0);
}

static int least(const struct balance *b)
{
    int least = 0;
    for (int i = 1; i < WORKERS; i++)
        if (b->places[i].load_ns < b->places[least].load_ns)
            least = i;
    return least;
}

static void equals_take_turns(void **state)
{
    (void)state;
    struct balance b;
    struct conn conns[2 * WORKERS];
    open_balance(&b);
    for (uint64_t n = 0; n < 2 * WORKERS; n++) {
        conns[n].fd = (int)n;
        struct place *to = model_balanced.admit(&b.engine, &conns[n], n);
        assert_ptr_equal(to, &b.places[n % WORKERS]);
        assert_int_equal(conns[n].home, n % WORKERS);
        assert_true(to->load_ns > 0);
    }
    load_close(&b.engine.load);
}

static int64_t spread(const int64_t loads[WORKERS])
{
    int64_t most = loads[0], fewest = loads[0];
    for (int i = 1; i < WORKERS; i++) {
        most = loads[i] > most ? loads[i] : most;
        fewest = loads[i] < fewest ? loads[i] : fewest;
    }
    return most - fewest;
}

/* As soon as it is read, what is expected of a connection is what its target costs. Nobody ends: the loads only grow,
 * and differ in the end by no more than one request of the largest cost. Dealt out in turn they would differ by more.
 */
static void a_mix_of_1_kb_and_10_gb_is_spread_by_cost_and_not_by_number(void **state)
{
    (void)state;
    struct balance b;
    unsigned random = 5;
    int64_t dealt[WORKERS] = {0}, admitted[WORKERS];
    open_balance(&b);
    for (int i = 0; i < 300; i++) {
        load_note(&b.engine.load, 1, about(KILOBYTE_NS, &random));
        if (i % 30 == 0)
            load_note(&b.engine.load, 2, about(TEN_GIGABYTES_NS, &random));
    }
    for (uint64_t n = 0; n < CONNECTIONS; n++) {
        struct conn c = {.fd = (int)n};
        int64_t before = b.places[least(&b)].load_ns;
        struct place *to = model_balanced.admit(&b.engine, &c, n);
        assert_true(to->load_ns - b.engine.load.costs[c.fd].expected_ns == before); /* no other had less */
        assert_ptr_equal(to, &b.places[c.home]);
        load_forget(&b.engine.load, to, &c);
        uint32_t cost = load_expect(&b.engine.load, next_random(&random) % 100 == 0 ? 2 : 1);
        to->load_ns += cost;
        dealt[n % WORKERS] += cost;
    }
    for (int i = 0; i < WORKERS; i++)
        admitted[i] = b.places[i].load_ns;
    load_close(&b.engine.load);
    assert_true(spread(admitted) <= TEN_GIGABYTES_NS * 5ll / 4);
    assert_true(spread(dealt) > TEN_GIGABYTES_NS * 5ll / 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(costs_that_lie_far_apart_are_told_apart),
        cmocka_unit_test(an_average_follows_what_has_changed),
        cmocka_unit_test(what_is_not_known_is_expected_to_cost_what_all_cost),
        cmocka_unit_test(where_it_is_full_the_least_used_makes_room),
        cmocka_unit_test(it_stays_bounded_and_keeps_what_is_asked_for_often),
        cmocka_unit_test(several_threads_may_use_it_at_once),
        cmocka_unit_test(the_sum_counts_requests_and_not_targets),
        cmocka_unit_test(the_capacity_is_what_the_formula_says),
        cmocka_unit_test(whichever_way_a_connection_takes_nothing_is_left_of_its_load),
        cmocka_unit_test(a_request_costs_what_all_its_stages_took_and_not_the_time_between),
        cmocka_unit_test(requests_that_one_stage_answers_have_equal_parts_in_what_it_took),
        cmocka_unit_test(equals_take_turns),
        cmocka_unit_test(a_mix_of_1_kb_and_10_gb_is_spread_by_cost_and_not_by_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
