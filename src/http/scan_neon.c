/*
 * Sixteen bytes at a time with NEON, which every AArch64 has: scan_sse2.c in its words. There is no instruction that
 * draws top bits together, but one that halves each pair of bytes to four bits of either.
 */
#include "http/scan.h"

#include <arm_neon.h>

enum { STEP = sizeof(uint8x16_t) };

static inline uint8x16_t load(const char *at)
{
    return vld1q_u8((const uint8_t *)at);
}

static inline uint8x16_t either(uint8x16_t a, uint8x16_t b)
{
    return vorrq_u8(a, b);
}

static inline uint8x16_t without(uint8x16_t a, uint8x16_t b)
{
    return vbicq_u8(a, b);
}

static inline uint8x16_t is_byte(uint8x16_t bytes, uint8_t byte)
{
    return vceqq_u8(bytes, vdupq_n_u8(byte));
}

static inline uint8x16_t is_between(uint8x16_t bytes, uint8_t low, uint8_t high)
{
    return vandq_u8(vcgeq_u8(bytes, vdupq_n_u8(low)), vcleq_u8(bytes, vdupq_n_u8(high)));
}

static inline uint8x16_t is_letter(uint8x16_t bytes)
{
    return is_between(vorrq_u8(bytes, vdupq_n_u8(0x20)), 'a', 'z');
}

/* How many bytes belong before the first that doesn't: STEP when all do. */
static inline int count(uint8x16_t belongs)
{
    uint64_t others = ~vget_lane_u64(vreinterpret_u64_u8(vshrn_n_u16(vreinterpretq_u16_u8(belongs), 4)), 0);
    return others == 0 ? STEP : __builtin_ctzll(others) / 4;
}

/* Most names are letters, digits and hyphens. A name with one of the rarer bytes goes on byte by byte. */
const char *scan_token(const char *at, const char *end)
{
    for (; end - at >= STEP; at += STEP) {
        uint8x16_t bytes = load(at);
        int len = count(either(is_letter(bytes), either(is_between(bytes, '0', '9'), is_byte(bytes, '-'))));
        if (len < STEP)
            return scan_is(at[len], SCAN_TOKEN) ? scan_token_plain(at + len, end) : at + len;
    }
    return scan_token_plain(at, end);
}

const char *scan_target(const char *at, const char *end)
{
    for (; end - at >= STEP; at += STEP) {
        uint8x16_t bytes = load(at);
        int len = count(without(is_between(bytes, 0x21, 0x7e), is_byte(bytes, '#')));
        if (len < STEP)
            return at + len;
    }
    return scan_target_plain(at, end);
}

const char *scan_value(const char *at, const char *end)
{
    for (; end - at >= STEP; at += STEP) {
        uint8x16_t bytes = load(at);
        int len = count(without(either(is_between(bytes, 0x20, 0xff), is_byte(bytes, '\t')), is_byte(bytes, 0x7f)));
        if (len < STEP)
            return at + len;
    }
    return scan_value_plain(at, end);
}
