/* scenes of changes: a file that isn't any more what it was when its head went out. */
#include "scene.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    SIZE = 4000000,
    WAITING = 8, /* clients in the middle of a body, */
    WATCHED_MS = 1000,
    CPU_MS = 50, /* and what they may cost meanwhile: a twentieth of a processor */
    MAPS_MAX = 1 << 20,
};

/* Asks for a large file and for a small one behind it, and leaves the connection full. */
static const char *begin_download(struct stage *stage, struct client *client, const char *path)
{
    EXPECT(client_open_narrow(client, stage->port, 8192) && client_get(client, path, NULL), "could not ask");
    EXPECT(client_get(client, "/hello.txt", NULL), "could not ask for more");
    EXPECT(poll(&(struct pollfd){client->fd, POLLIN, 0}, 1, 10000) == 1, "nothing comes of %s", path);
    return NULL;
}

/* ---- what shrinks */

/* Takes what comes until the connection ends: less than was announced, and nothing behind it. */
static const char *expect_broken_off(struct stage *stage, struct client *client)
{
    char *bytes = malloc(SIZE + 65536);
    size_t len = 0;
    long got;
    EXPECT(bytes != NULL, "no memory");
    while (len < SIZE && (got = client_take(client, 65536, 5000)) > 0) {
        memcpy(bytes + len, client->bytes, (size_t)got);
        len += (size_t)got;
    }
    EXPECT(client->ended, "%zu bytes came, and the connection isn't closed", len);
    EXPECT(len > 12 && memcmp(bytes, "HTTP/1.1 200", 12) == 0, "%zu bytes came, and no answer", len);
    EXPECT(!memmem(bytes + 12, len - 12, "HTTP/1.1", 8), "the next answer stands within the body of the first");
    EXPECT(len < SIZE, "all came of a file that was truncated");
    free(bytes);
    return NULL;
}

static const struct shrinking {
    const char *name, *target;
    off_t size; /* what is left of it */
} shrinking[] = {{"to-nothing.bin", "/to-nothing.bin", 0}, {"to-little.bin", "/to-little.bin", 100000}};

static const char *shrink_them(struct stage *stage)
{
    char path[SITE_PATH_MAX];
    for (int i = 0; i < 2; i++) {
        site_path(&stage->site, shrinking[i].name, path);
        EXPECT(truncate(path, shrinking[i].size) == 0, "could not truncate");
    }
    return NULL;
}

static const char *expect_rest(struct stage *stage, const char *when)
{
    long cpu = server_cpu_ms(&stage->server);
    pause_ms(WATCHED_MS);
    cpu = server_cpu_ms(&stage->server) - cpu;
    EXPECT(stage_is_instrumented(stage) || cpu < CPU_MS, "%ld ms of processor time %s", cpu, when);
    return NULL;
}

static const char *finish_with_few_words(struct stage *stage)
{
    const char *problem = stage_finish_but(stage, ""), *said = server_complaints(&stage->server);
    int lines = text_lines(said);
    if (problem)
        return problem;
    EXPECT(lines >= 1 && lines <= WAITING, "%d lines for %d connections: %.800s", lines, WAITING, said);
    return NULL;
}

static const char *shrinks_while_they_wait(struct stage *stage)
{
    struct client clients[WAITING];
    for (int i = 0; i < 2; i++)
        site_write_pattern(&stage->site, shrinking[i].name, SIZE);
    const char *problem = stage_start(stage, OPTIONS("--send-buffer", "16384"));
    for (int i = 0; i < WAITING && !problem; i++)
        problem = begin_download(stage, &clients[i], shrinking[i % 2].target);
    if (problem || (problem = shrink_them(stage)) != NULL ||
        (problem = expect_rest(stage, "while all clients wait")) != NULL)
        return problem;
    for (int i = 0; i < WAITING && !problem; i++) {
        problem = expect_broken_off(stage, &clients[i]);
        client_close(&clients[i]);
    }
    if (problem || (problem = expect_rest(stage, "when all is over")) != NULL)
        return problem;
    EXPECT(stage_get(stage, "/hello.txt") == 200, "can't serve afterwards");
    return finish_with_few_words(stage);
}

/* ---- what is replaced */

