#include "model/acceptor.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum {
    BATCH = 64,          /* connections taken from one listener before the others, and signals, are looked at */
    DRAIN_MAX = 65536,   /* connections taken from a backlog when stopping */
    SHED_EVERY_MS = 100, /* how often the owners are asked to shed */
    SHED_PAUSE_MS = 10,  /* time for them to do it */
    FULL_PAUSE_MS = 100, /* when there is no room at all */
    SHED_PART = 16,      /* of all connections, one in so many is asked to be shed */
};

static const uint64_t control_key = UINT64_MAX - 1;

/* Descriptors of nothing, so that some can be given up when there are no others. */
static void fill_reserve(struct acceptor *acceptor)
{
    while (acceptor->reserved < ENGINE_RESERVE) {
        int fd = fcntl(acceptor->poller.fd, F_DUPFD_CLOEXEC, 0);
        if (fd < 0)
            return;
        acceptor->reserve[acceptor->reserved++] = fd;
    }
}

static void empty_reserve(struct acceptor *acceptor)
{
    while (acceptor->reserved > 0)
        close(acceptor->reserve[--acceptor->reserved]);
}

/* Whether listeners are polled. They stay registered: asking for nothing needs no memory, and can be undone at any
 * time. */
static void watch_listeners(struct acceptor *acceptor, uint32_t interest)
{
    for (int i = 0; i < acceptor->count; i++)
        poller_modify(&acceptor->poller, acceptor->listeners[i], interest, (uint64_t)i);
    acceptor->paused = interest == 0;
}

/* Nothing is accepted for a moment. A level-triggered listener that isn't read would spin. */
static void pause_for(struct acceptor *acceptor, uint64_t ms)
{
    watch_listeners(acceptor, 0);
    acceptor->paused_till_ms = clock_now_ms() + ms;
}

int acceptor_open(struct acceptor *acceptor, struct engine *engine, const int *listeners, int count)
{
    *acceptor = (struct acceptor){.intake = {.engine = engine}, .count = count, .poller = POLLER_CLOSED};
    memcpy(acceptor->listeners, listeners, (size_t)count * sizeof *listeners);
    if (poller_open(&acceptor->poller) < 0)
        return -1;
    fill_reserve(acceptor);
    for (int i = 0; i < count; i++)
        if (poller_add(&acceptor->poller, listeners[i], POLLER_IN, (uint64_t)i) < 0)
            return -1;
    return 0;
}

static void complain(struct acceptor *acceptor, const char *why, const char *remedy)
{
    if (log_gate_opens(&acceptor->gate, clock_now_ms()))
        log_line(LOG_LEVEL_WARNING, "accept: %s: idle connections are closed, some new ones answered 503 (%s)", why,
                 remedy);
}

/* Asks the owners to make room, and gives them a moment for it; false when they were asked just now, and it can't be
 * said that the room they made is used up. */
static bool make_room(struct acceptor *acceptor)
{
    struct engine *engine = acceptor->intake.engine;
    const struct engine_settings *settings = &engine->settings;
    uint64_t now_ms = clock_now_ms();
    if (now_ms < acceptor->shed_ms + SHED_EVERY_MS && acceptor->let_in - acceptor->shed_let_in < BATCH)
        return false;
    acceptor->shed_ms = now_ms;
    acceptor->shed_let_in = acceptor->let_in;
    int part = settings->connections_max / SHED_PART;
    engine_shed(engine, (uint32_t)((part > BATCH ? part : BATCH) / settings->workers + 1));
    pause_for(acceptor, SHED_PAUSE_MS);
    return true;
}

/* Whether one more connection may be taken; *refused: only to be told that there is no room. */
static bool has_room(struct acceptor *acceptor, bool *refused)
{
    uint64_t most = (uint64_t)acceptor->intake.engine->settings.connections_max;
    uint64_t open = intake_connections(&acceptor->intake, most);
    *refused = open >= most && !acceptor->closing;
    if (!*refused)
        return true;
    if (make_room(acceptor))
        return false;
    complain(acceptor, "as many connections as there may be", "see --max-connections and the limit on open files");
    if (open < most + ENGINE_RESERVE)
        return true;
    pause_for(acceptor, FULL_PAUSE_MS);
    return false;
}

/* There was no descriptor for a connection that waits. One of the reserve may do, to say so. The fd or -1. */
static int accept_with_reserve(struct acceptor *acceptor, int listener, struct socket_peer *peer, bool *refused)
{
    if (!acceptor->closing && make_room(acceptor))
        return -1;
    complain(acceptor, "no file descriptors left", "raise LimitNOFILE=, or ulimit -n");
    if (acceptor->reserved == 0) {
        pause_for(acceptor, FULL_PAUSE_MS);
        return -1;
    }
    close(acceptor->reserve[--acceptor->reserved]);
    int fd = socket_accept(listener, peer);
    fill_reserve(acceptor);
    *refused |= acceptor->reserved < ENGINE_RESERVE; /* full again: it was over before it was noticed */
    return fd;
}

/* Takes one connection. Whether another may follow. */
static bool accept_one(struct acceptor *acceptor, int listener)
{
    struct socket_peer peer;
    bool refused;
    if (!has_room(acceptor, &refused))
        return false;
    int fd = socket_accept(listener, &peer);
    if (fd < 0 && (errno == EMFILE || errno == ENFILE))
        fd = accept_with_reserve(acceptor, listener, &peer, &refused);
    else if (fd < 0 && errno != EAGAIN)
        pause_for(acceptor, FULL_PAUSE_MS); /* no memory for one more */
    if (fd < 0)
        return false;
    acceptor->let_in += !refused;
    intake_adopt(&acceptor->intake, fd, &peer, refused);
    return true;
}

static void accept_some(struct acceptor *acceptor, int listener, int most)
{
    for (int i = 0; i < most && !acceptor->paused; i++)
        if (!accept_one(acceptor, listener))
            return;
}

static int patience(const struct acceptor *acceptor)
{
    if (!acceptor->paused)
        return acceptor->reserved < ENGINE_RESERVE ? FULL_PAUSE_MS : -1;
    uint64_t now_ms = clock_now_ms();
    return acceptor->paused_till_ms > now_ms ? (int)(acceptor->paused_till_ms - now_ms) : 0;
}

int acceptor_run(struct acceptor *acceptor, int control)
{
    struct poller_event events[ACCEPTOR_LISTENERS_MAX + 1];
    bool told = false;
    if (poller_add(&acceptor->poller, control, POLLER_IN, control_key) < 0)
        return -1;
    while (!told) {
        int count = poller_wait(&acceptor->poller, events, ACCEPTOR_LISTENERS_MAX + 1, patience(acceptor));
        if (count < 0)
            return -1;
        for (int i = 0; i < count; i++) {
            if (events[i].key == control_key)
                told = true;
            else
                accept_some(acceptor, acceptor->listeners[events[i].key], BATCH);
        }
        fill_reserve(acceptor);
        if (acceptor->paused && patience(acceptor) == 0)
            watch_listeners(acceptor, POLLER_IN);
    }
    return poller_remove(&acceptor->poller, control);
}

void acceptor_close(struct acceptor *acceptor)
{
    if (acceptor->count == 0)
        return;
    acceptor->closing = true;
    for (int i = 0; i < acceptor->count; i++) {
        acceptor->paused = false;
        accept_some(acceptor, acceptor->listeners[i], DRAIN_MAX);
        close(acceptor->listeners[i]);
    }
    empty_reserve(acceptor);
    poller_close(&acceptor->poller);
    acceptor->count = 0;
}
