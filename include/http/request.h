/*
 * request: the head of an HTTP/1.1 request, as slices into the bytes that it was read from (RFC 9112 2 to 6).
 *
 * Pure: no system call, no allocation, no state. A head that arrives in pieces is parsed again from its start, so that
 * there is nothing to get out of step; the caller need not ask before another line feed has come (or a limit is near).
 *
 * What two parsers could read in two ways is refused with 400: a bare CR or LF, NUL and other controls, white space
 * before a colon or at a line's start (obs-fold), Content-Length that is repeated, listed, signed, empty, too large, or
 * begins with a needless zero, Transfer-Encoding that is repeated, or stands beside Content-Length, or in HTTP/1.0, and
 * a repeated Content-Type.
 */
#ifndef SHUNT_HTTP_REQUEST_H
#define SHUNT_HTTP_REQUEST_H

#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

/* Limits of a head; defaults in brackets. */
enum {
    REQUEST_LINE_MAX = 8192,  /* bytes of the request line, CRLF not counted: more is 414 */
    REQUEST_HEAD_MAX = 16384, /* bytes of the whole head with its last CRLF: more is 431 */
    REQUEST_FIELDS_MAX = 100, /* fields: more is 431 */
};

struct request_limits {
    uint32_t line_max;   /* [REQUEST_LINE_MAX] */
    uint32_t head_max;   /* [REQUEST_HEAD_MAX] */
    uint32_t fields_max; /* [REQUEST_FIELDS_MAX] */
};

enum request_method {
    METHOD_GET = 1,
    METHOD_HEAD,
    METHOD_OPTIONS,
    METHOD_OTHER,   /* known to RFC 9110 9.3 or RFC 5789, not served here: 405 */
    METHOD_UNKNOWN, /* 501 */
};

struct request {
    enum request_method method;
    int minor; /* HTTP/1.minor: 0 or 1 (a higher minor is served as 1, RFC 9110 2.5) */

    struct slice line;   /* the request line without CRLF, for the log */
    struct slice target; /* as sent */
    struct slice path;   /* its path, still percent-encoded, at least "/"; empty where the target is no path ("*") */
    struct slice query;  /* with its "?"; empty when there is none */
    struct slice fields; /* the head's field lines, each with its CRLF: see field_next(). Of a complete head only */
    struct slice host;   /* uri-host[:port], from the target where it is absolute (RFC 9112 3.2.2), else from Host */

    bool keep_alive;         /* the client allows another request on the connection (RFC 9112 9.3) */
    bool chunked;            /* the body is chunked */
    bool expect_continue;    /* Expect: 100-continue; any other expectation is 417 */
    uint64_t content_length; /* bytes of the body; 0 without a body or when chunked */

    /* Field values, trimmed; empty (at == NULL) where absent. Where a field came more than once, its slice is that of
     * the last one and its bit stands in `repeated`: one that has a single value is then worth nothing, one that is a
     * list (RFC 9110 5.3) must be read from `fields`. */
    struct slice range, if_range;
    struct slice if_match, if_none_match;
    struct slice if_modified_since, if_unmodified_since;
    struct slice accept_encoding;
    struct slice referer, user_agent;
    uint32_t repeated; /* of REPEATED_… */
};

enum {
    REPEATED_RANGE = 1 << 0,
    REPEATED_IF_RANGE = 1 << 1,
    REPEATED_IF_MATCH = 1 << 2,
    REPEATED_IF_NONE_MATCH = 1 << 3,
    REPEATED_IF_MODIFIED_SINCE = 1 << 4,
    REPEATED_IF_UNMODIFIED_SINCE = 1 << 5,
    REPEATED_ACCEPT_ENCODING = 1 << 6,
};

/* Whether the field of a bit came more than once. */
static inline bool request_repeats(const struct request *request, uint32_t bit)
{
    return (request->repeated & bit) != 0;
}

enum request_result {
    REQUEST_COMPLETE = 1, /* *length is the head's length: the body, or the next request, begins there */
    REQUEST_PARTIAL,      /* all well so far, more bytes needed */
    REQUEST_INVALID,      /* *status says how to answer; the connection can't be kept */
};

/*
 * Parses the head at the front of `bytes`. At most two empty lines before the request line are skipped and counted in
 * *length (RFC 9112 2.2).
 *
 * REQUEST_INVALID comes as soon as the bytes show it: a byte that can't stand where it stands is refused at once, what
 * a line means, when the line is complete. *status is 400, 414, 417, 421, 431, 501 or 505; request->line and ->target
 * are then as far as they were read, for the log, and ->method is 0 where it wasn't; so they are with REQUEST_PARTIAL.
 * METHOD_UNKNOWN and METHOD_OTHER are not errors here.
 *
 * Host: HTTP/1.1 needs exactly one, non-empty and well formed (RFC 9112 3.2), else 400; a malformed or repeated one is
 * 400 in HTTP/1.0 too, where an empty one is none. Transfer-Encoding: other codings than `chunked` are 501 (RFC 9112
 * 6.1), a list in which `chunked` isn't last and once, or that isn't well formed, 400. Targets: origin-form;
 * absolute-form with http (https is 421, RFC 9110 7.4); asterisk-form for OPTIONS, authority-form for CONNECT (path
 * empty); others are 400, as are control bytes, spaces, '#' and bytes from 0x80 in a target.
 */
enum request_result request_parse(struct slice bytes, const struct request_limits *limits, struct request *request,
                                  size_t *length, int *status);

#endif
