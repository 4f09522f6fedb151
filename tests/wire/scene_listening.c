/* scenes of listening: where clients may come from. */
#include "scene.h"

#include <fnmatch.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const char *start_on(struct stage *stage, const char *const *options)
{
    return stage_start_with(
        stage, &(struct server_setup){.options = options, .root = stage->site.root, .listens_itself = true});
}

static bool ipv6_works(void)
{
    return access("/proc/net/if_inet6", R_OK) == 0;
}

static int status_of(struct client *client)
{
    int status = client_status(client, "/hello.txt", "Connection: close\r\n");
    client_close(client);
    return status;
}

static const char *several_listeners(struct stage *stage)
{
    struct client client;
    const char *problem = start_on(stage, OPTIONS("--listen", "127.0.0.1:0", "-l", "127.0.0.1:0", "--listen=0"));
    if (problem)
        return problem;
    EXPECT(stage->server.port_count == 3, "%d URLs in the banner: %.500s", stage->server.port_count,
           stage->server.said);
    for (int i = 0; i < 3; i++) {
        EXPECT(stage->server.ports[i] > 0, "the banner names no port: %.500s", stage->server.said);
        EXPECT(client_open(&client, stage->server.ports[i]) && status_of(&client) == 200, "listener %d doesn't serve",
               i);
    }
    return stage_finish(stage);
}

static const char *all_addresses(struct stage *stage)
{
    struct client client;
    const char *problem = start_on(stage, OPTIONS("--listen", "*:0"));
    if (problem)
        return problem;
    EXPECT(client_open(&client, stage->port) && status_of(&client) == 200, "it doesn't serve IPv4");
    EXPECT(!ipv6_works() || (client_open_ipv6(&client, stage->port) && status_of(&client) == 200),
           "it doesn't serve IPv6");
    return stage_finish(stage);
}

static const char *ipv6_only(struct stage *stage)
{
    struct client client;
    if (!ipv6_works())
        return stage_skip(stage, "this machine has no IPv6");
    const char *problem = start_on(stage, OPTIONS("--listen", "[::1]:0"));
    if (problem)
        return problem;
    EXPECT(client_open_ipv6(&client, stage->port) && status_of(&client) == 200, "it doesn't serve IPv6");
    EXPECT(fnmatch("shunt: serving * on http://[[]::1]:*/\n", stage->server.said, 0) == 0, "banner: %.500s",
           stage->server.said);
    return stage_finish(stage);
}

static void socket_path(const struct stage *stage, char path[100], char option[110])
{
    snprintf(path, 100, "%.80s/s.sock", stage->site.place);
    snprintf(option, 110, "unix:%s", path);
}

static const char *unix_socket(struct stage *stage)
{
    char path[100], option[110];
    struct client client;
    socket_path(stage, path, option);
    for (int round = 0; round < 2; round++) {
        const char *problem = start_on(stage, OPTIONS("--listen", option));
        if (problem)
            return problem;
        EXPECT(strstr(stage->server.said, option), "the banner doesn't name it: %.500s", stage->server.said);
        EXPECT(client_open_unix(&client, path) && status_of(&client) == 200, "it doesn't serve");
        problem = stage_finish(stage);
        if (problem)
            return problem;
    }
    return NULL;
}

static const char *stale_unix_socket(struct stage *stage)
{
    char path[100], option[110];
    struct client client;
    socket_path(stage, path, option);
    const char *problem = start_on(stage, OPTIONS("--listen", option));
    if (problem)
        return problem;
    server_stop(&stage->server, SIGKILL);
    EXPECT(access(path, F_OK) == 0, "a killed server left no socket behind");
    problem = start_on(stage, OPTIONS("--listen", option));
    if (problem)
        return problem;
    EXPECT(client_open_unix(&client, path) && status_of(&client) == 200, "it doesn't serve");
    return stage_finish(stage);
}

/* A second server is refused its listener, in one line that names it. */
static const char *expect_refusal(struct stage *stage, const char *option, const char *when)
{
    struct server second;
    server_spawn(&second, stage->harness,
                 &(struct server_setup){
                     .options = OPTIONS("--listen", option), .root = stage->site.root, .listens_itself = true});
    int status = server_wait(&second, 10000);
    if (status < 0)
        server_stop(&second, SIGKILL);
    EXPECT(status == 1 && text_is_one_line(second.said) && strstr(second.said, option), "%s: %d, %.800s", when, status,
           second.said);
    return NULL;
}

static const char *live_unix_socket(struct stage *stage)
{
    char path[100], option[110];
    struct client client;
    socket_path(stage, path, option);
    const char *problem = start_on(stage, OPTIONS("--listen", option));
    if (problem)
        return problem;
    if ((problem = expect_refusal(stage, option, "a second server on one socket")) != NULL)
        return problem;
    EXPECT(client_open_unix(&client, path) && status_of(&client) == 200, "the first one doesn't serve any more");
    return stage_finish(stage);
}

static const char *plain_file_in_the_way(struct stage *stage)
{
    char path[100], option[110];
    struct stat st;
    socket_path(stage, path, option);
    FILE *file = fopen(path, "we");
    EXPECT(file && fputs("precious\n", file) >= 0 && fclose(file) == 0, "can't write a file");
    const char *problem = expect_refusal(stage, option, "a plain file in the socket's place");
    if (problem)
        return problem;
    EXPECT(stat(path, &st) == 0 && st.st_size == 9, "it removed a file that is no socket");
    return NULL;
}

static const char *port_in_use(struct stage *stage)
{
    char option[32];
    const char *problem = stage_start(stage, NULL);
    if (problem)
        return problem;
    snprintf(option, sizeof option, "127.0.0.1:%d", stage->port);
    problem = expect_refusal(stage, option, "a port in use");
    return problem ? problem : stage_finish(stage);
}

static const char *privileged_port(struct stage *stage)
{
    int first = 1024;
    FILE *file = fopen("/proc/sys/net/ipv4/ip_unprivileged_port_start", "re");
    if (file && fscanf(file, "%d", &first) != 1)
        first = 1024;
    if (file)
        fclose(file);
    if (first <= 80)
        return stage_skip(stage, "here everybody may listen on port 80");
    return expect_refusal(stage, "127.0.0.1:80", "a port that it may not have");
}

static const char *restarted_at_once(struct stage *stage)
{
    char option[32];
    const char *problem = stage_start(stage, NULL);
    if (problem)
        return problem;
    snprintf(option, sizeof option, "127.0.0.1:%d", stage->port);
    for (int round = 0; round < 3; round++) {
        struct client client;
        EXPECT(client_open(&client, stage->port) && client_status(&client, "/hello.txt", NULL) == 200, "no answer");
        problem = stage_finish(stage);
        if (problem)
            return problem;
        problem = start_on(stage, OPTIONS("--listen", option));
        if (problem)
            return problem;
        client_close(&client);
    }
    return stage_finish(stage);
}

const struct scene scenes_of_listening[] = {
    {"several listeners, all in the banner", several_listeners},
    {"*:0 serves IPv4 and IPv6", all_addresses},
    {"[::1]:0 serves IPv6", ipv6_only},
    {"a unix socket", unix_socket},
    {"a stale unix socket is replaced", stale_unix_socket},
    {"a unix socket in use is not", live_unix_socket},
    {"a plain file in the socket's place stays", plain_file_in_the_way},
    {"a port in use is told in one line", port_in_use},
    {"a port without permission is told in one line", privileged_port},
    {"the same port again at once, in spite of connections just closed", restarted_at_once},
    {0},
};
