/* scenes of stopping: signals, with and without somebody there. */
#include "scene.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

static const char *slow_download(struct stage *stage, struct client *client, const char *const *options)
{
    const char *problem = stage_start(stage, options);
    if (problem)
        return problem;
    EXPECT(client_open_narrow(client, stage->port, 8192) && client_get(client, "/1m.bin", NULL), "could not ask");
    EXPECT(client_take(client, 1000, 5000) == 1000, "nothing comes");
    return NULL;
}

enum { STOPS_ACCEPTING_MS = 3000 };

static const char *running_response_finishes(struct stage *stage)
{
    struct client client, late;
    long total = 1000, got;
    const char *problem = slow_download(stage, &client, OPTIONS("--send-buffer", "16384"));
    if (problem)
        return problem;
    kill(stage->server.pid, SIGTERM);
    bool accepts = true;
    for (long long until = now_ms() + STOPS_ACCEPTING_MS; accepts && now_ms() < until; pause_ms(50)) {
        accepts = client_open(&late, stage->port) || errno != ECONNREFUSED;
        client_close(&late);
    }
    EXPECT(!accepts, "it still accepts");
    EXPECT(server_wait(&stage->server, 0) == -1, "it went before the response was complete");
    for (int i = 0; i < 5; i++, pause_ms(200))
        total += client_take(&client, 8192, 5000);
    while ((got = client_take(&client, 65536, 5000)) > 0)
        total += got;
    EXPECT(got == 0 && total > 1048576 && total < 1048576 + 1000, "%ld bytes came of 1048576 and a head", total);
    int status = server_wait(&stage->server, 3000);
    EXPECT(status == 0, "it ended with %d", status);
    EXPECT(!*server_complaints(&stage->server), "it said: %.800s", server_complaints(&stage->server));
    return NULL;
}

static const char *second_signal_ends(struct stage *stage)
{
    struct client client;
    const char *problem = slow_download(stage, &client, OPTIONS("--send-buffer", "16384"));
    if (problem)
        return problem;
    kill(stage->server.pid, SIGTERM);
    pause_ms(300);
    EXPECT(server_wait(&stage->server, 0) == -1, "the first signal ended it");
    kill(stage->server.pid, SIGTERM);
    int status = server_wait(&stage->server, 3000);
    EXPECT(status >= 0 && status < 128, "it ended with %d", status);
    return NULL;
}

static const char *patience_has_an_end(struct stage *stage)
{
    struct client client;
    const char *problem = slow_download(stage, &client, OPTIONS("--send-buffer", "16384", "--stop-timeout", "1"));
    if (problem)
        return problem;
    long long begin = now_ms();
    kill(stage->server.pid, SIGTERM);
    int status = server_wait(&stage->server, 8000);
    EXPECT(status == 0, "it ended with %d", status);
    EXPECT(now_ms() - begin > 800, "it ended after %lld ms", now_ms() - begin);
    return NULL;
}

static const char *ends_at_once(struct stage *stage, int signal_number)
{
    struct client idle, half;
    const char *problem = stage_start(stage, OPTIONS("--stop-timeout", "2")); /* so long the half request may hold it */
    if (problem)
        return problem;
    EXPECT(client_open(&idle, stage->port) && client_status(&idle, "/hello.txt", NULL) == 200, "no answer");
    EXPECT(client_open(&half, stage->port) && client_send(&half, "GET / HT", 8), "could not send");
    pause_ms(50);
    long long begin = now_ms();
    int status = server_stop(&stage->server, signal_number);
    EXPECT(status == 0, "it ended with %d and said: %.800s", status, server_complaints(&stage->server));
    EXPECT(!*server_complaints(&stage->server), "it said: %.800s", server_complaints(&stage->server));
    EXPECT(now_ms() - begin < 3500, "it took %lld ms", now_ms() - begin);
    return NULL;
}

static const char *sigterm_ends(struct stage *stage)
{
    return ends_at_once(stage, SIGTERM);
}

static const char *sigint_ends(struct stage *stage)
{
    return ends_at_once(stage, SIGINT);
}

static const char *idle_ones_do_not_hold(struct stage *stage)
{
    static struct client idle[100];
    const char *problem = stage_start(stage, NULL);
    if (problem)
        return problem;
    for (int i = 0; i < 100; i++)
        EXPECT(client_open(&idle[i], stage->port) && client_status(&idle[i], "/hello.txt", NULL) == 200, "no answer");
    long long begin = now_ms();
    problem = stage_finish(stage);
    if (problem)
        return problem;
    EXPECT(now_ms() - begin < 3000, "idle connections held it for %lld ms", now_ms() - begin);
    EXPECT(client_wait_closed(&idle[50], 1000) >= 0 && !idle[50].reset,
           "an idle connection was not closed in good order");
    return NULL;
}

static const char *stops_under_load(struct stage *stage)
{
    for (int round = 0; round < 10; round++) {
        static struct client clients[30];
        const char *problem = stage_start(stage, NULL);
        if (problem)
            return problem;
        for (int i = 0; i < 30; i++) {
            EXPECT(client_open(&clients[i], stage->port), "could not connect");
            client_get(&clients[i], i % 3 ? "/100k.bin" : "/4m.bin", NULL);
            client_get(&clients[i], "/hello.txt", NULL);
        }
        pause_ms(round);
        kill(stage->server.pid, SIGTERM);
        for (int i = 0; i < 30; i++)
            client_close(&clients[i]);
        int status = server_wait(&stage->server, 15000);
        EXPECT(status == 0, "it ended with %d and said: %.800s", status, server_complaints(&stage->server));
    }
    return NULL;
}

const struct scene scenes_of_stopping[] = {
    {"SIGTERM lets a running response finish", running_response_finishes},
    {"a second SIGTERM ends it now", second_signal_ends},
    {"--stop-timeout ends what doesn't finish", patience_has_an_end},
    {"SIGTERM ends an idle server well", sigterm_ends},
    {"SIGINT ends an idle server well", sigint_ends},
    {"idle connections don't hold it", idle_ones_do_not_hold},
    {"SIGTERM in the middle of everything", stops_under_load},
    {0},
};
