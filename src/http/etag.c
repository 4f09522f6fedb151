#include "http/etag.h"

#include <inttypes.h>
#include <stdio.h>

size_t etag_format(int64_t seconds, uint32_t nanoseconds, uint64_t size, char *out)
{
    uint64_t magnitude = seconds < 0 ? 0 - (uint64_t)seconds : (uint64_t)seconds;
    int len = snprintf(out, ETAG_MAX, "\"%s%" PRIx64 ".%" PRIx32 "-%" PRIx64 "\"", seconds < 0 ? "-" : "", magnitude,
                       nanoseconds, size);
    return (size_t)len;
}
