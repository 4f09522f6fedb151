/*
 * storms: plays every storm, one after the other, each in a process of its own.
 *
 *     storms SHUNT [-s SECONDS] [-o WORD] [-- OPTION ...]
 *
 * -s: so long each (3); -o: only those whose sentence holds the word. Ends with a line "N passed, N failed".
 */
#include "storm.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SECONDS = 3, SECONDS_MAX = 3600 };

const char *storm_say(struct storm_stage *stage, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(stage->verdict, sizeof stage->verdict, format, arguments);
    va_end(arguments);
    return stage->verdict;
}

const char *storm_start(struct storm_stage *stage, const char *root, const char *const *options)
{
    struct server_setup setup = {.options = options, .root = root};
    if (!server_start(&stage->server, stage->harness, &setup))
        return storm_say(stage, "the server did not start: %.900s", stage->server.said);
    stage->port = stage->server.ports[0];
    return NULL;
}

/* The first line without these words, or the empty end. */
static const char *unexpected_line(const char *said, const char *expected)
{
    while (*said && expected) {
        const char *end = strchrnul(said, '\n');
        if (!memmem(said, (size_t)(end - said), expected, strlen(expected)))
            break;
        said = *end ? end + 1 : end;
    }
    return said;
}

const char *storm_finish(struct storm_stage *stage, const char *expected)
{
    int status = server_stop(&stage->server, SIGTERM);
    const char *said = unexpected_line(server_complaints(&stage->server), expected);
    if (status != 0 || *said)
        return storm_say(stage, "the server ended with %d and said: %.900s", status, said);
    return NULL;
}

/* ---- the processes */

struct arguments {
    struct harness harness;
    int seconds;
    const char *only;
};

/* What a storm's process tells of itself goes through these; a storm that breaks tells nothing. */
static void play_here(const struct storm *storm, struct storm_stage *stage, int verdict_fd)
{
    alarm((unsigned)(STORM_LONGER * stage->seconds + STORM_SPARE_SECONDS));
    const char *verdict = storm->play(stage);
    dprintf(verdict_fd, "%s%s%s", verdict ? verdict : "", *stage->summary ? "\n" : "", stage->summary);
    _exit(verdict ? 1 : 0);
}

static void read_all(int fd, char *text, size_t room)
{
    size_t len = 0;
    ssize_t got;
    while (len < room - 1 && (got = read(fd, text + len, room - 1 - len)) > 0)
        len += (size_t)got;
    text[len] = '\0';
}

/* Each line a little further right, without empty ones. */
static void print_lines(char *text)
{
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
        printf("   %s\n", line);
}

static bool play(const struct arguments *arguments, const struct storm *storm)
{
    char said[2 * STORM_SAID];
    struct storm_stage stage = {.harness = &arguments->harness, .seconds = arguments->seconds};
    int verdict_pipe[2], status = 1;
    if (pipe2(verdict_pipe, O_CLOEXEC) < 0)
        exit(2);
    site_build(&stage.site);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0)
        play_here(storm, &stage, verdict_pipe[1]);
    close(verdict_pipe[1]);
    read_all(verdict_pipe[0], said, sizeof said);
    close(verdict_pipe[0]);
    waitpid(pid, &status, 0);
    site_remove(&stage.site);
    printf("%s %s\n", status == 0 ? "ok" : "FAILED", storm->sentence);
    print_lines(*said || status == 0 ? said : (char[]){"the test itself broke, or ran out of time"});
    return status == 0;
}

static bool read_arguments(int argc, char **argv, struct arguments *arguments)
{
    int at = 2;
    *arguments = (struct arguments){.seconds = SECONDS};
    for (; at + 1 < argc && strcmp(argv[at], "--") != 0; at += 2) {
        if (strcmp(argv[at], "-s") == 0)
            arguments->seconds = atoi(argv[at + 1]);
        else if (strcmp(argv[at], "-o") == 0)
            arguments->only = argv[at + 1];
        else
            return false;
    }
    if (argc < 2 || (at < argc && strcmp(argv[at], "--") != 0))
        return false;
    arguments->harness = (struct harness){argv[1], argv + (at < argc ? at + 1 : argc)};
    return arguments->seconds > 0 && arguments->seconds <= SECONDS_MAX;
}

int main(int argc, char **argv)
{
    static const struct storm *const tables[] = {storms_of_changes, storms_of_links};
    struct arguments arguments;
    int passed = 0, failed = 0;
    signal(SIGPIPE, SIG_IGN);
    if (!read_arguments(argc, argv, &arguments)) {
        fprintf(stderr, "usage: storms SHUNT [-s SECONDS] [-o WORD] [-- OPTION ...]\n");
        return 2;
    }
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        for (const struct storm *storm = tables[i]; storm->play; storm++) {
            if (arguments.only && !strstr(storm->sentence, arguments.only))
                continue;
            bool good = play(&arguments, storm);
            passed += good;
            failed += !good;
        }
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed > 0;
}
