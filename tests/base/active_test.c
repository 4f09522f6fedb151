#include "base/active.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

enum { THREADS = 6, ROUNDS = 2000, PATIENCE = 5000 };

struct crowd {
    struct active *active;
    _Atomic int inside, most, entered;
    _Atomic int stay; /* nobody leaves before this is 0 */
};

static void raise_to(_Atomic int *most, int value)
{
    int seen = atomic_load(most);
    while (seen < value && !atomic_compare_exchange_weak(most, &seen, value))
        ;
}

static void *work(void *arg)
{
    struct crowd *crowd = arg;
    for (int i = 0; i < ROUNDS; i++) {
        active_enter(crowd->active);
        raise_to(&crowd->most, atomic_fetch_add(&crowd->inside, 1) + 1);
        atomic_fetch_add(&crowd->entered, 1);
        while (atomic_load(&crowd->stay) != 0)
            usleep(1000);
        atomic_fetch_sub(&crowd->inside, 1);
        active_leave(crowd->active);
    }
    return NULL;
}

/* Lets a crowd in, sees how many get in while nobody leaves, and lets them go on to the end. */
static int fill(struct active *active, int expected)
{
    struct crowd crowd = {.active = active, .stay = 1};
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, &crowd), 0);
    for (int waits = 0; waits < PATIENCE && atomic_load(&crowd.inside) < expected; waits++)
        usleep(1000);
    usleep(20000); /* for one more than there may be */
    int inside = atomic_load(&crowd.inside);
    atomic_store(&crowd.stay, 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&crowd.entered), THREADS * ROUNDS);
    assert_true(atomic_load(&crowd.most) <= expected);
    return inside;
}

static void as_many_threads_work_at_once_as_may_and_no_more(void **state)
{
    static const int limits[] = {1, 2, 3, THREADS};
    (void)state;
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        struct active active;
        assert_int_equal(active_open(&active, (unsigned)limits[i]), 0);
        assert_int_equal(fill(&active, limits[i]), limits[i]);
        assert_int_equal(fill(&active, limits[i]), limits[i]); /* all places came back */
        active_close(&active);
    }
}

static void without_a_limit_all_work_at_once(void **state)
{
    (void)state;
    assert_int_equal(fill(NULL, THREADS), THREADS);
}

static void *enter(void *arg)
{
    struct crowd *crowd = arg;
    active_enter(crowd->active);
    atomic_fetch_add(&crowd->entered, 1);
    active_leave(crowd->active);
    return NULL;
}

static void look_up(int number)
{
    (void)number;
}

static void a_signal_lets_nobody_in(void **state)
{
    (void)state;
    struct active active;
    struct crowd crowd = {.active = &active};
    pthread_t thread;
    assert_int_equal(sigaction(SIGUSR1, &(struct sigaction){.sa_handler = look_up}, NULL), 0);
    assert_int_equal(active_open(&active, 1), 0);
    active_enter(&active);
    assert_int_equal(pthread_create(&thread, NULL, enter, &crowd), 0);
    for (int i = 0; i < 20; i++) {
        usleep(2000);
        pthread_kill(thread, SIGUSR1);
    }
    assert_int_equal(atomic_load(&crowd.entered), 0);
    active_leave(&active);
    pthread_join(thread, NULL);
    assert_int_equal(atomic_load(&crowd.entered), 1);
    active_close(&active);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_many_threads_work_at_once_as_may_and_no_more),
        cmocka_unit_test(without_a_limit_all_work_at_once),
        cmocka_unit_test(a_signal_lets_nobody_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
