/* scenes of logging: the access log, in the combined format. */
#include "scene.h"

#include <fnmatch.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LOG_MAX = 1 << 20, WRITTEN_MS = 4000, MANY = 3000 };

#define PEER "127.0.0.1 - - [[][0-3][0-9]/[A-Z][a-z][a-z]/20[0-9][0-9]:[0-2][0-9]:[0-5][0-9]:[0-6][0-9] +0000] "

static void log_path(const struct stage *stage, char path[SITE_PATH_MAX])
{
    snprintf(path, SITE_PATH_MAX, "%.490s/access.log", stage->site.place);
}

static char *read_log(const struct stage *stage)
{
    char path[SITE_PATH_MAX];
    log_path(stage, path);
    char *text = calloc(1, LOG_MAX);
    FILE *file = fopen(path, "re");
    size_t len = file ? fread(text, 1, LOG_MAX - 1, file) : 0;
    text[len] = '\0';
    if (file)
        fclose(file);
    return text;
}

/* How many lines of the log match the pattern. */
static int count_matches(const char *log, const char *pattern)
{
    int matches = 0;
    for (const char *line = log; *line; line += strcspn(line, "\n") + 1) {
        char *copy = strndup(line, strcspn(line, "\n"));
        matches += fnmatch(pattern, copy, FNM_NOESCAPE) == 0;
        free(copy);
        if (!strchr(line, '\n'))
            break;
    }
    return matches;
}

static const char *start_logging(struct stage *stage)
{
    char path[SITE_PATH_MAX];
    log_path(stage, path);
    return stage_start(stage, OPTIONS("--access-log", path));
}

static const char *a_line_for_everything(struct stage *stage)
{
    static const struct {
        const char *sent, *line;
    } rows[] = {
        {"GET /hello.txt?q=1 HTTP/1.1\r\nHost: a\r\n\r\n", PEER "\"GET /hello.txt?q=1 HTTP/1.1\" 200 13 \"-\" \"-\""},
        {"GET /hello.txt HTTP/1.1\r\nHost: a\r\nReferer: http://b/\r\nUser-Agent: c/1.0 (d)\r\n\r\n",
         PEER "\"GET /hello.txt HTTP/1.1\" 200 13 \"http://b/\" \"c/1.0 (d)\""},
        {"HEAD /16k.bin HTTP/1.1\r\nHost: a\r\n\r\n", PEER "\"HEAD /16k.bin HTTP/1.1\" 200 - \"-\" \"-\""},
        {"GET /1m.bin HTTP/1.1\r\nHost: a\r\n\r\n", PEER "\"GET /1m.bin HTTP/1.1\" 200 1048576 \"-\" \"-\""},
        {"GET /1m.bin HTTP/1.1\r\nHost: a\r\nRange: bytes=5-1004\r\n\r\n",
         PEER "\"GET /1m.bin HTTP/1.1\" 206 1000 \"-\" \"-\""},
        {"GET /1k.bin HTTP/1.1\r\nHost: a\r\nIf-None-Match: *\r\n\r\n",
         PEER "\"GET /1k.bin HTTP/1.1\" 304 - \"-\" \"-\""},
        {"GET /missing HTTP/1.1\r\nHost: a\r\n\r\n", PEER "\"GET /missing HTTP/1.1\" 404 [1-9]* \"-\" \"-\""},
        {"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
         PEER "\"POST /p HTTP/1.1\" 405 [1-9]* \"-\" \"-\""},
        {"GET /10 HTTP/1.0\r\n\r\n", PEER "\"GET /10 HTTP/1.0\" 404 [1-9]* \"-\" \"-\""},
        {"GET /no-host HTTP/1.1\r\n\r\n", PEER "\"GET /no-host HTTP/1.1\" 400 [1-9]* \"-\" \"-\""},
        {"GET /\x01\x1b\"\\\xff HTTP/1.1\r\nHost: a\r\n\r\n", PEER "\"GET /*\" 400 [1-9]* \"-\" \"-\""},
        {"GET /agent HTTP/1.1\r\nHost: a\r\nUser-Agent: a\"b\\c\xc3\tz\r\n\r\n",
         PEER "\"GET /agent HTTP/1.1\" 404 [1-9]* \"-\" \"a\\x22b\\x5[Cc]c\\x[Cc]3\\x09z\""},
    };
    enum { ROWS = sizeof rows / sizeof *rows };
    const char *problem = start_logging(stage);
    if (problem)
        return problem;
    for (size_t i = 0; i < ROWS; i++) {
        struct client client;
        struct answer answer;
        EXPECT(client_open(&client, stage->port) && client_send(&client, rows[i].sent, strlen(rows[i].sent)),
               "could not ask");
        EXPECT(client_answer(&client, rows[i].sent[0] == 'H', &answer, 5000), "no answer in row %zu", i);
        client_close(&client);
    }
    for (long long until = now_ms() + WRITTEN_MS; now_ms() < until; pause_ms(50)) {
        char *log = read_log(stage);
        bool complete = text_lines(log) >= ROWS;
        free(log);
        if (complete)
            break;
    }
    char *log = read_log(stage);
    EXPECT(text_lines(log) == ROWS, "%d lines while it runs, not %d:\n%.900s", text_lines(log), ROWS, log);
    for (size_t i = 0; i < ROWS; i++)
        EXPECT(count_matches(log, rows[i].line) >= 1, "%d lines like %s in\n%.700s", count_matches(log, rows[i].line),
               rows[i].line, log);
    for (const char *c = log; *c; c++)
        EXPECT(*c == '\n' || (*c >= ' ' && *c <= '~'), "a raw byte 0x%02x in the log", (unsigned char)*c);
    free(log);
    return stage_finish(stage);
}

