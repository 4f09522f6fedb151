/*
 * buffer: bytes that wait, in one growing piece of memory.
 *
 * Appended at the end, consumed from the front. A buffer that was never appended to holds no memory, and so does one
 * that was closed: an idle connection has two of them and pays only for the words below.
 */
#ifndef SHUNT_BASE_BUFFER_H
#define SHUNT_BASE_BUFFER_H

#include "base/slice.h"

#include <stdint.h>

struct buffer {
    char *bytes;    /* owned; NULL when there is no memory */
    uint32_t begin; /* first byte not yet consumed */
    uint32_t end;   /* one past the last byte */
    uint32_t size;  /* bytes of memory, at most BUFFER_MAX */
};

enum { BUFFER_MAX = 1 << 30 };

/* Empty, without memory. Can't fail. */
static inline void buffer_init(struct buffer *b)
{
    *b = (struct buffer){0};
}

/* Gives the memory back; the buffer is as after buffer_init. Safe to repeat. */
void buffer_fini(struct buffer *b);

/* What waits in it; valid until the next call that changes the buffer. */
static inline struct slice buffer_bytes(const struct buffer *b)
{
    return (struct slice){b->bytes == NULL ? NULL : b->bytes + b->begin, b->end - b->begin};
}

static inline size_t buffer_length(const struct buffer *b)
{
    return b->end - b->begin;
}

/* Bytes that can be appended without more memory. */
static inline size_t buffer_room(const struct buffer *b)
{
    return b->size - b->end;
}

/* Where the next appended byte goes: for recv() and formatting in place, at most buffer_room() bytes, then
 * buffer_extend. */
static inline char *buffer_tail(const struct buffer *b)
{
    return b->bytes == NULL ? NULL : b->bytes + b->end;
}

/* Declares `len` bytes, written at the tail, as appended. */
static inline void buffer_extend(struct buffer *b, size_t len)
{
    b->end += (uint32_t)len;
}

/* Makes room for `len` more bytes; bytes that wait may move. 0, or -1 with errno ENOMEM and nothing changed. */
int buffer_reserve(struct buffer *b, size_t len);

/* Appends a copy of the bytes. 0, or -1 with errno ENOMEM and nothing appended. */
int buffer_append(struct buffer *b, struct slice bytes);

/* Appends copies of all the pieces, one behind the other. 0, or -1 with errno ENOMEM and nothing appended. */
int buffer_append_all(struct buffer *b, const struct slice *pieces, size_t count);

/* Forgets the first `len` bytes, at most buffer_length(). Keeps the memory. */
static inline void buffer_consume(struct buffer *b, size_t len)
{
    b->begin += (uint32_t)len;
    if (b->begin == b->end)
        b->begin = b->end = 0;
}

/* Takes `len` bytes out from behind the first `kept`; those move up to what follows. */
static inline void buffer_cut(struct buffer *b, size_t kept, size_t len)
{
    if (len == 0)
        return;
    memmove(b->bytes + b->begin + len, b->bytes + b->begin, kept);
    buffer_consume(b, len);
}

/* Forgets all but the first `len` bytes, at most buffer_length(). */
static inline void buffer_truncate(struct buffer *b, size_t len)
{
    b->end = b->begin + (uint32_t)len;
}

/* Forgets all bytes. Keeps the memory. */
static inline void buffer_clear(struct buffer *b)
{
    b->begin = b->end = 0;
}

#endif
