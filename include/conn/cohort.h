/*
 * cohort: connections that became readable together, and go through the read stage side by side.
 *
 *     one by one   receive look find send, receive look find send, receive look find send
 *     a cohort     receive receive receive, look, fetch fetch fetch, find send, find send, find send
 *
 * One look at what has changed on the disk does for all, since all that they sent was there before it. And what their
 * answers are made of is fetched for all side by side, instead of each waiting for memory several times in a row.
 * (Larus and Parkes, "Using Cohort Scheduling to Enhance Server Performance", USENIX 2002.)
 *
 * A cohort lives for a moment of its thread's: between cohort_receive() and cohort_end() each member is read once. What
 * a member sent that isn't read then, is lost.
 */
#ifndef SHUNT_CONN_COHORT_H
#define SHUNT_CONN_COHORT_H

#include "base/buffer.h"
#include "files/cache.h"
#include "os/io.h"

struct conn;
struct conn_env;

enum {
    COHORT_MAX = CACHE_PREFETCH_MAX, /* members: who came first waits for all the others' bytes */
    COHORT_ROOM = 65536,             /* bytes, of all together; for whom little is left is no member */
};

struct cohort {
    struct buffer bytes; /* what the members sent, one behind the other */
    int count, taken;    /* members, and those of them that have been read */
    struct member {
        const struct conn *conn;
        enum io io;      /* what came of receiving, as of socket_receive() */
        uint32_t offset; /* of its part of `bytes`, */
        uint32_t len;    /* in bytes */
    } members[COHORT_MAX];
};

/* Gives its memory back. Safe on a zeroed cohort, which is an empty one. */
void cohort_fini(struct cohort *cohort);

/* Receives for those of these connections that wait for a request, as many as find a place, and looks at what has
 * changed. The env's cohort is empty. How many members there are: none where there is no memory. */
int cohort_receive(struct conn_env *env, struct conn *const *conns, int count);

/* What was received for this connection: what socket_receive() would have returned, and the bytes. Members are read in
 * the order of `conns`. False: it is no member, or has been read. */
bool cohort_take(struct cohort *cohort, const struct conn *c, enum io *io, struct slice *bytes);

/* All members have been read: it is empty again. */
void cohort_end(struct cohort *cohort);

#endif
