/* scenes of sockets: where every model listens, and what its sockets are told. */
#include "models.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- listeners */

static const char *reaches_both_workers(struct stage *stage, const char *pin)
{
    enum { CONNECTIONS = 64 };
    struct report report;
    const char *problem = how_start(stage, &hows[SYMMETRIC], OPTIONS("--pin", pin));
    if (!problem)
        problem = crowd_visit(stage, CONNECTIONS, 1, "/hello.txt");
    if (!problem)
        problem = report_finish(stage, &report);
    if (problem)
        return problem;
    EXPECT(report_busy(&report, "worker", ACCEPTED) == 2, "--pin %s: %d connections reach %d of 2 workers", pin,
           CONNECTIONS, report_busy(&report, "worker", ACCEPTED));
    EXPECT(report_sum(&report, "worker", ACCEPTED) == CONNECTIONS, "%lld of %d accepted",
           report_sum(&report, "worker", ACCEPTED), CONNECTIONS);
    return NULL;
}

static const char *many_listeners(struct stage *stage)
{
    const char *problem = reaches_both_workers(stage, "on");
    return problem ? problem : reaches_both_workers(stage, "off");
}

static const char *refused_port(struct stage *stage, const struct how *first, const struct how *second)
{
    const char *options[OPTIONS_MAX];
    char address[32];
    struct server other;
    const char *problem = how_start(stage, first, NULL);
    if (problem)
        return problem;
    snprintf(address, sizeof address, "127.0.0.1:%d", stage->port);
    how_options(second, OPTIONS("--listen", address), options);
    server_spawn(&other, stage->harness,
                 &(struct server_setup){.options = options, .root = stage->site.root, .listens_itself = true});
    int status = server_wait(&other, 10000);
    if (status < 0)
        server_stop(&other, SIGKILL);
    EXPECT(status == 1, "beside %s, %s at the same port ends with %d", first->name, second->name, status);
    EXPECT(text_is_one_line(other.said) && strstr(other.said, address) && strstr(other.said, "in use"),
           "beside %s, %s says: %.600s", first->name, second->name, other.said);
    EXPECT(stage_get(stage, "/hello.txt") == 200, "%s doesn't serve any more", first->name);
    return stage_finish(stage);
}

static const char *one_port_for_one(struct stage *stage)
{
    static const int pairs[][2] = {
        {SYMMETRIC, SYMMETRIC}, {SYMMETRIC, STAGED}, {STAGED, SYMMETRIC}, {TURNS, SYMMETRIC}};
    const char *problem = NULL;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs && !problem; i++)
        problem = refused_port(stage, &hows[pairs[i][0]], &hows[pairs[i][1]]);
    return problem;
}

static const char *expect_served(struct stage *stage, struct client *client, const char *where)
{
    int status = client_status(client, "/hello.txt", NULL);
    client_close(client);
    EXPECT(status == 200, "%s answers %d", where, status);
    return NULL;
}

static const char *several_places_under(struct stage *stage, const struct how *how)
{
    enum { EACH = 8 };
    char path[100], option[110];
    struct report report;
    snprintf(path, sizeof path, "%.80s/m.sock", stage->site.place);
    snprintf(option, sizeof option, "unix:%s", path);
    const char *problem = how_start_listening(
        stage, how, OPTIONS("--listen", "127.0.0.1:0", "--listen", option, "--listen", "127.0.0.1:0"));
    if (problem)
        return problem;
    EXPECT(stage->server.port_count == 2, "%d URLs in the banner: %.500s", stage->server.port_count,
           stage->server.said);
    for (int i = 0; i < EACH && !problem; i++) {
        struct client one, other, local;
        EXPECT(client_open(&one, stage->server.ports[0]) && client_open(&other, stage->server.ports[1]) &&
                   client_open_unix(&local, path),
               "could not connect");
        problem = expect_served(stage, &one, "the first address");
        problem = problem ? problem : expect_served(stage, &other, "the second address");
        problem = problem ? problem : expect_served(stage, &local, "the unix socket");
    }
    problem = problem ? problem : report_finish(stage, &report);
    if (problem)
        return problem;
    EXPECT(report_sum(&report, "", ACCEPTED) == 3 * EACH, "%lld of %d accepted", report_sum(&report, "", ACCEPTED),
           3 * EACH);
    EXPECT(access(path, F_OK) < 0, "the unix socket stays behind");
    return NULL;
}

static const char *several_places(struct stage *stage)
{
    return how_each(stage, several_places_under);
}

/* ---- sockets */