static const char *no_line_is_lost(struct stage *stage)
{
    struct client client;
    struct answer answer;
    const char *problem = start_logging(stage);
    if (problem)
        return problem;
    EXPECT(client_open(&client, stage->port), "could not connect");
    for (int i = 0; i < MANY; i++) {
        char path[32];
        snprintf(path, sizeof path, "/%s?%d", i % 2 ? "hello.txt" : "16k.bin", i);
        EXPECT(client_get(&client, path, NULL) && client_answer(&client, false, &answer, 5000),
               "no answer to request %d", i);
    }
    client_close(&client);
    problem = stage_finish(stage);
    if (problem)
        return problem;
    char *log = read_log(stage);
    EXPECT(text_lines(log) == MANY, "%d lines for %d requests", text_lines(log), MANY);
    bool ordered = !stage_model_is(stage, "turns") && !stage_model_is(stage, "seda"); /* a thread writes in order */
    const char *line = log;
    for (int i = 0; i < MANY; i++) {
        char asked[32];
        snprintf(asked, sizeof asked, "?%d HTTP/1.1\"", i);
        size_t len = strcspn(line, "\n");
        EXPECT(ordered ? memmem(line, len, asked, strlen(asked)) != NULL : strstr(log, asked) != NULL,
               "request %d isn't where it should be; line %d is: %.*s", i, i, (int)len, line);
        line += len + 1;
    }
    free(log);
    return NULL;
}

static const char *broken_off_is_logged(struct stage *stage)
{
    struct client client;
    char path[SITE_PATH_MAX];
    log_path(stage, path);
    const char *problem = stage_start(stage, OPTIONS("--access-log", path, "--send-buffer", "16384"));
    if (problem)
        return problem;
    EXPECT(client_open_narrow(&client, stage->port, 8192) && client_get(&client, "/4m.bin", NULL), "could not ask");
    EXPECT(client_take(&client, 5000, 5000) > 0, "nothing comes");
    client_reset(&client);
    pause_ms(200);
    problem = stage_finish(stage);
    if (problem)
        return problem;
    char *log = read_log(stage);
    const char *behind = strstr(log, "\" 200 ");
    long bytes = behind ? strtol(behind + 6, NULL, 10) : -1;
    EXPECT(text_lines(log) == 1 && bytes > 0 && bytes < 4000000, "the log of a download that was broken off:\n%.800s",
           log);
    free(log);
    return NULL;
}

static const char *to_standard_output(struct stage *stage)
{
    const char *problem = stage_start(stage, OPTIONS("--access-log", "-"));
    if (problem)
        return problem;
    EXPECT(stage_get(stage, "/hello.txt") == 200, "no answer");
    problem = stage_finish(stage);
    if (problem)
        return problem;
    EXPECT(count_matches(stage->server.printed, PEER "\"GET /hello.txt HTTP/1.1\" 200 13 \"-\" \"-\"") == 1,
           "standard output: %.900s", stage->server.printed);
    return NULL;
}

static const char *off(struct stage *stage)
{
    const char *problem = stage_start(stage, OPTIONS("--access-log", "off"));
    if (problem)
        return problem;
    EXPECT(stage_get(stage, "/hello.txt") == 200, "no answer");
    problem = stage_finish(stage);
    if (problem)
        return problem;
    EXPECT(!*stage->server.printed, "standard output: %.900s", stage->server.printed);
    return NULL;
}

static const char *appended(struct stage *stage)
{
    for (int round = 1; round <= 2; round++) {
        const char *problem = start_logging(stage);
        if (problem)
            return problem;
        EXPECT(stage_get(stage, "/hello.txt") == 200, "no answer");
        problem = stage_finish(stage);
        if (problem)
            return problem;
        char *log = read_log(stage);
        EXPECT(text_lines(log) == round, "%d lines after %d starts", text_lines(log), round);
        free(log);
    }
    return NULL;
}

const struct scene scenes_of_logging[] = {
    {"every request has its line, with every byte escaped that needs it", a_line_for_everything},
    {"no line is lost, and one connection's lines are in order", no_line_is_lost},
    {"a download that was broken off is logged with what was sent", broken_off_is_logged},
    {"--access-log - writes to standard output", to_standard_output},
    {"--access-log off writes nowhere", off},
    {"a log that exists is continued", appended},
    {0},
};
