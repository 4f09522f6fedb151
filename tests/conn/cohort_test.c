/* Each row is what several peers say at once, and what each of them gets; conn_test.c has what one of them may say. */
#include "conn/conn.h"

#include "lib/sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { PEERS = 4, PEERS_MAX = 2 * COHORT_MAX, GOT_MAX = 1 << 20, QUERY = 4000 };

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"
#define EMPTY     SAMPLE_BEGIN("200 OK") SAMPLE_FIELDS(SAMPLE_TEXT, "0") "Content-Length: 0\r\n\r\n"

static const struct row {
    const char *name;
    const char *says[PEERS]; /* NULL: it says no more, ever */
    const char *got[PEERS];
} rows[] = {
    {"each gets its own answer",
     {GET("/small.txt"), GET("/empty.txt"), GET("/small.txt"), GET("/empty.txt")},
     {SAMPLE_SMALL, EMPTY, SAMPLE_SMALL, EMPTY}},
    {"who says nothing gets nothing", {GET("/small.txt"), "", GET("/empty.txt"), ""}, {SAMPLE_SMALL, "", EMPTY, ""}},
    {"who has left is closed", {NULL, GET("/small.txt"), NULL, GET("/empty.txt")}, {"", SAMPLE_SMALL, "", EMPTY}},
    {"half a request is no request",
     {"GET /small.txt HTTP/1.1\r\nHost: x\r\n", GET("/small.txt"), "G", "GET /"},
     {"", SAMPLE_SMALL, "", ""}},
    {"several requests of one are answered in order, and at once",
     {GET("/small.txt") GET("/empty.txt") GET("/small.txt"), GET("/empty.txt"), GET("/small.txt") "GET /", ""},
     {SAMPLE_SMALL EMPTY SAMPLE_SMALL, EMPTY, SAMPLE_SMALL, ""}},
    {"paths that can't be guessed are found all the same",
     {GET("/%73mall.txt"), GET("/small.txt?small"), GET("/dir/../small.txt"), GET("http://x/small.txt")},
     {SAMPLE_SMALL, SAMPLE_SMALL, SAMPLE_SMALL, SAMPLE_SMALL}},
};

struct world {
    struct sample sample;
    struct docroot docroot;
    struct conn_limits limits;
    struct conn_env env;
    struct conn conns[PEERS_MAX], *all[PEERS_MAX];
    int peers[PEERS_MAX], count;
};

static void open_peer(struct world *w)
{
    static const struct socket_peer nobody = {.family = AF_UNIX};
    int ends[2], i = w->count++;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    w->peers[i] = ends[1];
    w->all[i] = &w->conns[i];
    conn_open(&w->conns[i], ends[0], &nobody, 0, false);
}

static struct world *open_world(int peers)
{
    static const char *const paths[] = {"/small.txt", "/empty.txt"};
    const struct cache_limits cache = {.entries = 100, .bytes = 1 << 22, .files = 10};
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->limits = (struct conn_limits){
        .request = {REQUEST_LINE_MAX, REQUEST_HEAD_MAX, REQUEST_FIELDS_MAX}, .turn_bytes = 1 << 20, .keepalive_ms = 20};
    sample_open(&w->sample);
    assert_int_equal(docroot_open(&w->docroot, &w->sample.site, &cache), 0);
    assert_int_equal(conn_env_open(&w->env, &w->limits, &w->docroot, NULL), 0);
    w->env.clock = (struct clock){1000000, SAMPLE_NOW};
    memcpy(w->env.date, SAMPLE_NOW_DATE, DATE_LEN);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        sample_learn(&w->docroot, paths[i], &w->env.clock);
    while (w->count < peers)
        open_peer(w);
    return w;
}

static void close_world(struct world *w)
{
    for (int i = 0; i < w->count; i++) {
        conn_fini(&w->conns[i], &w->env);
        close(w->conns[i].fd);
        close(w->peers[i]);
    }
    conn_env_close(&w->env);
    docroot_close(&w->docroot);
    sample_close(&w->sample);
    free(w);
}

