#include "os/poller.h"

#include "base/clock.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    SOON_MS = 5000, /* long enough that only something lost takes it */
    NOW = 0,
    EVENTS_MAX = 16,
};

/* What happens to a pair of connected sockets, of which `ours` is registered. */
struct pair {
    struct poller poller;
    int ours;
    int theirs;
};

static void say_something(struct pair *pair)
{
    assert_int_equal(write(pair->theirs, "x", 1), 1);
}

static void close_theirs(struct pair *pair)
{
    close(pair->theirs);
    pair->theirs = -1;
}

static void half_close_theirs(struct pair *pair)
{
    assert_int_equal(shutdown(pair->theirs, SHUT_WR), 0);
}

static void shut_ours(struct pair *pair)
{
    assert_int_equal(shutdown(pair->ours, SHUT_RDWR), 0);
}

static void stop_reading(struct pair *pair)
{
    assert_int_equal(poller_modify(&pair->poller, pair->ours, POLLER_OUT, 9), 0);
}

static void forget(struct pair *pair)
{
    say_something(pair);
    assert_int_equal(poller_remove(&pair->poller, pair->ours), 0);
}

static void wake(struct pair *pair)
{
    poller_wake(&pair->poller);
}

static void wake_and_say(struct pair *pair)
{
    poller_wake(&pair->poller);
    say_something(pair);
}

static void take_event(struct pair *pair)
{
    struct poller_event event;
    say_something(pair);
    assert_int_equal(poller_wait(&pair->poller, &event, 1, NOW), 1);
}

static void say_again(struct pair *pair)
{
    take_event(pair);
    say_something(pair);
}

static void close_afterwards(struct pair *pair)
{
    take_event(pair);
    close_theirs(pair);
}

static void ask_again(struct pair *pair)
{
    take_event(pair);
    assert_int_equal(poller_modify(&pair->poller, pair->ours, POLLER_IN | POLLER_ONCE, 9), 0);
}

static void ask_for_good(struct pair *pair)
{
    take_event(pair);
    assert_int_equal(poller_modify(&pair->poller, pair->ours, POLLER_IN, 9), 0);
}

