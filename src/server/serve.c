#include "server/serve.h"

#include "base/log.h"
#include "os/limits.h"
#include "os/net.h"
#include "os/notify.h"
#include "os/signals.h"
#include "os/sleeper.h"
#include "server/banner.h"
#include "server/report.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    BACKLOG = 65535, /* the kernel takes as much of it as net.core.somaxconn allows */
    DRAIN_LOOK_MS = 20,
    LOG_MS = 500, /* for the access log's last lines, when in a hurry */
};

/* What a started server consists of, in the order of starting. */
struct server {
    const struct options *options;
    int signals;
    struct source source;
    struct engine_settings settings;
    int *listeners; /* owned: of each acceptor in turn, one for each address */
    int listening;  /* addresses that have theirs */
    struct socket_address bound[ACCEPTOR_LISTENERS_MAX];
    struct engine engine;
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
    case ENOENT:
        return " (--congestion: the kernel has no such algorithm, see net.ipv4.tcp_available_congestion_control)";
    case EPERM:
        return " (--congestion: not allowed to us, see net.ipv4.tcp_allowed_congestion_control)";
    default:
        return "";
    }
}

/* One address's listeners, of every acceptor. */
static int listen_on(struct server *server, int address, const struct socket_options *wanted)
{
    const struct socket_address *where = &server->options->listen[address];
    int acceptors = settings_acceptors(&server->settings), addresses = server->options->listeners;
    if (acceptors == 1)
        return server->listeners[address] = socket_listen(where, wanted);
    int socks[SETTINGS_WORKERS_MAX], cpus[SETTINGS_WORKERS_MAX];
    for (int i = 0; i < acceptors; i++)
        cpus[i] = server->settings.cpus.ids[i % server->settings.cpus.count];
    bool steers = server->settings.pin && net_spreads_over(acceptors); /* else one worker would get all */
    if (socket_listen_group(where, wanted, steers ? cpus : NULL, acceptors, socks) < 0)
        return -1;
    for (int i = 0; i < acceptors; i++)
        server->listeners[i * addresses + address] = socks[i];
    return 0;
}

static int open_listeners(struct server *server)
{
    const struct options *options = server->options;
    struct socket_options wanted = {
        .backlog = BACKLOG,
        .send_buffer = options->send_buffer,
        .defer_accept = options->defer_accept,
        .nagle = !options->nodelay,
        .linger = options->linger_s >= 0,
        .linger_s = options->linger_s,
        .congestion = options->congestion,
    };
    int acceptors = settings_acceptors(&server->settings);
    server->listeners = calloc((size_t)(acceptors * options->listeners), sizeof *server->listeners);
    for (int i = 0; i < options->listeners; i++) {
        if (server->listeners == NULL || listen_on(server, i, &wanted) < 0) {
            log_line(LOG_LEVEL_ERROR, "listen on %s: %s%s", options->listen_text[i], strerror(errno), advice(errno));
            return -1;
        }
        server->listening++;
        server->bound[i] = options->listen[i];
        socket_local_address(server->listeners[i], &server->bound[i]);
    }
    return 0;
}

/* Before the engine has them. */
static void close_listeners(struct server *server)
{
    int addresses = server->options->listeners;
    for (int acceptor = 0; server->listening > 0 && acceptor < settings_acceptors(&server->settings); acceptor++)
        for (int i = 0; i < server->listening; i++)
            close(server->listeners[acceptor * addresses + i]);
    server->listening = 0;
}

/* Processes share no memory for the counters of changes: they don't listen, and each request looks. */
static int open_source(struct server *server)
{
    const struct options *options = server->options;
    if (source_open(&server->source, options->directory, options->site.valid_ms, !options->processes) < 0) {
        log_errno(LOG_LEVEL_ERROR, "serve %s", options->directory);
        return -1;
    }
    if (options->whole_system || !root_path_leads_to(&server->source.path, "/"))
        return 0;
    log_line(LOG_LEVEL_ERROR, "serve %s: that is every file of this machine; if it is meant, add --whole-system",
             options->directory);
    return -1;
}

