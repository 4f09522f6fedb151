/*
 * scenes of reports: what is in a report must be JSON to the letter, with the promised names in the promised order and
 * nothing else; and its numbers must be those that were caused.
 */
#include "models.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- JSON (RFC 8259), as far as a report needs it: no name of ours has anything to escape */

static void skip_space(const char **at)
{
    *at += strspn(*at, " \t\r\n");
}

static bool take(const char **at, char c)
{
    skip_space(at);
    if (**at != c)
        return false;
    ++*at;
    return true;
}

static bool take_text(const char **at, char *text, size_t room)
{
    if (!take(at, '"'))
        return false;
    size_t len = 0;
    while ((*at)[len] >= ' ' && (*at)[len] <= '~' && !strchr("\"\\", (*at)[len]))
        len++;
    if ((*at)[len] != '"' || len == 0 || len >= room)
        return false;
    memcpy(text, *at, len);
    text[len] = '\0';
    *at += len + 1;
    return true;
}

static bool take_name(const char **at, const char *name)
{
    char text[64];
    return take_text(at, text, sizeof text) && strcmp(text, name) == 0 && take(at, ':');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Of a number without a fraction: no sign but a minus, no needless zero. */
static bool take_integer(const char **at, long long *value)
{
    skip_space(at);
    const char *digits = *at + (**at == '-');
    if (!is_digit(*digits) || (digits[0] == '0' && is_digit(digits[1])))
        return false;
    char *end;
    errno = 0;
    *value = strtoll(*at, &end, 10);
    *at = end;
    return errno == 0 && !strchr(".eE", **at);
}

static bool take_number(const char **at, double *value)
{
    char whole[64];
    skip_space(at);
    size_t len = strspn(*at, "-0123456789.");
    const char *digits = *at + (**at == '-');
    if (len == 0 || len >= sizeof whole || !is_digit(*digits) || (digits[0] == '0' && is_digit(digits[1])))
        return false;
    memcpy(whole, *at, len);
    whole[len] = '\0';
    const char *point = strchr(whole, '.');
    char *end;
    *value = strtod(whole, &end);
    *at += len;
    return *end == '\0' && (!point || is_digit(point[1]));
}

/* ---- reports */

const char *const column_names[COLUMNS] = {"cpu",    "accepted", "requests",           "handoffs",
                                           "steals", "together", "voluntary_switches", "involuntary_switches"};

static bool take_line(const char **at, struct line *line)
{
    if (!take(at, '{') || !take_name(at, "role") || !take_text(at, line->role, sizeof line->role))
        return false;
    for (int i = 0; i < COLUMNS; i++) {
        if (!take(at, ',') || !take_name(at, column_names[i]) || !take_integer(at, &line->values[i]))
            return false;
    }
    return take(at, '}');
}

static bool take_load(const char **at, struct report *report)
{
    char name[64];
    double value;
    if (!take(at, '{'))
        return false;
    do {
        if (!take_text(at, name, sizeof name) || !take(at, ':') || !take_number(at, &value))
            return false;
        if (strcmp(name, "targets") == 0)
            report->targets = value;
        if (strcmp(name, "median_handler_us") == 0)
            report->median_us = value;
    } while (take(at, ','));
    return take(at, '}');
}

/* Whether the text is a report and nothing else; *at: up to where it is. */
static bool take_report(const char **at, struct report *report)
{
    *report = (struct report){.count = 0};
    if (!take(at, '{') || !take_name(at, "model") || !take_text(at, report->model, sizeof report->model) ||
        !take(at, ',') || !take_name(at, "workers") || !take(at, '['))
        return false;
    do {
        if (report->count == REPORT_LINES || !take_line(at, &report->lines[report->count++]))
            return false;
    } while (take(at, ','));
    if (!take(at, ']'))
        return false;
    report->has_load = take(at, ',');
    if ((report->has_load && (!take_name(at, "load") || !take_load(at, report))) || !take(at, '}'))
        return false;
    skip_space(at);
    return **at == '\0';
}

const char *report_read(struct stage *stage, const char *text, struct report *report)
{
    const char *at = text;
    EXPECT(take_report(&at, report), "the report is no JSON of the promised shape, here: %.100s", at);
    return NULL;
}

void report_path(const struct stage *stage, char path[SITE_PATH_MAX])
{
    snprintf(path, SITE_PATH_MAX, "%.490s/report.json", stage->site.place);
}

const char *report_finish(struct stage *stage, struct report *report)
{
    static char text[65536];
    char path[SITE_PATH_MAX];
    const char *problem = stage_finish(stage);
    if (problem)
        return problem;
    report_path(stage, path);
    FILE *file = fopen(path, "re");
    EXPECT(file, "there is no report");
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return report_read(stage, text, report);
}

long long report_sum(const struct report *report, const char *role, enum column column)
{
    long long total = 0;
    for (int i = 0; i < report->count; i++) {
        if (text_begins(report->lines[i].role, role))
            total += report->lines[i].values[column];
    }
    return total;
}

int report_count(const struct report *report, const char *role)
{
    int count = 0;
    for (int i = 0; i < report->count; i++)
        count += text_begins(report->lines[i].role, role);
    return count;
}

int report_busy(const struct report *report, const char *role, enum column column)
{
    int count = 0;
    for (int i = 0; i < report->count; i++)
        count += text_begins(report->lines[i].role, role) && report->lines[i].values[column] > 0;
    return count;
}

/* ---- what reports say */

static bool is_usable(long long cpu)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 && cpu >= 0 && cpu < CPU_SETSIZE && CPU_ISSET((size_t)cpu, &set);
}

