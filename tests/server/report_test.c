#include "server/report.h"

#include "lib/rig.h"
#include "os/sleeper.h"

#include <ctype.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { PEERS = 3, TEXT_MAX = 1 << 16, ROLES_MAX = 16, MANY_WORKERS = 1000 };

#define GET(path) "GET /" path " HTTP/1.1\r\nHost: h\r\n\r\n"

static const struct tree_row files[] = {{TREE_FILE, "one", NULL, 1}, {TREE_FILE, "two", NULL, 2}};

/* ---- JSON (RFC 8259), as far as a report may use it: each of these reads one and says where it ends; NULL: it isn't
 * one
 */

static const char *skip_space(const char *at)
{
    while (at != NULL && (*at == ' ' || *at == '\n' || *at == '\t' || *at == '\r'))
        at++;
    return at;
}

static const char *read_string(const char *at)
{
    if (*at++ != '"')
        return NULL;
    while (*at >= ' ' && *at != '"' && *at != '\\')
        at++;
    return *at == '"' ? at + 1 : NULL;
}

static const char *read_number(const char *at)
{
    at += *at == '-';
    if (!isdigit((unsigned char)*at) || (*at == '0' && isdigit((unsigned char)at[1])))
        return NULL;
    while (isdigit((unsigned char)*at))
        at++;
    if (*at != '.')
        return at;
    if (!isdigit((unsigned char)*++at))
        return NULL;
    while (isdigit((unsigned char)*at))
        at++;
    return at;
}

static const char *read_value(const char *at);

/* Names and values, or values, up to the bracket. */
static const char *read_members(const char *at, char end)
{
    at = skip_space(at);
    if (*at == end)
        return at + 1;
    for (;;) {
        if (end == '}') {
            at = skip_space(read_string(at));
            if (at == NULL || *at++ != ':')
                return NULL;
        }
        at = skip_space(read_value(skip_space(at)));
        if (at == NULL || (*at != ',' && *at != end))
            return NULL;
        if (*at++ == end)
            return at;
        at = skip_space(at);
    }
}

static const char *read_value(const char *at)
{
    switch (*at) {
    case '{':
        return read_members(at + 1, '}');
    case '[':
        return read_members(at + 1, ']');
    case '"':
        return read_string(at);
    default:
        return read_number(at);
    }
}

static bool is_json(const char *text)
{
    const char *end = skip_space(read_value(skip_space(text)));
    return end != NULL && *end == '\0';
}

