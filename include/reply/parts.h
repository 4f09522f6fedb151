/*
 * parts: the body of a multipart/byteranges reply, told part by part as it is sent.
 *
 * What stands before a part is written when its turn comes. So a reply in many parts holds a few words for each, and
 * nothing of the file.
 */
#ifndef SHUNT_REPLY_PARTS_H
#define SHUNT_REPLY_PARTS_H

#include "http/multipart.h"

struct parts {
    struct multipart multipart;
    uint64_t left; /* bytes of the body that haven't been told yet: for the log */
    uint32_t count, next;
    struct range at[];
};

/* NULL with errno ENOMEM. */
struct parts *parts_new(const struct multipart *multipart, const struct ranges *ranges);

/* NULL is fine. */
void parts_free(struct parts *parts);

enum parts_outcome {
    PARTS_MORE = 1, /* the bytes of *range follow */
    PARTS_END,      /* nothing follows: call it no more */
    PARTS_FAILED,   /* no memory; nothing was appended */
};

/* Appends what stands between the part told last and the next one, or behind the last. */
enum parts_outcome parts_next(struct parts *parts, struct buffer *out, struct range *range);

#endif
