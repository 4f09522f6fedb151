/*
 * The classes, and the scanners in portable C. Targets and values are looked at eight bytes at a time, in plain
 * arithmetic on a word, until a word holds a byte that may not belong; a table says which. Method and field names are
 * too short for that.
 *
 * The arithmetic: for n up to 0x80, subtracting n from every byte borrows into the top bit of those below n. A borrow
 * may reach on into the byte above, so that a bit tells only that there is such a byte in the word, not which.
 */
#include "http/scan.h"

#include <stdint.h>
#include <string.h>

const unsigned char scan_classes[256] = {
    /* clang-format off */
     0,  0,  0,  0,  0,  0,  0,  0,  0,  4,  0,  0,  0,  0,  0,  0, /* 00 */
     0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0, /* 10 */
     4, 15,  6,  5, 15,  7, 15, 15, 14, 14, 15, 15, 14, 15, 15,  6, /* 20 */
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15,  6, 14,  6, 14,  6,  6, /* 30 */
     6, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, /* 40 */
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,  6,  6,  6,  7, 15, /* 50 */
     7, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, /* 60 */
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,  6,  7,  6, 15,  0, /* 70 */
     4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4, /* 80 */
     4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4, /* 90 */
     4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4, /* a0 */
     4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4, /* b0 */
     4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4, /* c0 */
     4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4, /* d0 */
     4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4, /* e0 */
     4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4, /* f0 */
    /* clang-format on */
};

#define EVERY(byte) (UINT64_MAX / 255 * (byte))

static inline uint64_t load(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

/* Not 0 when a byte of the word is less than n. */
static inline uint64_t has_less(uint64_t word, uint64_t n)
{
    return (word - EVERY(1) * n) & ~word & EVERY(0x80);
}

static inline uint64_t has_byte(uint64_t word, uint64_t byte)
{
    return has_less(word ^ EVERY(1) * byte, 1);
}

/* Not 0 when a byte is 0x7f or more: adding one carries into its top bit, or the bit is there already. */
static inline uint64_t has_beyond_ascii(uint64_t word)
{
    return ((word + EVERY(1)) | word) & EVERY(0x80);
}

static inline const char *skip(const char *at, const char *end, enum scan_class class)
{
    while (at < end && scan_is(*at, class))
        at++;
    return at;
}

const char *scan_token_plain(const char *at, const char *end)
{
    return skip(at, end, SCAN_TOKEN);
}

const char *scan_target_plain(const char *at, const char *end)
{
    while (end - at >= 8) {
        uint64_t word = load(at);
        if (has_less(word, 0x21) | has_byte(word, '#') | has_beyond_ascii(word))
            break;
        at += 8;
    }
    return skip(at, end, SCAN_TARGET);
}

const char *scan_value_plain(const char *at, const char *end)
{
    while (end - at >= 8) {
        uint64_t word = load(at);
        if (has_less(word, 0x20) | has_byte(word, 0x7f)) {
            /* A tab belongs, so the words may go on behind it. */
            const char *stop = skip(at, at + 8, SCAN_VALUE);
            if (stop < at + 8)
                return stop;
        }
        at += 8;
    }
    return skip(at, end, SCAN_VALUE);
}
