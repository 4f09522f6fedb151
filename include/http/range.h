/*
 * range: the Range field of a request (RFC 9110 14.1, 14.2). Pure.
 *
 * Ranges are a way to make a server send much for little, so that a set is bounded: in the count of its ranges, and in
 * their sum, which must not exceed the file. What is beyond that is answered with the whole file, which every client
 * understands. Ranges that overlap or nearly touch become one, since a part's head costs as much as the gap.
 */
#ifndef SHUNT_HTTP_RANGE_H
#define SHUNT_HTTP_RANGE_H

#include "base/slice.h"

#include <stdint.h>

enum {
    RANGES_MAX = 64, /* ranges in a field; more: the whole file (zsync asks for 20, and goes round in circles if it gets
                        fewer) */
    RANGES_GAP = 128, /* bytes: ranges that lie no further apart are joined; about what the head of a part costs */
};

struct range {
    uint64_t first;  /* offset of its first byte */
    uint64_t length; /* bytes, at least 1 */
};

struct ranges {
    uint32_t count;
    struct range at[RANGES_MAX]; /* in the order in which they were asked for; no two within RANGES_GAP */
};

enum range_kind {
    RANGE_WHOLE = 1,     /* an invalid field, another unit, or a set that asks for too much: answer 200 */
    RANGE_PARTS,         /* answer 206 with the ranges; more than one are parts of a multipart/byteranges */
    RANGE_UNSATISFIABLE, /* answer 416 */
};

/*
 * Reads "bytes=" (in any case) and a list of "first-last", "first-", "-suffix" against a representation of `size`
 * bytes. White space may stand around commas, not before the first range or behind the last, and elements may be empty
 * (RFC 9110 5.6.1.2), but not all of them.
 *
 * A last byte beyond the end is clamped, a suffix longer than the file is the whole file, "-0" and first >= size are
 * unsatisfiable and left out while there are others. first > last, or anything else that isn't a range, makes the whole
 * field invalid. Numbers of any length are read without overflow: larger than any file is larger than this file. A
 * suffix of an empty file (not "-0") is RANGE_WHOLE: it is satisfiable, but nothing of it can be told as a part.
 */
enum range_kind range_parse(struct slice value, uint64_t size, struct ranges *ranges);

#endif
