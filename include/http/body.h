/*
 * body: where a request's body ends (RFC 9112 6, 7.1). Nobody here wants what is in it. Pure.
 *
 * A body is read to its end before its request is answered, so that there is one answer to each request, whatever
 * comes, and no answer to one whose framing turns out to be broken. (A server that answers first and reads the body
 * later also helps those who hide a request in another's body: the early answer lets them tell which of two servers
 * erred.)
 *
 * The chunked coding is read as narrowly as its grammar allows: hexadecimal digits without sign or prefix, at most 16
 * of them; white space only around the semicolon of an extension and its "="; extensions that are well formed;
 * CRLF, never a bare LF; trailers that are well-formed fields, which are forgotten, and none that could pass for one of
 * the head's Content-Length, Transfer-Encoding, Host or Authorization.
 */
#ifndef SHUNT_HTTP_BODY_H
#define SHUNT_HTTP_BODY_H

#include "http/request.h"

enum { BODY_EXTRA_MAX = 8192 }; /* bytes of chunk extensions and trailers in one body, line ends not counted */

/* A body being read; all zero: none. */
struct body {
    uint64_t left;           /* bytes of data still to come before the next piece of framing */
    uint64_t room;           /* bytes of data that chunks yet to be announced may hold */
    uint32_t extra;          /* bytes of extensions and trailers so far */
    uint8_t state;           /* what comes next: body.c's affair, but 0 is "none" */
    uint8_t names, name_len; /* of a trailer's name that is being read: what it may become, and its bytes so far */
};

enum body_result {
    BODY_DONE = 1,       /* the body ended with the bytes used */
    BODY_MORE,           /* all bytes were used, and it goes on */
    BODY_INVALID,        /* 400: nobody can tell where it ends */
    BODY_TOO_LARGE,      /* 413: more data than the limit */
    BODY_TOO_MUCH_EXTRA, /* 431: more extensions and trailers than BODY_EXTRA_MAX */
};

static inline bool body_is_expected(const struct request *request)
{
    return request->chunked || request->content_length > 0;
}

/* Begins to read the body of a request that has one, of `max` bytes of data at most. */
void body_begin(struct body *body, const struct request *request, uint64_t max);

/* Whether one is being read, and whether it has come to its end. */
bool body_is_open(const struct body *body);
bool body_has_ended(const struct body *body);

/* Reads on in `bytes`, which follow those given before; *used of them were the body's: up to its end, or up to the byte
 * that breaks it. What comes out doesn't depend on how the bytes were cut. The body is open. */
enum body_result body_read(struct body *body, struct slice bytes, size_t *used);

#endif
