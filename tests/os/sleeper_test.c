#include "os/sleeper.h"

#include "os/poller.h"

#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* A sleep that nothing ends takes LONG_MS, which fails. */
enum { SHORT_MS = 80, LONG_MS = 10000, SOON_MS = 5000, SLEEPS = 2000 };

static long now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void open_pair(int ends[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
}

static void fill(int sock)
{
    static const char bytes[4096];
    while (send(sock, bytes, sizeof bytes, MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
        ;
}

enum peer { SILENT, SAYS, ENDS, LEAVES };

static void a_sleep_ends_when_the_socket_is_ready_for_what_was_asked(void **state)
{
    static const struct {
        const char *sentence;
        enum peer peer;
        bool full; /* there is no room to send */
        uint32_t interest, ready;
    } rows[] = {
        {"bytes to read", SAYS, false, POLLER_IN, POLLER_IN},
        {"room to write", SILENT, false, POLLER_OUT, POLLER_OUT},
        {"both", SAYS, false, POLLER_IN | POLLER_OUT, POLLER_IN | POLLER_OUT},
        {"one of two", SILENT, false, POLLER_IN | POLLER_OUT, POLLER_OUT},
        {"the end", ENDS, false, POLLER_IN, POLLER_IN},
        {"a peer that is gone", LEAVES, false, POLLER_IN, POLLER_IN | POLLER_GONE},
        {"a peer that is gone, for who wants to write", LEAVES, true, POLLER_OUT, POLLER_OUT | POLLER_GONE},
        {"silence", SILENT, false, POLLER_IN, 0},
        {"bytes to read for who wants to write", SAYS, true, POLLER_OUT, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sleeper sleeper;
        int ends[2];
        open_pair(ends);
        sleeper_init(&sleeper);
        if (rows[i].full)
            fill(ends[0]);
        if (rows[i].peer == SAYS)
            assert_int_equal(send(ends[1], "x", 1, 0), 1);
        if (rows[i].peer == ENDS)
            assert_int_equal(shutdown(ends[1], SHUT_WR), 0);
        if (rows[i].peer == LEAVES)
            close(ends[1]);
        long began = now_ms();
        uint32_t ready = sleeper_wait(&sleeper, ends[0], rows[i].interest, rows[i].ready == 0 ? SHORT_MS : LONG_MS);
        if (ready != rows[i].ready)
            fail_msg("%s: %u", rows[i].sentence, ready);
        if (rows[i].ready != 0 ? now_ms() - began >= SOON_MS : now_ms() - began < SHORT_MS - 1)
            fail_msg("%s: after %ld ms", rows[i].sentence, now_ms() - began);
        close(ends[0]);
        if (rows[i].peer != LEAVES)
            close(ends[1]);
    }
}

static void no_time_to_sleep_is_only_a_look(void **state)
{
    (void)state;
    struct sleeper sleeper;
    int ends[2];
    open_pair(ends);
    sleeper_init(&sleeper);
    assert_int_equal(sleeper_wait(&sleeper, ends[0], POLLER_IN, 0), 0);
    assert_int_equal(send(ends[1], "x", 1, 0), 1);
    assert_int_equal(sleeper_wait(&sleeper, ends[0], POLLER_IN, 0), POLLER_IN);
    close(ends[0]);
    close(ends[1]);
}

static void a_wake_that_came_before_the_sleep_ends_it_and_only_it(void **state)
{
    (void)state;
    struct sleeper sleeper;
    int ends[2];
    open_pair(ends);
    sleeper_init(&sleeper);
    sleeper_wake(pthread_self());
    usleep(1000);
    sleeper_wake(pthread_self()); /* two are as good as one */
    long began = now_ms();
    assert_int_equal(sleeper_wait(&sleeper, ends[0], POLLER_IN, LONG_MS), 0);
    assert_true(now_ms() - began < SOON_MS);
    began = now_ms();
    assert_int_equal(sleeper_wait(&sleeper, ends[0], POLLER_IN, SHORT_MS), 0);
    assert_true(now_ms() - began >= SHORT_MS - 1);
    close(ends[0]);
    close(ends[1]);
}

struct sleeping {
    int sock;
    _Atomic int begun, ended;
    long longest_ms;
};

static void *sleep_often(void *arg)
{
    struct sleeping *sleeping = arg;
    struct sleeper sleeper;
    sleeper_init(&sleeper);
    for (int i = 0; i < SLEEPS; i++) {
        long began = now_ms();
        atomic_fetch_add(&sleeping->begun, 1);
        if (sleeping->longest_ms < SOON_MS)
            sleeper_wait(&sleeper, sleeping->sock, POLLER_IN, LONG_MS);
        atomic_fetch_add(&sleeping->ended, 1);
        if (now_ms() - began > sleeping->longest_ms)
            sleeping->longest_ms = now_ms() - began;
    }
    return NULL;
}

static void no_wake_of_many_is_lost(void **state)
{
    (void)state;
    struct sleeping sleeping = {0};
    int ends[2], woken = 0;
    pthread_t thread;
    open_pair(ends);
    sleeping.sock = ends[0];
    assert_int_equal(pthread_create(&thread, NULL, sleep_often, &sleeping), 0);
    bool lost = false;
    while (woken < SLEEPS && !lost) {
        while (atomic_load(&sleeping.begun) == woken) /* it may not have come to sleep yet, but soon will */
            sched_yield();
        sleeper_wake(thread);
        woken++;
        long began = now_ms();
        while (atomic_load(&sleeping.ended) < woken && now_ms() - began < SOON_MS)
            sched_yield();
        lost = atomic_load(&sleeping.ended) < woken;
    }
    pthread_join(thread, NULL);
    close(ends[0]);
    close(ends[1]);
    assert_false(lost);
}

static void *wake_soon(void *arg)
{
    const pthread_t *thread = arg;
    for (int i = 0; i < 4; i++) {
        usleep(SHORT_MS * 1000 / 8);
        sleeper_wake(*thread);
    }
    return NULL;
}

static void a_wake_interrupts_no_other_call(void **state)
{
    (void)state;
    struct sleeper sleeper;
    int ends[2];
    pthread_t self = pthread_self(), waker;
    open_pair(ends);
    sleeper_init(&sleeper);
    assert_int_equal(pthread_create(&waker, NULL, wake_soon, &self), 0);
    assert_int_equal(usleep(SHORT_MS * 1000), 0);
    pthread_join(waker, NULL);
    long began = now_ms();
    assert_int_equal(sleeper_wait(&sleeper, ends[0], POLLER_IN, LONG_MS), 0);
    assert_true(now_ms() - began < SOON_MS);
    close(ends[0]);
    close(ends[1]);
}

/* In the child: 0 when it was woken soon. */
static int sleep_in_child(int sock, int tell)
{
    struct sleeper sleeper;
    sleeper_init(&sleeper);
    if (write(tell, "x", 1) != 1)
        return 2;
    long began = now_ms();
    return sleeper_wait(&sleeper, sock, POLLER_IN, LONG_MS) == 0 && now_ms() - began < SOON_MS ? 0 : 1;
}

static void a_childs_only_thread_is_woken_too(void **state)
{
    (void)state;
    int ends[2], told[2], status;
    char byte;
    open_pair(ends);
    assert_int_equal(pipe(told), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(sleep_in_child(ends[0], told[1]));
    assert_int_equal(read(told[0], &byte, 1), 1);
    sleeper_wake_process(child);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    for (int i = 0; i < 2; i++) {
        close(ends[i]);
        close(told[i]);
    }
}

static void what_else_was_blocked_stays_blocked_in_a_sleep(void **state)
{
    (void)state;
    struct sleeper sleeper;
    sigset_t set, before;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    assert_int_equal(pthread_sigmask(SIG_BLOCK, &set, &before), 0);
    sleeper_init(&sleeper);
    assert_true(sigismember(&sleeper.asleep, SIGUSR1));
    assert_false(sigismember(&sleeper.asleep, SIGURG));
    assert_true(sigismember(&before, SIGURG));
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sleep_ends_when_the_socket_is_ready_for_what_was_asked),
        cmocka_unit_test(no_time_to_sleep_is_only_a_look),
        cmocka_unit_test(a_wake_that_came_before_the_sleep_ends_it_and_only_it),
        cmocka_unit_test(no_wake_of_many_is_lost),
        cmocka_unit_test(a_wake_interrupts_no_other_call),
        cmocka_unit_test(a_childs_only_thread_is_woken_too),
        cmocka_unit_test(what_else_was_blocked_stays_blocked_in_a_sleep),
    };
    return sleeper_open() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