static void what_is_not_json_is_told_from_what_is(void **state)
{
    static const struct {
        const char *text;
        bool json;
    } rows[] = {
        {"{}", true},
        {"[]", true},
        {"{\"a\": [1, -2.5, \"x\"]}\n", true},
        {"{\"a\": 1,}", false},
        {"{\"a\" 1}", false},
        {"{\"a\": 1} x", false},
        {"[1, 2", false},
        {"[01]", false},
        {"[1.]", false},
        {"[nan]", false},
        {"{\"a\": inf}", false},
        {"", false},
        {"[,1]", false},
        {"[\"a\nb\"]", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (is_json(rows[i].text) != rows[i].json)
            fail_msg("%s", rows[i].text);
}

/* ---- reports of engines that have answered two requests of each of three peers */

static const struct row {
    const char *name;
    struct rig_plan plan;
    bool log;
    int handoffs; /* at least: each connection that comes in by the main thread is one */
    const char *roles[ROLES_MAX];
} rows[] = {
    {"staged",
     {.model = &model_staged, .workers = 2, .writers = 1, .blockers = 2},
     false,
     PEERS,
     {"accept", "read 0", "read 1", "block 0", "block 1", "write 0"}},
    {"symmetric", {.model = &model_symmetric, .workers = 2}, false, 0, {"main", "worker 0", "worker 1", "block 0"}},
    {"turns", {.model = &model_turns, .workers = 2}, false, 0, {"main", "turn 0", "turn 1", "block 0"}},
    {"sped", {.model = &model_sped}, false, 0, {"main", "all 0"}},
    {"balanced", {.model = &model_balanced, .workers = 2}, false, PEERS, {"accept", "worker 0", "worker 1", "block 0"}},
    {"amped", {.model = &model_amped, .blockers = 2}, true, 0, {"main", "network 0", "help 0", "help 1", "log"}},
    {"seda", {.model = &model_seda, .workers = 1}, false, PEERS, {"accept", "poll 0", "read 0", "send 0", "block 0"}},
    {"forked", {.model = &model_forked}, false, PEERS, {"accept", "conn 0", "conn 1", "conn 2"}},
};

/* The number behind a name, the n-th time that it comes; -1: it doesn't come so often. */
static double number(const char *text, const char *name, int n)
{
    char wanted[64];
    int len = snprintf(wanted, sizeof wanted, "\"%s\": ", name);
    for (text = strstr(text, wanted); text != NULL && n > 0; n--)
        text = strstr(text + len, wanted);
    return text == NULL ? -1 : atof(text + len);
}

static int sum(const char *text, const char *name)
{
    double total = 0, value;
    for (int i = 0; (value = number(text, name, i)) >= 0; i++)
        total += value;
    return (int)total;
}

static void expect_roles(const char *text, const struct row *row)
{
    const char *at = text;
    for (int i = 0; i < ROLES_MAX && row->roles[i] != NULL; i++) {
        char wanted[64];
        snprintf(wanted, sizeof wanted, "{\"role\": \"%s\", \"cpu\": ", row->roles[i]);
        at = strstr(at, wanted);
        if (at == NULL)
            fail_msg("%s: no %s, or not in its place, in\n%s", row->name, row->roles[i], text);
        at += strlen(wanted);
    }
    if (strstr(at, "\"role\"") != NULL)
        fail_msg("%s: one more than those that there are, in\n%s", row->name, text);
}

static void expect_load(const char *text)
{
    const char *load = strstr(text, "\"load\": ");
    assert_non_null(load);
    assert_true(number(load, "targets", 0) == 2);
    assert_true(number(load, "requests", 0) == 2 * PEERS);
    assert_true(number(load, "concurrency", 0) == 2);
    double median_us = number(load, "median_handler_us", 0), capacity = number(load, "capacity", 0);
    assert_true(median_us > 0 && number(load, "mean_handler_us", 0) > 0 && number(load, "mean_wait_us", 0) > 0);
    assert_true(capacity > 0.99 * 2e6 / median_us && capacity < 1.01 * 2e6 / median_us);
}

static void expect_report(const char *text, const struct row *row)
{
    char begin[64];
    snprintf(begin, sizeof begin, "{\"model\": \"%s\", \"workers\": [", row->plan.model->name);
    if (!is_json(text) || strncmp(text, begin, strlen(begin)) != 0)
        fail_msg("%s: this is no report:\n%s", row->name, text);
    expect_roles(text, row);
    char *load = strstr(text, "\"load\"");
    if ((load != NULL) != (row->plan.model == &model_balanced))
        fail_msg("%s: a load, or none", row->name);
    if (load != NULL) {
        expect_load(text);
        *load = '\0';
    }
    if (sum(text, "accepted") != PEERS || sum(text, "requests") != 2 * PEERS)
        fail_msg("%s: %d accepted, %d requests", row->name, sum(text, "accepted"), sum(text, "requests"));
    if (sum(text, "handoffs") < row->handoffs || (row->plan.model == &model_sped && sum(text, "handoffs") > 0))
        fail_msg("%s: %d handoffs", row->name, sum(text, "handoffs"));
    if (row->plan.model != &model_balanced && sum(text, "steals") != 0)
        fail_msg("%s: steals", row->name);
    if (sum(text, "voluntary_switches") == 0) /* each thread has waited for its peers */
        fail_msg("%s: nobody ever waited", row->name);
}

static void ask(struct rig *rig)
{
    int socks[PEERS];
    char got[4096];
    for (int i = 0; i < PEERS; i++) {
        socks[i] = rig_connect(rig, 0);
        rig_say(socks[i], GET("one"));
        assert_true(rig_hear(socks[i], got, sizeof got, 1) > 0);
        rig_say(socks[i], GET("two"));
        assert_true(rig_hear(socks[i], got, sizeof got, 1) > 0);
    }
    for (int i = 0; i < PEERS; i++)
        close(socks[i]);
}

static void read_file(const char *path, char text[TEXT_MAX])
{
    FILE *stream = fopen(path, "re");
    assert_non_null(stream);
    text[fread(text, 1, TEXT_MAX - 1, stream)] = '\0';
    fclose(stream);
}

static void a_report_tells_what_was_done(void **state)
{
    static char text[TEXT_MAX];
    const struct row *row = *state;
    struct tree tree;
    struct rig rig;
    char report[TREE_PATH_MAX], log[TREE_PATH_MAX];
    tree_open(&tree, files, sizeof files / sizeof *files);
    tree_path(&tree, "report", report);
    tree_path(&tree, "log", log);
    struct rig_plan plan = row->plan;
    plan.access_log = row->log ? log : NULL;
    rig_open(&rig, &plan, &tree);
    ask(&rig);
    rig_halt(&rig);
    assert_true(engine_stop(&rig.engine));
    assert_int_equal(report_write(&rig.engine, report), 0);
    read_file(report, text);
    rig_close(&rig);
    tree_close(&tree);
    expect_report(text, row);
}

/* ---- where it goes */

/* Runs what complains on standard error. */
static int hush(int (*what)(const char *), const char *path)
{
    int saved = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY);
    dup2(null, STDERR_FILENO);
    int result = what(path);
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(null);
    return result;
}

static int write_report(const char *path)
{
    const struct engine engine = {.settings.model = &model_sped};
    return report_write(&engine, path);
}

#define BRACES " {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {}"

static const struct tree_row places[] = {
    {TREE_FILE, "old", "an old report, which is longer than the new one:" BRACES BRACES BRACES BRACES BRACES, 0},
    {TREE_FIFO, "fifo", NULL, 0},
    {TREE_DIRECTORY, "directory", NULL, 0},
};

static const struct place_row {
    const char *name, *path;
    int at_start, at_end;
} place_rows[] = {
    {"a new file", "new", 0, 0},
    {"a file that is there", "old", 0, 0},
    {"a FIFO that nobody reads yet, and nobody did", "fifo", 0, -1},
    {"a directory", "directory", -1, -1},
    {"what can't be made", "missing/report", -1, -1},
};

/* At the start nothing is lost that is there, and nobody waits, at the start or the end. */
static void a_report_goes_where_it_can_and_that_is_known_at_the_start(void **state)
{
    static char text[TEXT_MAX];
    (void)state;
    struct tree tree;
    tree_open(&tree, places, sizeof places / sizeof *places);
    for (size_t i = 0; i < sizeof place_rows / sizeof *place_rows; i++) {
        const struct place_row *row = &place_rows[i];
        char path[TREE_PATH_MAX];
        tree_path(&tree, row->path, path);
        if (hush(report_check, path) != row->at_start)
            fail_msg("%s: is not %d at the start", row->name, row->at_start);
        if (strcmp(row->path, "old") == 0) {
            read_file(path, text);
            assert_string_equal(text, places[0].text);
        }
        if (hush(write_report, path) != row->at_end)
            fail_msg("%s: is not %d at the end", row->name, row->at_end);
        if (row->at_end == 0) {
            read_file(path, text);
            assert_true(is_json(text));
        }
    }
    tree_close(&tree);
}

static void who_reads_a_fifo_gets_the_report(void **state)
{
    static char text[TEXT_MAX];
    (void)state;
    struct tree tree;
    char path[TREE_PATH_MAX];
    tree_open(&tree, places, sizeof places / sizeof *places);
    tree_path(&tree, "fifo", path);
    assert_int_equal(report_check(path), 0);
    int reader = open(path, O_RDONLY | O_NONBLOCK);
    assert_true(reader >= 0);
    assert_int_equal(report_check(path), 0);
    assert_int_equal(write_report(path), 0);
    ssize_t len = read(reader, text, sizeof text - 1);
    assert_true(len > 0);
    text[len] = '\0';
    assert_true(is_json(text));
    close(reader);
    tree_close(&tree);
}

struct slow_reader {
    int fd;
    size_t got;
};

/* Begins when the writer has filled the FIFO and must wait. */
static void *read_slowly(void *arg)
{
    struct slow_reader *reader = arg;
    char thrown_away[4096];
    usleep(50000);
    for (ssize_t n; (n = read(reader->fd, thrown_away, sizeof thrown_away)) > 0;)
        reader->got += (size_t)n;
    return NULL;
}

/* Only the opening may not wait: what doesn't fit into the FIFO at once isn't lost. */
static void who_reads_a_fifo_slowly_gets_all_of_the_report(void **state)
{
    (void)state;
    struct tree tree;
    struct stat st;
    pthread_t thread;
    char fifo[TREE_PATH_MAX], file[TREE_PATH_MAX];
    struct engine engine = {.settings.model = &model_sped, .workers = calloc(MANY_WORKERS, sizeof *engine.workers)};
    assert_non_null(engine.workers);
    atomic_init(&engine.count, MANY_WORKERS);
    tree_open(&tree, places, sizeof places / sizeof *places);
    tree_path(&tree, "fifo", fifo);
    tree_path(&tree, "new", file);
    struct slow_reader reader = {.fd = open(fifo, O_RDONLY | O_NONBLOCK)};
    assert_int_equal(fcntl(reader.fd, F_SETFL, 0), 0);
    assert_int_equal(report_write(&engine, file), 0);
    assert_int_equal(stat(file, &st), 0);
    assert_true(st.st_size > TEXT_MAX);                 /* a pipe's capacity, see pipe(7) */
    int keeps_open = open(fifo, O_WRONLY | O_NONBLOCK); /* else the reader may find the end before the beginning */
    assert_int_equal(pthread_create(&thread, NULL, read_slowly, &reader), 0);
    int written = report_write(&engine, fifo);
    close(keeps_open);
    pthread_join(thread, NULL);
    assert_int_equal(written, 0);
    assert_int_equal(reader.got, st.st_size);
    close(reader.fd);
    free(engine.workers);
    tree_close(&tree);
}

static void a_report_that_cannot_be_written_is_a_failure(void **state)
{
    static const char *const paths[] = {"/dev/full", "/proc/nothing/report"};
    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        assert_int_equal(hush(write_report, paths[i]), -1);
}

static void standard_output_can_always_be_written_as_far_as_is_known_at_the_start(void **state)
{
    (void)state;
    assert_int_equal(report_check("-"), 0);
    assert_int_equal(access("-", F_OK), -1);
}

int main(void)
{
    enum { ROWS = sizeof rows / sizeof *rows };
    const struct CMUnitTest told[] = {
        cmocka_unit_test(what_is_not_json_is_told_from_what_is),
        cmocka_unit_test(a_report_goes_where_it_can_and_that_is_known_at_the_start),
        cmocka_unit_test(who_reads_a_fifo_gets_the_report),
        cmocka_unit_test(who_reads_a_fifo_slowly_gets_all_of_the_report),
        cmocka_unit_test(a_report_that_cannot_be_written_is_a_failure),
        cmocka_unit_test(standard_output_can_always_be_written_as_far_as_is_known_at_the_start),
    };
    struct CMUnitTest played[ROWS];
    signal(SIGPIPE, SIG_IGN); /* sendfile(2) has no flag for it, see os/sendfile.h */
    if (sleeper_open() < 0)
        return 1;
    for (int i = 0; i < ROWS; i++)
        played[i] =
            (struct CMUnitTest){rows[i].name, a_report_tells_what_was_done, NULL, NULL, (void *)(uintptr_t)&rows[i]};
    return cmocka_run_group_tests(told, NULL, NULL) + cmocka_run_group_tests(played, NULL, NULL);
}
