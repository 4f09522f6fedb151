/*
 * Sixteen bytes at a time with SSE2, which every x86-64 has. A comparison leaves 0xff in the bytes where it holds and 0
 * in the others; their top bits, drawn together, tell the first byte that doesn't belong. Fewer than sixteen bytes at
 * the end are left to the plain scanners, so that nothing is read beyond it.
 */
#include "http/scan.h"

#include <emmintrin.h>

enum { STEP = sizeof(__m128i) };

static inline __m128i load(const char *at)
{
    return _mm_loadu_si128((const __m128i *)(const void *)at);
}

static inline __m128i either(__m128i a, __m128i b)
{
    return _mm_or_si128(a, b);
}

static inline __m128i without(__m128i a, __m128i b)
{
    return _mm_andnot_si128(b, a);
}

static inline __m128i is_byte(__m128i bytes, char byte)
{
    return _mm_cmpeq_epi8(bytes, _mm_set1_epi8(byte));
}

/* low <= byte <= high, unsigned: what lies below low wraps around, and is then beyond. */
static inline __m128i is_between(__m128i bytes, int low, int high)
{
    __m128i above = _mm_sub_epi8(bytes, _mm_set1_epi8((char)low));
    return _mm_cmpeq_epi8(_mm_min_epu8(above, _mm_set1_epi8((char)(high - low))), above);
}

static inline __m128i is_letter(__m128i bytes)
{
    return is_between(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), 'a', 'z');
}

/* How many bytes belong before the first that doesn't: STEP when all do. */
static inline int count(__m128i belongs)
{
    return __builtin_ctz(~(unsigned)_mm_movemask_epi8(belongs));
}

/* Most names are letters, digits and hyphens. A name with one of the rarer bytes goes on byte by byte. */
const char *scan_token(const char *at, const char *end)
{
    for (; end - at >= STEP; at += STEP) {
        __m128i bytes = load(at);
        int len = count(either(is_letter(bytes), either(is_between(bytes, '0', '9'), is_byte(bytes, '-'))));
        if (len < STEP)
            return scan_is(at[len], SCAN_TOKEN) ? scan_token_plain(at + len, end) : at + len;
    }
    return scan_token_plain(at, end);
}

const char *scan_target(const char *at, const char *end)
{
    for (; end - at >= STEP; at += STEP) {
        __m128i bytes = load(at);
        int len = count(without(is_between(bytes, 0x21, 0x7e), is_byte(bytes, '#')));
        if (len < STEP)
            return at + len;
    }
    return scan_target_plain(at, end);
}

const char *scan_value(const char *at, const char *end)
{
    for (; end - at >= STEP; at += STEP) {
        __m128i bytes = load(at);
        int len = count(without(either(is_between(bytes, 0x20, 0xff), is_byte(bytes, '\t')), is_byte(bytes, 0x7f)));
        if (len < STEP)
            return at + len;
    }
    return scan_value_plain(at, end);
}
