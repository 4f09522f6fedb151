#include "conn/record.h"

#include "http/logline.h"
#include "lib/sample.h"
#include "reply/page.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { RING = 1 << 16, LINE_MAX_LEN = 1 << 15 };

#define WHEN      "[09/Sep/2001:01:46:40 +0000]"
#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"

struct world {
    struct sample sample;
    struct docroot docroot;
    struct conn_limits limits;
    struct ring ring;
    struct conn_env env;
    struct conn c;
    int peer;
    char line[LINE_MAX_LEN];
};

static int open_connection(struct world *w)
{
    const struct socket_peer peer = {.family = AF_INET, .bytes = {192, 0, 2, 7}};
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) < 0)
        return -1;
    w->peer = ends[1];
    conn_open(&w->c, ends[0], &peer, 0, false);
    return 0;
}

static void close_connection(struct world *w)
{
    conn_fini(&w->c, &w->env);
    close(w->c.fd);
    close(w->peer);
}

static int make_world(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    const struct cache_limits cache = {.entries = 100, .bytes = 1 << 22, .files = 10};
    if (w == NULL)
        return -1;
    *state = w;
    w->limits = (struct conn_limits){
        .request = {REQUEST_LINE_MAX, REQUEST_HEAD_MAX, REQUEST_FIELDS_MAX}, .body_max = 100, .turn_bytes = 1 << 20};
    sample_open(&w->sample);
    assert_int_equal(docroot_open(&w->docroot, &w->sample.site, &cache), 0);
    assert_int_equal(ring_open(&w->ring, RING), 0);
    assert_int_equal(conn_env_open(&w->env, &w->limits, &w->docroot, &w->ring), 0);
    w->env.clock = (struct clock){1000000, SAMPLE_NOW};
    return open_connection(w);
}

static int end_world(void **state)
{
    struct world *w = *state;
    close_connection(w);
    conn_env_close(&w->env);
    ring_close(&w->ring);
    docroot_close(&w->docroot);
    sample_close(&w->sample);
    free(w);
    return 0;
}

/* All that was logged since the last time, as one string. */
static const char *logged(struct world *w)
{
    size_t len = ring_take(&w->ring, w->line, sizeof w->line - 1);
    w->line[len] = '\0';
    return w->line;
}

static struct request browser_request(void)
{
    return (struct request){
        .line = SLICE("GET /a HTTP/1.1"),
        .referer = SLICE("http://example/"),
        .user_agent = SLICE("browser \"7\""),
    };
}

#define BROWSER_LINE(bytes)                                                                                            \
    "192.0.2.7 - - " WHEN " \"GET /a HTTP/1.1\" 200 " bytes " \"http://example/\" \"browser \\x227\\x22\"\n"

static void a_complete_reply_is_logged_at_once(void **state)
{
    struct world *w = *state;
    struct request request = browser_request();
    record_now(&w->env, &w->c, &request, 200, 1234);
    assert_true(w->env.logged);
    assert_string_equal(logged(w), BROWSER_LINE("1234"));
    assert_null(w->c.record);
}

static void where_nothing_could_be_read_the_words_are_missing(void **state)
{
    struct world *w = *state;
    record_now(&w->env, &w->c, NULL, 408, 10);
    assert_string_equal(logged(w), "192.0.2.7 - - " WHEN " \"-\" 408 10 \"-\" \"-\"\n");
}

/* The request's words lie in a buffer that is used for others before the reply ends. */
static void a_reply_that_goes_on_is_logged_at_its_end_with_what_was_sent(void **state)
{
    struct world *w = *state;
    char words[] = "GET /a HTTP/1.1http://example/browser \"7\"";
    const struct request request = {
        .line = {words, 15},
        .referer = {words + 15, 15},
        .user_agent = {words + 30, 11},
    };
    record_begin(&w->env, &w->c, &request, 200, 1000);
    memset(words, 'x', sizeof words);
    w->env.clock.second += 100; /* the line tells when the request was read */
    assert_non_null(w->c.record);
    assert_false(w->env.logged);
    assert_string_equal(logged(w), "");
    record_end(&w->env, &w->c, 300);
    assert_null(w->c.record);
    assert_true(w->env.logged);
    assert_string_equal(logged(w), BROWSER_LINE("700"));
    record_end(&w->env, &w->c, 0);
    assert_string_equal(logged(w), "");
}

