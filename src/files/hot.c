#include "files/hot.h"

#include <errno.h>

enum {
    SAMPLE_EVERY = 128 * 1024, /* bytes: the kernel reads ahead in pieces of this size */
    WARM_CHUNK = 64 * 1024,
    HOT_VALID_MS = 1000, /* bytes seen in the page cache are believed to be there for so long */
};

static bool byte_is_hot(const struct entry *entry, uint64_t offset)
{
    char byte;
    return beneath_read_now(entry->fd, &byte, 1, (off_t)offset) >= 0;
}

bool hot_look(const struct entry *entry, uint64_t offset, uint64_t length)
{
    if (entry->never_cold || length == 0)
        return true;
    for (uint64_t at = offset; at < offset + length; at += SAMPLE_EVERY)
        if (!byte_is_hot(entry, at))
            return false;
    return byte_is_hot(entry, offset + length - 1);
}

uint64_t hot_known(const struct entry *entry, uint64_t offset, uint64_t now_ms)
{
    return now_ms - entry->hot_ms < HOT_VALID_MS && offset <= entry->hot_upto ? entry->hot_upto : 0;
}

void hot_note(struct entry *entry, uint64_t offset, uint64_t upto, uint64_t now_ms)
{
    bool known = now_ms - entry->hot_ms < HOT_VALID_MS;
    uint64_t known_upto = known ? entry->hot_upto : 0;
    if (offset > known_upto || upto <= known_upto)
        return;
    entry->hot_upto = upto;
    if (!known)
        entry->hot_ms = now_ms;
}

int hot_warm(const struct entry *entry, uint64_t offset, uint64_t length)
{
    char chunk[WARM_CHUNK];
    while (length > 0) {
        ssize_t n =
            open_read(entry->fd, chunk, length < sizeof chunk ? length : sizeof chunk, (off_t)offset, BENEATH_WAIT);
        if (n <= 0) /* 0: the file shrank, which whoever sends from it will see */
            return (int)n;
        offset += (uint64_t)n;
        length -= (uint64_t)n;
    }
    return 0;
}

int hot_fetch(const struct entry *entry, uint64_t offset, size_t length, struct buffer *window)
{
    if (buffer_reserve(window, length) < 0)
        return -1;
    ssize_t n = open_read(entry->fd, buffer_tail(window), length, (off_t)offset, BENEATH_WAIT);
    if (n == 0)
        errno = ENODATA;
    if (n <= 0)
        return -1;
    buffer_extend(window, (size_t)n);
    return 0;
}
