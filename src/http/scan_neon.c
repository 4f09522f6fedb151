/*
 * Sixteen bytes at a time with NEON, which every AArch64 has: scan_sse2.c in its words. There is no instruction that
 * draws top bits together, but one that halves each pair of bytes to four bits of either. The loops are in scan_wide.h.
 */
#include "http/scan.h"

#include <arm_neon.h>

typedef uint8x16_t wide;

enum { STEP = sizeof(wide) };

static inline wide load(const char *at)
{
    return vld1q_u8((const uint8_t *)at);
}

static inline wide either(wide a, wide b)
{
    return vorrq_u8(a, b);
}

static inline wide without(wide a, wide b)
{
    return vbicq_u8(a, b);
}

static inline wide is_byte(wide bytes, uint8_t byte)
{
    return vceqq_u8(bytes, vdupq_n_u8(byte));
}

static inline wide is_between(wide bytes, uint8_t low, uint8_t high)
{
    return vandq_u8(vcgeq_u8(bytes, vdupq_n_u8(low)), vcleq_u8(bytes, vdupq_n_u8(high)));
}

static inline wide is_letter(wide bytes)
{
    return is_between(vorrq_u8(bytes, vdupq_n_u8(0x20)), 'a', 'z');
}

/* How many bytes belong before the first that doesn't: STEP when all do. */
static inline int count(wide belongs)
{
    uint64_t others = ~vget_lane_u64(vreinterpret_u64_u8(vshrn_n_u16(vreinterpretq_u16_u8(belongs), 4)), 0);
    return others == 0 ? STEP : __builtin_ctzll(others) / 4;
}

#include "scan_wide.h" /* in the words above */