static void a_reply_of_which_nothing_was_sent_has_no_bytes(void **state)
{
    struct world *w = *state;
    struct request request = browser_request();
    record_begin(&w->env, &w->c, &request, 200, 1000);
    record_end(&w->env, &w->c, 1000);
    assert_string_equal(logged(w), BROWSER_LINE("-"));
}

static size_t count_of(const char *text, char wanted)
{
    size_t count = 0;
    for (; *text != '\0'; text++)
        count += *text == wanted;
    return count;
}

/* Whether the reply goes on or not, its line is the same, whatever the length of the words. */
static void words_are_cut_the_same_now_and_later(void **state)
{
    static const size_t lengths[] = {
        0, 1, LOGLINE_PART_MAX - 1, LOGLINE_PART_MAX, LOGLINE_PART_MAX + 1, 3 * LOGLINE_PART_MAX};
    struct world *w = *state;
    char *words = malloc(3 * LOGLINE_PART_MAX), *now = malloc(LINE_MAX_LEN);
    assert_non_null(words);
    assert_non_null(now);
    memset(words, 'w', 3 * LOGLINE_PART_MAX);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        bool cut = lengths[i] > LOGLINE_PART_MAX;
        const struct slice word = {words, lengths[i]};
        const struct request request = {.line = word, .referer = word, .user_agent = word};
        record_now(&w->env, &w->c, &request, 200, 5);
        strcpy(now, logged(w));
        record_begin(&w->env, &w->c, &request, 200, 5);
        record_end(&w->env, &w->c, 0);
        assert_string_equal(logged(w), now);
        assert_int_equal(strstr(now, "www...\"") != NULL, cut);
        assert_int_equal(count_of(now, 'w'), 3 * (cut ? LOGLINE_PART_MAX : lengths[i]));
    }
    free(words);
    free(now);
}

static void without_a_log_nothing_is_kept(void **state)
{
    struct world *w = *state;
    struct request request = browser_request();
    w->env.access = NULL;
    record_now(&w->env, &w->c, &request, 200, 5);
    record_begin(&w->env, &w->c, &request, 200, 5);
    assert_null(w->c.record);
    record_end(&w->env, &w->c, 0);
    assert_false(w->env.logged);
    assert_string_equal(logged(w), "");
}

static void a_full_ring_costs_lines_and_counts_them(void **state)
{
    struct world *w = *state;
    struct request request = browser_request();
    size_t len = sizeof BROWSER_LINE("5") - 1, fit = RING / len;
    for (size_t i = 0; i < fit + 3; i++)
        record_now(&w->env, &w->c, &request, 200, 5);
    assert_int_equal(w->ring.lost, 3);
    assert_int_equal(w->ring.put, fit * len);
}

/* ---- what a connection logs */

static void say(struct world *w, const char *text)
{
    assert_int_equal(send(w->peer, text, strlen(text), 0), strlen(text));
}

/* How many bytes the peer took. */
static uint64_t take_all(struct world *w)
{
    char taken[65536];
    uint64_t all = 0;
    for (ssize_t n; (n = recv(w->peer, taken, sizeof taken, 0)) > 0;)
        all += (uint64_t)n;
    return all;
}

/* Reads and goes on, through every stage, until no more comes of it. */
static enum stage play(struct world *w)
{
    enum stage stage = STAGE_READ;
    for (int i = 0; i < 1000; i++) {
        stage = stage == STAGE_WRITE   ? conn_write(&w->c, &w->env)
                : stage == STAGE_BLOCK ? conn_block(&w->c, &w->env)
                                       : conn_read(&w->c, &w->env);
        take_all(w);
        if (stage == STAGE_CLOSE || (stage == STAGE_READ && !w->c.pending))
            return stage;
    }
    return stage;
}

