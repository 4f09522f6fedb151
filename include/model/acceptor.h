/*
 * acceptor: the accept stage. It takes connections from listeners; it reads no peer's bytes. The main thread has one,
 * or each place whose threads accept for themselves.
 *
 * When there is no room for one more, in this order: the longest idle connections and the caches' files are closed, by
 * their owners; then new connections are accepted into a small reserve and answered 503; then nothing is accepted for a
 * moment, and what comes waits in the listener's backlog. At most one line a second says so.
 */
#ifndef SHUNT_MODEL_ACCEPTOR_H
#define SHUNT_MODEL_ACCEPTOR_H

#include "base/log.h"
#include "model/place.h"
#include "os/socket.h"

#include <stdatomic.h>

enum {
    ACCEPTOR_LISTENERS_MAX = 64, /* addresses to listen on */
    ACCEPTOR_RESERVE = 8, /* descriptors, and connections, kept to answer 503 with when there are no others … */
    ACCEPTOR_LEAST = 2,   /* … by all acceptors together; but each has so many */
};

struct engine;

/* A connection that has come. */
struct arrival {
    int fd;
    struct socket_peer peer;
    bool refused; /* only to be told that there is no room */
};

struct acceptor {
    struct engine *engine;
    struct place *place;                   /* whose poller watches the listeners */
    int listeners[ACCEPTOR_LISTENERS_MAX]; /* owned */
    /* Those that other places watch as well: not all are to wake for one connection. */
    bool exclusive[ACCEPTOR_LISTENERS_MAX];
    int count;
    pthread_mutex_t lock;          /* between the threads of a shared place */
    int reserve[ACCEPTOR_RESERVE]; /* descriptors of nothing, to be given up when there are no others */
    int reserved;
    bool paused;               /* the listeners are not being polled */
    uint64_t seen_open;        /* connections that were open when last counted */
    uint64_t seen_taken;       /* how many all acceptors had taken then */
    bool closing;              /* what waits in the backlog is let in, as the last: */
    int last;                  /* so many of them */
    _Atomic uint64_t accepted; /* shared: connections that were taken, … */
    _Atomic uint64_t refused;  /* … and of them those that were refused */
    _Atomic uint64_t look_ms;  /* shared: when it wants to be looked after; 0: only at an event */
    _Atomic bool open;         /* shared: not closed yet */
};

/* What all acceptors of an engine know of its being full. */
struct acceptor_room {
    pthread_mutex_t lock;
    uint64_t shed_ms;     /* when the owners were last asked to make room */
    uint64_t shed_let_in; /* how many connections had been let in by then, … */
    uint64_t shed_ended;  /* … how many had ended, … */
    uint32_t shed_found;  /* … and how many idle ones were found and told to end */
    struct log_gate gate; /* one line a second, whosever */
};

void acceptor_room_init(struct acceptor_room *room);

/* Takes the listeners over (also when it fails). 0, or -1 with errno; acceptor_close() is owed either way. */
int acceptor_open(struct acceptor *acceptor, struct engine *engine, struct place *place, const int *listeners,
                  int count);

/* Whether a poller's event with this key is about a listener. */
bool acceptor_is_listener(uint64_t key);

/* Takes up to `most` of the connections that wait at the listener of this event. How many. */
int acceptor_take(struct acceptor *acceptor, uint64_t key, struct arrival *arrivals, int most);

/* Milliseconds until it wants to be looked after again, by acceptor_look(); -1: not before an event. */
int acceptor_patience(const struct acceptor *acceptor);
void acceptor_look(struct acceptor *acceptor);

/* As acceptor_take, from all listeners, at the end: to be called until it is 0, and then closed. Any thread of the
 * place may. */
int acceptor_take_last(struct acceptor *acceptor, struct arrival *arrivals, int most);

/* Closes the listeners. Safe to repeat, and on a zeroed acceptor. */
void acceptor_close(struct acceptor *acceptor);

#endif
