#include "base/buffer.h"

#include <errno.h>
#include <stdlib.h>

enum { SMALLEST = 512 }; /* less is not worth a second allocation a moment later */

void buffer_fini(struct buffer *b)
{
    free(b->bytes);
    *b = (struct buffer){0};
}

static void move_to_front(struct buffer *b)
{
    if (b->begin == 0)
        return;
    memmove(b->bytes, b->bytes + b->begin, b->end - b->begin);
    b->end -= b->begin;
    b->begin = 0;
}

int buffer_reserve(struct buffer *b, size_t len)
{
    if (len <= buffer_room(b))
        return 0;
    move_to_front(b);
    if (len <= buffer_room(b))
        return 0;
    if (len > (size_t)BUFFER_MAX - b->end) {
        errno = ENOMEM;
        return -1;
    }
    size_t size = b->size < SMALLEST ? SMALLEST : b->size;
    while (size < b->end + len)
        size *= 2;
    char *bytes = realloc(b->bytes, size);
    if (bytes == NULL)
        return -1;
    b->bytes = bytes;
    b->size = (uint32_t)size;
    return 0;
}

int buffer_append(struct buffer *b, struct slice bytes)
{
    if (buffer_reserve(b, bytes.len) < 0)
        return -1;
    if (bytes.len > 0)
        memcpy(buffer_tail(b), bytes.at, bytes.len);
    buffer_extend(b, bytes.len);
    return 0;
}

int buffer_append_all(struct buffer *b, const struct slice *pieces, size_t count)
{
    if (buffer_reserve(b, slices_length(pieces, count)) < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        buffer_append(b, pieces[i]); /* there is room */
    return 0;
}