/* What was asked for, and what this machine gives us. */
static void fill_settings(struct server *server)
{
    const struct options *options = server->options;
    struct engine_settings *settings = &server->settings;
    *settings = (struct engine_settings){
        .model = options->model,
        .workers = options->workers,
        .writers = options->writers,
        .blockers = options->blockers,
        .processes = options->processes,
        .addresses = options->listeners,
        .weight_count = options->weight_count,
        .active_limit = options->active_limit,
        .files_max = limits_raise_files(),
        .pin = options->pin,
        .cache_bytes = options->cache_bytes,
        .cache_entries = options->cache_entries,
        .access_log = options->access_log_given ? options->access_log
                      : isatty(STDOUT_FILENO)   ? "-"
                                                : NULL,
        .site = options->site,
        .limits = options->limits,
    };
    settings->site.source = &server->source;
    memcpy(settings->weights, options->weights, sizeof settings->weights);
    cpu_usable(&settings->cpus);
    cpu_reserve(&settings->cpus, options->reserve_cores);
    settings->cores = cpu_count(&settings->cpus);
}

/* Threads and limits. */
static int settle(struct server *server)
{
    int wanted = server->options->max_connections;
    struct engine_settings *settings = &server->settings;
    fill_settings(server);
    settings_settle(settings, wanted);
    if (settings->connections_max < 1) {
        log_line(LOG_LEVEL_ERROR,
                 "this process may open %d files, too few for %d threads: raise ulimit -n, or LimitNOFILE=",
                 settings->files_max, settings_threads(settings, false));
        return -1;
    }
    if (wanted > settings->connections_max)
        log_line(LOG_LEVEL_WARNING, "--max-connections %d: %d it is, since this process may open %d files", wanted,
                 settings->connections_max, settings->files_max);
    if (settings->weight_count > settings->workers)
        log_line(LOG_LEVEL_WARNING, "--weights: %d were given, and there are %d readers", settings->weight_count,
                 settings->workers);
    return 0;
}

static int start(struct server *server)
{
    server->signals = signals_open();
    if (server->signals < 0 || sleeper_open() < 0) {
        log_errno(LOG_LEVEL_ERROR, "wait for signals");
        return -1;
    }
    if (server->options->report != NULL && report_check(server->options->report) < 0)
        return -1;
    if (open_source(server) < 0 || settle(server) < 0 || open_listeners(server) < 0)
        return -1;
    server->listening = 0; /* they are the engine's from here on */
    return engine_open(&server->engine, &server->settings, server->listeners, server->options->listeners);
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
    while (engine_is_busy(&server->engine) && clock_now_ms() < until_ms) {
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
        failed = engine_run(&server->engine, server->signals);
    while (failed == 0 && !stops(signals_take(server->signals)));
    if (failed < 0)
        log_errno(LOG_LEVEL_ERROR, "accept connections");
    notify_send("STOPPING=1");
    remove_socket_files(server);
    if (!drain(server)) {
        logger_flush(&server->engine.logger, LOG_MS);
        _exit(0);
    }
    return failed < 0 ? 1 : 0;
}

/* Ends all threads, says what they did, and gives everything back. `status`: with which the process ends where that
 * can't be done. */
static int stop(struct server *server, int status)
{
    bool stopped = engine_stop(&server->engine);
    if (server->options->report != NULL && report_write(&server->engine, server->options->report) < 0)
        status = 1;
    if (!stopped)
        _exit(status); /* what sleeps on a dead disk is the kernel's */
    engine_free(&server->engine);
    return status;
}

int serve(const struct options *options)
{
    struct server server = {.options = options, .signals = -1};
    int status = start(&server) < 0 ? 1 : stop(&server, run(&server));
    close_listeners(&server);
    free(server.listeners);
    if (server.signals >= 0)
        signals_close(server.signals);
    source_close(&server.source);
    return status;
}
