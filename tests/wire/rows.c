/*
 * rows: plays the conversations of rows/ against a server.
 *
 *     rows SHUNT [-n CUTS] FILE.wire ... [-- OPTION ...]
 *
 * Each file gets a server of its own, with the file's options and those behind "--". The server must end well on
 * SIGTERM and have said nothing but its banner. A few files are played at once, each by a process: what takes longest
 * had better come first. Ends with a line "N passed, N failed".
 */
#include "client.h"
#include "play.h"
#include "row.h"
#include "server.h"
#include "site.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { AT_ONCE = 4 };

static void ask_etag(void *context, const char *name, char *out, size_t room)
{
    struct client client;
    struct answer answer;
    char path[256];
    snprintf(path, sizeof path, "/%s", name);
    if (!client_open(&client, *(const int *)context))
        return;
    if (client_get(&client, path, NULL) && client_answer(&client, false, &answer, 10000))
        answer_field(&answer, "ETag", out, room);
    client_close(&client);
}

static void play_file(const struct harness *harness, const struct site *site, const char *name, int cuts,
                      struct play_tally *tally)
{
    struct row_file file;
    struct server server;
    row_file_open(&file, name);
    struct server_setup setup = {.options = (const char *const *)file.options, .root = site->root};
    if (!server_start(&server, harness, &setup)) {
        printf("FAILED %s: the server did not start:\n%s\n", name, server.said);
        row_file_close(&file);
        tally->failed++;
        return;
    }
    row_file_read(&file, &(struct row_names){&server.ports[0], ask_etag});
    struct play_tally of_file = play_rows(&(struct play_stage){site, server.ports[0], cuts}, &file);
    int status = server_stop(&server, SIGTERM);
    bool quiet = !*server_complaints(&server);
    if (status != 0 || !quiet)
        printf("FAILED %s: the server ended with %d and said:\n%s\n", name, status, server_complaints(&server));
    tally->passed += of_file.passed + (status == 0 && quiet);
    tally->failed += of_file.failed + !(status == 0 && quiet);
    row_file_close(&file);
}

/* ---- the processes */

struct running {
    pid_t pid; /* 0: nobody */
    const char *name;
    FILE *said; /* what it prints, and behind that its tally */
};

static void give_up(const char *what)
{
    perror(what);
    exit(2);
}

static void begin(struct running *r, const struct harness *harness, const struct site *site, const char *name, int cuts)
{
    *r = (struct running){.name = name, .said = tmpfile()};
    if (!r->said)
        give_up("a file for what is said");
    r->pid = fork();
    if (r->pid < 0)
        give_up("fork");
    if (r->pid > 0)
        return;
    struct play_tally tally = {0, 0};
    if (dup2(fileno(r->said), STDOUT_FILENO) < 0)
        give_up("dup2");
    play_file(harness, site, name, cuts, &tally);
    printf("%d %d\n", tally.passed, tally.failed);
    fflush(stdout);
    _exit(0);
}

/* Hands on what was said, but for the last line, which is the tally. */
static void end(struct running *r, int status, struct play_tally *tally)
{
    char line[4096], last[4096] = "";
    struct play_tally of_file = {0, 0};
    rewind(r->said);
    while (fgets(line, sizeof line, r->said)) {
        fputs(last, stdout);
        strcpy(last, line);
    }
    if (status != 0 || sscanf(last, "%d %d", &of_file.passed, &of_file.failed) != 2) {
        printf("%sFAILED %s: the player broke\n", last, r->name);
        of_file = (struct play_tally){0, 1};
    }
    tally->passed += of_file.passed;
    tally->failed += of_file.failed;
    fclose(r->said);
    r->pid = 0;
}

static void end_one(struct running *all, struct play_tally *tally)
{
    int status;
    pid_t pid = wait(&status);
    for (int i = 0; i < AT_ONCE; i++)
        if (pid > 0 && all[i].pid == pid)
            end(&all[i], status, tally);
}

static struct running *free_place(struct running *all, struct play_tally *tally)
{
    for (;; end_one(all, tally))
        for (int i = 0; i < AT_ONCE; i++)
            if (all[i].pid == 0)
                return &all[i];
}

int main(int argc, char **argv)
{
    struct play_tally tally = {0, 0};
    struct running all[AT_ONCE] = {0};
    struct site site;
    int cuts = 300, first = 2, behind;
    signal(SIGPIPE, SIG_IGN);
    if (argc > 4 && strcmp(argv[2], "-n") == 0) {
        cuts = atoi(argv[3]);
        first = 4;
    }
    for (behind = first; behind < argc && strcmp(argv[behind], "--") != 0; behind++) {
    }
    if (argc < 3 || behind == first || cuts < 1) {
        fprintf(stderr, "usage: rows SHUNT [-n CUTS] FILE.wire ... [-- OPTION ...]\n");
        return 2;
    }
    struct harness harness = {argv[1], behind < argc ? argv + behind + 1 : argv + argc};
    site_build(&site);
    fflush(stdout);
    for (int i = first; i < behind; i++)
        begin(free_place(all, &tally), &harness, &site, argv[i], cuts);
    for (int i = 0; i < AT_ONCE; i++)
        while (all[i].pid != 0)
            end_one(all, &tally);
    site_remove(&site);
    printf("%d passed, %d failed\n", tally.passed, tally.failed);
    return tally.failed > 0;
}
