/*
 * span: what is still to be sent of a reply's body: a run of bytes of an entry, and maybe other runs behind it.
 */
#ifndef SHUNT_REPLY_SPAN_H
#define SHUNT_REPLY_SPAN_H

#include "files/entry.h"
#include "reply/parts.h"

/* All zero: nothing. */
struct span {
    struct entry *entry;     /* a reference; NULL: nothing */
    uint64_t offset, length; /* the run, in bytes of the entry's body */
    struct parts *parts;     /* the runs behind it, and what stands between them; owned. NULL: none */
};

/* Bytes of the body that are left: those of the run, and all behind it. */
uint64_t span_left(const struct span *span);

/* The run has come to its end: appends what stands behind it to `out`, and goes on to the next one, which is of length
 * 0 where there is none. There are parts. 0, or -1 with errno ENOMEM. */
int span_go_on(struct span *span, struct buffer *out);

/* Lets go of it: all zero again. */
void span_drop(struct span *span);

#endif
