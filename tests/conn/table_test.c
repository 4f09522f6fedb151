#include "conn/table.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { SIZE = 1000, FD = 7, ME = 1, ANOTHER = 2, SHARED = 3 };

/* A place claimed is nobody's yet, and then given to its first owner. */
static struct conn *claim(struct conn_table *table, int fd, uint32_t owner)
{
    struct conn *c = conn_table_claim(table, fd);
    assert_true(conn_table_owns(table, fd, OWNER_NOBODY));
    conn_table_pass(table, fd, owner);
    return c;
}

static int make_table(void **state)
{
    static struct conn_table table;
    *state = &table;
    return conn_table_open(&table, SIZE);
}

static int end_table(void **state)
{
    conn_table_close(*state);
    conn_table_close(*state);
    return 0;
}

static void a_new_table_has_nobody(void **state)
{
    struct conn_table *table = *state;
    assert_int_equal(table->top, 0);
    for (int fd = 0; fd < SIZE; fd++) {
        assert_true(conn_table_owns(table, fd, OWNER_NOBODY));
        assert_null(conn_table_find(table, conn_table_key(table, fd), ME));
    }
}

static void a_connection_is_found_by_its_owner_and_nobody_else(void **state)
{
    struct conn_table *table = *state;
    struct conn *c = claim(table, FD, ME);
    uint64_t key = conn_table_key(table, FD);
    assert_ptr_equal(c, &table->conns[FD]);
    assert_true(conn_table_owns(table, FD, ME));
    assert_ptr_equal(conn_table_find(table, key, ME), c);
    assert_null(conn_table_find(table, key, ANOTHER));
    assert_null(conn_table_find(table, key + 1, ME));
    assert_int_equal(table->top, FD + 1);
}

static void the_largest_descriptor_counts(void **state)
{
    struct conn_table *table = *state;
    struct conn *c = claim(table, SIZE - 1, ME);
    assert_int_equal(table->top, SIZE);
    claim(table, 0, ME);
    assert_int_equal(table->top, SIZE);
    assert_ptr_equal(conn_table_find(table, conn_table_key(table, SIZE - 1), ME), c);
    assert_ptr_not_equal(c, conn_table_find(table, conn_table_key(table, 0), ME));
}

static void a_connection_passed_is_its_new_owners(void **state)
{
    struct conn_table *table = *state;
    struct conn *c = claim(table, FD, ME);
    uint64_t key = conn_table_key(table, FD);
    conn_table_pass(table, FD, ANOTHER);
    assert_null(conn_table_find(table, key, ME));
    assert_ptr_equal(conn_table_find(table, key, ANOTHER), c);
    assert_int_equal(conn_table_key(table, FD), key);
    assert_false(conn_table_owns(table, FD, ME));
}

static void a_connection_that_stands_in_no_poller_is_found_by_no_event(void **state)
{
    struct conn_table *table = *state;
    claim(table, FD, ME);
    uint64_t key = conn_table_key(table, FD);
    conn_table_pass(table, FD, ANOTHER);
    conn_table_strand(table, FD, ANOTHER);
    assert_null(conn_table_find(table, key, ANOTHER));
    assert_null(conn_table_find(table, key, ME));
    assert_true(conn_table_owns(table, FD, ANOTHER | OWNER_STRANDED));
    assert_false(conn_table_owns(table, FD, ME | OWNER_STRANDED));
}

static void an_event_of_a_connection_that_was_closed_finds_nothing(void **state)
{
    struct conn_table *table = *state;
    claim(table, FD, ME);
    uint64_t stale = conn_table_key(table, FD);
    conn_table_release(table, FD);
    assert_null(conn_table_find(table, stale, ME));
    struct conn *c = claim(table, FD, ME);
    assert_null(conn_table_find(table, stale, ME));
    assert_ptr_equal(conn_table_find(table, conn_table_key(table, FD), ME), c);
}

