/* scenes of streams: depth, breadth and slowness of what clients ask. */
#include "scene.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DEEP = 1000, WIDE = 200, LEAK_REQUESTS = 5000, LEAK_CONNECTIONS = 5000, SETTLE_MS = 5000 };

/* What the n-th of the pipelined requests asks for. */
static const char *deep_name(int n)
{
    static const char *const names[] = {"hello.txt", "1k.bin", "dir/page.html", "16k.bin", "empty.txt"};
    return n % 100 == 50 ? "100k.bin" : names[n % 5];
}

static bool same_as_file(struct stage *stage, const char *name, const struct answer *answer)
{
    size_t size;
    char *bytes = site_read(&stage->site, name, &size);
    bool same = bytes && answer->status == 200 && answer->body_len == size && memcmp(bytes, answer->body, size) == 0;
    free(bytes);
    return same;
}

static const char *thousand_pipelined(struct stage *stage)
{
    struct client client;
    struct answer answer;
    char *requests = malloc(DEEP * 128);
    size_t len = 0;
    const char *problem = stage_start(stage, NULL);
    if (problem)
        return problem;
    for (int i = 0; i < DEEP; i++)
        len += (size_t)sprintf(requests + len, "GET /%s HTTP/1.1\r\nHost: a\r\n\r\n", deep_name(i));
    EXPECT(client_open(&client, stage->port) && client_send(&client, requests, len), "could not ask");
    for (int i = 0; i < DEEP; i++) {
        EXPECT(client_answer(&client, false, &answer, 20000), "no answer to request %d", i);
        EXPECT(same_as_file(stage, deep_name(i), &answer), "answer %d (status %d) isn't %s", i, answer.status,
               deep_name(i));
    }
    client_close(&client);
    free(requests);
    return stage_finish(stage);
}

/* Asks for 100 MB without reading: the server must stop reading rather than collect answers, and go on when we read. */
static const char *reads_nothing_for_long(struct stage *stage)
{
    struct client client;
    struct answer answer;
    const char *problem = stage_start(stage, NULL);
    if (problem)
        return problem;
    EXPECT(client_open(&client, stage->port), "could not connect");
    for (int i = 0; i < DEEP; i++)
        EXPECT(client_get(&client, "/100k.bin", NULL), "could not ask");
    pause_ms(500);
    long resident = server_resident_kb(&stage->server);
    EXPECT(stage_is_instrumented(stage) || resident < 60000, "the server holds %ld kB for one client who doesn't read",
           resident);
    for (int i = 0; i < DEEP; i++) {
        EXPECT(client_answer(&client, false, &answer, 20000), "no answer to request %d", i);
        EXPECT(answer.status == 200 && answer.body_len == 100000, "answer %d is %d, %zu bytes", i, answer.status,
               answer.body_len);
    }
    client_close(&client);
    return stage_finish(stage);
}

static const char *many_downloads_at_once(struct stage *stage)
{
    static struct client clients[WIDE];
    struct answer answer;
    const char *problem = stage_start(stage, NULL);
    if (problem)
        return problem;
    for (int i = 0; i < WIDE; i++) {
        EXPECT(client_open_narrow(&clients[i], stage->port, i % 3 ? 0 : 8192), "could not connect client %d", i);
        EXPECT(client_get(&clients[i], i % 2 ? "/1m.bin" : "/100k.bin", NULL), "could not ask");
    }
    for (int i = WIDE - 1; i >= 0; i--) {
        EXPECT(client_answer(&clients[i], false, &answer, 60000), "no answer to client %d", i);
        EXPECT(same_as_file(stage, i % 2 ? "1m.bin" : "100k.bin", &answer), "client %d got other bytes", i);
        EXPECT(client_status(&clients[i], "/hello.txt", NULL) == 200, "client %d can't go on", i);
        client_close(&clients[i]);
    }
    return stage_finish(stage);
}

