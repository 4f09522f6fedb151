/*
 * reply: from a request to what is sent: the one place that decides.
 *
 * Request, site and files go in; a head, and where the body is, come out. The head, and a body small enough, are appended to a
 * buffer, so that the replies to many pipelined requests leave in one send. A larger body is told as a span of an entry.
 * No socket is known here.
 */
#ifndef SHUNT_REPLY_REPLY_H
#define SHUNT_REPLY_REPLY_H

#include "base/clock.h"
#include "files/cache.h"
#include "http/date.h"
#include "http/request.h"

enum {
    REPLY_COPY_MAX = 16384,          /* bytes: a body up to this is copied behind its head, a larger one is a span */
    REPLY_ROOM = REPLY_COPY_MAX + 4096, /* most bytes that one reply appends, but for Location of a long target */
    REPLY_VALID_MS = 1000,           /* an entry older than this is checked again before use */
    REPLY_RETRY_AFTER = 5,           /* seconds that a 503 asks a client to wait */
};

/* What is served: the same for all workers, and it never changes. */
struct site {
    int root; /* a directory's fd, see beneath_root() */
};

/* What a thread needs to reply. */
struct replier {
    const struct site *site;
    struct cache *cache;
    const struct clock *clock;
    const char *date; /* DATE_LEN bytes: the clock's second */
    char *path;       /* scratch for normalising: as many bytes as the longest target, and one */
    bool assume_cold; /* nothing can be opened without sleeping, as far as we know: for tests of that way */
};

struct reply {
    int status;
    bool close;          /* the connection is not to be used again */
    uint64_t body_bytes; /* of the whole body, for the log */

    /* The part of the body that was not appended: `length` bytes of the entry from `offset`. The reference is the
     * receiver's. NULL when there is none. */
    struct entry *entry;
    uint64_t offset, length;
};

/*
 * Decides on a request and appends to `out`. reply->close says on entry whether the connection must end after this reply
 * whatever the request wants, and on return whether it does.
 *
 * `found`: what entry_open() made of this request's path on a thread that may sleep, or NULL; its reference is taken over.
 *
 * 0, or -1 with errno and nothing appended: EAGAIN (the file can't be opened without sleeping: come again with `found`),
 * ENOMEM.
 */
int reply_make(struct replier *replier, const struct request *request, struct entry *found, struct buffer *out,
               struct reply *reply);

/* A reply to what isn't a request, or to one that is refused before it is looked at: a status with its short page.
 * `head_only`: the method was HEAD. 0, or -1 with errno ENOMEM. */
int reply_refuse(const char *date, int status, bool head_only, struct buffer *out, struct reply *reply);

/* What a thread that may sleep does for a request that reply_make() could not do at once: the entry for its path, or NULL with
 * errno. `path` is scratch as in struct replier. */
struct entry *reply_find(const struct site *site, const struct request *request, char *path, uint64_t now_ms);

#endif
