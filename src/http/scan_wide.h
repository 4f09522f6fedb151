/*
 * The scanners over wide words, STEP bytes at a time, in the primitives of the file that includes this one as its last
 * line: wide, the type of such a word; load; is_byte, is_between and is_letter, which mark the bytes of which that
 * holds; either and without, which join marks; count. Fewer than STEP bytes at the end are left to the plain scanners,
 * so that nothing is read beyond it.
 *
 * It is a header, and stands here, because it is half a source: the compiler must see the primitives to make them
 * instructions in the loops, and what belongs to a class must not be written once for each processor. Nobody else has
 * a use for it.
 */
#ifndef SHUNT_HTTP_SCAN_WIDE_H
#define SHUNT_HTTP_SCAN_WIDE_H

/* Most names are letters, digits and hyphens. A name with one of the rarer bytes goes on byte by byte. */
const char *scan_token(const char *at, const char *end)
{
    for (; end - at >= STEP; at += STEP) {
        wide bytes = load(at);
        int len = count(either(is_letter(bytes), either(is_between(bytes, '0', '9'), is_byte(bytes, '-'))));
        if (len < STEP)
            return scan_is(at[len], SCAN_TOKEN) ? scan_token_plain(at + len, end) : at + len;
    }
    return scan_token_plain(at, end);
}

const char *scan_target(const char *at, const char *end)
{
    for (; end - at >= STEP; at += STEP) {
        wide bytes = load(at);
        int len = count(without(is_between(bytes, 0x21, 0x7e), is_byte(bytes, '#')));
        if (len < STEP)
            return at + len;
    }
    return scan_target_plain(at, end);
}

const char *scan_value(const char *at, const char *end)
{
    for (; end - at >= STEP; at += STEP) {
        wide bytes = load(at);
        int len = count(without(either(is_between(bytes, 0x20, 0xff), is_byte(bytes, '\t')), is_byte(bytes, 0x7f)));
        if (len < STEP)
            return at + len;
    }
    return scan_value_plain(at, end);
}

#endif
