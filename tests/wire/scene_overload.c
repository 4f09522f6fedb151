/* scenes of overload: more clients than may be connected, and more lines than a log is written at a time. */
#include "scene.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MOST = 64,
    MOST_OF_MANY = 256,
    NEWCOMERS = 40,
    ANSWER_MS = 2000,
    FEW = 8,
    CROWD = 24,
    CHURN_MS = 3000,
    RECOVERY_MS = 3000,
    LINES = 20000,
    BATCH = 2000,
};

static bool open_all(struct stage *stage, struct client *clients, int count, const char *path)
{
    for (int i = 0; i < count; i++) {
        if (!client_open(&clients[i], stage->port) || !client_get(&clients[i], path, NULL))
            return false;
    }
    return true;
}

static void close_all(struct client *clients, int count)
{
    for (int i = 0; i < count; i++)
        client_close(&clients[i]);
}

/* ---- connections */

/* `most` idle connections, as many as may be, and `count` newcomers at once, of whom none may be refused. */
static const char *idle_ones_make_room(struct stage *stage, const char *option, int most, int count)
{
    static struct client idle[MOST_OF_MANY], newcomers[MOST_OF_MANY];
    struct answer answer;
    const char *problem = stage_start(stage, OPTIONS("--max-connections", option));
    if (problem)
        return problem;
    for (int i = 0; i < most; i++)
        EXPECT(client_open(&idle[i], stage->port) && client_status(&idle[i], "/hello.txt", NULL) == 200, "no answer");
    pause_ms(1500);
    EXPECT(open_all(stage, newcomers, count, "/hello.txt"), "could not ask");
    for (int i = 0; i < count; i++) {
        EXPECT(client_answer(&newcomers[i], false, &answer, 5000), "newcomer %d gets no answer", i);
        EXPECT(answer.status == 200, "newcomer %d gets %d though %d connections are idle", i, answer.status, most);
    }
    close_all(newcomers, count);
    close_all(idle, most);
    EXPECT(stage_get_within(stage, "/hello.txt", 200, RECOVERY_MS), "no recovery");
    return stage_finish(stage);
}

static const char *room_for_forty(struct stage *stage)
{
    return idle_ones_make_room(stage, "64", MOST, NEWCOMERS);
}

/* More than the owners are asked to close at a time. */
static const char *room_for_two_hundred(struct stage *stage)
{
    return idle_ones_make_room(stage, "256", MOST_OF_MANY, 200);
}

/* As many downloads as may be, by clients who don't read. */
static bool occupy_all(struct stage *stage, struct client *busy)
{
    for (int i = 0; i < MOST; i++) {
        if (!client_open_narrow(&busy[i], stage->port, 8192) || !client_get(&busy[i], "/4m.bin", NULL) ||
            client_take(&busy[i], 1000, 5000) <= 0)
            return false;
    }
    return true;
}

static const char *expect_refusal(struct stage *stage, struct client *client)
{
    struct answer answer;
    char after[32];
    EXPECT(client_answer(client, false, &answer, ANSWER_MS), "a newcomer gets no answer");
    EXPECT(answer.status == 503, "a newcomer gets %d", answer.status);
    EXPECT(!answer_broken_law(&answer), "broken: %s", answer_broken_law(&answer));
    EXPECT(answer_field(&answer, "Retry-After", after, sizeof after) == 1, "a newcomer isn't told when to come again");
    return NULL;
}

static const char *refuse_one_by_one(struct stage *stage)
{
    for (int i = 0; i < MOST; i++) {
        struct client late;
        EXPECT(client_open(&late, stage->port) && client_get(&late, "/hello.txt", NULL), "could not ask");
        const char *problem = expect_refusal(stage, &late);
        if (problem)
            return problem;
        client_close(&late);
    }
    return NULL;
}

/* More than the reserve holds, so that some wait in the listener's backlog: nothing may spin for them. */
static const char *refuse_a_crowd(struct stage *stage)
{
    static struct client crowd[NEWCOMERS];
    EXPECT(open_all(stage, crowd, NEWCOMERS, "/hello.txt"), "could not ask");
    long cpu = server_cpu_ms(&stage->server);
    pause_ms(1000);
    cpu = server_cpu_ms(&stage->server) - cpu;
    EXPECT(cpu < (stage_is_instrumented(stage) ? 400 : 150), "%ld ms of processor time in a second without room", cpu);
    close_all(crowd, NEWCOMERS);
    return NULL;
}

static const char *busy_ones_leave_no_room(struct stage *stage)
{
    static struct client busy[MOST];
    const char *problem = stage_start(stage, OPTIONS("--max-connections", "64", "--send-buffer", "16384"));
    if (problem)
        return problem;
    EXPECT(occupy_all(stage, busy), "can't have as many connections as may be");
    long long begin = now_ms();
    problem = refuse_one_by_one(stage);
    if (!problem)
        problem = refuse_a_crowd(stage);
    if (problem)
        return problem;
    int lines = text_lines(server_complaints(&stage->server));
    EXPECT(lines >= 1 && lines <= (now_ms() - begin) / 1000 + 1, "%d lines in %lld ms: %.800s", lines, now_ms() - begin,
           server_complaints(&stage->server));
    for (int i = 0; i < MOST; i++)
        EXPECT(client_take(&busy[i], 1000, 5000) > 0, "a busy connection was given up");
    close_all(busy, MOST);
    EXPECT(stage_get_within(stage, "/hello.txt", 200, RECOVERY_MS), "no recovery");
    int status = server_stop(&stage->server, SIGTERM);
    EXPECT(status == 0, "it ended with %d", status);
    return NULL;
}