static void generations_may_wrap(void **state)
{
    struct conn_table *table = *state;
    table->slots[FD].generation = UINT32_MAX - 2;
    uint64_t before = 0;
    for (int i = 0; i < 5; i++) {
        struct conn *c = claim(table, FD, ME);
        uint64_t key = conn_table_key(table, FD);
        assert_int_equal(key & 0xffffffff, FD);
        assert_ptr_equal(conn_table_find(table, key, ME), c);
        if (i > 0)
            assert_null(conn_table_find(table, before, ME));
        before = key;
        conn_table_release(table, FD);
    }
    assert_int_equal(table->slots[FD].generation, 2);
}

static void a_new_connection_has_no_deadline_yet(void **state)
{
    struct conn_table *table = *state;
    claim(table, FD, ME);
    assert_int_equal(conn_table_due(table, FD).ms, 0);
    conn_table_set_due(table, FD, (struct conn_due){12345678901ull, PHASE_LINGER});
    conn_table_pass(table, FD, ANOTHER);
    assert_int_equal(conn_table_due(table, FD).ms, 12345678901ull);
    assert_int_equal(conn_table_due(table, FD).phase, PHASE_LINGER);
    conn_table_release(table, FD);
    claim(table, FD, ME);
    assert_int_equal(conn_table_due(table, FD).ms, 0);
    assert_int_equal(conn_table_due(table, FD).phase, 0);
}

/* ---- what several threads watch */

static void of_a_shared_place_the_first_to_seize_a_connection_has_it(void **state)
{
    struct conn_table *table = *state;
    claim(table, FD, SHARED);
    assert_false(conn_table_seize(table, FD, ANOTHER, ME));
    assert_true(conn_table_seize(table, FD, SHARED, ME));
    assert_true(conn_table_owns(table, FD, ME));
    assert_false(conn_table_seize(table, FD, SHARED, ANOTHER));
    assert_true(conn_table_owns(table, FD, ME));
    assert_true(conn_table_give_back(table, FD, ME, SHARED));
    assert_true(conn_table_owns(table, FD, SHARED));
    assert_true(conn_table_seize(table, FD, SHARED, ANOTHER));
}

static void who_answers_an_event_has_its_connection(void **state)
{
    struct conn_table *table = *state;
    struct conn *c = claim(table, FD, SHARED);
    assert_ptr_equal(conn_table_answer(table, conn_table_key(table, FD), SHARED, ME), c);
    assert_true(conn_table_owns(table, FD, ME));
    assert_true(conn_table_give_back(table, FD, ME, SHARED));
    assert_true(conn_table_owns(table, FD, SHARED));
}

static void an_event_that_comes_while_a_thread_has_the_connection_is_noted(void **state)
{
    struct conn_table *table = *state;
    claim(table, FD, SHARED);
    uint64_t key = conn_table_key(table, FD);
    assert_true(conn_table_seize(table, FD, SHARED, ME));
    assert_null(conn_table_answer(table, key, SHARED, ANOTHER));
    assert_null(conn_table_answer(table, key, SHARED, ANOTHER)); /* twice is once */
    assert_null(conn_table_answer(table, key, SHARED, ME));
    assert_false(conn_table_give_back(table, FD, ME, SHARED));
    assert_true(conn_table_owns(table, FD, ME));
    assert_true(conn_table_give_back(table, FD, ME, SHARED)); /* it was told of it */
    assert_true(conn_table_owns(table, FD, SHARED));
}

/* What waits in a queue beside the shared place is nobody's to be told of; but whoever shares it has to look again. */
static void who_passes_a_connection_on_passes_no_note_of_an_event(void **state)
{
    struct conn_table *table = *state;
    claim(table, FD, SHARED);
    assert_true(conn_table_seize(table, FD, SHARED, ME));
    assert_null(conn_table_answer(table, conn_table_key(table, FD), SHARED, ANOTHER));
    conn_table_pass(table, FD, ANOTHER);
    assert_true(conn_table_owns(table, FD, ANOTHER));
}

