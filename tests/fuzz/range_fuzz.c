/*
 * "SIZE\nFIELD": a file's size and a Range field. What range_parse() makes of it is held against another reading of
 * what was asked for, and the length that multipart_length() foretells against what is put.
 */
#include "fuzz/fuzz.h"

#include "http/media.h"
#include "http/multipart.h"

enum { ABOVE_WHOLE_MAX = 8192 }; /* bytes that a response may have beyond the whole file's */

struct span {
    uint64_t first, end; /* offsets of the first byte, and behind the last */
};

/* What was asked for. */
struct asked {
    bool invalid;
    size_t elements, count;
    uint64_t sum; /* of the lengths, at most UINT64_MAX */
    struct span at[RANGES_MAX];
};

static bool read_number(const char **at, uint64_t *number)
{
    char *end;
    if (**at < '0' || **at > '9')
        return false;
    *number = strtoull(*at, &end, 10); /* UINT64_MAX where it is larger */
    *at = end;
    return true;
}

/* "first-last", "first-", "-suffix" */
static bool read_span(const char *at, uint64_t size, struct span *span)
{
    uint64_t first = 0, last = UINT64_MAX;
    bool has_first = read_number(&at, &first);
    if (*at++ != '-')
        return false;
    bool has_last = read_number(&at, &last);
    if (*at != '\0' || (!has_first && !has_last) || (has_first && last < first))
        return false;
    *span = (struct span){first, last < size ? last + 1 : size};
    if (!has_first)
        *span = (struct span){last < size ? size - last : 0, size};
    return has_first || last == 0 || size > 0; /* a suffix of an empty file is none */
}

static void read_element(struct asked *asked, const char *text, uint64_t size)
{
    struct span span;
    if (!read_span(text, size, &span) || ++asked->elements > RANGES_MAX) {
        asked->invalid = true;
    } else if (span.first < span.end) {
        uint64_t length = span.end - span.first;
        asked->sum += length < UINT64_MAX - asked->sum ? length : UINT64_MAX - asked->sum;
        asked->at[asked->count++] = span;
    }
}

/* The field, ended by a NUL, is torn up. */
static void read_field(struct asked *asked, char *field, uint64_t size)
{
    char *rest = field + strlen("bytes="), *element;
    asked->invalid = strncasecmp(field, "bytes=", strlen("bytes=")) != 0 || rest[0] == ' ' || rest[0] == '\t';
    while (!asked->invalid && (element = strsep(&rest, ",")) != NULL) {
        struct slice text = slice_trim(slice_of(element));
        element[text.at - element + (ptrdiff_t)text.len] = '\0';
        if (text.len > 0)
            read_element(asked, text.at, size);
    }
}

static struct asked read_asked(struct slice field, uint64_t size)
{
    struct asked asked = {.invalid = memchr(field.at, '\0', field.len) != NULL};
    char *text = fuzz_take(field.len + 1);
    memcpy(text, field.at, field.len);
    text[field.len] = '\0';
    if (!asked.invalid)
        read_field(&asked, text, size);
    free(text);
    return asked;
}

static enum range_kind expected_kind(const struct asked *asked, uint64_t size)
{
    if (asked->invalid || asked->elements == 0 || asked->sum > size)
        return RANGE_WHOLE;
    return asked->count > 0 ? RANGE_PARTS : RANGE_UNSATISFIABLE;
}

static bool is_within(struct span span, struct range range)
{
    return span.first >= range.first && span.end - range.first <= range.length;
}

/* What was asked for reaches from the range's first byte to its last, without a gap that is too wide. */
static void check_covered(const struct asked *asked, struct range range)
{
    uint64_t reached = range.first;
    bool starts = false;
    for (size_t i = 0; i < asked->count; i++) {
        for (size_t j = 0; j < asked->count; j++) {
            struct span span = asked->at[j];
            starts = starts || span.first == range.first;
            if (is_within(span, range) && span.end > reached &&
                (span.first <= reached || span.first - reached <= RANGES_GAP))
                reached = span.end;
        }
    }
    CHECK(starts && reached == range.first + range.length);
}

static void check_apart(struct range a, struct range b)
{
    CHECK(a.first > b.first ? a.first - b.first > b.length + RANGES_GAP : b.first - a.first > a.length + RANGES_GAP);
}

/* Each that was asked for lies in a range, and they begin in the order in which they are asked for. */
static void check_order(const struct asked *asked, const struct ranges *ranges)
{
    uint32_t seen = 0;
    for (size_t i = 0; i < asked->count; i++) {
        uint32_t at = 0;
        while (at < ranges->count && !is_within(asked->at[i], ranges->at[at]))
            at++;
        CHECK(at <= seen && at < ranges->count);
        seen += at == seen;
    }
    CHECK(seen == ranges->count);
}

static void check_ranges(const struct asked *asked, const struct ranges *ranges, uint64_t size)
{
    CHECK(ranges->count >= 1 && ranges->count <= RANGES_MAX);
    for (uint32_t i = 0; i < ranges->count; i++) {
        struct range range = ranges->at[i];
        CHECK(range.length >= 1 && range.first < size && range.length <= size - range.first);
        check_covered(asked, range);
        for (uint32_t j = 0; j < i; j++)
            check_apart(range, ranges->at[j]);
    }
    check_order(asked, ranges);
}

static void check_multipart(const struct ranges *ranges, uint64_t size)
{
    struct multipart multipart;
    struct buffer out;
    uint64_t data = 0;
    buffer_init(&out);
    multipart_init(&multipart, media_type(SLICE("a.pptx")), size, size); /* the longest that we know */
    for (uint32_t i = 0; i < ranges->count; i++) {
        CHECK(multipart_put_part(&multipart, ranges->at[i], &out) == 0);
        data += ranges->at[i].length;
    }
    CHECK(multipart_put_end(&multipart, &out) == 0);
    CHECK(multipart_length(&multipart, ranges) == data + buffer_length(&out));
    CHECK(data <= size && buffer_length(&out) <= size - data + ABOVE_WHOLE_MAX);
    buffer_fini(&out);
}

void fuzz(struct slice input)
{
    uint64_t size = fuzz_number(&input) & INT64_MAX;
    struct slice field = slice_trim(input);
    struct ranges ranges;
    char *copy = fuzz_copy(field);
    enum range_kind kind = range_parse((struct slice){copy, field.len}, size, &ranges);
    struct asked asked = read_asked(field, size);
    CHECK(kind == expected_kind(&asked, size));
    if (kind == RANGE_PARTS) {
        check_ranges(&asked, &ranges, size);
        check_multipart(&ranges, size);
    }
    free(copy);
}
