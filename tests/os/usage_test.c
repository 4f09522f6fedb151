#include "os/usage.h"

#include "os/cpu.h"

#include "base/clock.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    NAPS = 50,
    NAPS_FELT = NAPS / 2, /* on a busy machine a nap may be over before anybody else has the processor */
    PATIENCE_MS = 5000,
};

static void *nap(void *unused)
{
    for (int i = 0; i < NAPS; i++)
        usleep(200);
    return unused;
}

static void a_thread_that_waits_switches_voluntarily(void **state)
{
    (void)state;
    struct usage before, after;
    usage_of_thread(&before);
    nap(NULL);
    usage_of_thread(&after);
    assert_in_range(after.voluntary - before.voluntary, NAPS_FELT, 2 * NAPS);
}

static void another_threads_switches_are_its_own(void **state)
{
    (void)state;
    struct usage before, after;
    pthread_t thread;
    usage_of_thread(&before);
    assert_int_equal(pthread_create(&thread, NULL, nap, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    usage_of_thread(&after);
    assert_true(after.voluntary - before.voluntary < NAPS_FELT);
}

struct rival {
    int cpu;
    atomic_bool stop;
};

static void *compete(void *given)
{
    struct rival *rival = given;
    cpu_pin_self(rival->cpu);
    while (!atomic_load(&rival->stop))
        continue;
    return NULL;
}

static void *be_driven_out(void *given)
{
    struct rival *rival = given;
    struct usage before, after;
    uint64_t began = clock_now_ms();
    cpu_pin_self(rival->cpu);
    usage_of_thread(&before);
    do
        usage_of_thread(&after);
    while (after.involuntary == before.involuntary && clock_now_ms() - began < PATIENCE_MS);
    return after.involuntary > before.involuntary && after.voluntary - before.voluntary < NAPS_FELT ? given : NULL;
}

static void a_thread_that_is_driven_out_switches_involuntarily(void **state)
{
    (void)state;
    struct cpu_set_list usable;
    pthread_t one, other;
    void *driven_out;
    cpu_usable(&usable);
    struct rival rival = {.cpu = usable.ids[0]};
    assert_int_equal(pthread_create(&one, NULL, compete, &rival), 0);
    assert_int_equal(pthread_create(&other, NULL, be_driven_out, &rival), 0);
    assert_int_equal(pthread_join(other, &driven_out), 0);
    atomic_store(&rival.stop, true);
    assert_int_equal(pthread_join(one, NULL), 0);
    assert_non_null(driven_out);
}

static void children_count_when_they_were_waited_for(void **state)
{
    (void)state;
    struct usage before, ended, waited_for;
    siginfo_t info;
    usage_of_children(&before);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        nap(NULL);
        _exit(0);
    }
    assert_int_equal(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
    usage_of_children(&ended);
    assert_int_equal(waitpid(child, NULL, 0), child);
    usage_of_children(&waited_for);
    assert_true(ended.voluntary == before.voluntary);
    assert_in_range(waited_for.voluntary - before.voluntary, NAPS_FELT, 2 * NAPS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_that_waits_switches_voluntarily),
        cmocka_unit_test(another_threads_switches_are_its_own),
        cmocka_unit_test(a_thread_that_is_driven_out_switches_involuntarily),
        cmocka_unit_test(children_count_when_they_were_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
