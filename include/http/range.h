/* range: the Range field of a request (RFC 9110 14.2), one byte range. Pure. */
#ifndef SHUNT_HTTP_RANGE_H
#define SHUNT_HTTP_RANGE_H

#include "base/slice.h"

#include <stdint.h>

struct range {
    uint64_t first;  /* offset of its first byte */
    uint64_t length; /* bytes, at least 1 */
};

enum range_kind {
    RANGE_WHOLE = 1,     /* no range, an invalid one, another unit, or several: answer 200 */
    RANGE_PART,          /* answer 206 with *range */
    RANGE_UNSATISFIABLE, /* answer 416 */
};

/*
 * Reads "bytes=first-last", "bytes=first-", "bytes=-suffix" (the unit in any case) against a representation of `size`
 * bytes. A last byte beyond the end is clamped, a suffix longer than the file is the whole file, "-0" and first >= size
 * are unsatisfiable, first > last is invalid. Numbers of any length are read without overflow: larger than any file is
 * larger than this file. Several ranges are answered with the whole.
 */
enum range_kind range_parse(struct slice value, uint64_t size, struct range *range);

#endif
