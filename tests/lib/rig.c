#include "lib/rig.h"

#include "base/clock.h"
#include "os/beneath.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { BACKLOG = 512, MINUTE_MS = 60000 };

static void need(bool fine, const char *what)
{
    if (fine)
        return;
    fprintf(stderr, "rig: %s: %s\n", what, strerror(errno));
    abort();
}

static uint32_t given(uint32_t value, uint32_t otherwise)
{
    return value != 0 ? value : otherwise;
}

void rig_settle(struct engine_settings *settings, const struct rig_plan *plan)
{
    *settings = (struct engine_settings){
        .model = plan->model,
        .workers = plan->workers,
        .writers = plan->writers,
        .blockers = (int)given((uint32_t)plan->blockers, 1),
        .processes = plan->processes,
        .weight_count = plan->weight_count,
        .active_limit = plan->active_limit,
        .files_max = RIG_FILES_MAX,
        .cache_bytes = 1 << 24,
        .cache_entries = 64,
        .access_log = plan->access_log,
        .limits =
            {
                .request = {REQUEST_LINE_MAX, REQUEST_HEAD_MAX, REQUEST_FIELDS_MAX},
                .body_max = 1 << 20,
                .turn_bytes = given(plan->turn_bytes, 1 << 21),
                .head_ms = given(plan->head_ms, MINUTE_MS),
                .keepalive_ms = given(plan->keepalive_ms, MINUTE_MS),
                .send_ms = given(plan->send_ms, MINUTE_MS),
                .assume_cold = plan->assume_cold,
            },
    };
    for (int i = 0; i < plan->weight_count; i++)
        settings->weights[i] = plan->weights[i];
    cpu_usable(&settings->cpus);
    settings->cores = settings->cpus.count;
    settings_settle(settings, plan->connections_max);
}

static void open_listeners(struct rig *rig, const struct rig_plan *plan, const struct tree *tree, int acceptors,
                           int *listeners)
{
    const struct socket_options options = {.backlog = BACKLOG, .send_buffer = plan->send_buffer};
    const char *problem;
    char text[TREE_PATH_MAX + 16];
    snprintf(text, sizeof text, "unix:%s/socket", tree->path);
    need(socket_address_parse(plan->over_unix ? text : "127.0.0.1:0", &rig->address, &problem) == 0, "address");
    if (acceptors == 1)
        need((listeners[0] = socket_listen(&rig->address, &options)) >= 0, "listen");
    else
        need(socket_listen_group(&rig->address, &options, NULL, acceptors, listeners) == 0, "listen");
    need(socket_local_address(listeners[0], &rig->address) == 0, "address");
}

static void *run_main(void *arg)
{
    struct rig *rig = arg;
    need(engine_run(&rig->engine, rig->control) == 0, "run");
    return NULL;
}

void rig_open(struct rig *rig, const struct rig_plan *plan, const struct tree *tree)
{
    struct engine_settings settings;
    int listeners[SETTINGS_WEIGHTS_MAX];
    *rig = (struct rig){.control = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    need(rig->control >= 0, "eventfd");
    need(source_open(&rig->source, tree->path, SITE_VALID_MS, !plan->processes) == 0, "source");
    rig_settle(&settings, plan);
    settings.site = (struct site){.source = &rig->source, .valid_ms = SITE_VALID_MS};
    open_listeners(rig, plan, tree, settings_acceptors(&settings), listeners);
    need(engine_open(&rig->engine, &settings, listeners, 1) == 0, "open");
    need(pthread_create(&rig->main, NULL, run_main, rig) == 0, "thread");
    rig->runs = true;
}

void rig_halt(struct rig *rig)
{
    if (!rig->runs)
        return;
    need(eventfd_write(rig->control, 1) == 0, "eventfd");
    need(pthread_join(rig->main, NULL) == 0, "join");
    rig->runs = false;
}

void rig_close(struct rig *rig)
{
    rig_halt(rig);
    errno = ETIMEDOUT;
    need(engine_stop(&rig->engine), "stop");
    engine_free(&rig->engine);
    close(rig->control);
    source_close(&rig->source);
}

int rig_connect(struct rig *rig, int receive_buffer)
{
    int sock = socket(rig->address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    need(sock >= 0, "socket");
    if (receive_buffer > 0)
        setsockopt(sock, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    need(connect(sock, (const struct sockaddr *)&rig->address.storage, rig->address.len) == 0, "connect");
    rig->connected++;
    return sock;
}

static uint64_t accepted(struct rig *rig)
{
    uint64_t sum = 0;
    for (int i = 0; i < rig->engine.acceptor_count; i++)
        sum += atomic_load(&rig->engine.acceptors[i].accepted);
    return sum;
}

bool rig_wait_for(struct rig *rig, uint64_t left)
{
    uint64_t until_ms = clock_now_ms() + RIG_PATIENCE_MS;
    while (accepted(rig) < rig->connected || engine_connections(&rig->engine) != left) {
        if (clock_now_ms() >= until_ms)
            return false;
        usleep(1000);
    }
    return true;
}

void rig_say(int sock, const char *text)
{
    (void)!send(sock, text, strlen(text), MSG_NOSIGNAL);
}

static ssize_t receive(int sock, char *to, size_t room)
{
    struct pollfd ready = {sock, POLLIN, 0};
    return poll(&ready, 1, RIG_PATIENCE_MS) == 1 ? recv(sock, to, room, MSG_DONTWAIT) : -1;
}

size_t rig_hear(int sock, char *to, size_t room, size_t least)
{
    size_t len = 0;
    ssize_t got = 1;
    while (len < least && (got = receive(sock, to + len, room - 1 - len)) > 0)
        len += (size_t)got;
    to[len] = '\0';
    return len;
}

bool rig_hears_the_end(int sock)
{
    char thrown_away[65536];
    ssize_t got;
    while ((got = receive(sock, thrown_away, sizeof thrown_away)) > 0)
        ;
    return got == 0 || errno == ECONNRESET;
}
