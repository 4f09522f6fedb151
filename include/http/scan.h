/*
 * scan: the bytes of HTTP by class, and the first byte that doesn't belong.
 *
 * Where a parser spends its time. Each scanner looks at [at, end) only and returns the first byte outside its class, or
 * end. Pure.
 */
#ifndef SHUNT_HTTP_SCAN_H
#define SHUNT_HTTP_SCAN_H

#include <stdbool.h>

enum scan_class {
    SCAN_TOKEN = 1 << 0,  /* tchar (RFC 9110 5.6.2): methods, field names */
    SCAN_TARGET = 1 << 1, /* visible ASCII but "#": see scan_target */
    SCAN_VALUE = 1 << 2,  /* VCHAR, SP, HTAB, obs-text (RFC 9110 5.5): field values */
    SCAN_URI = 1 << 3,    /* unreserved and sub-delims (RFC 3986 2.2, 2.3) */
};

/* The classes of each byte, as a set of bits. */
extern const unsigned char scan_classes[256];

static inline bool scan_is(char c, enum scan_class class)
{
    return (scan_classes[(unsigned char)c] & class) != 0;
}

/* The value of a hexadecimal digit, or -1. */
static inline int scan_hex(char c)
{
    char low = (char)(c | 0x20);
    return c >= '0' && c <= '9' ? c - '0' : low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

/*
 * The scanners of this machine, sixteen bytes at a time where its processor has instructions for that which we know:
 * scan_sse2.c or scan_neon.c, else scan_plain.c. The Makefile chooses; the answers are the same.
 */
const char *scan_token(const char *at, const char *end);

/* All of visible ASCII may stand in a target but "#", which begins a fragment and is never sent (RFC 9112 3.2). What
 * RFC 3986 would have encoded ("<>\^`{|} and the quote) is let through: browsers send some of it, and it has one
 * reading only. */
const char *scan_target(const char *at, const char *end);

const char *scan_value(const char *at, const char *end);

/* The same in portable C: on any machine, for what is left when there are less than sixteen bytes, and for tests to
 * hold the others against. */
const char *scan_token_plain(const char *at, const char *end);
const char *scan_target_plain(const char *at, const char *end);
const char *scan_value_plain(const char *at, const char *end);

#endif
