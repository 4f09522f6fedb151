#include "http/range.h"

/* Reads the digits at the front of *text, at most UINT64_MAX; false when there are none. */
static bool cut_number(struct slice *text, uint64_t *number)
{
    size_t i = 0;
    *number = 0;
    for (; i < text->len && text->at[i] >= '0' && text->at[i] <= '9'; i++) {
        uint64_t digit = (uint64_t)(text->at[i] - '0');
        *number = *number > (UINT64_MAX - digit) / 10 ? UINT64_MAX : *number * 10 + digit;
    }
    *text = (struct slice){text->at + i, text->len - i};
    return i > 0;
}

static bool cut_text(struct slice *text, struct slice start)
{
    if (text->len < start.len || !slice_equal_fold((struct slice){text->at, start.len}, start))
        return false;
    *text = (struct slice){text->at + start.len, text->len - start.len};
    return true;
}

/* A suffix is satisfiable unless its length is 0, but nothing of an empty representation can be told as a part. */
static enum range_kind parse_suffix(struct slice text, uint64_t size, struct range *range)
{
    uint64_t suffix;
    if (!cut_number(&text, &suffix) || text.len > 0)
        return RANGE_WHOLE;
    if (suffix == 0)
        return RANGE_UNSATISFIABLE;
    if (size == 0)
        return RANGE_WHOLE;
    uint64_t length = suffix < size ? suffix : size;
    *range = (struct range){size - length, length};
    return RANGE_PART;
}

enum range_kind range_parse(struct slice value, uint64_t size, struct range *range)
{
    uint64_t first, last = UINT64_MAX;
    if (!cut_text(&value, SLICE("bytes=")))
        return RANGE_WHOLE;
    if (cut_text(&value, SLICE("-")))
        return parse_suffix(value, size, range);
    if (!cut_number(&value, &first) || !cut_text(&value, SLICE("-")))
        return RANGE_WHOLE;
    if (value.len > 0 && (!cut_number(&value, &last) || value.len > 0 || last < first))
        return RANGE_WHOLE;
    if (first >= size)
        return RANGE_UNSATISFIABLE;
    if (last >= size)
        last = size - 1;
    *range = (struct range){first, last - first + 1};
    return RANGE_PART;
}