static const char *how_it_ended(const struct client *client)
{
    if (!client->ended)
        return "";
    return client->reset ? ", but a reset" : ", but an end";
}

/* Clients who come, ask, stay for a while and go, three times as many as may be, at both listeners in turn. */
static const char *churn(struct stage *stage, struct client *crowd, int *served)
{
    struct answer answer;
    long long until = now_ms() + CHURN_MS;
    for (int i = 0; now_ms() < until; i++) {
        struct client *client = &crowd[i % CROWD];
        if (i >= CROWD) {
            EXPECT(client_answer(client, false, &answer, 5000), "client %d gets no answer%s", i - CROWD,
                   how_it_ended(client));
            EXPECT(answer.status == 200 || answer.status == 503, "client %d gets %d", i - CROWD, answer.status);
            *served += answer.status == 200;
            client_close(client);
        }
        EXPECT(client_open(client, stage->server.ports[i % 2]) && client_get(client, "/hello.txt", NULL),
               "could not ask");
    }
    close_all(crowd, CROWD);
    return NULL;
}

static const char *full_again_and_again(struct stage *stage)
{
    static struct client crowd[CROWD];
    int served = 0;
    const char *problem =
        stage_start_with(stage, &(struct server_setup){.root = stage->site.root,
                                                       .options = OPTIONS("--max-connections", "8", "--listen",
                                                                          "127.0.0.1:0", "--listen", "127.0.0.1:0"),
                                                       .listens_itself = true});
    if (problem)
        return problem;
    EXPECT(stage->server.port_count == 2, "%d listeners", stage->server.port_count);
    EXPECT(stage_warm(stage, "/hello.txt"), "can't serve at all");
    pause_ms(200);
    int fds = server_fds(&stage->server);
    problem = churn(stage, crowd, &served);
    if (problem)
        return problem;
    EXPECT(served >= CROWD, "%d clients were served in %d ms", served, CHURN_MS);
    EXPECT(stage_fds_within(stage, fds, RECOVERY_MS), "%d fds before, %d after", fds, server_fds(&stage->server));
    for (int i = 0; i < 2; i++) {
        stage->port = stage->server.ports[i];
        EXPECT(stage_get_within(stage, "/hello.txt", 200, RECOVERY_MS), "listener %d is dead", i);
    }
    long cpu = server_cpu_ms(&stage->server);
    pause_ms(500);
    EXPECT(server_cpu_ms(&stage->server) - cpu <= 50, "it doesn't come to rest");
    return stage_finish_but(stage, "");
}

/* ---- lines */

static size_t write_batch(char *requests, int from)
{
    size_t len = 0;
    for (int i = from; i < from + BATCH; i++)
        len += (size_t)sprintf(
            requests + len,
            "GET /hello.txt?%d HTTP/1.1\r\nHost: a\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; "
            "rv:115.0) Gecko/20100101 Firefox/115.0\r\nReferer: http://localhost/a/page/of/ours\r\n\r\n",
            i);
    return len;
}

/* How many of the requests have their line; where they are to be in order, up to the first that isn't. */
static int count_requests(const char *path, bool ordered)
{
    static bool seen[LINES];
    char line[1024];
    int count = 0, request;
    FILE *log = fopen(path, "re");
    while (log && fgets(line, sizeof line, log)) {
        const char *asked = strstr(line, "\"GET /hello.txt?");
        if (!asked || sscanf(asked, "\"GET /hello.txt?%d HTTP/1.1\" 200 13 ", &request) != 1 || request < 0 ||
            request >= LINES || seen[request] || (ordered && request != count))
            break;
        seen[request] = true;
        count++;
    }
    if (log)
        fclose(log);
    return count;
}

static const char *log_keeps_up(struct stage *stage)
{
    struct client client;
    struct answer answer;
    char path[SITE_PATH_MAX];
    char *requests = malloc(BATCH * 256);
    snprintf(path, sizeof path, "%.490s/access.log", stage->site.place);
    const char *problem = stage_start(stage, OPTIONS("--access-log", path));
    if (problem)
        return problem;
    EXPECT(client_open(&client, stage->port), "could not connect");
    for (int i = 0; i < LINES; i += BATCH) {
        EXPECT(client_send(&client, requests, write_batch(requests, i)), "could not ask");
        for (int j = 0; j < BATCH; j++)
            EXPECT(client_answer(&client, false, &answer, 5000) && answer.status == 200, "no answer to %d", i + j);
    }
    client_close(&client);
    free(requests);
    problem = stage_finish(stage);
    if (problem)
        return problem;
    int count = count_requests(path, !stage_model_is(stage, "turns") && !stage_model_is(stage, "seda"));
    EXPECT(count == LINES, "line %d of %d isn't in the log", count, LINES);
    return NULL;
}

const struct scene scenes_of_overload[] = {
    {"forty at once get the places of idle ones, and none is refused", room_for_forty},
    {"two hundred at once get the places of idle ones, and none is refused", room_for_two_hundred},
    {"with no idle ones all newcomers are refused, at little cost", busy_ones_leave_no_room},
    {"full again and again, it stays well", full_again_and_again},
    {"twenty thousand pipelined requests lose no line", log_keeps_up},
    {0},
};
