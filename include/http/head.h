/*
 * head: the head of a response, appended to a buffer (RFC 9112 4, 5). Pure but for the buffer's memory.
 *
 * Every head begins with its status line and then Date, so that in any head of the same status the date stands at the
 * same place: a ready-made head is brought up to date by overwriting DATE_LEN bytes at head_date_offset().
 *
 * The functions return 0, or -1 with errno ENOMEM from the buffer. No value may hold CR or LF: ours never do, and what
 * comes from a request is percent-encoded before it gets here, or was let through as visible ASCII (scan_target()).
 */
#ifndef SHUNT_HTTP_HEAD_H
#define SHUNT_HTTP_HEAD_H

#include "base/buffer.h"

/* What who runs the server decides of every head. */
struct head_rules {
    struct slice server; /* the value of Server (RFC 9110 10.2.4); empty: no such field */
    bool nosniff;        /* X-Content-Type-Options: nosniff, wherever there is a type (WHATWG Fetch 3.6) */
};

/* Status line, Date and Server. `date` has DATE_LEN bytes. */
int head_begin(struct buffer *out, int status, const char *date, const struct head_rules *rules);

/* Content-Type, and that it is meant; or the latter alone. */
int head_type(struct buffer *out, struct slice type, const struct head_rules *rules);
int head_nosniff(struct buffer *out, const struct head_rules *rules);

/* "Name: value\r\n" */
int head_field(struct buffer *out, struct slice name, struct slice value);

/* "Name: number\r\n", in decimal. */
int head_number(struct buffer *out, struct slice name, uint64_t number);

/* "Content-Range: bytes first-last/size\r\n", for a 206 of `length` bytes (at least 1) from `first`; with length 0
 * "bytes * /size" (no space), for a 416 (RFC 9110 14.4). */
int head_content_range(struct buffer *out, uint64_t first, uint64_t length, uint64_t size);

/* The empty line that ends the head. */
int head_end(struct buffer *out);

/* Where the date stands in a head with this status, in bytes from the head's start. */
size_t head_date_offset(int status);

#endif