static void each_request_has_its_line_in_order(void **state)
{
    struct world *w = *state;
    sample_learn(&w->docroot, "/small.txt", &w->env.clock); /* so that nobody sleeps, and the clock stands still */
    sample_learn(&w->docroot, "/large.bin", &w->env.clock);
    say(w, GET("/small.txt") "HEAD /small.txt HTTP/1.1\r\nHost: x\r\nUser-Agent: me\r\n\r\n" GET(
               "/large.bin") "no request\r\n\r\n");
    play(w);
    char expected[1024];
    snprintf(expected, sizeof expected,
             "192.0.2.7 - - " WHEN " \"GET /small.txt HTTP/1.1\" 200 6 \"-\" \"-\"\n"
             "192.0.2.7 - - " WHEN " \"HEAD /small.txt HTTP/1.1\" 200 - \"-\" \"me\"\n"
             "192.0.2.7 - - " WHEN " \"GET /large.bin HTTP/1.1\" 200 %d \"-\" \"-\"\n",
             SAMPLE_LARGE);
    const char *lines = logged(w);
    assert_memory_equal(lines, expected, strlen(expected));
    assert_non_null(strstr(lines + strlen(expected), " 400 "));
    assert_null(w->c.record);
}

/* The file is found and warm, so that the first call sends. */
static void learn_large(struct world *w)
{
    sample_learn(&w->docroot, "/large.bin", &w->env.clock)->never_cold = true;
}

static void a_reply_that_is_cut_off_is_logged_with_the_bytes_that_were_sent(void **state)
{
    struct world *w = *state;
    char expected[256];
    learn_large(w);
    say(w, GET("/large.bin"));
    assert_int_equal(conn_read(&w->c, &w->env), STAGE_WRITE);
    assert_string_equal(logged(w), "");
    uint64_t body_sent = take_all(w) - (sizeof SAMPLE_LARGE_HEAD - 1);
    assert_in_range(body_sent, 1, SAMPLE_LARGE - 1);
    conn_fini(&w->c, &w->env);
    snprintf(expected, sizeof expected, "192.0.2.7 - - " WHEN " \"GET /large.bin HTTP/1.1\" 200 %llu \"-\" \"-\"\n",
             (unsigned long long)body_sent);
    assert_string_equal(logged(w), expected);
    conn_fini(&w->c, &w->env);
    assert_string_equal(logged(w), "");
}

#define GET_PARTS "GET /large.bin HTTP/1.1\r\nHost: x\r\nRange: bytes=0-1299999,1500000-\r\n\r\n"
#define PARTS_HEAD                                                                                                     \
    SAMPLE_BEGIN("206 Partial Content")                                                                                \
    "Content-Type: multipart/byteranges; boundary=" SAMPLE_BOUNDARY "\r\nX-Content-Type-Options: "                     \
    "nosniff\r\n" SAMPLE_STATE("2dc6c0", "") "Content-Length: 2800256\r\n\r\n"

static void expect_parts_line(struct world *w, uint64_t bytes)
{
    char expected[256];
    snprintf(expected, sizeof expected, "192.0.2.7 - - " WHEN " \"GET /large.bin HTTP/1.1\" 206 %llu \"-\" \"-\"\n",
             (unsigned long long)bytes);
    assert_string_equal(logged(w), expected);
}

/* What stands between the parts belongs to the body. */
static void several_parts_are_logged_as_one_body(void **state)
{
    struct world *w = *state;
    learn_large(w);
    say(w, GET_PARTS);
    play(w);
    expect_parts_line(w, 2800256);
}

static void several_parts_that_are_cut_off_are_logged_with_the_bytes_that_were_sent(void **state)
{
    static const int turns[] = {1, 2, 12, 14, 27}; /* of a hundred thousand bytes: in the first part, or the second */
    struct world *w = *state;
    w->limits.turn_bytes = 100000;
    learn_large(w);
    for (size_t i = 0; i < sizeof turns / sizeof *turns; i++) {
        close_connection(w);
        assert_int_equal(open_connection(w), 0);
        say(w, GET_PARTS);
        assert_int_equal(conn_read(&w->c, &w->env), STAGE_WRITE);
        uint64_t sent = take_all(w);
        for (int turn = 1; turn < turns[i]; turn++) {
            assert_int_equal(conn_write(&w->c, &w->env), STAGE_WRITE);
            sent += take_all(w);
        }
        assert_int_equal(sent, 100000 * turns[i]);
        assert_string_equal(logged(w), "");
        conn_fini(&w->c, &w->env);
        assert_null(w->c.rest.parts);
        expect_parts_line(w, sent - (sizeof PARTS_HEAD - 1));
    }
}