static const char *unknown_congestion_under(struct stage *stage, const struct how *how)
{
    const char *options[OPTIONS_MAX];
    how_options(how, OPTIONS("--congestion", "nonesuch"), options);
    server_spawn(&stage->server, stage->harness, &(struct server_setup){.options = options, .root = stage->site.root});
    int status = server_wait(&stage->server, 10000);
    const char *said = stage->server.said;
    EXPECT(status == 1, "it ends with %d", status);
    EXPECT(text_is_one_line(said) && strstr(said, "--congestion"), "it says: %.600s", said);
    return NULL;
}

static const char *unknown_congestion(struct stage *stage)
{
    return how_each(stage, unknown_congestion_under);
}

static const char *socket_options_under(struct stage *stage, const struct how *how)
{
    const char *problem = how_start(stage, how, OPTIONS("--congestion", "reno", "--nodelay", "off", "--linger", "1"));
    if (!problem)
        problem = crowd_visit(stage, 4, 3, "/hello.txt");
    if (!problem)
        problem = crowd_visit(stage, 2, 2, "/1m.bin");
    return problem ? problem : stage_finish(stage);
}

static const char *socket_options(struct stage *stage)
{
    return how_each(stage, socket_options_under);
}

/* Whether a reply that is the connection's last is there to its last byte, and how the connection ends then. */
static const char *expect_last(struct stage *stage, const char *path, size_t size, bool reset)
{
    struct client client;
    struct answer answer;
    EXPECT(client_open(&client, stage->port) && client_get(&client, path, "Connection: close\r\n"), "could not ask");
    EXPECT(client_answer(&client, false, &answer, ANSWER_MS) && answer.status == 200 && answer.body_len == size,
           "%s is cut short", path);
    EXPECT(client_wait_closed(&client, SOON_MS) >= 0, "%s: the connection doesn't end", path);
    EXPECT(client.reset == reset, "%s: the connection ends %s a reset", path, reset ? "without" : "with");
    client_close(&client);
    return NULL;
}

static const char *linger_under(struct stage *stage, const struct how *how)
{
    static const char *const values[] = {"off", "0"};
    for (int i = 0; i < 2; i++) {
        const char *problem = how_start(stage, how, OPTIONS("--linger", values[i]));
        problem = problem ? problem : expect_last(stage, "/hello.txt", 13, i == 1);
        problem = problem ? problem : expect_last(stage, "/1m.bin", LARGE, false);
        problem = problem ? problem : stage_finish(stage);
        if (problem)
            return problem;
    }
    return NULL;
}

static const char *linger(struct stage *stage)
{
    return how_each(stage, linger_under);
}

/* Who is silent is accepted at once, or after a second. */
enum { DEFERRED_MS = 900 };

static bool has_more_fds_within(struct stage *stage, int fds, int timeout_ms)
{
    for (long long until = now_ms() + timeout_ms; now_ms() < until; pause_ms(10)) {
        if (server_fds(&stage->server) > fds)
            return true;
    }
    return false;
}

static const char *silent_one(struct stage *stage, const struct how *how, const char *defer, bool accepted)
{
    struct client client;
    const char *problem = how_start(stage, how, OPTIONS("--defer-accept", defer));
    if (problem)
        return problem;
    int fds = server_fds(&stage->server);
    EXPECT(client_open(&client, stage->port), "could not connect");
    EXPECT(has_more_fds_within(stage, fds, accepted ? DEFERRED_MS : SILENCE_MS) == accepted,
           "--defer-accept %s: a silent connection is %saccepted", defer, accepted ? "not " : "");
    problem = client_asks(stage, &client, "/hello.txt");
    client_close(&client);
    return problem ? problem : stage_finish(stage);
}

static const char *silent_ones_under(struct stage *stage, const struct how *how)
{
    const char *problem = silent_one(stage, how, "off", true);
    return problem ? problem : silent_one(stage, how, "on", false);
}

static const char *silent_ones(struct stage *stage)
{
    return how_each(stage, silent_ones_under);
}

const struct scene scenes_of_sockets[] = {
    {"two addresses and a unix socket under every model", several_places},
    {"many connections reach both of two listeners at one port", many_listeners},
    {"a second server can't have the port of one that shares it among its own", one_port_for_one},
    {"--congestion with an unknown name is told in one line", unknown_congestion},
    {"--congestion, --nodelay off and --linger leave answers as they are", socket_options},
    {"--linger 0 resets what is over, and cuts no reply short", linger},
    {"--defer-accept off accepts those who say nothing, and on doesn't", silent_ones},
    {0},
};
