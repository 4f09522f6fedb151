/*
 * acceptor: the accept stage. It takes connections from the listeners and hands them to the engine; it reads no peer's
 * bytes.
 *
 * When there is no room for one more, in this order: the longest idle connections and the caches' files are closed, by
 * their owners; then new connections are accepted into a small reserve and answered 503; then nothing is accepted for a
 * moment, and what comes waits in the listener's backlog. At most one line a second says so.
 */
#ifndef SHUNT_MODEL_ACCEPTOR_H
#define SHUNT_MODEL_ACCEPTOR_H

#include "base/log.h"
#include "model/intake.h"

enum { ACCEPTOR_LISTENERS_MAX = 64 };

struct acceptor {
    struct intake intake;
    struct poller poller;
    int listeners[ACCEPTOR_LISTENERS_MAX]; /* owned */
    int count;
    int reserve[ENGINE_RESERVE]; /* descriptors of nothing, to be given up when there are no others */
    int reserved;
    bool paused; /* the listeners are not being polled */
    uint64_t paused_till_ms;
    uint64_t shed_ms;     /* when the owners were last asked to make room */
    uint64_t let_in;      /* connections that were not refused */
    uint64_t shed_let_in; /* how many of them had come by then */
    bool closing;         /* what waits in the backlog is let in, as the last */
    struct log_gate gate;
};

/* Takes the listeners over (also when it fails). 0, or -1 with errno. */
int acceptor_open(struct acceptor *acceptor, struct engine *engine, const int *listeners, int count);

/* Accepts until `control` is readable. 0, or -1 with errno. */
int acceptor_run(struct acceptor *acceptor, int control);

/* Hands over what has come already, then closes the listeners. Safe to repeat. */
void acceptor_close(struct acceptor *acceptor);

#endif
