/*
 * "MAX LENGTH\nBYTES": the bytes are read as a body of that length, or as a chunked one where it is 0. However they are
 * cut, the outcome is the same. Where a body ends, another reader, who believes everything, finds the end as well; and
 * what a careful writer wrote is read to its end and not a byte further.
 */
#include "fuzz/fuzz.h"

#include "http/body.h"

#include <stdio.h>

enum { LINE_MAX = 64 };

struct outcome {
    enum body_result result;
    size_t used;
};

static const struct request chunked = {.chunked = true};

/* Reads in pieces of `most` bytes at most. */
static struct outcome read_pieces(struct slice bytes, const struct request *request, uint64_t max, size_t most)
{
    struct outcome outcome = {BODY_MORE, 0};
    struct body body;
    uint64_t seed = fuzz_seed(bytes);
    size_t used;
    body_begin(&body, request, max);
    for (; outcome.result == BODY_MORE && outcome.used < bytes.len; outcome.used += used) {
        size_t left = bytes.len - outcome.used, len = 1 + fuzz_next(&seed) % most;
        len = len < left ? len : left;
        char *piece = fuzz_copy((struct slice){bytes.at + outcome.used, len});
        CHECK(body_is_open(&body));
        outcome.result = body_read(&body, (struct slice){piece, len}, &used);
        CHECK(used <= len && (used == len || outcome.result != BODY_MORE));
        free(piece);
    }
    CHECK(outcome.result >= BODY_DONE && outcome.result <= BODY_TOO_LARGE);
    CHECK(outcome.result > BODY_MORE || body_is_open(&body) == (outcome.result == BODY_MORE));
    return outcome;
}

/* Cuts a line off the front, which ends in CRLF. */
static struct slice cut_line(struct slice *bytes)
{
    const char *crlf = memmem(bytes->at, bytes->len, "\r\n", 2);
    CHECK(crlf != NULL);
    struct slice line = {bytes->at, (size_t)(crlf - bytes->at)};
    *bytes = (struct slice){crlf + 2, bytes->len - line.len - 2};
    return line;
}

static uint64_t read_size(struct slice line)
{
    char digits[LINE_MAX] = {0}, *end;
    memcpy(digits, line.at, line.len < LINE_MAX ? line.len : LINE_MAX - 1);
    uint64_t size = strtoull(digits, &end, 16);
    CHECK(end > digits);
    return size;
}

/* The length of a chunked body, and in *data of what is in it, for somebody who looks for line ends only. */
static size_t naive_length(struct slice bytes, uint64_t *data)
{
    struct slice rest = bytes;
    uint64_t size;
    *data = 0;
    while ((size = read_size(cut_line(&rest))) > 0) {
        CHECK(size <= rest.len);
        rest = (struct slice){rest.at + size, rest.len - size};
        CHECK(cut_line(&rest).len == 0);
        *data += size;
    }
    while (cut_line(&rest).len > 0)
        ;
    return bytes.len - rest.len;
}

static void check_end(struct slice bytes, const struct request *request, uint64_t max, struct outcome outcome)
{
    uint64_t data = request->content_length;
    if (request->chunked)
        CHECK(naive_length((struct slice){bytes.at, outcome.used}, &data) == outcome.used);
    else
        CHECK(outcome.used == request->content_length);
    CHECK(data <= max);
}

static void check_cuts(struct slice bytes, const struct request *request, uint64_t max)
{
    static const size_t most[] = {1, 3, 40, 4000};
    struct outcome whole = {BODY_MORE, 0};
    struct body body;
    body_begin(&body, request, max);
    whole.result = body_read(&body, bytes, &whole.used);
    CHECK(whole.used <= bytes.len && (whole.used == bytes.len || whole.result != BODY_MORE));
    for (size_t i = 0; i < sizeof most / sizeof *most && bytes.len > 0; i++) {
        struct outcome pieces = read_pieces(bytes, request, max, most[i]);
        CHECK(pieces.result == whole.result && pieces.used == whole.used);
    }
    if (whole.result == BODY_DONE)
        check_end(bytes, request, max, whole);
}

/* The data as a chunked body, whose end stands before `behind`. */
static void put_chunked(struct buffer *out, struct slice data, struct slice behind)
{
    static const char *const extensions[] = {"", ";a", " ; a = \"\\\"\"", "\t;a=b;c"};
    uint64_t seed = fuzz_seed(data);
    char line[LINE_MAX];
    while (data.len > 0) {
        size_t len = 1 + fuzz_next(&seed) % data.len;
        int digits = 1 + (int)(fuzz_next(&seed) % 16);
        snprintf(line, sizeof line, "%.*zx%s\r\n", digits, len, extensions[fuzz_next(&seed) % 4]);
        fuzz_put(out, slice_of(line));
        fuzz_put(out, (struct slice){data.at, len});
        fuzz_put(out, SLICE("\r\n"));
        data = (struct slice){data.at + len, data.len - len};
    }
    fuzz_put(out, fuzz_next(&seed) % 2 == 0 ? SLICE("0\r\n\r\n") : SLICE("00;a\r\nA: b\r\n\r\n"));
    fuzz_put(out, behind);
}

static void check_written(struct slice data)
{
    const struct slice behind = SLICE("0\r\n\r\n");
    struct buffer out;
    buffer_init(&out);
    put_chunked(&out, data, behind);
    struct outcome outcome = read_pieces(buffer_bytes(&out), &chunked, data.len, 100);
    CHECK(outcome.result == BODY_DONE && outcome.used == buffer_length(&out) - behind.len);
    if (data.len > 0)
        CHECK(read_pieces(buffer_bytes(&out), &chunked, data.len - 1, 100).result == BODY_TOO_LARGE);
    buffer_fini(&out);
}

void fuzz(struct slice input)
{
    uint64_t max = fuzz_number(&input);
    const struct request counted = {.content_length = fuzz_number(&input) & INT64_MAX};
    check_cuts(input, counted.content_length > 0 ? &counted : &chunked, max);
    check_written(input);
}
