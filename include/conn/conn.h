/*
 * conn: one connection's life: read, reply, write, and what it needs next.
 *
 * A connection knows no thread. conn_read, conn_write and conn_block each do as much as the socket (or the disk) gives
 * at once, and return the stage that the connection needs next; whoever called routes it there. Between two calls it is
 * described wholly by the struct below, so that any thread may make the next one.
 *
 *                 bytes, none of a head ─────► IDLE ◄──────────────┐
 *   FRESH ──►  some of a head ───────────────► HEAD ──► 408        │ all sent
 *              a head, not its body ─────────► BODY ──► 408        │
 *              a whole request ──────────────► REPLY ──────────────┤
 *                                                └─ last reply ──► LINGER ──► closed
 *
 * A connection that waits for its next request holds no memory but the struct: bytes live in the thread's scratch
 * buffers, and only what is left over, of a request or of a reply in pieces, moves into buffers of the connection's
 * own.
 */
#ifndef SHUNT_CONN_CONN_H
#define SHUNT_CONN_CONN_H

#include "base/buffer.h"
#include "conn/env.h"
#include "http/body.h"
#include "os/socket.h"

/* What a connection needs next. */
enum stage {
    STAGE_READ = 1, /* its socket readable (or, with unread requests in hand, writable): conn_read */
    STAGE_WRITE,    /* its socket writable: conn_write */
    STAGE_BLOCK,    /* something that may sleep: conn_block, on a thread that polls no sockets */
    STAGE_CLOSE,    /* nothing: conn_fini */
};

/* What it is waiting for: decides which deadline it has, and what happens when that passes. */
enum conn_phase {
    PHASE_FRESH = 1, /* accepted, silent so far */
    PHASE_IDLE,      /* between requests, at home */
    PHASE_HEAD,      /* in the middle of a request head */
    PHASE_BODY,      /* in the middle of a request's body, which nobody wants */
    PHASE_REPLY,     /* replies are being sent, or requests in hand wait for the peer to take some */
    PHASE_RETURNED,  /* between requests, and perhaps on its way home: only an event may close it */
    PHASE_BLOCKED,   /* on its way to or from a thread that may sleep: no deadline */
    PHASE_QUEUED,    /* only ever of a conn_due: waits for a thread, whatever it waited for before */
    PHASE_LINGER,    /* all sent and said; reading until the peer has seen it, so that no reset destroys it */
};

enum {
    CONN_LINGER_MS = 5000, /* for a peer that acknowledges nothing of what it was sent last */
    CONN_REFUSED_MS = 1000 /* for one that is to be told that there is no room: others wait for its place */
};

/* What a sweep must know of a connection without touching it: another thread may be at it. */
struct conn_due {
    uint64_t ms;           /* monotonic: when its patience ends; 0: never */
    enum conn_phase phase; /* what it is waiting for; 0: it is not to be shed */
};

struct conn_record; /* what the access log will say of a reply that isn't finished */

struct conn {
    int fd;
    uint16_t home;     /* the worker that it was given to */
    uint8_t stage;     /* enum stage: what runs at its next event */
    uint8_t phase;     /* enum conn_phase */
    uint32_t interest; /* what its poller was last told */
    int unsent;        /* bytes the peer had not acknowledged when last looked, see conn_takes() */
    struct socket_peer peer;

    bool pending;   /* `in` may hold whole requests: don't wait for more bytes */
    bool closing;   /* no further request is read */
    bool lingering; /* when closing: the peer may be sending still, so it ends by PHASE_LINGER */
    bool refused;   /* over the limit of connections: its answer is 503 */
    bool looked_up; /* conn_block has been here: `found` is its outcome, NULL when there were no descriptors */
    bool cold;      /* the next bytes of `rest` aren't in memory */
    bool parked;    /* stands silent in a poller of several threads, to be armed again */

    struct buffer in;  /* read, not yet answered */
    struct buffer out; /* answered, not yet sent */
    struct body body;  /* of the first request in `in`, which then holds its head alone */
    uint32_t requests; /* answered */
    struct entry *found;

    struct span rest;     /* follows `out`: what is to be sent from a file, or from memory that is shared */
    uint64_t hot_upto;    /* its file is in the page cache up to this offset, as far as we know; */
    struct buffer window; /* or is elsewhere, and these are its next bytes */
    struct conn_record *record;
};

/* A connection just accepted. Can't fail. `refused`: there are too many. */
void conn_open(struct conn *c, int fd, const struct socket_peer *peer, uint16_t home, bool refused);

/* Gives back all that it holds, and logs a reply that was cut off. On any thread. The descriptor is the caller's to
 * close, once nobody is the connection's owner any more. */
void conn_fini(struct conn *c, struct conn_env *env);

enum stage conn_read(struct conn *c, struct conn_env *env);
enum stage conn_write(struct conn *c, struct conn_env *env);
enum stage conn_block(struct conn *c, struct conn_env *env);

/* What a poller is to watch for, so that the next stage runs: POLLER_… */
uint32_t conn_interest(const struct conn *c, enum stage next);

/* Milliseconds that it may stay as it is from now on; 0: as long as it likes. */
uint32_t conn_patience(const struct conn *c, const struct conn_limits *limits);

/* Whether the peer has acknowledged bytes since the last call: it is slow, but it takes. */
bool conn_takes(struct conn *c);

/* Whether it waits for a request, of which nothing has been read. */
bool conn_awaits_request(const struct conn *c);

/* Its deadline has passed: shuts the socket down, and the event that follows makes conn_read or conn_write return
 * STAGE_CLOSE. A peer in the middle of a request is told (408), and lingers: it has another deadline, after which this
 * is to be called again. Never closes: the descriptor may be on its way into a poller. */
void conn_expire(struct conn *c, struct conn_env *env);

/* When it is due, counted from now. */
struct conn_due conn_due(const struct conn *c, const struct conn_limits *limits, uint64_t now_ms);

/* How long a connection has waited without a request or a reply in the making, in milliseconds; 0 when it is busy. */
uint64_t conn_idle_ms(struct conn_due due, const struct conn_limits *limits, uint64_t now_ms);

#endif
