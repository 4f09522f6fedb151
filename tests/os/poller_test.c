#include "os/poller.h"

#include "base/clock.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
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

static void play(void **state)
{
    const struct row *row = *state;
    struct pair pair;
    int fds[2];
    assert_int_equal(poller_open(&pair.poller), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    pair.ours = fds[0];
    pair.theirs = fds[1];
    assert_int_equal(poller_add(&pair.poller, pair.ours, row->interest, row->key), 0);
    if (row->happens != NULL)
        row->happens(&pair);
    expect_event(&pair, row);
    expect_event(&pair, row); /* level-triggered: it is so still */
    close(pair.ours);
    if (pair.theirs >= 0)
        close(pair.theirs);
    poller_close(&pair.poller);
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

enum { ROWS = sizeof rows / sizeof rows[0] };

int main(void)
{
    struct CMUnitTest played[ROWS];
    for (int i = 0; i < ROWS; i++)
        played[i] = (struct CMUnitTest){rows[i].name, play, NULL, NULL, (void *)(uintptr_t)&rows[i]};
    const struct CMUnitTest told[] = {
        cmocka_unit_test(another_thread_wakes_a_wait),
        cmocka_unit_test(another_thread_adds_to_a_wait),
        cmocka_unit_test(a_wake_before_the_wait_is_not_lost),
        cmocka_unit_test(a_wake_ends_one_wait_only),
        cmocka_unit_test(no_more_events_come_than_there_is_room),
        cmocka_unit_test(mistakes_are_told),
    };
    return cmocka_run_group_tests(played, NULL, NULL) + cmocka_run_group_tests(told, NULL, NULL);
}