static void a_stale_event_finds_and_tells_nobody(void **state)
{
    struct conn_table *table = *state;
    claim(table, FD, SHARED);
    uint64_t stale = conn_table_key(table, FD);
    conn_table_release(table, FD);
    assert_null(conn_table_answer(table, stale, SHARED, ME));
    assert_true(conn_table_owns(table, FD, OWNER_NOBODY));
    claim(table, FD, SHARED);
    assert_null(conn_table_answer(table, stale, SHARED, ME));
    assert_true(conn_table_owns(table, FD, SHARED));
    assert_true(conn_table_seize(table, FD, SHARED, ME));
    assert_null(conn_table_answer(table, stale, SHARED, ANOTHER));
    assert_true(conn_table_give_back(table, FD, ME, SHARED));
}

/* ---- one thread has events, two answer them: each event is worked off, and none of them at the same time */

enum { EVENTS = 20000 };

struct answerer {
    struct conn_table *table;
    uint64_t key;
    uint32_t self;
    _Atomic int *events;   /* to be met, as a poller would bring them */
    _Atomic int *happened; /* whatever the events are about */
    _Atomic int *inside;
    int wrong, called;
};

/* Works off all that has happened, into a plain word. */
static void work_off(struct answerer *answerer, struct conn *c)
{
    bool called;
    do {
        answerer->wrong += atomic_fetch_add_explicit(answerer->inside, 1, memory_order_relaxed) != 0;
        c->rest.offset = (uint64_t)atomic_load(answerer->happened);
        atomic_fetch_sub_explicit(answerer->inside, 1, memory_order_relaxed);
        called = !conn_table_give_back(answerer->table, FD, answerer->self, SHARED);
        answerer->called += called;
    } while (called);
}

static void *answer_all(void *arg)
{
    struct answerer *answerer = arg;
    int left;
    while ((left = atomic_load(answerer->events)) >= 0) {
        if (left == 0 || !atomic_compare_exchange_strong(answerer->events, &left, left - 1)) {
            sched_yield();
            continue;
        }
        struct conn *c = conn_table_answer(answerer->table, answerer->key, SHARED, answerer->self);
        if (c != NULL)
            work_off(answerer, c);
    }
    return NULL;
}

static void two_threads_that_answer_for_one_owner_lose_no_event(void **state)
{
    struct conn_table *table = *state;
    _Atomic int events = 0, happened = 0, inside = 0;
    pthread_t threads[2];
    struct answerer answerers[2];
    struct conn *c = claim(table, FD, SHARED);
    conn_open(c, FD, &(struct socket_peer){0}, 0, false);
    for (int i = 0; i < 2; i++) {
        answerers[i] = (struct answerer){
            table, conn_table_key(table, FD), i == 0 ? ME : ANOTHER, &events, &happened, &inside, 0, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, answer_all, &answerers[i]), 0);
    }
    for (int i = 0; i < EVENTS; i++) {
        atomic_fetch_add(&happened, 1);
        atomic_fetch_add(&events, 1);
        while (atomic_load(&events) > 2)
            sched_yield();
    }
    while (atomic_load(&events) > 0)
        sched_yield();
    atomic_store(&events, -1);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(answerers[0].wrong + answerers[1].wrong, 0);
    assert_true(conn_table_owns(table, FD, SHARED));
    assert_int_equal(c->rest.offset, EVENTS);
}

/* ---- two threads pass one connection to and fro; each writes plain words of it, which the other must see */

enum { PASSES = 20000 };

struct player {
    struct conn_table *table;
    uint64_t key;
    uint32_t self, other;
    int wrong;
};

static void *play(void *arg)
{
    struct player *player = arg;
    for (uint64_t turn = player->self; turn <= 2 * PASSES;) {
        struct conn *c = conn_table_find(player->table, player->key, player->self);
        if (c == NULL) {
            sched_yield();
            continue;
        }
        player->wrong += c->rest.offset != turn - 1 || c->home != (uint16_t)(turn - 1);
        c->rest.offset = turn;
        c->home = (uint16_t)turn;
        conn_table_set_due(player->table, FD, (struct conn_due){turn, PHASE_IDLE});
        conn_table_pass(player->table, FD, player->other);
        turn += 2;
    }
    return NULL;
}