static const char *small_ones_beside_large_ones(struct stage *stage)
{
    static struct client greedy[8];
    struct client client;
    long long worst = 0;
    site_write_pattern(&stage->site, "64m.bin", 64 << 20);
    bool alone = stage_model_is(stage, "forked"); /* each has a thread already, and one is not enough for all */
    const char *problem = stage_start(stage, alone ? NULL : OPTIONS("--workers", "1"));
    if (problem)
        return problem;
    for (int i = 0; i < 8; i++)
        EXPECT(client_open(&greedy[i], stage->port) && client_get(&greedy[i], "/64m.bin", NULL), "could not ask");
    EXPECT(client_open(&client, stage->port), "could not connect");
    for (int round = 0; round < 100; round++) {
        for (int i = 0; i < 8; i++)
            client_take(&greedy[i], 1 << 20, 0);
        long long begin = now_ms();
        EXPECT(client_status(&client, "/hello.txt", NULL) == 200, "no answer in round %d", round);
        worst = now_ms() - begin > worst ? now_ms() - begin : worst;
    }
    EXPECT(worst < 1000, "a small file took %lld ms beside eight large ones", worst);
    for (int i = 0; i < 8; i++)
        client_reset(&greedy[i]);
    client_close(&client);
    return stage_finish(stage);
}

/* Each thread has a cache of its own, and may have come to keep a large file open that it hadn't been asked for. */
static int caches(void)
{
    return (int)sysconf(_SC_NPROCESSORS_ONLN);
}

static const char *no_request_leaks(struct stage *stage)
{
    static const char *const paths[] = {"/hello.txt", "/100k.bin",     "/missing", "/dir",
                                        "/dir/",      "/link-out.txt", "/1k.bin",  "/fifo"};
    struct client client;
    const char *problem = stage_start(stage, NULL);
    if (problem)
        return problem;
    for (int i = 0; i < 8; i++)
        EXPECT(stage_warm(stage, paths[i]), "no answer for %s", paths[i]);
    pause_ms(1200);
    int fds = server_fds(&stage->server);
    long resident = server_resident_kb(&stage->server);
    for (int i = 0; i < LEAK_CONNECTIONS; i++)
        EXPECT(stage_get(stage, paths[i % 8]) > 0, "no answer on connection %d", i);
    for (int i = 0; i < LEAK_REQUESTS; i++) {
        if (i % 100 == 0)
            EXPECT(client_open(&client, stage->port), "could not connect");
        EXPECT(client_status(&client, paths[i % 8], NULL) > 0, "no answer to request %d", i);
        if (i % 100 == 99)
            client_close(&client);
    }
    EXPECT(stage_fds_within(stage, fds + caches(), SETTLE_MS), "%d fds before ten thousand requests, %d after", fds,
           server_fds(&stage->server));
    long grown = server_resident_kb(&stage->server) - resident;
    EXPECT(stage_is_instrumented(stage) || grown < 600, "ten thousand requests cost %ld kB", grown);
    return stage_finish(stage);
}

/* Clients that break off at every point of a request and of its answer. */
static const char *broken_off_anywhere(struct stage *stage)
{
    static const char request[] =
        "GET /1m.bin HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\nGET /hello.txt HTTP/1.1\r\nHo";
    struct client client;
    const char *problem = stage_start(stage, NULL);
    if (problem)
        return problem;
    EXPECT(stage_warm(stage, "/1m.bin") && stage_warm(stage, "/hello.txt"), "can't serve at all");
    pause_ms(100);
    int fds = server_fds(&stage->server);
    for (size_t i = 0; i < 400; i++) {
        EXPECT(client_open_narrow(&client, stage->port, i % 2 ? 4096 : 0), "could not connect");
        client_send(&client, request, i % (sizeof request - 1) + 1);
        if (i % 3)
            client_take(&client, i * 100 + 1, i % 5 ? 0 : 2);
        if (i % 4)
            client_reset(&client);
        else
            client_close(&client);
    }
    EXPECT(stage_fds_within(stage, fds + caches(), SETTLE_MS), "%d fds before, %d after clients that broke off", fds,
           server_fds(&stage->server));
    EXPECT(stage_get(stage, "/1m.bin") == 200, "can't serve after clients that broke off");
    return stage_finish(stage);
}

