/*
 * logline: one line of the access log, in the combined format:
 *     peer - - [date] "request line" status bytes "referer" "user agent"\n
 * Pure but for the buffer's memory. Every byte outside printable ASCII, the quote and the backslash are written as
 * \xNN, so that no peer can forge a line or reach a terminal. Each of the three quoted parts is cut at LOGLINE_PART_MAX
 * bytes of input (then ends in "..."); an absent one is "-".
 */
#ifndef SHUNT_HTTP_LOGLINE_H
#define SHUNT_HTTP_LOGLINE_H

#include "base/buffer.h"

#include <stdint.h>

enum { LOGLINE_PART_MAX = 4096 };

struct logline {
    struct slice peer; /* printable: an address, or "unix:" */
    int64_t second;    /* when the request was read, seconds since 1970 */
    struct slice request_line;
    int status;
    uint64_t body_bytes; /* sent; "-" is written for 0 */
    struct slice referer, user_agent;
};

/* Appends the line. 0, or -1 with errno ENOMEM and nothing appended. */
int logline_format(struct buffer *out, const struct logline *line);

#endif