static const char *replaced_under_a_download(struct stage *stage)
{
    char from[SITE_PATH_MAX], to[SITE_PATH_MAX];
    size_t size;
    struct client client;
    struct answer answer;
    char *before = site_read(&stage->site, "4m.bin", &size);
    const char *problem = stage_start(stage, OPTIONS("--send-buffer", "16384"));
    if (problem || (problem = begin_download(stage, &client, "/4m.bin")) != NULL)
        return problem;
    pause_ms(200);
    site_write(&stage->site, "staged.bin", "another file, and a short one\n");
    site_path(&stage->site, "staged.bin", from);
    site_path(&stage->site, "4m.bin", to);
    EXPECT(rename(from, to) == 0, "could not replace");
    EXPECT(before && client_answer(&client, false, &answer, 30000), "no answer, or none that is whole");
    EXPECT(answer.body_len == size && memcmp(answer.body, before, size) == 0, "not the file that was announced");
    EXPECT(client_answer(&client, false, &answer, 5000) && answer.status == 200 && answer.body_len == 13,
           "the next answer is off");
    bool seen = client_get(&client, "/4m.bin", NULL) && client_answer(&client, false, &answer, 30000) &&
                answer.body_len == 30 && memcmp(answer.body, "another file", 12) == 0;
    EXPECT(seen, "the new file isn't seen");
    client_close(&client);
    free(before);
    return stage_finish(stage);
}

/* ---- what is mapped */

static bool read_maps(struct stage *stage, char *text, size_t room)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/maps", (int)stage->server.pid);
    FILE *maps = fopen(path, "re");
    size_t len = maps ? fread(text, 1, room - 1, maps) : 0;
    text[len] = '\0';
    if (maps)
        fclose(maps);
    return len > 0 && len < room - 1;
}

/* A mapped file that shrinks is SIGBUS to who reads it: so none is, while large bodies are under way and small ones
 * kept.
 */
static const char *nothing_is_mapped(struct stage *stage)
{
    static const char *const small[] = {"/hello.txt", "/1k.bin", "/16k.bin", "/dir/", "/v/a.js"};
    static const char *const large[] = {"/4m.bin", "/1m.bin", "/4m.bin", "/v/big.js"};
    enum { LARGE = sizeof large / sizeof *large };
    struct client clients[LARGE];
    char *maps = malloc(MAPS_MAX);
    const char *program = strrchr(stage->harness->program, '/');
    const char *problem = stage_start(stage, OPTIONS("--send-buffer", "16384"));
    for (int i = 0; i < LARGE && !problem; i++)
        problem = begin_download(stage, &clients[i], large[i]);
    if (problem)
        return problem;
    for (size_t i = 0; i < sizeof small / sizeof *small; i++)
        EXPECT(stage_get(stage, small[i]) == 200 && stage_get(stage, small[i]) == 200, "no answer for %s", small[i]);
    EXPECT(maps && read_maps(stage, maps, MAPS_MAX) && program && strstr(maps, program), "can't see what is mapped");
    const char *mapped = strstr(maps, strrchr(stage->site.place, '/'));
    EXPECT(!mapped, "mapped: %.200s", mapped);
    for (int i = 0; i < LARGE; i++)
        client_close(&clients[i]);
    free(maps);
    return stage_finish(stage);
}

/* ---- what is removed */

/* Open files of the server that have no name any more; -1: that can't be seen. */
static int count_removed(const struct stage *stage)
{
    char path[64], target[1024];
    int removed = 0;
    for (int fd = 0; fd < 1024; fd++) {
        snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)stage->server.pid, fd);
        ssize_t len = readlink(path, target, sizeof target - 1);
        if (len < 0 && errno != ENOENT)
            return -1;
        target[len < 0 ? 0 : len] = '\0';
        removed += strstr(target, "/4m.bin") && strstr(target, "(deleted)");
    }
    return removed;
}

static const char *removed_files_are_given_up(struct stage *stage)
{
    char path[SITE_PATH_MAX];
    const char *problem = stage_start(stage, NULL);
    if (problem)
        return problem;
    if (stage_model_is(stage, "seda") || stage_model_is(stage, "forked"))
        return stage_skip(stage, "its readers sleep until somebody asks");
    EXPECT(stage_warm(stage, "/4m.bin") && stage_warm(stage, "/4m.bin"), "no answer");
    EXPECT(count_removed(stage) == 0, "its files can't be seen");
    site_path(&stage->site, "4m.bin", path);
    EXPECT(unlink(path) == 0, "could not remove");
    for (long long until = now_ms() + 5000; count_removed(stage) != 0 && now_ms() < until;)
        pause_ms(50);
    EXPECT(count_removed(stage) == 0, "%d removed files are open still", count_removed(stage));
    EXPECT(stage_get(stage, "/4m.bin") == 404, "what was removed is served");
    return stage_finish(stage);
}

const struct scene scenes_of_changes[] = {
    {"a removed file is given up though nobody asks for it again", removed_files_are_given_up},
    {"files that shrink while their clients wait cost next to nothing, and end the connections",
     shrinks_while_they_wait},
    {"a file that is replaced under a download comes as it was announced", replaced_under_a_download},
    {"no file of the site is mapped into memory", nothing_is_mapped},
    {0},
};