static void say(const struct world *w, int peer, const char *text)
{
    if (text == NULL)
        assert_int_equal(shutdown(w->peers[peer], SHUT_WR), 0);
    else
        assert_int_equal(send(w->peers[peer], text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void expect_got(const struct world *w, const char *name, int peer, const char *text)
{
    static char got[GOT_MAX];
    ssize_t len = 0, n;
    while ((n = recv(w->peers[peer], got + len, sizeof got - (size_t)len, MSG_DONTWAIT)) > 0)
        len += n;
    if ((size_t)len != strlen(text) || memcmp(got, text, strlen(text)) != 0)
        fail_msg("%s: peer %d got %zd bytes\n%.*s\nnot %zu\n%.*s", name, peer, len, (int)(len < 800 ? len : 800), got,
                 strlen(text), 800, text);
}

static bool is_in(const struct cohort *cohort, const struct conn *c)
{
    for (int i = 0; i < cohort->count; i++)
        if (cohort->members[i].conn == c)
            return true;
    return false;
}

static void run_row(struct world *w, const struct row *row)
{
    for (int i = 0; i < PEERS; i++)
        say(w, i, row->says[i]);
    cohort_receive(&w->env, w->all, PEERS);
    for (int i = 0; i < PEERS; i++) {
        enum stage stage = conn_read(&w->conns[i], &w->env);
        if (stage != (row->says[i] == NULL ? STAGE_CLOSE : STAGE_READ))
            fail_msg("%s: peer %d: the next stage is %d", row->name, i, stage);
    }
    cohort_end(&w->env.cohort);
    for (int i = 0; i < PEERS; i++)
        expect_got(w, row->name, i, row->got[i]);
}

static void those_who_are_read_together_get_what_each_would_alone(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct world *w = open_world(PEERS);
        run_row(w, &rows[i]);
        close_world(w);
    }
}

/* Each of them goes on, and the cohort ends. */
static void read_all(struct world *w)
{
    for (int i = 0; i < w->count; i++)
        assert_int_equal(conn_read(w->all[i], &w->env), STAGE_READ);
    cohort_end(&w->env.cohort);
}

/* What is in the connection's own buffer comes before what it says now. */
static void who_is_in_the_middle_of_something_is_no_member(void **state)
{
    (void)state;
    struct world *w = open_world(2);
    say(w, 0, "GET /small.txt HTTP/1.1\r\n");
    assert_int_equal(conn_read(w->all[0], &w->env), STAGE_READ);
    say(w, 0, "Host: x\r\n\r\n");
    say(w, 1, GET("/empty.txt"));
    cohort_receive(&w->env, w->all, 2);
    assert_false(is_in(&w->env.cohort, w->all[0]));
    assert_true(is_in(&w->env.cohort, w->all[1]));
    read_all(w);
    expect_got(w, "head", 0, SAMPLE_SMALL);
    expect_got(w, "head", 1, EMPTY);
    close_world(w);
}

static void who_finds_no_place_in_it_is_read_alone(void **state)
{
    (void)state;
    struct world *w = open_world(PEERS_MAX);
    for (int i = 0; i < PEERS_MAX; i++)
        say(w, i, GET("/small.txt"));
    cohort_receive(&w->env, w->all, PEERS_MAX);
    for (int i = 0; i < PEERS_MAX; i++) {
        assert_int_equal(is_in(&w->env.cohort, w->all[i]), i < COHORT_MAX);
        assert_int_equal(conn_read(w->all[i], &w->env), STAGE_READ);
    }
    cohort_end(&w->env.cohort);
    for (int i = 0; i < PEERS_MAX; i++)
        expect_got(w, "place", i, SAMPLE_SMALL);
    close_world(w);
}

/* As many requests as there is room for in all; what doesn't fit is received when it is read again. */
static void who_says_much_leaves_no_room_for_the_others(void **state)
{
    static char said[COHORT_ROOM + 2 * QUERY], answer[GOT_MAX];
    char *tail = said;
    (void)state;
    struct world *w = open_world(2);
    for (int i = 0; tail < said + COHORT_ROOM; i++) {
        tail += sprintf(tail, "GET /small.txt?%0*d HTTP/1.1\r\nHost: x\r\n\r\n", QUERY, i);
        memcpy(answer + (size_t)i * strlen(SAMPLE_SMALL), SAMPLE_SMALL, sizeof SAMPLE_SMALL);
    }
    say(w, 0, said);
    say(w, 1, GET("/small.txt"));
    cohort_receive(&w->env, w->all, 2);
    assert_true(is_in(&w->env.cohort, w->all[0]));
    assert_false(is_in(&w->env.cohort, w->all[1]));
    read_all(w);
    assert_int_equal(conn_read(w->all[0], &w->env), STAGE_READ);
    expect_got(w, "room", 0, answer);
    expect_got(w, "room", 1, SAMPLE_SMALL);
    close_world(w);
}

static void nothing_is_left_of_a_cohort_for_the_next(void **state)
{
    (void)state;
    struct world *w = open_world(2);
    for (int round = 0; round < 3; round++) {
        say(w, 0, GET("/small.txt"));
        assert_int_equal(cohort_receive(&w->env, w->all, 2), 2);
        for (int times = 0; times < 3; times++) /* what it was given, it was given once */
            assert_int_equal(conn_read(w->all[0], &w->env), STAGE_READ);
        assert_int_equal(conn_read(w->all[1], &w->env), STAGE_READ);
        cohort_end(&w->env.cohort);
        assert_int_equal(cohort_receive(&w->env, w->all, 0), 0);
        assert_int_equal(buffer_length(&w->env.cohort.bytes), 0);
        for (int i = 0; i < 2; i++)
            assert_int_equal(conn_read(w->all[i], &w->env), STAGE_READ);
        expect_got(w, "round", 0, SAMPLE_SMALL);
        expect_got(w, "round", 1, "");
    }
    close_world(w);
}

/* One look does for all of them: the first has asked before the change, and may get either; here it gets what the last
 * one gets. That the look comes behind what was received last, only tests/wire/storm_changes.c can show. */
static void a_change_made_before_the_last_of_them_asked_is_seen_by_all(void **state)
{
    (void)state;
    struct world *w = open_world(PEERS);
    for (int i = 0; i < PEERS; i++) {
        say(w, i, GET("/small.txt"));
        if (i == PEERS - 2)
            tree_add(&w->sample.tree, &(struct tree_row){TREE_FILE, "root/small.txt", "SMALL\n", 0});
    }
    sample_set_modified(&w->sample, "root/small.txt", SAMPLE_MODIFIED);
    cohort_receive(&w->env, w->all, PEERS);
    read_all(w);
    for (int i = 0; i < PEERS; i++)
        expect_got(w, "change", i, SAMPLE_SMALL_HEAD "SMALL\n");
    close_world(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(those_who_are_read_together_get_what_each_would_alone),
        cmocka_unit_test(who_is_in_the_middle_of_something_is_no_member),
        cmocka_unit_test(who_finds_no_place_in_it_is_read_alone),
        cmocka_unit_test(who_says_much_leaves_no_room_for_the_others),
        cmocka_unit_test(nothing_is_left_of_a_cohort_for_the_next),
        cmocka_unit_test(a_change_made_before_the_last_of_them_asked_is_seen_by_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
