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
#include "pause.h"
#include "play.h"
#include "pool.h"
#include "row.h"
#include "server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    AT_ONCE = 4,
    SETTLED_MS = 30, /* what has just been changed gets another tag for a moment: rows wait until that is past */
};

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

struct play {
    const struct harness *harness;
    const char *name;
    int cuts;
};

static struct tally play_file(const void *context, const struct site *site)
{
    const struct play *play = context;
    struct row_file file;
    struct server server;
    row_file_open(&file, play->name);
    struct server_setup setup = {.options = (const char *const *)file.options, .root = site->root};
    if (!server_start(&server, play->harness, &setup)) {
        printf("FAILED %s: the server did not start:\n%s\n", play->name, server.said);
        row_file_close(&file);
        return (struct tally){.failed = 1};
    }
    row_file_read(&file, &(struct row_names){&server.ports[0], ask_etag});
    struct tally tally = play_rows(&(struct play_stage){site, server.ports[0], play->cuts}, &file);
    const char *problem = server_finish(&server, NULL);
    tally_count(&tally, !problem);
    if (problem)
        printf("FAILED %s: %s\n", play->name, problem);
    row_file_close(&file);
    return tally;
}

int main(int argc, char **argv)
{
    struct site site;
    struct pool pool = {.at_once = AT_ONCE, .site = &site};
    int cuts = 300, first = 2, behind;
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
    pause_ms(SETTLED_MS);
    for (int i = first; i < behind; i++)
        pool_play(&pool, argv[i], play_file, &(struct play){&harness, argv[i], cuts});
    int status = pool_finish(&pool);
    site_remove(&site);
    return status;
}
