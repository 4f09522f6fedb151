/*
 * Sixteen bytes at a time with SSE2, which every x86-64 has. A comparison leaves 0xff in the bytes where it holds and 0
 * in the others; their top bits, drawn together, tell the first byte that doesn't belong. The loops are in scan_wide.h.
 */
#include "http/scan.h"

#include <emmintrin.h>

typedef __m128i wide;

enum { STEP = sizeof(wide) };

static inline wide load(const char *at)
{
    return _mm_loadu_si128((const __m128i *)(const void *)at);
}

static inline wide either(wide a, wide b)
{
    return _mm_or_si128(a, b);
}

static inline wide without(wide a, wide b)
{
    return _mm_andnot_si128(b, a);
}

static inline wide is_byte(wide bytes, char byte)
{
    return _mm_cmpeq_epi8(bytes, _mm_set1_epi8(byte));
}

/* low <= byte <= high, unsigned: what lies below low wraps around, and is then beyond. */
static inline wide is_between(wide bytes, int low, int high)
{
    wide above = _mm_sub_epi8(bytes, _mm_set1_epi8((char)low));
    return _mm_cmpeq_epi8(_mm_min_epu8(above, _mm_set1_epi8((char)(high - low))), above);
}

static inline wide is_letter(wide bytes)
{
    return is_between(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), 'a', 'z');
}

/* How many bytes belong before the first that doesn't: STEP when all do. */
static inline int count(wide belongs)
{
    return __builtin_ctz(~(unsigned)_mm_movemask_epi8(belongs));
}

#include "scan_wide.h" /* in the words above */
