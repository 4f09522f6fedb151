#include "http/etag.h"

#include <inttypes.h>
#include <stdio.h>

static size_t format(const char *kind, int64_t seconds, uint32_t nanoseconds, uint64_t size, char *out)
{
    uint64_t magnitude = seconds < 0 ? 0 - (uint64_t)seconds : (uint64_t)seconds;
    int len = snprintf(out, ETAG_MAX, "\"%s%s%" PRIx64 ".%" PRIx32 "-%" PRIx64 "\"", kind, seconds < 0 ? "-" : "",
                       magnitude, nanoseconds, size);
    return (size_t)len;
}

size_t etag_mark(char *tag, size_t len, struct slice coding)
{
    tag[len - 1] = '-';
    memcpy(tag + len, coding.at, coding.len);
    tag[len + coding.len] = '"';
    return len + coding.len + 1;
}

size_t etag_format_content(uint64_t hash, uint64_t size, char *out)
{
    return (size_t)snprintf(out, ETAG_MAX, "\"h%" PRIx64 "-%" PRIx64 "\"", hash, size);
}

size_t etag_format(int64_t seconds, uint32_t nanoseconds, uint64_t size, char *out)
{
    return format("", seconds, nanoseconds, size, out);
}

size_t etag_format_changed(int64_t seconds, uint32_t nanoseconds, uint64_t size, char *out)
{
    return format("t", seconds, nanoseconds, size, out); /* no hexadecimal digit */
}