static const char *slow_reader_is_served(struct stage *stage)
{
    struct client client;
    const char *problem = stage_start(stage, OPTIONS("--send-timeout", "1", "--send-buffer", "16384"));
    if (problem)
        return problem;
    EXPECT(client_open_narrow(&client, stage->port, 8192) && client_get(&client, "/4m.bin", NULL), "could not ask");
    for (long long until = now_ms() + 4000; now_ms() < until; pause_ms(150))
        EXPECT(client_take(&client, 8192, 2000) > 0, "a slow reader was closed");
    client_reset(&client);
    return stage_finish(stage);
}

static const char *reader_of_nothing_is_closed(struct stage *stage)
{
    struct client client;
    const char *problem = stage_start(stage, OPTIONS("--send-timeout", "1", "--send-buffer", "16384"));
    if (problem)
        return problem;
    EXPECT(stage_warm(stage, "/1m.bin"), "can't serve at all");
    pause_ms(200);
    int fds = server_fds(&stage->server);
    EXPECT(client_open_narrow(&client, stage->port, 8192) && client_get(&client, "/1m.bin", NULL), "could not ask");
    pause_ms(600);
    int held = server_fds(&stage->server);
    EXPECT(held > fds, "closed too early");
    EXPECT(stage_fds_within(stage, held - 1, 6000), "a reader who takes nothing is still held after 6 s");
    client_reset(&client);
    return stage_finish(stage);
}

static const char *idle_ones_are_cheap(struct stage *stage)
{
    enum { IDLE = 500 };
    static struct client clients[IDLE];
    if (stage_model_is(stage, "forked"))
        return stage_skip(stage, "an idle connection has a thread: that is what forked is");
    const char *problem = stage_start(stage, NULL);
    if (problem)
        return problem;
    EXPECT(stage_get(stage, "/hello.txt") == 200, "can't serve at all");
    long resident = server_resident_kb(&stage->server);
    for (int i = 0; i < IDLE; i++) {
        EXPECT(client_open(&clients[i], stage->port), "could not connect");
        EXPECT(client_status(&clients[i], i % 2 ? "/hello.txt" : "/100k.bin", NULL) == 200, "no answer");
    }
    long each = (server_resident_kb(&stage->server) - resident) * 1024 / IDLE;
    EXPECT(stage_is_instrumented(stage) || each < 2048, "an idle connection costs %ld bytes", each);
    for (int i = 0; i < IDLE; i++) {
        EXPECT(client_status(&clients[i], "/hello.txt", NULL) == 200, "no answer after a while");
        client_close(&clients[i]);
    }
    return stage_finish(stage);
}

static const char *idle_server_sleeps(struct stage *stage)
{
    struct client client;
    const char *problem = stage_start(stage, NULL);
    if (problem)
        return problem;
    EXPECT(client_open(&client, stage->port) && client_status(&client, "/hello.txt", NULL) == 200,
           "can't serve at all");
    long cpu = server_cpu_ms(&stage->server);
    pause_ms(2000);
    cpu = server_cpu_ms(&stage->server) - cpu;
    EXPECT(cpu <= 60, "%ld ms of processor time in two idle seconds", cpu);
    client_close(&client);
    return stage_finish(stage);
}

const struct scene scenes_of_streams[] = {
    {"a thousand pipelined requests are answered in order", thousand_pipelined},
    {"a client who asks for 100 MB and doesn't read costs little, and gets it all", reads_nothing_for_long},
    {"two hundred downloads at once, each with the right bytes", many_downloads_at_once},
    {"small files come at once beside large ones", small_ones_beside_large_ones},
    {"ten thousand requests leak no fd and no memory", no_request_leaks},
    {"clients may break off anywhere", broken_off_anywhere},
    {"a slow reader is served", slow_reader_is_served},
    {"a reader who takes nothing is closed", reader_of_nothing_is_closed},
    {"idle connections cost little memory", idle_ones_are_cheap},
    {"an idle server uses no processor", idle_server_sleeps},
    {0},
};