static const char *expect_sane_lines(struct stage *stage, const struct how *how, const struct report *report)
{
    for (int i = 0; i < report->count; i++) {
        const struct line *line = &report->lines[i];
        long long cpu = line->values[CPU];
        EXPECT(cpu == -1 || is_usable(cpu), "%s is on core %lld", line->role, cpu);
        for (int column = ACCEPTED; column < COLUMNS; column++)
            EXPECT(line->values[column] >= 0, "%s has %lld %s", line->role, line->values[column], column_names[column]);
        for (int j = 0; j < i; j++)
            EXPECT(strcmp(line->role, report->lines[j].role) != 0, "%s is there twice", line->role);
    }
    EXPECT(strcmp(report->model, how->options[1]) == 0, "the model is called %s", report->model);
    EXPECT(report->has_load == (how == &hows[BALANCED]), report->has_load ? "it has a load" : "it has no load");
    EXPECT(report_sum(report, "", VOLUNTARY) > 0, "nobody ever waited");
    return NULL;
}

static const char *numbers_add_up_under(struct stage *stage, const struct how *how)
{
    enum { CONNECTIONS = 6, EACH = 5 };
    struct report report;
    const char *problem = how_start(stage, how, NULL);
    if (!problem)
        problem = crowd_visit(stage, CONNECTIONS, EACH, "/hello.txt");
    if (!problem)
        problem = report_finish(stage, &report);
    if (!problem)
        problem = expect_sane_lines(stage, how, &report);
    if (problem)
        return problem;
    EXPECT(report_sum(&report, "", ACCEPTED) == CONNECTIONS, "%lld of %d connections",
           report_sum(&report, "", ACCEPTED), CONNECTIONS);
    EXPECT(report_sum(&report, "", REQUESTS) == CONNECTIONS * EACH, "%lld of %d requests",
           report_sum(&report, "", REQUESTS), CONNECTIONS * EACH);
    EXPECT(report_sum(&report, how->accepts, ACCEPTED) == CONNECTIONS, "not all were accepted by '%s'", how->accepts);
    EXPECT(report_sum(&report, how->answers, REQUESTS) == CONNECTIONS * EACH, "not all were answered by '%s'",
           how->answers);
    EXPECT(how == &hows[BALANCED] || report_sum(&report, "", STEALS) == 0, "somebody steals");
    return NULL;
}

static const char *numbers_add_up(struct stage *stage)
{
    return how_each(stage, numbers_add_up_under);
}

static const char *report_to_stdout_under(struct stage *stage, const struct how *how)
{
    struct report report;
    const char *problem = how_start(stage, how, OPTIONS("--report", "-"));
    if (!problem)
        problem = crowd_visit(stage, 1, 3, "/hello.txt");
    if (!problem)
        problem = stage_finish(stage);
    if (!problem)
        problem = report_read(stage, stage->server.printed, &report);
    if (problem)
        return problem;
    EXPECT(report_sum(&report, "", REQUESTS) == 3, "%lld of 3 requests", report_sum(&report, "", REQUESTS));
    return NULL;
}

static const char *report_to_stdout(struct stage *stage)
{
    return how_each(stage, report_to_stdout_under);
}

static const char *expect_words(struct stage *stage, int status, const char *path, const char *why)
{
    const char *said = server_complaints(&stage->server);
    EXPECT(status == 1, "without the report at %s it ends with %d", path, status);
    EXPECT(text_is_one_line(said) && strstr(said, path) && strstr(said, why), "a lost report is told so: %.600s", said);
    return NULL;
}

/* What can be known at the start is told then. */
static const char *report_without_a_place(struct stage *stage, const struct how *how)
{
    const char *options[OPTIONS_MAX];
    char path[SITE_PATH_MAX];
    snprintf(path, sizeof path, "%.400s/missing-directory/report", stage->site.place);
    how_options(how, OPTIONS("--report", path), options);
    server_spawn(&stage->server, stage->harness, &(struct server_setup){.options = options, .root = stage->site.root});
    int status = server_wait(&stage->server, 10000);
    return expect_words(stage, status, path, "No such");
}

static const char *report_without_room(struct stage *stage, const struct how *how)
{
    const char *problem = how_start(stage, how, OPTIONS("--report", "/dev/full"));
    if (problem)
        return problem;
    EXPECT(stage_get(stage, "/hello.txt") == 200, "no answer");
    int status = server_stop(&stage->server, SIGTERM);
    return expect_words(stage, status, "/dev/full", "No space");
}

static const char *unwritten_report_under(struct stage *stage, const struct how *how)
{
    const char *problem = report_without_a_place(stage, how);
    return problem ? problem : report_without_room(stage, how);
}

static const char *unwritten_report(struct stage *stage)
{
    return how_each(stage, unwritten_report_under);
}

const struct scene scenes_of_reports[] = {
    {"a report is JSON of the promised shape, and its numbers add up", numbers_add_up},
    {"--report - writes to standard output", report_to_stdout},
    {"a report that can't be written is told in one line, and makes the exit status 1", unwritten_report},
    {0},
};
