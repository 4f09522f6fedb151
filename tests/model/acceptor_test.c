/*
 * How many connections are let in, by one acceptor or by several: whole engines, of the models that accept differently.
 */
#include "lib/response.h"
#include "lib/rig.h"

#include "base/clock.h"
#include "os/sleeper.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

enum { MOST = 20, TOO_MANY = 6, FAR_TOO_MANY = 2 * (MOST + ACCEPTOR_RESERVE), TESTS = 4, NAME_MAX_LEN = 128 };

#define HALF "GET /one HTTP/1.1\r\nHo"
#define REST "st: h\r\n\r\n"

static const struct tree_row files[] = {{TREE_FILE, "one", NULL, 1}};
static struct tree tree; /* the same for all */

static const struct shape {
    const char *name;
    struct rig_plan plan;
    int acceptors;
} shapes[] = {
    {"staged", {.model = &model_staged, .workers = 2, .connections_max = MOST}, 1},
    {"symmetric", {.model = &model_symmetric, .workers = 4, .connections_max = MOST}, 4},
    {"symmetric over a unix socket",
     {.model = &model_symmetric, .workers = 4, .over_unix = true, .connections_max = MOST},
     4},
    {"turns", {.model = &model_turns, .workers = 3, .connections_max = MOST}, 1},
    {"sped", {.model = &model_sped, .connections_max = MOST}, 1},
    {"amped", {.model = &model_amped, .connections_max = MOST}, 1},
    {"seda", {.model = &model_seda, .workers = 2, .connections_max = MOST}, 1},
    {"forked", {.model = &model_forked, .connections_max = MOST}, 1},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

/* A peer that is let in, or not, before the next one comes. It is in the middle of a request, and can't be shed. */
static int connect_half(struct rig *rig)
{
    int sock = rig_connect(rig, 0);
    rig_say(sock, HALF);
    return sock;
}

static uint64_t accepted(const struct rig *rig)
{
    uint64_t sum = 0;
    for (int i = 0; i < rig->engine.acceptor_count; i++)
        sum += atomic_load(&rig->engine.acceptors[i].accepted);
    return sum;
}

static bool wait_until_accepted(const struct rig *rig, uint64_t count)
{
    uint64_t until_ms = clock_now_ms() + RIG_PATIENCE_MS;
    while (accepted(rig) < count && clock_now_ms() < until_ms)
        usleep(500);
    return accepted(rig) >= count;
}

/* The status that a peer is answered; 0: it was closed, or left alone. */
static int status_of(int sock)
{
    char got[4096];
    size_t len = rig_hear(sock, got, sizeof got, 20);
    return response_status((struct slice){got, len});
}

/* More peers than can even be told, each with half a request. Whether all are in that can be. */
static bool crowd_in(struct rig *rig, int socks[FAR_TOO_MANY])
{
    for (int i = 0; i < FAR_TOO_MANY; i++)
        socks[i] = connect_half(rig);
    return wait_until_accepted(rig, MOST + ACCEPTOR_RESERVE);
}

/* They say the other half, and go. How many were answered, or told that there is no room. */
static int all_answered(int socks[FAR_TOO_MANY])
{
    int answered = 0;
    for (int i = 0; i < FAR_TOO_MANY; i++)
        rig_say(socks[i], REST);
    for (int i = 0; i < FAR_TOO_MANY; i++) {
        int status = status_of(socks[i]);
        answered += status == 200 || status == 503;
        close(socks[i]);
    }
    return answered;
}

static void as_many_as_may_be_are_let_in_exactly_and_the_next_are_told_so(void **state)
{
    const struct shape *shape = *state;
    int socks[MOST + TOO_MANY], let_in = 0, refused = 0;
    struct rig rig;
    bool all = true;
    rig_open(&rig, &shape->plan, &tree);
    assert_int_equal(rig.engine.acceptor_count, shape->acceptors);
    for (int i = 0; i < MOST + TOO_MANY; i++) {
        socks[i] = connect_half(&rig);
        all &= wait_until_accepted(&rig, (uint64_t)i + 1);
    }
    for (int i = 0; i < MOST + TOO_MANY; i++) {
        rig_say(socks[i], REST);
        int status = status_of(socks[i]);
        let_in += status == 200 && i < MOST;
        refused += status == 503 && i >= MOST;
    }
    for (int i = 0; i < MOST + TOO_MANY; i++)
        close(socks[i]);
    bool ended = rig_wait_for(&rig, 0);
    rig_close(&rig);
    assert_true(all && ended);
    assert_int_equal(let_in, MOST);
    assert_int_equal(refused, TOO_MANY);
}

static void who_cannot_even_be_told_waits_until_there_is_room(void **state)
{
    const struct shape *shape = *state;
    int socks[FAR_TOO_MANY];
    struct rig rig;
    rig_open(&rig, &shape->plan, &tree);
    bool filled = crowd_in(&rig, socks);
    usleep(150000); /* longer than it pauses */
    uint64_t taken = accepted(&rig);
    int answered = all_answered(socks);
    bool ended = rig_wait_for(&rig, 0);
    rig_close(&rig);
    assert_true(filled && ended);
    /* Acceptors that look at the same moment may each take the last one. */
    assert_in_range(taken, MOST + ACCEPTOR_RESERVE, MOST + ACCEPTOR_RESERVE + shape->acceptors - 1);
    assert_int_equal(answered, FAR_TOO_MANY);
}

static void who_waits_at_the_listeners_when_the_server_stops_is_let_in(void **state)
{
    const struct shape *shape = *state;
    int socks[FAR_TOO_MANY];
    struct rig rig;
    rig_open(&rig, &shape->plan, &tree);
    bool filled = crowd_in(&rig, socks);
    uint64_t before = accepted(&rig);
    rig_halt(&rig);
    engine_drain(&rig.engine);
    bool all = wait_until_accepted(&rig, FAR_TOO_MANY);
    int answered = all_answered(socks);
    bool ended = rig_wait_for(&rig, 0);
    rig_close(&rig);
    assert_true(filled && all && ended);
    assert_true(before < FAR_TOO_MANY); /* some did wait */
    assert_int_equal(answered, FAR_TOO_MANY);
}

static void who_is_idle_makes_room(void **state)
{
    const struct shape *shape = *state;
    int idle[MOST], status = 0;
    char got[4096];
    struct rig rig;
    rig_open(&rig, &shape->plan, &tree);
    for (int i = 0; i < MOST; i++) {
        idle[i] = rig_connect(&rig, 0);
        rig_say(idle[i], HALF REST);
        assert_int_equal(status_of(idle[i]), 200);
    }
    usleep(20000);
    uint64_t until_ms = clock_now_ms() + RIG_PATIENCE_MS;
    while (status != 200 && clock_now_ms() < until_ms) { /* where they take their time to go, the next are told so */
        int sock = rig_connect(&rig, 0);
        rig_say(sock, HALF REST);
        status = status_of(sock);
        close(sock);
    }
    int shed = 0;
    for (int i = 0; i < MOST; i++) {
        ssize_t len = 1;
        while (len > 0) /* the rest of the answer comes first */
            len = recv(idle[i], got, sizeof got, MSG_DONTWAIT);
        shed += len == 0;
        close(idle[i]);
    }
    rig_close(&rig);
    assert_int_equal(status, 200);
    assert_true(shed > 0);
}

static int make_files(void **state)
{
    (void)state;
    tree_open(&tree, files, 1);
    return 0;
}

static int remove_files(void **state)
{
    (void)state;
    tree_close(&tree);
    return 0;
}

int main(void)
{
    static char names[TESTS * SHAPES][NAME_MAX_LEN];
    static const struct {
        const char *sentence;
        CMUnitTestFunction run;
    } each[TESTS] = {
        {"as many as may be are let in, exactly, and the next are told so",
         as_many_as_may_be_are_let_in_exactly_and_the_next_are_told_so},
        {"who can't even be told waits until there is room", who_cannot_even_be_told_waits_until_there_is_room},
        {"who waits at the listeners when the server stops is let in",
         who_waits_at_the_listeners_when_the_server_stops_is_let_in},
        {"who is idle makes room", who_is_idle_makes_room},
    };
    struct CMUnitTest tests[TESTS * SHAPES];
    signal(SIGPIPE, SIG_IGN); /* sendfile(2) has no flag for it, see os/sendfile.h */
    if (sleeper_open() < 0)
        return 1;
    for (int i = 0; i < TESTS * SHAPES; i++) {
        const struct shape *shape = &shapes[i / TESTS];
        snprintf(names[i], NAME_MAX_LEN, "%s: %s", shape->name, each[i % TESTS].sentence);
        tests[i] = (struct CMUnitTest){names[i], each[i % TESTS].run, NULL, NULL, (void *)(uintptr_t)shape};
    }
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