static void what_one_thread_wrote_the_next_owner_sees(void **state)
{
    struct conn_table *table = *state;
    struct conn *c = claim(table, FD, ME);
    conn_open(c, FD, &(struct socket_peer){0}, 0, false);
    uint64_t key = conn_table_key(table, FD);
    struct player players[] = {{table, key, ME, ANOTHER, 0}, {table, key, ANOTHER, ME, 0}};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, play, &players[1]), 0);
    play(&players[0]);
    pthread_join(thread, NULL);
    assert_int_equal(players[0].wrong + players[1].wrong, 0);
    assert_int_equal(c->rest.offset, 2 * PASSES);
    assert_int_equal(conn_table_due(table, FD).ms, 2 * PASSES);
}

/* ---- a descriptor's number is closed by one thread and accepted by another */

struct churn {
    struct conn_table *table;
    _Atomic int closed; /* by the first thread, so that its number may come again */
    int wrong;
};

static void *claim_again(void *arg)
{
    struct churn *churn = arg;
    for (int i = 1; i <= PASSES; i++) {
        while (atomic_load_explicit(&churn->closed, memory_order_relaxed) < i) /* the kernel tells no order */
            sched_yield();
        struct conn *c = claim(churn->table, FD, ANOTHER);
        churn->wrong += c->rest.offset != (uint64_t)i;
        conn_table_pass(churn->table, FD, ME);
    }
    return NULL;
}

static void a_place_given_up_may_be_claimed_on_another_thread(void **state)
{
    struct churn churn = {.table = *state};
    pthread_t thread;
    claim(churn.table, FD, ME);
    assert_int_equal(pthread_create(&thread, NULL, claim_again, &churn), 0);
    for (int i = 1; i <= PASSES; i++) {
        struct conn *c;
        while ((c = conn_table_find(churn.table, conn_table_key(churn.table, FD), ME)) == NULL)
            sched_yield();
        c->rest.offset = (uint64_t)i;
        conn_table_release(churn.table, FD);
        atomic_store_explicit(&churn.closed, i, memory_order_relaxed);
    }
    pthread_join(thread, NULL);
    assert_int_equal(churn.wrong, 0);
}

static void a_table_too_large_for_memory_is_refused(void **state)
{
    (void)state;
    struct conn_table table;
    /* Address space for two thousand million connections is more than any machine has to reserve, or it is had. */
    int opened = conn_table_open(&table, INT32_MAX);
    assert_int_equal(table.conns == NULL, opened < 0);
    assert_int_equal(table.slots == NULL, opened < 0);
    conn_table_close(&table);
    assert_null(table.conns);
}

#define WITH_A_TABLE(test) cmocka_unit_test_setup_teardown(test, make_table, end_table)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_A_TABLE(a_new_table_has_nobody),
        WITH_A_TABLE(a_connection_is_found_by_its_owner_and_nobody_else),
        WITH_A_TABLE(the_largest_descriptor_counts),
        WITH_A_TABLE(a_connection_passed_is_its_new_owners),
        WITH_A_TABLE(a_connection_that_stands_in_no_poller_is_found_by_no_event),
        WITH_A_TABLE(an_event_of_a_connection_that_was_closed_finds_nothing),
        WITH_A_TABLE(generations_may_wrap),
        WITH_A_TABLE(a_new_connection_has_no_deadline_yet),
        WITH_A_TABLE(of_a_shared_place_the_first_to_seize_a_connection_has_it),
        WITH_A_TABLE(who_answers_an_event_has_its_connection),
        WITH_A_TABLE(an_event_that_comes_while_a_thread_has_the_connection_is_noted),
        WITH_A_TABLE(who_passes_a_connection_on_passes_no_note_of_an_event),
        WITH_A_TABLE(a_stale_event_finds_and_tells_nobody),
        WITH_A_TABLE(two_threads_that_answer_for_one_owner_lose_no_event),
        WITH_A_TABLE(what_one_thread_wrote_the_next_owner_sees),
        WITH_A_TABLE(a_place_given_up_may_be_claimed_on_another_thread),
        cmocka_unit_test(a_table_too_large_for_memory_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
