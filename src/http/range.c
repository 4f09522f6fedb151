/*
 * A field is read once, front to back, and each range is laid among those before it at once: n is at most RANGES_MAX,
 * so that looking at all of them is cheap, and nothing is allocated or sorted. What a file can't hold is never
 * computed: offsets and lengths are cut to its size before anything is added to them.
 */
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
    return RANGE_PARTS;
}

/* One element of the list; RANGE_PARTS with *range. */
static enum range_kind parse_one(struct slice text, uint64_t size, struct range *range)
{
    uint64_t first, last = UINT64_MAX;
    if (cut_text(&text, SLICE("-")))
        return parse_suffix(text, size, range);
    if (!cut_number(&text, &first) || !cut_text(&text, SLICE("-")))
        return RANGE_WHOLE;
    if (text.len > 0 && (!cut_number(&text, &last) || text.len > 0 || last < first))
        return RANGE_WHOLE;
    if (first >= size)
        return RANGE_UNSATISFIABLE;
    if (last >= size)
        last = size - 1;
    *range = (struct range){first, last - first + 1};
    return RANGE_PARTS;
}

/* Offset behind the last byte: at most the file's size. */
static uint64_t end_of(struct range range)
{
    return range.first + range.length;
}

static bool are_near(struct range a, struct range b)
{
    if (a.first > b.first)
        return are_near(b, a);
    return b.first <= end_of(a) || b.first - end_of(a) <= RANGES_GAP;
}

/* Both, and what lies between them. */
static struct range join(struct range a, struct range b)
{
    uint64_t first = a.first < b.first ? a.first : b.first;
    uint64_t end = end_of(a) > end_of(b) ? end_of(a) : end_of(b);
    return (struct range){first, end - first};
}

/*
 * Joins the range with all that it is near to, in the place of the first of them, or puts it last. One pass is enough:
 * those that were there are not near to each other, so that what is near to the joined range was near to this one.
 */
static void lay(struct ranges *ranges, struct range range)
{
    uint32_t place = ranges->count, kept = 0;
    for (uint32_t i = 0; i < ranges->count; i++) {
        if (!are_near(ranges->at[i], range)) {
            ranges->at[kept++] = ranges->at[i];
            continue;
        }
        range = join(ranges->at[i], range);
        if (place == ranges->count)
            place = kept++;
    }
    if (place == ranges->count)
        place = kept++;
    ranges->at[place] = range;
    ranges->count = kept;
}

enum range_kind range_parse(struct slice value, uint64_t size, struct ranges *ranges)
{
    struct slice element;
    struct range range;
    uint64_t left = size; /* what the sum of the ranges may still grow by */
    int asked = 0;
    ranges->count = 0;
    if (!cut_text(&value, SLICE("bytes=")) || slice_trim(value).len != value.len)
        return RANGE_WHOLE;
    for (; slice_next_element(&value, &element); asked++) {
        enum range_kind kind = parse_one(element, size, &range);
        if (kind == RANGE_WHOLE || asked == RANGES_MAX)
            return RANGE_WHOLE;
        if (kind == RANGE_UNSATISFIABLE)
            continue;
        if (range.length > left)
            return RANGE_WHOLE;
        left -= range.length;
        lay(ranges, range);
    }
    if (asked == 0)
        return RANGE_WHOLE;
    return ranges->count > 0 ? RANGE_PARTS : RANGE_UNSATISFIABLE;
}
