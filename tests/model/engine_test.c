/*
 * What happens to connections when they, or the engine, end: whole engines of every model. What takes its time is done
 * to all of them at once.
 */
#include "lib/rig.h"
#include "model/shed.h"
#include "os/sleeper.h"

#include "base/clock.h"

#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

enum { VANDALS = 60, MIDDLE = 12, LOGGED = 5, BUFFER = 16384, EACH = 4, NAME_MAX_LEN = 128 };

#define GET(path)           "GET /" path " HTTP/1.1\r\nHost: h\r\n\r\n"
#define GET_AND_CLOSE(path) "GET /" path " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"

static const struct tree_row files[] = {
    {TREE_FILE, "one", NULL, 1},
    {TREE_FILE, "small", NULL, 1000},
    {TREE_FILE, "in-file", NULL, ENTRY_BODY_MAX + 1},
    {TREE_FILE, "large", NULL, 1500000},
};

static struct tree tree; /* the same for all */

/* The main thread accepts for some, and others accept for themselves. */
static const struct shape {
    const char *name;
    struct rig_plan plan;
} shapes[] = {
    {"staged", {.model = &model_staged, .workers = 2, .writers = 2}},
    {"staged without writers", {.model = &model_staged, .workers = 2}},
    {"symmetric", {.model = &model_symmetric, .workers = 2}},
    {"symmetric over a unix socket", {.model = &model_symmetric, .workers = 3, .over_unix = true}},
    {"turns", {.model = &model_turns, .workers = 3}},
    {"sped", {.model = &model_sped}},
    {"balanced", {.model = &model_balanced, .workers = 2}},
    {"amped", {.model = &model_amped}},
    {"seda", {.model = &model_seda, .workers = 2}},
    {"forked", {.model = &model_forked}},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

/* Its connections change threads all the time. */
static struct rig_plan restless(const struct rig_plan *plan)
{
    struct rig_plan made = *plan;
    made.turn_bytes = 4000;
    made.blockers = 2;
    made.assume_cold = true;
    made.send_buffer = BUFFER;
    return made;
}

static int open_files(void)
{
    int count = 0;
    DIR *directory = opendir("/proc/self/fd");
    while (directory != NULL && readdir(directory) != NULL)
        count++;
    closedir(directory);
    return count;
}

/* ---- of each model */

/* Opens connections, asks for much, and goes away at any moment: with a reset, with bytes unread, in the middle of a
 * head. */
static void peers_that_vanish_anywhere_leave_nothing_behind(void **state)
{
    static const char requests[] = GET("large") GET("in-file") GET("nothing") GET("small");
    const struct rig_plan plan = restless(&((const struct shape *)*state)->plan);
    unsigned random = 7;
    struct rig rig;
    rig_open(&rig, &plan, &tree);
    for (int i = 0; i < VANDALS; i++) {
        random = random * 1103515245 + 12345;
        int sock = rig_connect(&rig, BUFFER);
        size_t len = 1 + (random >> 16) % (sizeof requests - 1);
        char got[30000];
        (void)!send(sock, requests, len, MSG_NOSIGNAL);
        usleep((random >> 8) % 3000);
        if (random & 64)
            (void)!recv(sock, got, sizeof got, MSG_DONTWAIT);
        if (random & 128)
            shutdown(sock, random & 256 ? SHUT_WR : SHUT_RDWR);
        close(sock);
    }
    bool ended = rig_wait_for(&rig, 0);
    rig_halt(&rig);
    bool stopped = engine_stop(&rig.engine);
    for (int i = 0; i < rig.engine.settings.crews[0].places; i++)
        assert_true(engine_place(&rig.engine, 0, i)->load_ns == 0);
    rig_close(&rig);
    assert_true(ended && stopped);
}

static void an_engine_closed_in_the_middle_of_everything_gives_all_back(void **state)
{
    const struct rig_plan plan = restless(&((const struct shape *)*state)->plan);
    int before = open_files();
    for (int round = 0; round < 4; round++) {
        struct rig rig;
        int socks[MIDDLE];
        rig_open(&rig, &plan, &tree);
        for (int i = 0; i < MIDDLE; i++) {
            socks[i] = rig_connect(&rig, BUFFER);
            rig_say(socks[i], GET("large") GET("one") "GET /one HT");
        }
        usleep((useconds_t)round * 2000);
        rig_close(&rig);
        for (int i = 0; i < MIDDLE; i++)
            close(socks[i]);
    }
    assert_int_equal(open_files(), before);
}

static void an_engine_that_was_closed_unused_gives_all_back(void **state)
{
    const struct shape *shape = *state;
    struct rig rig;
    int before = open_files();
    rig_open(&rig, &shape->plan, &tree);
    rig_close(&rig);
    assert_int_equal(open_files(), before);
}

static int count_lines(const char *path)
{
    int count = 0, c;
    FILE *stream = fopen(path, "re");
    assert_non_null(stream);
    while ((c = getc(stream)) != EOF)
        count += c == '\n';
    fclose(stream);
    return count;
}

static void every_answer_has_a_line_in_the_log(void **state)
{
    const struct shape *shape = *state;
    struct rig_plan plan = restless(&shape->plan);
    char path[TREE_PATH_MAX], got[65536];
    struct rig rig;
    tree_path(&tree, "log", path);
    plan.access_log = path;
    rig_open(&rig, &plan, &tree);
    for (int i = 0; i < LOGGED; i++) {
        int sock = rig_connect(&rig, 0);
        rig_say(sock, GET("small") GET("nothing") GET_AND_CLOSE("one"));
        assert_true(rig_hear(sock, got, sizeof got, sizeof got - 1) > 0);
        close(sock);
    }
    bool ended = rig_wait_for(&rig, 0);
    rig_close(&rig);
    int lines = count_lines(path);
    unlink(path);
    assert_true(ended);
    assert_int_equal(lines, 3 * LOGGED);
}

/* ---- of all models at once */

struct peers {
    int idle, busy, silent, late, sending;
};

/* Each in another state when the server is told to stop. */
static void connect_all(struct rig *rig, struct peers *peers)
{
    char got[4096];
    peers->idle = rig_connect(rig, 0);
    rig_say(peers->idle, GET("one"));
    assert_true(rig_hear(peers->idle, got, sizeof got, 1) > 0);
    peers->busy = rig_connect(rig, 0);
    rig_say(peers->busy, "GET /one HTTP/1.1\r\nHo");
    peers->silent = rig_connect(rig, 0);
    peers->sending = rig_connect(rig, BUFFER);
    rig_say(peers->sending, GET("large"));
    usleep(20000);
    peers->late = rig_connect(rig, 0); /* it may wait in the backlog still */
    rig_say(peers->late, GET("one"));
}

static void expect_answer(const char *name, const char *who, int sock, const char *in_it)
{
    char got[4096];
    rig_hear(sock, got, sizeof got, sizeof got - 1);
    if (strncmp(got, "HTTP/1.1 200 OK\r\n", 17) != 0 || strstr(got, in_it) == NULL)
        fail_msg("%s: the %s connection got '%s'", name, who, got);
    close(sock);
}

static void expect_end(const char *name, const char *who, int sock)
{
    if (!rig_hears_the_end(sock))
        fail_msg("%s: the %s connection was not ended", name, who);
    close(sock);
}

static void expect_large(const char *name, int sock)
{
    static char got[1 << 22];
    size_t len = rig_hear(sock, got, sizeof got, sizeof got - 1);
    if (len < 1500000)
        fail_msg("%s: a running reply was cut off after %zu bytes", name, len);
    close(sock);
}

static void draining_answers_what_has_come_and_closes_what_is_idle(void **state)
{
    (void)state;
    static struct rig rigs[SHAPES];
    struct peers peers[SHAPES];
    for (int i = 0; i < SHAPES; i++) {
        struct rig_plan plan = shapes[i].plan;
        plan.send_buffer = BUFFER;
        rig_open(&rigs[i], &plan, &tree);
    }
    for (int i = 0; i < SHAPES; i++) {
        connect_all(&rigs[i], &peers[i]);
        rig_halt(&rigs[i]);
        engine_drain(&rigs[i].engine);
        rig_say(peers[i].busy, "st: h\r\n\r\n");
    }
    for (int i = 0; i < SHAPES; i++) {
        expect_answer(shapes[i].name, "busy", peers[i].busy, "\r\nConnection: close\r\n");
        expect_answer(shapes[i].name, "late", peers[i].late, ""); /* it may have come just before */
        expect_end(shapes[i].name, "idle", peers[i].idle);
        expect_end(shapes[i].name, "silent", peers[i].silent);
        expect_large(shapes[i].name, peers[i].sending);
        bool ended = rig_wait_for(&rigs[i], 0);
        uint64_t until_ms = clock_now_ms() + RIG_PATIENCE_MS;
        while (engine_is_busy(&rigs[i].engine) && clock_now_ms() < until_ms)
            usleep(1000);
        if (!ended || engine_is_busy(&rigs[i].engine))
            fail_msg("%s: not all is over", shapes[i].name);
        rig_close(&rigs[i]);
    }
}

static void who_is_past_its_deadline_is_ended_and_nobody_else(void **state)
{
    (void)state;
    static struct rig rigs[SHAPES];
    int idle[SHAPES], silent[SHAPES], halves[SHAPES], sound[SHAPES];
    char got[4096];
    for (int i = 0; i < SHAPES; i++) {
        struct rig_plan plan = shapes[i].plan;
        plan.keepalive_ms = 300;
        plan.head_ms = 600;
        rig_open(&rigs[i], &plan, &tree);
        idle[i] = rig_connect(&rigs[i], 0);
        silent[i] = rig_connect(&rigs[i], 0);
        halves[i] = rig_connect(&rigs[i], 0);
        sound[i] = rig_connect(&rigs[i], BUFFER); /* it takes nothing, but for that it has a minute */
        rig_say(idle[i], GET("one"));
        rig_say(halves[i], "GET /one HTT");
        rig_say(sound[i], GET("large") GET("large") GET("large"));
    }
    for (int i = 0; i < SHAPES; i++) {
        assert_true(rig_hear(idle[i], got, sizeof got, 1) > 0);
        expect_end(shapes[i].name, "idle", idle[i]);
        expect_end(shapes[i].name, "silent", silent[i]);
        rig_hear(halves[i], got, sizeof got, sizeof got - 1);
        if (strstr(got, "HTTP/1.1 408 Request Timeout\r\n") == NULL)
            fail_msg("%s: half a request got '%s'", shapes[i].name, got);
        close(halves[i]);
    }
    for (int i = 0; i < SHAPES; i++) {
        if (!rig_wait_for(&rigs[i], 1))
            fail_msg("%s: %d connections are left", shapes[i].name, (int)engine_connections(&rigs[i].engine));
        close(sound[i]);
        rig_close(&rigs[i]);
    }
}

enum { OLD = 3, IDLE = 6, WANTED = 2 };

/* One worker each: between several, the asked-for number is shared out. */
static void the_longest_idle_are_shed_first(void **state)
{
    (void)state;
    static struct rig rigs[SHAPES];
    int socks[SHAPES][IDLE];
    char got[4096];
    for (int i = 0; i < SHAPES; i++) {
        struct rig_plan plan = shapes[i].plan;
        plan.workers = plan.model == &model_forked ? 0 : 1;
        rig_open(&rigs[i], &plan, &tree);
    }
    for (int n = 0; n < IDLE; n++) {
        for (int i = 0; i < SHAPES; i++) {
            socks[i][n] = rig_connect(&rigs[i], 0);
            rig_say(socks[i][n], GET("one"));
        }
        for (int i = 0; i < SHAPES; i++)
            assert_true(rig_hear(socks[i][n], got, sizeof got, 1) > 0);
        if (n == OLD - 1)
            usleep(2100000); /* idle times are told apart by the second */
    }
    usleep(20000);
    for (int i = 0; i < SHAPES; i++) {
        rig_halt(&rigs[i]);
        shed_ask(&rigs[i].engine, WANTED);
    }
    for (int i = 0; i < SHAPES; i++) {
        uint64_t until_ms = clock_now_ms() + RIG_PATIENCE_MS;
        while (engine_connections(&rigs[i].engine) > IDLE - WANTED && clock_now_ms() < until_ms)
            usleep(1000);
    }
    usleep(50000);
    for (int i = 0; i < SHAPES; i++) {
        int old = 0, young = 0;
        for (int n = 0; n < IDLE; n++) {
            bool ended = recv(socks[i][n], got, sizeof got, MSG_DONTWAIT) == 0;
            old += ended && n < OLD;
            young += ended && n >= OLD;
            close(socks[i][n]);
        }
        if (old + young < WANTED || old + young > OLD)
            fail_msg("%s: %d were shed", shapes[i].name, old + young);
        /* Where each has a thread of its own, whoever hears of it first is one of them. */
        if (young > 0 && shapes[i].plan.model != &model_forked)
            fail_msg("%s: %d that had not been idle for long were shed", shapes[i].name, young);
        rig_close(&rigs[i]);
    }
}

static int make_files(void **state)
{
    (void)state;
    tree_open(&tree, files, sizeof files / sizeof *files);
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
    static char names[EACH * SHAPES][NAME_MAX_LEN];
    static const struct {
        const char *sentence;
        CMUnitTestFunction run;
    } each[EACH] = {
        {"peers that vanish anywhere leave nothing behind", peers_that_vanish_anywhere_leave_nothing_behind},
        {"closed in the middle of everything, it gives all back",
         an_engine_closed_in_the_middle_of_everything_gives_all_back},
        {"closed unused, it gives all back", an_engine_that_was_closed_unused_gives_all_back},
        {"every answer has a line in the log", every_answer_has_a_line_in_the_log},
    };
    struct CMUnitTest tests[EACH * SHAPES + 3];
    signal(SIGPIPE, SIG_IGN); /* sendfile(2) has no flag for it, see os/sendfile.h */
    if (sleeper_open() < 0)
        return 1;
    for (int i = 0; i < EACH * SHAPES; i++) {
        const struct shape *shape = &shapes[i / EACH];
        snprintf(names[i], NAME_MAX_LEN, "%s: %s", shape->name, each[i % EACH].sentence);
        tests[i] = (struct CMUnitTest){names[i], each[i % EACH].run, NULL, NULL, (void *)(uintptr_t)shape};
    }
    const struct CMUnitTest more[] = {
        cmocka_unit_test(draining_answers_what_has_come_and_closes_what_is_idle),
        cmocka_unit_test(who_is_past_its_deadline_is_ended_and_nobody_else),
        cmocka_unit_test(the_longest_idle_are_shed_first),
    };
    memcpy(tests + EACH * SHAPES, more, sizeof more);
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
