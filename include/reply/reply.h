/*
 * reply: from a request to what is sent: the one place that decides.
 *
 * Request and docroot go in; a head, and where the body is, come out. The head, and a body small enough, are appended
 * to a buffer, so that the replies to many pipelined requests leave in one send. A larger body is told as a span of an
 * entry. No socket is known here.
 */
#ifndef SHUNT_REPLY_REPLY_H
#define SHUNT_REPLY_REPLY_H

#include "base/clock.h"
#include "base/hash.h"
#include "files/docroot.h"
#include "http/date.h"
#include "http/request.h"
#include "reply/span.h"

enum {
    REPLY_COPY_MAX = 16384,             /* bytes: a body up to this is copied behind its head, a larger one is a span */
    REPLY_ROOM = REPLY_COPY_MAX + 4096, /* most bytes that one reply appends, but for Location of a long target */
    REPLY_RETRY_AFTER = 5,              /* seconds that a 503 asks a client to wait */
    REPLY_PARTS_OVER = 7168, /* bytes that a body in parts may have more than the file; with its head less than 8 kB */
};

/* What a thread needs to reply. */
struct replier {
    struct docroot *docroot;
    const struct clock *clock;
    const char *date;       /* DATE_LEN bytes: the clock's second */
    struct hash_key secret; /* nobody outside knows it: for what must not be guessed */
    char *path;             /* scratch for normalising: as many bytes as the longest target, and one */
};

struct reply {
    int status;
    uint64_t body_bytes; /* of the whole body, for the log */
    struct span rest;    /* of the body, what was not appended; the receiver's */
};

enum reply_outcome {
    REPLY_MADE = 1,
    REPLY_SLEEPS, /* the file can't be opened without sleeping: come again with what reply_look_up() found; nothing was
                     appended */
    REPLY_FAILED, /* no memory; nothing was appended */
};

/*
 * Decides on a request, and appends the reply to `out`. `last`: it says that the connection ends after it. `found`:
 * what reply_look_up() made of this request, or NULL; its reference is taken over.
 */
enum reply_outcome reply_make(const struct replier *replier, const struct request *request, struct entry *found,
                              bool last, struct buffer *out, struct reply *reply);

/* A connection's last reply, to what isn't a request, or to one that is refused before it is looked at: a status with
 * its short page. `head_only`: the method was HEAD. REPLY_MADE or REPLY_FAILED. */
enum reply_outcome reply_refuse(const struct replier *replier, int status, bool head_only, struct buffer *out,
                                struct reply *reply);

/* What a thread that may sleep does for a request that got REPLY_SLEEPS: the entry, whose reference is the caller's, or
 * NULL when no descriptor or memory was left. */
struct entry *reply_look_up(const struct replier *replier, const struct request *request);

#endif
