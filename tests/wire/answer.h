/* answer: one response as a client reads it from a stream, and the laws that every response of ours keeps. */
#ifndef WIRE_ANSWER_H
#define WIRE_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

struct answer {
    int status;
    const char *head; /* status line and fields, up to and with the empty line */
    size_t head_len;
    const char *body;
    size_t body_len;
    bool bodiless; /* no body follows, whatever Content-Length says: HEAD, 1xx, 304 */
};

enum answer_result {
    ANSWER_COMPLETE = 1,
    ANSWER_PARTIAL, /* more bytes needed */
    ANSWER_BROKEN,  /* this is no response */
};

/* Reads the response at the front of the bytes; its parts point into them. `to_head`: it answers a HEAD. */
enum answer_result answer_read(const char *bytes, size_t len, bool to_head, struct answer *answer);

/* Copies the value of a field, cut to the room; how often the field stands in the head. */
int answer_field(const struct answer *answer, const char *name, char *value, size_t room);

/*
 * Reads a multipart/byteranges body. Each part comes out as an answer of its own, with the line that holds the boundary
 * in the place of the status line. How many there are; -1 when the body isn't one, something stands around the parts,
 * or there are more than `room`.
 */
int answer_parts(const struct answer *answer, struct answer *parts, int room);

enum { ANSWER_PARTS = 64 }; /* room enough for all that a server should send */

/* NULL, or the law that this response breaks, as a sentence. */
const char *answer_broken_law(const struct answer *answer);

/* Whether the body is a short HTML page that names its status. */
bool answer_is_page(const struct answer *answer);

#endif