static void what_did_not_arrive_in_time_has_as_much_of_a_line_as_came(void **state)
{
    static const struct {
        const char *said, *line, *user_agent;
        bool page;
    } rows[] = {
        {"GET /small", "GET /small", "-", true},
        {"HEAD /small.txt HTTP/1.1\r\nHo", "HEAD /small.txt HTTP/1.1", "-", false},
        {"GET /small.txt HTTP/1.1\r\nHost: x\r\nUser-Agent: me\r\nContent-Length: 5\r\n\r\nab",
         "GET /small.txt HTTP/1.1", "me", true},
        {"HEAD /small.txt HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab", "HEAD /small.txt HTTP/1.1", "-", false},
        {"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "POST /a HTTP/1.1", "-", true},
    };
    struct world *w = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char expected[256], bytes[24] = "-";
        close_connection(w);
        assert_int_equal(open_connection(w), 0);
        say(w, rows[i].said);
        assert_int_equal(conn_read(&w->c, &w->env), STAGE_READ);
        assert_string_equal(logged(w), "");
        conn_expire(&w->c, &w->env);
        if (rows[i].page)
            snprintf(bytes, sizeof bytes, "%zu", page_length(408));
        snprintf(expected, sizeof expected, "192.0.2.7 - - " WHEN " \"%s\" 408 %s \"-\" \"%s\"\n", rows[i].line, bytes,
                 rows[i].user_agent);
        assert_string_equal(logged(w), expected);
    }
}

static void a_body_that_is_refused_has_its_requests_line(void **state)
{
    struct world *w = *state;
    char expected[256];
    say(w, "POST /a HTTP/1.1\r\nHost: x\r\nReferer: r\r\nTransfer-Encoding: chunked\r\n\r\nx");
    assert_int_equal(conn_read(&w->c, &w->env), STAGE_READ);
    snprintf(expected, sizeof expected, "192.0.2.7 - - " WHEN " \"POST /a HTTP/1.1\" 400 %zu \"r\" \"-\"\n",
             page_length(400));
    assert_string_equal(logged(w), expected);
}

/* Its words lie before bytes that are taken out as they come. */
static void a_request_whose_body_came_in_pieces_has_its_line(void **state)
{
    struct world *w = *state;
    say(w, "GET /small.txt HTTP/1.1\r\nHost: x\r\nUser-Agent: me\r\nContent-Length: 6\r\n\r\nab");
    assert_int_equal(conn_read(&w->c, &w->env), STAGE_READ);
    say(w, "cd");
    assert_int_equal(conn_read(&w->c, &w->env), STAGE_READ);
    assert_string_equal(logged(w), "");
    say(w, "ef" GET("/empty.txt"));
    assert_int_equal(play(w), STAGE_READ);
    assert_string_equal(logged(w), "192.0.2.7 - - " WHEN " \"GET /small.txt HTTP/1.1\" 200 6 \"-\" \"me\"\n"
                                   "192.0.2.7 - - " WHEN " \"GET /empty.txt HTTP/1.1\" 200 - \"-\" \"-\"\n");
}

#define IN_A_WORLD(test) cmocka_unit_test_setup_teardown(test, make_world, end_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_WORLD(a_complete_reply_is_logged_at_once),
        IN_A_WORLD(where_nothing_could_be_read_the_words_are_missing),
        IN_A_WORLD(a_reply_that_goes_on_is_logged_at_its_end_with_what_was_sent),
        IN_A_WORLD(a_reply_of_which_nothing_was_sent_has_no_bytes),
        IN_A_WORLD(words_are_cut_the_same_now_and_later),
        IN_A_WORLD(without_a_log_nothing_is_kept),
        IN_A_WORLD(a_full_ring_costs_lines_and_counts_them),
        IN_A_WORLD(each_request_has_its_line_in_order),
        IN_A_WORLD(a_reply_that_is_cut_off_is_logged_with_the_bytes_that_were_sent),
        IN_A_WORLD(several_parts_are_logged_as_one_body),
        IN_A_WORLD(several_parts_that_are_cut_off_are_logged_with_the_bytes_that_were_sent),
        IN_A_WORLD(what_did_not_arrive_in_time_has_as_much_of_a_line_as_came),
        IN_A_WORLD(a_body_that_is_refused_has_its_requests_line),
        IN_A_WORLD(a_request_whose_body_came_in_pieces_has_its_line),
    };
    signal(SIGPIPE, SIG_IGN); /* sendfile(2) has no flag for it */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
