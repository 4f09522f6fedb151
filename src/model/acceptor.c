#include "model/acceptor.h"

#include "base/clock.h"
#include "model/engine.h"
#include "model/shed.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum {
    BATCH = 64,          /* connections taken from one listener before the others are looked at */
    LAST_MAX = 65536,    /* connections taken from a backlog when stopping */
    SHED_EVERY_MS = 100, /* how often the owners are asked to shed */
    SHED_PAUSE_MS = 10,  /* time for them to do it */
    FULL_PAUSE_MS = 100, /* when there is no room at all */
    SHED_PART = 16,      /* of all connections, one in so many is asked to be shed */
};

/* Keys of listeners; no connection's generation and descriptor come up to them. */
static const uint64_t first_key = UINT64_MAX - ACCEPTOR_LISTENERS_MAX;

bool acceptor_is_listener(uint64_t key)
{
    return key >= first_key;
}

/* Each acceptor has its part of what all of them may take. */
static int part_of(const struct acceptor *acceptor, int all, int least)
{
    int part = all / acceptor->engine->acceptor_count;
    return part > least ? part : least;
}

/* Descriptors of nothing, so that some can be given up when there are no others. */
static void fill_reserve(struct acceptor *acceptor)
{
    while (acceptor->reserved < part_of(acceptor, ACCEPTOR_RESERVE, ACCEPTOR_LEAST)) {
        int fd = fcntl(acceptor->place->poller.fd, F_DUPFD_CLOEXEC, 0);
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

static bool takes_turns(const struct acceptor *acceptor)
{
    return acceptor->place->kind == PLACE_SHARED;
}

static int watch(struct acceptor *acceptor, int i)
{
    uint32_t interest = POLLER_IN;
    if (takes_turns(acceptor))
        interest |= POLLER_ONCE;
    if (acceptor->exclusive[i])
        interest |= POLLER_EXCLUSIVE;
    return poller_add(&acceptor->place->poller, acceptor->listeners[i], interest, first_key + (uint64_t)i);
}

int acceptor_open(struct acceptor *acceptor, struct engine *engine, struct place *place, const int *listeners,
                  int count)
{
    *acceptor = (struct acceptor){.engine = engine, .place = place, .count = count, .open = true};
    pthread_mutex_init(&acceptor->lock, NULL);
    memcpy(acceptor->listeners, listeners, (size_t)count * sizeof *listeners);
    fill_reserve(acceptor);
    for (int i = 0; i < count; i++) {
        acceptor->exclusive[i] = engine->acceptor_count > 1 && socket_is_unix(listeners[i]);
        if (watch(acceptor, i) < 0)
            return -1;
    }
    return 0;
}

static void ignore_listeners(struct acceptor *acceptor)
{
    for (int i = 0; i < acceptor->count; i++)
        poller_remove(&acceptor->place->poller, acceptor->listeners[i]);
}

/* Nothing is accepted for a moment: a level-triggered listener that isn't read would spin. */
static void pause_for(struct acceptor *acceptor, uint64_t ms)
{
    if (!acceptor->paused)
        ignore_listeners(acceptor);
    acceptor->paused = true;
    acceptor->look_ms = clock_now_ms() + ms;
}

/* All of them, or none: one that is watched and not read would spin. */
static void resume(struct acceptor *acceptor)
{
    acceptor->paused = false;
    for (int i = 0; i < acceptor->count; i++)
        acceptor->paused |= watch(acceptor, i) < 0;
    if (acceptor->paused)
        ignore_listeners(acceptor);
    atomic_store_explicit(&acceptor->engine->shared->shed, 0, memory_order_relaxed); /* who was asked has heard it */
}

void acceptor_room_init(struct acceptor_room *room)
{
    *room = (struct acceptor_room){0};
    pthread_mutex_init(&room->lock, NULL);
}

static void complain(struct acceptor *acceptor, const char *why, const char *remedy)
{
    struct acceptor_room *room = &acceptor->engine->room;
    pthread_mutex_lock(&room->lock);
    bool opens = log_gate_opens(&room->gate, clock_now_ms());
    pthread_mutex_unlock(&room->lock);
    if (opens)
        log_line(LOG_LEVEL_WARNING, "accept: %s: idle connections are closed, some new ones answered 503 (%s)", why,
                 remedy);
}

/* Connections that all acceptors together have taken, and let in. */
static uint64_t count_taken(const struct engine *engine, bool refused_too)
{
    uint64_t taken = 0;
    for (int i = 0; i < engine->acceptor_count; i++) {
        taken += atomic_load_explicit(&engine->acceptors[i].accepted, memory_order_relaxed);
        if (!refused_too)
            taken -= atomic_load_explicit(&engine->acceptors[i].refused, memory_order_relaxed);
    }
    return taken;
}

static void ask_for_room(struct engine *engine, uint64_t now_ms)
{
    int most = engine->settings.connections_max / SHED_PART;
    engine->room.shed_ms = now_ms;
    engine->room.shed_let_in = count_taken(engine, false);
    engine->room.shed_ended = engine_ended(engine);
    engine->room.shed_found = shed_ask(engine, (uint32_t)(most > BATCH ? most : BATCH));
}

/* Asks the owners to make room, unless they are at it, and gives them a moment for it; false when they were asked just
 * now and had nobody idle, and it can't be said that this has changed. */
static bool make_room(struct acceptor *acceptor)
{
    struct engine *engine = acceptor->engine;
    struct acceptor_room *room = &engine->room;
    uint64_t now_ms = clock_now_ms();
    pthread_mutex_lock(&room->lock);
    bool recent = now_ms < room->shed_ms + SHED_EVERY_MS;
    bool used_up = count_taken(engine, false) - room->shed_let_in >= BATCH;
    bool at_it = now_ms < room->shed_ms + SHED_PAUSE_MS ||
                 (recent && engine_ended(engine) < room->shed_ended + room->shed_found);
    bool asks = !at_it && (!recent || used_up || room->shed_found > 0); /* there may be more where those came from */
    if (asks)
        ask_for_room(engine, now_ms);
    pthread_mutex_unlock(&room->lock);
    if (asks || at_it)
        pause_for(acceptor, SHED_PAUSE_MS);
    return asks || at_it;
}

/* Connections that are open, at most: those that were when last counted, and all that have come since. Counted anew
 * when that may be `limit`. */
static uint64_t count_open(struct acceptor *acceptor, uint64_t limit)
{
    struct engine *engine = acceptor->engine;
    uint64_t since = count_taken(engine, true) - acceptor->seen_taken;
    if (acceptor->seen_open + since < limit)
        return acceptor->seen_open + since;
    acceptor->seen_taken = count_taken(engine, true);
    acceptor->seen_open = engine_connections(engine);
    return acceptor->seen_open;
}

/* Whether one more connection may be taken; *refused: only to be told that there is no room. */
static bool has_room(struct acceptor *acceptor, bool *refused)
{
    uint64_t most = (uint64_t)acceptor->engine->settings.connections_max;
    uint64_t open = count_open(acceptor, most);
    *refused = open >= most && !acceptor->closing;
    if (!*refused)
        return true;
    if (make_room(acceptor))
        return false;
    complain(acceptor, "as many connections as there may be", "see --max-connections and the limit on open files");
    if (open < most + ACCEPTOR_RESERVE)
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
    *refused |= acceptor->reserved <
                part_of(acceptor, ACCEPTOR_RESERVE, ACCEPTOR_LEAST); /* full again: it was over before it was noticed */
    return fd;
}

/* Takes one connection. Whether there was one, and room for it. */
static bool take_one(struct acceptor *acceptor, int listener, struct arrival *arrival)
{
    if (!has_room(acceptor, &arrival->refused))
        return false;
    arrival->fd = socket_accept(listener, &arrival->peer);
    if (arrival->fd < 0 && (errno == EMFILE || errno == ENFILE))
        arrival->fd = accept_with_reserve(acceptor, listener, &arrival->peer, &arrival->refused);
    else if (arrival->fd < 0 && errno != EAGAIN)
        pause_for(acceptor, FULL_PAUSE_MS); /* no memory for one more */
    if (arrival->fd < 0)
        return false;
    atomic_fetch_add_explicit(&acceptor->refused, arrival->refused, memory_order_relaxed);
    atomic_fetch_add_explicit(&acceptor->accepted, 1, memory_order_relaxed);
    return true;
}

static int take_some(struct acceptor *acceptor, int listener, struct arrival *arrivals, int most)
{
    int count = 0;
    while (count < most && take_one(acceptor, listener, &arrivals[count]))
        count++;
    return count;
}

/* Refills what was given up, and says when to look again if that failed. */
static void settle(struct acceptor *acceptor)
{
    fill_reserve(acceptor);
    bool full = acceptor->reserved == part_of(acceptor, ACCEPTOR_RESERVE, ACCEPTOR_LEAST);
    if (!acceptor->paused)
        acceptor->look_ms = full ? 0 : clock_now_ms() + FULL_PAUSE_MS;
}

int acceptor_take(struct acceptor *acceptor, uint64_t key, struct arrival *arrivals, int most)
{
    int i = (int)(key - first_key), count = 0;
    pthread_mutex_lock(&acceptor->lock);
    if (i < acceptor->count && !acceptor->paused) {
        count = take_some(acceptor, acceptor->listeners[i], arrivals, most < BATCH ? most : BATCH);
        settle(acceptor);
        if (takes_turns(acceptor) && !acceptor->paused)
            poller_modify(&acceptor->place->poller, acceptor->listeners[i], POLLER_IN | POLLER_ONCE, key);
    }
    pthread_mutex_unlock(&acceptor->lock);
    return count;
}

int acceptor_patience(const struct acceptor *acceptor)
{
    uint64_t look_ms = acceptor->look_ms;
    if (look_ms == 0)
        return -1;
    uint64_t now_ms = clock_now_ms();
    return look_ms > now_ms ? (int)(look_ms - now_ms) : 0;
}

void acceptor_look(struct acceptor *acceptor)
{
    if (acceptor_patience(acceptor) != 0)
        return;
    pthread_mutex_lock(&acceptor->lock);
    if (acceptor->open) {
        if (acceptor->paused)
            resume(acceptor);
        settle(acceptor);
        if (acceptor->paused)
            acceptor->look_ms = clock_now_ms() + FULL_PAUSE_MS;
    }
    pthread_mutex_unlock(&acceptor->lock);
}

int acceptor_take_last(struct acceptor *acceptor, struct arrival *arrivals, int most)
{
    int count = 0;
    pthread_mutex_lock(&acceptor->lock);
    acceptor->closing = true;
    for (int i = 0; i < acceptor->count && count < most && acceptor->last < LAST_MAX; i++)
        count += take_some(acceptor, acceptor->listeners[i], arrivals + count, most - count);
    acceptor->last += count;
    pthread_mutex_unlock(&acceptor->lock);
    return count;
}

void acceptor_close(struct acceptor *acceptor)
{
    if (!acceptor->open)
        return;
    pthread_mutex_lock(&acceptor->lock);
    while (acceptor->count > 0)
        close(acceptor->listeners[--acceptor->count]);
    empty_reserve(acceptor);
    acceptor->look_ms = 0;
    acceptor->open = false;
    pthread_mutex_unlock(&acceptor->lock);
}
