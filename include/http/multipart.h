/*
 * multipart: what stands between the parts of a multipart/byteranges body (RFC 9110 14.6, 15.3.7.2; RFC 2046 5.1).
 *
 *     CRLF "--" boundary CRLF  Content-Type, Content-Range  CRLF CRLF  bytes      for each part
 *     CRLF "--" boundary "--" CRLF                                                behind the last
 *
 * Pure but for the buffer's memory. The functions that append return 0, or -1 with errno ENOMEM.
 */
#ifndef SHUNT_HTTP_MULTIPART_H
#define SHUNT_HTTP_MULTIPART_H

#include "base/buffer.h"
#include "http/range.h"

enum { MULTIPART_BOUNDARY_LEN = 22 }; /* "shunt-" and 16 hexadecimal digits */

struct multipart {
    struct slice type; /* each part's media type */
    uint64_t size;     /* of the whole representation, in bytes */
    char boundary[MULTIPART_BOUNDARY_LEN];
};

/* `nonce`: whatever makes the boundary one that doesn't occur in the file: nobody who writes files may guess it. */
void multipart_init(struct multipart *multipart, struct slice type, uint64_t size, uint64_t nonce);

/* "Content-Type: multipart/byteranges; boundary=…\r\n", for the response's head. */
int multipart_put_type(const struct multipart *multipart, struct buffer *out);

/* What stands before a part, and behind the last one. */
int multipart_put_part(const struct multipart *multipart, struct range range, struct buffer *out);
int multipart_put_end(const struct multipart *multipart, struct buffer *out);

/* The length of the whole body with these parts, in bytes. */
uint64_t multipart_length(const struct multipart *multipart, const struct ranges *ranges);

#endif
