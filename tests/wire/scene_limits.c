/* scenes of limits: as many connections as may be, as many files as there are. */
#include "scene.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { MOST = 20, CROWD = 150, FILES = 64, RECOVERY_MS = 5000 };

/* Opens `count` clients, each in the middle of a body that it doesn't read. False when one can't. */
static bool occupy(struct stage *stage, struct client *clients, int count)
{
    for (int i = 0; i < count; i++) {
        if (!client_open_narrow(&clients[i], stage->port, 8192) || !client_get(&clients[i], "/4m.bin", NULL) ||
            client_take(&clients[i], 1000, 5000) <= 0)
            return false;
    }
    return true;
}

static const char *busy_ones_keep_their_place(struct stage *stage)
{
    static struct client busy[MOST];
    struct client late;
    struct answer answer;
    const char *problem = stage_start(stage, OPTIONS("--max-connections", "20", "--send-buffer", "16384"));
    if (problem)
        return problem;
    EXPECT(occupy(stage, busy, MOST), "can't have as many connections as may be");
    for (int i = 0; i < 10; i++) {
        EXPECT(client_open(&late, stage->port) && client_get(&late, "/hello.txt", NULL), "could not ask");
        EXPECT(client_answer(&late, false, &answer, 5000), "one too many gets no answer");
        EXPECT(answer.status == 503, "one too many gets %d", answer.status);
        EXPECT(!answer_broken_law(&answer), "broken: %s", answer_broken_law(&answer));
        EXPECT(client_wait_closed(&late, 3000) >= 0, "one too many isn't closed");
        client_close(&late);
    }
    for (int i = 0; i < MOST; i++) {
        EXPECT(client_take(&busy[i], 1000, 5000) > 0, "a busy connection was given up");
        client_close(&busy[i]);
    }
    EXPECT(stage_get_within(stage, "/hello.txt", 200, RECOVERY_MS), "no recovery");
    int status = server_stop(&stage->server, SIGTERM);
    EXPECT(status == 0, "the server ended with %d", status);
    EXPECT(text_lines(server_complaints(&stage->server)) <= 5, "too many words: %.800s",
           server_complaints(&stage->server));
    return NULL;
}

/* Whether one of the first `count` is closed, and soon. */
static bool one_goes(struct client *clients, int count, int timeout_ms)
{
    for (long long until = now_ms() + timeout_ms; now_ms() < until; pause_ms(10)) {
        for (int i = 0; i < count; i++) {
            if (client_wait_closed(&clients[i], 0) >= 0)
                return true;
        }
    }
    return false;
}

static const char *idle_ones_make_room(struct stage *stage)
{
    static struct client idle[MOST];
    const char *problem = stage_start(stage, OPTIONS("--max-connections", "20"));
    if (problem)
        return problem;
    for (int i = 0; i < MOST; i++)
        EXPECT(client_open(&idle[i], stage->port) && client_status(&idle[i], "/hello.txt", NULL) == 200, "no answer");
    for (int i = 0; i < 3; i++)
        EXPECT(stage_get_within(stage, "/hello.txt", 200, 3000), "idle connections make no room");
    int old = stage_model_is(stage, "forked") ? MOST : 1; /* of threads for themselves, the one that wakes first goes */
    EXPECT(one_goes(idle, old, 3000), "the longest idle one isn't the one that went");
    return stage_finish_but(stage, "");
}

static const char *out_of_files(struct stage *stage)
{
    static struct client crowd[CROWD];
    const char *problem = stage_start_with(stage, &(struct server_setup){.root = stage->site.root, .files = FILES});
    if (problem)
        return problem;
    for (int i = 0; i < CROWD; i++) {
        EXPECT(client_open(&crowd[i], stage->port), "could not connect");
        client_send(&crowd[i], "GET /hello.txt HTTP/1.1\r\nHost:", 30);
    }
    pause_ms(300);
    long cpu = server_cpu_ms(&stage->server);
    pause_ms(1500);
    cpu = server_cpu_ms(&stage->server) - cpu;
    EXPECT(cpu >= 0, "it died: %.800s", server_complaints(&stage->server));
    EXPECT(cpu < (stage_is_instrumented(stage) ? 600 : 200), "%ld ms of processor time in 1.5 s without fds", cpu);
    EXPECT(text_lines(server_complaints(&stage->server)) <= 6, "too many words: %.800s",
           server_complaints(&stage->server));
    for (int i = 0; i < CROWD; i++)
        client_close(&crowd[i]);
    EXPECT(stage_get_within(stage, "/hello.txt", 200, RECOVERY_MS), "no recovery");
    EXPECT(stage_get_within(stage, "/1m.bin", 200, RECOVERY_MS), "no recovery for files");
    return stage_finish_but(stage, "");
}

/* A site of more files than fds: the cache must give its own up rather than refuse. */
static const char *more_files_than_fds(struct stage *stage)
{
    char name[64];
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof name, "many/%d.bin", i);
        site_write_pattern(&stage->site, name, 200000);
    }
    const char *problem = stage_start_with(stage, &(struct server_setup){.root = stage->site.root, .files = FILES});
    if (problem)
        return problem;
    for (int i = 0; i < 400; i++) {
        snprintf(name, sizeof name, "/many/%d.bin", i % 200);
        EXPECT(stage_get(stage, name) == 200, "no answer for %s", name);
    }
    return stage_finish(stage);
}

const struct scene scenes_of_limits[] = {
    {"at --max-connections the busy ones stay and a newcomer gets 503", busy_ones_keep_their_place},
    {"at --max-connections idle ones make room", idle_ones_make_room},
    {"out of fds it neither spins nor dies, and recovers", out_of_files},
    {"more files than fds are served", more_files_than_fds},
    {0},
};
