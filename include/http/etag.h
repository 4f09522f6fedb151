/*
 * etag: a strong entity tag from size and time of a file (RFC 9110 8.8.3). Pure.
 *
 * "<seconds>.<nanoseconds>-<size>" in hexadecimal digits: the separators keep two different files from spelling the
 * same tag. Where the time of the last modification says nothing (reproducible builds set all to the same), the time of
 * the last change of the inode stands in for it, and a letter before it tells the two kinds apart. Where no time says
 * anything, as the file may change again within the same tick, the tag is "h<hash>-<size>", of the content.
 */
#ifndef SHUNT_HTTP_ETAG_H
#define SHUNT_HTTP_ETAG_H

#include "base/slice.h"

#include <stdint.h>

enum { ETAG_MAX = 64 }; /* two quotes, a letter, a sign, 16 + 8 + 16 digits, two separators, and a mark */

/* Writes the tag with its quotes into `out` (room for ETAG_MAX bytes); its length. By the time of the last
 * modification, and by that of the last change. */
size_t etag_format(int64_t seconds, uint32_t nanoseconds, uint64_t size, char *out);
size_t etag_format_changed(int64_t seconds, uint32_t nanoseconds, uint64_t size, char *out);

/* The same by a hash of the content. */
size_t etag_format_content(uint64_t hash, uint64_t size, char *out);

/* Marks a tag of `len` bytes as that of a content coding, whose name is short: another tag, even where size and time
 * are the same (RFC 9110 8.8.3.3). Its new length. */
size_t etag_mark(char *tag, size_t len, struct slice coding);

#endif