static void fill(struct pair *pair)
{
    static const char bytes[4096];
    while (send(pair->ours, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
        continue;
    assert_int_equal(errno, EAGAIN);
}

static const struct row {
    const char *name;
    uint32_t interest;
    uint64_t key;
    void (*happens)(struct pair *pair);
    uint32_t ready; /* 0: no event */
    uint64_t ready_key;
} rows[] = {
    {"an idle socket is not readable", POLLER_IN, 7, NULL, 0, 0},
    {"an idle socket is writable", POLLER_OUT, 7, NULL, POLLER_OUT, 7},
    {"a full socket is not writable", POLLER_OUT, 7, fill, 0, 0},
    {"bytes make it readable, and the key comes back", POLLER_IN, 0x123456789abcdef0, say_something, POLLER_IN,
     0x123456789abcdef0},
    {"key 0 comes back", POLLER_IN, 0, say_something, POLLER_IN, 0},
    {"the largest key comes back", POLLER_IN, UINT64_MAX - 1, say_something, POLLER_IN, UINT64_MAX - 1},
    {"both interests come as one event", POLLER_IN | POLLER_OUT, 7, say_something, POLLER_IN | POLLER_OUT, 7},
    {"what isn't asked for isn't reported", POLLER_OUT, 7, say_something, POLLER_OUT, 7},
    {"a modified socket has another interest and another key", POLLER_IN, 7, stop_reading, POLLER_OUT, 9},
    {"a removed socket is silent", POLLER_IN, 7, forget, 0, 0},
    {"a peer that closes makes it readable and gone", POLLER_IN, 7, close_theirs, POLLER_IN | POLLER_GONE, 7},
    {"a peer that ends its half makes it readable", POLLER_IN, 7, half_close_theirs, POLLER_IN, 7},
    {"gone is reported to who asked for nothing", 0, 7, close_theirs, POLLER_GONE, 7},
    {"our own shutdown is an event", POLLER_IN, 7, shut_ours, POLLER_IN | POLLER_GONE, 7},
    {"a wake is no event", POLLER_IN, 7, wake, 0, 0},
    {"a wake hides no event", POLLER_IN, 7, wake_and_say, POLLER_IN, 7},
    {"who was told once can ask for good", POLLER_IN | POLLER_ONCE, 7, ask_for_good, POLLER_IN, 9},
    {"an exclusive one is told as any other", POLLER_IN | POLLER_EXCLUSIVE, 7, say_something, POLLER_IN, 7},
};

/* After these, a second wait meets nothing. */
static const struct row once_rows[] = {
    {"who asks once is told once", POLLER_IN | POLLER_ONCE, 7, say_something, POLLER_IN, 7},
    {"who asks once for both is told of both at once", POLLER_IN | POLLER_OUT | POLLER_ONCE, 7, say_something,
     POLLER_IN | POLLER_OUT, 7},
    {"who asks once is told once that it is gone", POLLER_IN | POLLER_ONCE, 7, close_theirs, POLLER_IN | POLLER_GONE,
     7},
    {"who was told once hears of no more bytes", POLLER_IN | POLLER_ONCE, 7, say_again, 0, 0},
    {"who was told once hears of no end", POLLER_IN | POLLER_ONCE, 7, close_afterwards, 0, 0},
    {"who asks once more is told once more", POLLER_IN | POLLER_ONCE, 7, ask_again, POLLER_IN, 9},
};

static void expect_event(struct pair *pair, const struct row *row)
{
    struct poller_event events[EVENTS_MAX];
    int count = poller_wait(&pair->poller, events, EVENTS_MAX, NOW);
    assert_int_equal(count, row->ready != 0 ? 1 : 0);
    if (count == 1) {
        assert_int_equal(events[0].ready, row->ready);
        assert_true(events[0].key == row->ready_key);
    }
}

static void open_pair(struct pair *pair, const struct row *row)
{
    int fds[2];
    assert_int_equal(poller_open(&pair->poller), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    pair->ours = fds[0];
    pair->theirs = fds[1];
    assert_int_equal(poller_add(&pair->poller, pair->ours, row->interest, row->key), 0);
}

static void close_pair(struct pair *pair)
{
    close(pair->ours);
    if (pair->theirs >= 0)
        close(pair->theirs);
    poller_close(&pair->poller);
}

static void play(void **state)
{
    const struct row *row = *state;
    struct pair pair;
    open_pair(&pair, row);
    if (row->happens != NULL)
        row->happens(&pair);
    expect_event(&pair, row);
    expect_event(&pair, row); /* level-triggered: it is so still */
    close_pair(&pair);
}

static void play_once(void **state)
{
    const struct row *row = *state;
    struct pair pair;
    struct poller_event event;
    open_pair(&pair, row);
    row->happens(&pair);
    expect_event(&pair, row);
    assert_int_equal(poller_wait(&pair.poller, &event, 1, NOW), 0);
    close_pair(&pair);
}

static void *wake_from_elsewhere(void *poller)
{
    usleep(20 * 1000); /* most likely the other thread sleeps by now; if not, it must be as good */
    poller_wake(poller);
    return NULL;
}

static void another_thread_wakes_a_wait(void **state)
{
    (void)state;
    struct poller poller;
    struct poller_event event;
    pthread_t thread;
    assert_int_equal(poller_open(&poller), 0);
    assert_int_equal(pthread_create(&thread, NULL, wake_from_elsewhere, &poller), 0);
    assert_int_equal(poller_wait(&poller, &event, 1, -1), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    poller_close(&poller);
}

struct addition {
    struct poller *poller;
    int fd;
};

static void *add_from_elsewhere(void *given)
{
    struct addition *addition = given;
    usleep(20 * 1000);
    return poller_add(addition->poller, addition->fd, POLLER_OUT, 5) == 0 ? given : NULL;
}

static void another_thread_adds_to_a_wait(void **state)
{
    (void)state;
    struct poller poller;
    struct poller_event event;
    pthread_t thread;
    void *added;
    int fds[2];
    assert_int_equal(poller_open(&poller), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    struct addition addition = {&poller, fds[0]};
    assert_int_equal(pthread_create(&thread, NULL, add_from_elsewhere, &addition), 0);
    assert_int_equal(poller_wait(&poller, &event, 1, SOON_MS), 1);
    assert_int_equal(event.key, 5);
    assert_int_equal(pthread_join(thread, &added), 0);
    assert_non_null(added);
    close(fds[0]);
    close(fds[1]);
    poller_close(&poller);
}

static void a_wake_before_the_wait_is_not_lost(void **state)
{
    (void)state;
    struct poller poller;
    struct poller_event event;
    assert_int_equal(poller_open(&poller), 0);
    poller_wake(&poller);
    poller_wake(&poller);
    assert_int_equal(poller_wait(&poller, &event, 1, -1), 0); /* would last for ever */
    poller_close(&poller);
}

/* A wake that stayed would make its thread spin. */
static void a_wake_ends_one_wait_only(void **state)
{
    (void)state;
    enum { LAST_MS = 30 };
    struct poller poller;
    struct poller_event event;
    assert_int_equal(poller_open(&poller), 0);
    poller_wake(&poller);
    assert_int_equal(poller_wait(&poller, &event, 1, SOON_MS), 0);
    uint64_t before = clock_now_ms();
    assert_int_equal(poller_wait(&poller, &event, 1, LAST_MS), 0);
    assert_true(clock_now_ms() - before >= LAST_MS - 1);
    poller_close(&poller);
}

static void no_more_events_come_than_there_is_room(void **state)
{
    (void)state;
    struct poller poller;
    struct poller_event events[3] = {[2].key = 99};
    int fds[4];
    assert_int_equal(poller_open(&poller), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds + 2), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(poller_add(&poller, fds[i], POLLER_OUT, (uint64_t)i), 0);
    assert_int_equal(poller_wait(&poller, events, 2, NOW), 2);
    assert_int_equal(events[2].key, 99);
    for (int i = 0; i < 4; i++)
        close(fds[i]);
    poller_close(&poller);
}

static void mistakes_are_told(void **state)
{
    (void)state;
    struct poller poller;
    struct poller_event event;
    int fds[2];
    assert_int_equal(poller_open(&poller), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    assert_int_equal(poller_add(&poller, fds[0], POLLER_IN, 1), 0);
    assert_int_equal(poller_add(&poller, fds[0], POLLER_IN, 1), -1);
    assert_int_equal(errno, EEXIST);
    assert_int_equal(poller_remove(&poller, fds[1]), -1);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(poller_wait(&poller, &event, 0, NOW), -1);
    close(fds[0]);
    close(fds[1]);
    poller_close(&poller);
    assert_int_equal(poller.fd, -1);
    poller_close(&poller); /* safe on one that isn't open */
}

static void an_exclusive_one_is_not_modified_but_added_again(void **state)
{
    (void)state;
    struct poller poller;
    int fds[2];
    assert_int_equal(poller_open(&poller), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    assert_int_equal(poller_add(&poller, fds[0], POLLER_IN | POLLER_ONCE | POLLER_EXCLUSIVE, 1), -1);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(poller_add(&poller, fds[0], POLLER_IN | POLLER_EXCLUSIVE, 1), 0);
    assert_int_equal(poller_modify(&poller, fds[0], POLLER_OUT, 1), -1);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(poller_remove(&poller, fds[0]), 0);
    assert_int_equal(poller_add(&poller, fds[0], POLLER_OUT | POLLER_EXCLUSIVE, 1), 0);
    close(fds[0]);
    close(fds[1]);
    poller_close(&poller);
}

/* --- several threads --- */

enum { WAITERS = 4 };

/* Threads that wait once at one poller. */
struct waiters {
    struct poller poller;
    pthread_t threads[WAITERS];
    bool pass_on; /* who is woken wakes the next */
    atomic_int returned;
    atomic_int events;
};

static void *wait_once(void *given)
{
    struct waiters *waiters = given;
    struct poller_event event;
    int count = poller_wait(&waiters->poller, &event, 1, SOON_MS);
    if (waiters->pass_on)
        poller_wake(&waiters->poller);
    atomic_fetch_add(&waiters->events, count);
    atomic_fetch_add(&waiters->returned, 1);
    return NULL;
}

static void start_waiters(struct waiters *waiters)
{
    assert_int_equal(poller_open(&waiters->poller), 0);
    for (int i = 0; i < WAITERS; i++)
        assert_int_equal(pthread_create(&waiters->threads[i], NULL, wait_once, waiters), 0);
    usleep(20 * 1000); /* most likely they sleep by now; if not, it must be as good */
}

static void end_waiters(struct waiters *waiters)
{
    for (int i = 0; i < WAITERS; i++)
        assert_int_equal(pthread_join(waiters->threads[i], NULL), 0);
    poller_close(&waiters->poller);
}

static void expect_returned(struct waiters *waiters, int count)
{
    for (int i = 0; i < 1000 && atomic_load(&waiters->returned) < count; i++)
        usleep(1000);
    usleep(20 * 1000); /* one too many would come at once */
    assert_int_equal(atomic_load(&waiters->returned), count);
}

static void a_wake_reaches_one_of_several_threads(void **state)
{
    (void)state;
    struct waiters waiters = {.pass_on = false};
    start_waiters(&waiters);
    for (int count = 1; count <= WAITERS; count++) {
        poller_wake(&waiters.poller);
        expect_returned(&waiters, count);
    }
    assert_int_equal(atomic_load(&waiters.events), 0);
    end_waiters(&waiters);
}

static void a_wake_that_is_passed_on_reaches_all_threads(void **state)
{
    (void)state;
    struct waiters waiters = {.pass_on = true};
    start_waiters(&waiters);
    poller_wake(&waiters.poller);
    expect_returned(&waiters, WAITERS);
    end_waiters(&waiters);
}

/* Nobody reads the byte: without POLLER_ONCE all of them would be told. */
static void who_asks_once_is_met_by_one_of_several_threads(void **state)
{
    (void)state;
    struct waiters waiters = {.pass_on = true};
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    start_waiters(&waiters);
    assert_int_equal(poller_add(&waiters.poller, fds[0], POLLER_IN | POLLER_ONCE, 1), 0);
    assert_int_equal(write(fds[1], "x", 1), 1);
    expect_returned(&waiters, WAITERS);
    assert_int_equal(atomic_load(&waiters.events), 1);
    end_waiters(&waiters);
    close(fds[0]);
    close(fds[1]);
}

struct told {
    struct poller poller;
    int count;
};

static void *be_told(void *given)
{
    struct told *told = given;
    struct poller_event event;
    told->count = poller_wait(&told->poller, &event, 1, SOON_MS);
    return NULL;
}

/* Says something to a socket that two pollers watch, while a thread waits at the first. Whether the other, at which
 * nobody waited, knows of it. */
static bool both_are_told(struct told *first, struct poller *other, const int fds[2], unsigned head_start_us)
{
    struct poller_event event;
    pthread_t thread;
    char byte;
    assert_int_equal(pthread_create(&thread, NULL, be_told, first), 0);
    usleep(head_start_us);
    assert_int_equal(write(fds[1], "x", 1), 1);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(first->count, 1);
    bool both = poller_wait(other, &event, 1, NOW) == 1;
    assert_int_equal(read(fds[0], &byte, 1), 1);
    assert_int_equal(poller_wait(other, &event, 1, NOW), 0); /* else it would remember this one the next time */
    return both;
}

/* A poller whose thread doesn't sleep yet passes the event on to the next one, hence the longer and longer head start.
 */
static void of_several_pollers_with_an_exclusive_socket_not_all_are_told(void **state)
{
    (void)state;
    struct told first;
    struct poller other;
    int fds[2];
    bool both = true;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    assert_int_equal(poller_open(&first.poller), 0);
    assert_int_equal(poller_open(&other), 0);
    assert_int_equal(poller_add(&first.poller, fds[0], POLLER_IN | POLLER_EXCLUSIVE, 1), 0);
    assert_int_equal(poller_add(&other, fds[0], POLLER_IN | POLLER_EXCLUSIVE, 2), 0);
    for (unsigned ms = 5; ms < 1000 && both; ms *= 2)
        both = both_are_told(&first, &other, fds, ms * 1000);
    assert_false(both);
    poller_close(&first.poller);
    poller_close(&other);
    close(fds[0]);
    close(fds[1]);
}

enum { ROWS = sizeof rows / sizeof rows[0], ONCE_ROWS = sizeof once_rows / sizeof once_rows[0] };

int main(void)
{
    struct CMUnitTest played[ROWS], played_once[ONCE_ROWS];
    for (int i = 0; i < ROWS; i++)
        played[i] = (struct CMUnitTest){rows[i].name, play, NULL, NULL, (void *)(uintptr_t)&rows[i]};
    for (int i = 0; i < ONCE_ROWS; i++)
        played_once[i] =
            (struct CMUnitTest){once_rows[i].name, play_once, NULL, NULL, (void *)(uintptr_t)&once_rows[i]};
    const struct CMUnitTest told[] = {
        cmocka_unit_test(another_thread_wakes_a_wait),
        cmocka_unit_test(another_thread_adds_to_a_wait),
        cmocka_unit_test(a_wake_before_the_wait_is_not_lost),
        cmocka_unit_test(a_wake_ends_one_wait_only),
        cmocka_unit_test(no_more_events_come_than_there_is_room),
        cmocka_unit_test(mistakes_are_told),
        cmocka_unit_test(an_exclusive_one_is_not_modified_but_added_again),
        cmocka_unit_test(a_wake_reaches_one_of_several_threads),
        cmocka_unit_test(a_wake_that_is_passed_on_reaches_all_threads),
        cmocka_unit_test(who_asks_once_is_met_by_one_of_several_threads),
        cmocka_unit_test(of_several_pollers_with_an_exclusive_socket_not_all_are_told),
    };
    return cmocka_run_group_tests(played, NULL, NULL) + cmocka_run_group_tests(played_once, NULL, NULL) +
           cmocka_run_group_tests(told, NULL, NULL);
}
