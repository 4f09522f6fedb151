/*
 * cohort: connections that became readable together, and go through the read stage side by side.
 *
 *     one by one   receive look find send, receive look find send, receive look find send
 *     a cohort     receive receive receive, look, fetch fetch fetch, find send, find send, find send
 *
 * One look at what has changed on the disk does for all, since all that they sent was there before it. And what their
 * answers are made of is fetched for all at once, instead of each waiting for memory several times in a row. (Larus and
 * Parkes, "Using Cohort Scheduling to Enhance Server Performance", USENIX 2002.)
 *
 * A cohort lives within one call of its thread's: nothing but its members runs between cohort_receive() and
 * cohort_end().
 */
#ifndef SHUNT_CONN_COHORT_H
#define SHUNT_CONN_COHORT_H

#include "base/buffer.h"
#include "os/io.h"

struct conn;
struct conn_env;

enum {
    COHORT_MAX = 16,     /* members: who came first waits for all the others' bytes */
    COHORT_ROOM = 65536, /* bytes, of all together; a member for whom little is left receives when it is read */
};

struct cohort {
    struct buffer bytes; /* what the members sent, one behind the other */
    int count, taken;
    struct member {
        const struct conn *conn;
        enum io io; /* what came of receiving, as of socket_receive() */
        uint32_t begin, len;
    } members[COHORT_MAX];
};

/* 0, or -1 with errno ENOMEM. */
int cohort_open(struct cohort *cohort);
void cohort_close(struct cohort *cohort);

/* Receives for as many of these connections as wait for a request, and looks at what has changed. The env's cohort is
 * empty; conn_read() is owed to each of them. */
void cohort_receive(struct conn_env *env, struct conn *const *conns, int count);

/* What was received for this connection, once: what socket_receive() would have returned, and the bytes. False: it is
 * no member. */
bool cohort_take(struct cohort *cohort, const struct conn *c, enum io *io, struct slice *bytes);

/* All have been read. */
void cohort_end(struct cohort *cohort);

#endif
