/*
 * etag: a strong entity tag from size and modification time (RFC 9110 8.8.3). Pure.
 *
 * "<seconds>.<nanoseconds>-<size>" in hexadecimal digits: the separators keep two different files from spelling the
 * same tag.
 */
#ifndef SHUNT_HTTP_ETAG_H
#define SHUNT_HTTP_ETAG_H

#include "base/slice.h"

#include <stdint.h>

enum { ETAG_MAX = 48 }; /* two quotes, a sign, 16 + 8 + 16 digits, two separators, and some */

/* Writes the tag with its quotes into `out` (room for ETAG_MAX bytes, no NUL); its length. */
size_t etag_format(int64_t seconds, uint32_t nanoseconds, uint64_t size, char *out);

#endif
