#include "server/serve.h"

#include "base/log.h"
#include "os/beneath.h"
#include "os/limits.h"
#include "os/notify.h"
#include "os/signals.h"
#include "server/banner.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    BACKLOG = 65535, /* the kernel takes as much of it as net.core.somaxconn allows */
    DRAIN_LOOK_MS = 20,
    LOG_MS = 500, /* for the access log's last lines, when in a hurry */
    CACHE_BYTES = 256 << 20,
    CACHE_ENTRIES = 16384,
};

/* What a started server consists of, in the order of starting. */
struct server {
    const struct options *options;
    int signals;
    int root;
    int listeners[ACCEPTOR_LISTENERS_MAX];
    struct socket_address bound[ACCEPTOR_LISTENERS_MAX];
    int listening;
    struct engine_settings settings;
    struct engine engine;
    struct acceptor acceptor;
};

static const char *advice(int error)
{
    switch (error) {
    case EADDRINUSE:
        return " (something else listens there: stop it, or choose another port with --listen; port 0 picks a free "
               "one)";
    case EACCES:
        return " (ports below 1024 need CAP_NET_BIND_SERVICE, a socket file a directory that we may write to; try "
               "--listen 8080)";
    case EADDRNOTAVAIL:
        return " (this machine has no such address)";
    default:
        return "";
    }
}

static int open_listeners(struct server *server)
{
    const struct options *options = server->options;
    struct socket_options wanted = {.backlog = BACKLOG, .send_buffer = options->send_buffer, .defer_accept = true};
    for (int i = 0; i < options->listeners; i++) {
        int sock = socket_listen(&options->listen[i], &wanted);
        if (sock < 0) {
            log_line(LOG_LEVEL_ERROR, "listen on %s: %s%s", options->listen_text[i], strerror(errno), advice(errno));
            return -1;
        }
        server->listeners[server->listening++] = sock;
        server->bound[i] = options->listen[i];
        socket_local_address(sock, &server->bound[i]);
    }
    return 0;
}

static int open_root(struct server *server)
{
    server->root = beneath_root(server->options->directory);
    if (server->root < 0)
        log_errno(LOG_LEVEL_ERROR, "serve %s", server->options->directory);
    return server->root < 0 ? -1 : 0;
}

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

/* Threads and limits, from the options and from what this machine gives us. */
static int settle(struct server *server)
{
    const struct options *options = server->options;
    struct engine_settings *settings = &server->settings;
    *settings = (struct engine_settings){
        .model = options->model,
        .workers = options->workers,
        .writers = options->writers,
        .blockers = options->blockers,
        .files_max = limits_raise_files(),
        .pin = true,
        .cache_bytes = CACHE_BYTES,
        .cache_entries = CACHE_ENTRIES,
        .access_log = options->access_log_given ? options->access_log
                      : isatty(STDOUT_FILENO)   ? "-"
                                                : NULL,
        .root = server->root,
        .limits = options->limits,
    };
    cpu_usable(&settings->cpus);
    int quota = cpu_quota();
    settings->cores = quota > 0 ? smaller(quota, settings->cpus.count) : settings->cpus.count;
    settings->model->settle(settings);
    int most = engine_connections_max(settings->files_max, settings->threads + settings->blockers);
    if (most < 1) {
        log_line(LOG_LEVEL_ERROR,
                 "this process may open %d files, too few for %d threads: raise ulimit -n, or LimitNOFILE=",
                 settings->files_max, settings->threads + settings->blockers);
        return -1;
    }
    if (options->max_connections > most)
        log_line(LOG_LEVEL_WARNING, "--max-connections %d: %d it is, since this process may open %d files",
                 options->max_connections, most, settings->files_max);
    settings->connections_max = options->max_connections > 0 ? smaller(options->max_connections, most) : most;
    return 0;
}

static int start(struct server *server)
{
    server->signals = signals_open();
    if (server->signals < 0) {
        log_errno(LOG_LEVEL_ERROR, "wait for signals");
        return -1;
    }
    if (open_root(server) < 0 || open_listeners(server) < 0 || settle(server) < 0 ||
        engine_open(&server->engine, &server->settings) < 0)
        return -1;
    int count = server->listening;
    server->listening = 0; /* they are the acceptor's from here on */
    if (acceptor_open(&server->acceptor, &server->engine, server->listeners, count) == 0)
        return 0;
    log_errno(LOG_LEVEL_ERROR, "watch the listeners");
    return -1;
}

/* Whether a signal means the end. A hangup does where somebody's terminal went away; a service is told so by habit. */
static bool stops(int signal)
{
    if (signal != SIGHUP || isatty(STDERR_FILENO))
        return signal != 0;
    log_line(LOG_LEVEL_INFO, "SIGHUP: there is nothing to reload; the access log follows its file by itself");
    return false;
}

/* Lets running responses finish, until the time is up. False when a second signal came instead. */
static bool drain(struct server *server)
{
    uint64_t until_ms = clock_now_ms() + server->options->stop_ms;
    engine_drain(&server->engine);
    while (intake_connections(&server->acceptor.intake, 0) > 0 && clock_now_ms() < until_ms) {
        if (stops(signals_take(server->signals)))
            return false;
        usleep(DRAIN_LOOK_MS * 1000);
    }
    return true;
}

static void remove_socket_files(const struct server *server)
{
    for (int i = 0; i < server->options->listeners; i++) {
        const struct socket_address *address = &server->options->listen[i];
        if (address->storage.ss_family == AF_UNIX)
            unlink(((const struct sockaddr_un *)&address->storage)->sun_path);
    }
}

static int run(struct server *server)
{
    banner_show(server->options, server->bound, &server->settings);
    notify_send("READY=1");
    int failed;
    do
        failed = acceptor_run(&server->acceptor, server->signals);
    while (failed == 0 && !stops(signals_take(server->signals)));
    if (failed < 0)
        log_errno(LOG_LEVEL_ERROR, "accept connections");
    notify_send("STOPPING=1");
    remove_socket_files(server);
    acceptor_close(&server->acceptor);
    if (!drain(server)) {
        logger_flush(&server->engine.logger, LOG_MS);
        _exit(0);
    }
    return failed < 0 ? 1 : 0;
}

/* Gives everything back. `status`: with which the process ends where that can't be done. */
static void stop(struct server *server, int status)
{
    acceptor_close(&server->acceptor);
    if (!engine_close(&server->engine))
        _exit(status); /* what sleeps on a dead disk is the kernel's */
    if (server->signals >= 0)
        signals_close(server->signals);
    while (server->listening > 0)
        close(server->listeners[--server->listening]);
    if (server->root >= 0)
        close(server->root);
}

int serve(const struct options *options)
{
    struct server server = {.options = options, .signals = -1, .root = -1};
    int status = start(&server) < 0 ? 1 : run(&server);
    stop(&server, status);
    return status;
}
