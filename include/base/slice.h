/*
 * slice: a run of bytes that belongs to somebody else.
 *
 * A slice never owns, never ends in NUL, and may hold any byte. It is valid as long as the bytes that it points into.
 */
#ifndef SHUNT_BASE_SLICE_H
#define SHUNT_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
    const char *at; /* first byte; NULL only where len is 0 */
    size_t len;     /* in bytes */
};

/* A slice over a string literal, without its NUL. */
#define SLICE(literal) ((struct slice){(literal), sizeof(literal) - 1})

/* A slice over a NUL-terminated string. */
static inline struct slice slice_of(const char *text)
{
    return (struct slice){text, strlen(text)};
}

/* Same bytes? */
static inline bool slice_equal(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

/* Same bytes, where ASCII letters of either case are the same? (RFC 9110 5.1, 5.6.2: field names, tokens) */
bool slice_equal_fold(struct slice a, struct slice b);

/* Does `whole` begin with `start`? */
bool slice_starts_with(struct slice whole, struct slice start);

/* The bytes of a row of slices. */
size_t slices_length(const struct slice *slices, size_t count);

/* Without the spaces and tabs at both ends (OWS, RFC 9110 5.6.3). */
struct slice slice_trim(struct slice s);

/* Cuts the next element of a comma-separated list (RFC 9110 5.6.1) off the front of *list, trimmed, empty elements
 * skipped; false when there is none. Commas within quoted strings do not separate. */
bool slice_next_element(struct slice *list, struct slice *element);

#endif
