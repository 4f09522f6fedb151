/*
 * env: what a thread lends to the connections that it runs: limits, the time, scratch buffers, a way to reply, and a
 * log.
 */
#ifndef SHUNT_CONN_ENV_H
#define SHUNT_CONN_ENV_H

#include "base/active.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/ring.h"
#include "conn/cohort.h"
#include "reply/reply.h"

enum { ENV_SCRATCH = 65536 }; /* bytes received at once, at least; and bytes of replies gathered before they are sent */

/* The limits of a connection; the same for all, and they never change. Times in milliseconds, defaults in brackets. */
struct conn_limits {
    struct request_limits request;
    uint32_t body_max;   /* bytes of a request body that are read and discarded [1 MiB]; more is 413, and the end */
    uint32_t turn_bytes; /* bytes a connection may send before others get their turn [2 MiB] */
    uint32_t head_ms;    /* for a complete head, from its first byte or from accept; for a body, as long again [10 s] */
    uint32_t keepalive_ms; /* between requests [60 s] */
    uint32_t send_ms;      /* for a peer that takes nothing at all [60 s] */
    uint32_t requests_max; /* on one connection; 0: any number [0] */
    bool assume_cold;      /* treat every file as if it weren't in the page cache: for tests of that way */
};

enum { METER_KEYS = 32 };

/* Which requests a call answered, for a model that wants to know what each costs. */
struct meter {
    struct hash_key hash;
    uint32_t keys[METER_KEYS]; /* one for each, standing for verb and target; never 0 */
    int count;                 /* may be more than there is room for */
};

/* What a thread lends to the connections that it runs. */
struct conn_env {
    const struct conn_limits *limits;
    struct replier replier;
    struct clock clock;
    char date[DATE_LEN];
    struct buffer in, out;        /* scratch: what a call leaves in them is nothing to the next, which clears them */
    struct cohort cohort;         /* of the connections that are being read, where there are several */
    struct ring *access;          /* access log lines go here; NULL: no log */
    struct buffer line;           /* scratch for one of them */
    bool logged;                  /* set when a line was put: the logger may have to be told */
    bool log_full;                /* set when the ring is more than half full: the logger must be told at once */
    struct log_gate gate;         /* for messages about files */
    _Atomic uint32_t *shed_calls; /* raised where descriptors have run out: all threads give up those of their caches;
                                       NULL: there are no others */
    struct active *active;        /* held while the thread works; NULL: no limit */
    struct meter *meter;          /* NULL: nobody asks */
    uint64_t requests;            /* that were answered here */
    bool sends_later;             /* what is answered here is sent by another thread: conn_read only gathers */
    bool draining;                /* the server is stopping: every reply is a connection's last */
    bool rearm; /* set by conn_read, conn_write and conn_block when a deadline is to be counted from now; cleared by who
                   calls */
};

/* 0, or -1 with errno; what was made so far is conn_env_close's. `access`: NULL for no log. */
int conn_env_open(struct conn_env *env, const struct conn_limits *limits, struct docroot *docroot, struct ring *access);
void conn_env_close(struct conn_env *env);

/* Reads the clock; formats the date when the second has changed. Once a turn of the thread's loop. */
void conn_env_tick(struct conn_env *env);

#endif
