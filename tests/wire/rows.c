/*
 * rows: plays the conversations of rows/ against a server.
 *
 *     rows SHUNT [-n CUTS] FILE.wire ... [-- OPTION ...]
 *
 * Each file gets a server of its own, with the file's options and those behind "--". The server must end well on
 * SIGTERM and have said nothing but its banner. Ends with a line "N passed, N failed".
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

static int play_file(const struct harness *harness, const struct site *site, const char *name, int cuts,
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
        return 0;
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
    return 0;
}

int main(int argc, char **argv)
{
    struct play_tally tally = {0, 0};
    struct site site;
    int cuts = 300, first = 2, end;
    signal(SIGPIPE, SIG_IGN);
    if (argc > 4 && strcmp(argv[2], "-n") == 0) {
        cuts = atoi(argv[3]);
        first = 4;
    }
    for (end = first; end < argc && strcmp(argv[end], "--") != 0; end++) {
    }
    if (argc < 3 || end == first || cuts < 1) {
        fprintf(stderr, "usage: rows SHUNT [-n CUTS] FILE.wire ... [-- OPTION ...]\n");
        return 2;
    }
    struct harness harness = {argv[1], end < argc ? argv + end + 1 : argv + argc};
    site_build(&site);
    for (int i = first; i < end; i++)
        play_file(&harness, &site, argv[i], cuts, &tally);
    site_remove(&site);
    printf("%d passed, %d failed\n", tally.passed, tally.failed);
    return tally.failed > 0;
}
