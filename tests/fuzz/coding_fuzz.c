/*
 * Field lines, "Accept-Encoding: …" among them. What is read from them doesn't depend on case, nor on how the list is
 * spread over fields; what is said last counts; and what is chosen is the best of what is there.
 */
#include "fuzz/fuzz.h"

#include "http/coding.h"

#include <ctype.h>

#define NAME "Accept-Encoding:"

/* False where the head isn't a valid one. */
static bool read_lines(struct slice lines, struct slice more, struct coding_weights *weights, bool *asked)
{
    struct request request;
    char *head = fuzz_request(lines, more, &request);
    if (head == NULL)
        return false;
    *weights = coding_read(&request);
    *asked = request.accept_encoding.len > 0;
    free(head);
    return true;
}

static bool is_same(const struct coding_weights *a, const struct coding_weights *b)
{
    return memcmp(a->of, b->of, sizeof a->of) == 0;
}

static void check_same(struct slice lines, const struct coding_weights *expected)
{
    struct coding_weights weights;
    bool asked;
    if (read_lines(lines, (struct slice){0}, &weights, &asked))
        CHECK(is_same(&weights, expected));
}

static void check_case(struct slice lines, const struct coding_weights *expected)
{
    char *upper = fuzz_copy(lines);
    for (size_t i = 0; i < lines.len; i++)
        upper[i] = (char)toupper((unsigned char)upper[i]);
    check_same((struct slice){upper, lines.len}, expected);
    free(upper);
}

/* Every element in a field of its own. */
static void check_spread(struct slice lines, const struct coding_weights *expected)
{
    struct buffer out;
    if (lines.len == 0 || memchr(lines.at, '"', lines.len) != NULL)
        return; /* within quotes a comma is part of an element */
    buffer_init(&out);
    while (lines.len > 0) {
        struct slice line = fuzz_line(&lines);
        bool ours = line.len >= strlen(NAME) && slice_equal_fold((struct slice){line.at, strlen(NAME)}, SLICE(NAME));
        for (size_t i = 0; i < line.len; i++)
            fuzz_put(&out, ours && line.at[i] == ',' ? SLICE("\n" NAME) : (struct slice){line.at + i, 1});
        fuzz_put(&out, SLICE("\n"));
    }
    check_same(buffer_bytes(&out), expected);
    buffer_fini(&out);
}

/* One more element. What it names has the weight that it says, and nothing else changes. */
static void check_last(struct slice lines, const struct coding_weights *before, bool asked)
{
    static const struct {
        const char *field;
        enum coding coding;
        uint16_t weight;
    } rows[] = {
        {NAME " gzip\r\n", CODING_GZIP, 1000},
        {NAME "x-gZip ; Q=0.2\r\n", CODING_GZIP, 200},
        {NAME ",br;q=0.125,\r\n", CODING_BR, 125},
        {NAME " zstd;q=0\r\n", CODING_ZSTD, 0},
        {NAME " identity;q=0.001\r\n", CODING_IDENTITY, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct coding_weights weights;
        bool is_asked;
        if (!read_lines(lines, slice_of(rows[i].field), &weights, &is_asked))
            continue;
        for (int coding = 0; coding < CODINGS; coding++)
            if (coding == (int)rows[i].coding)
                CHECK(weights.of[coding] == rows[i].weight);
            else if (asked)
                CHECK(weights.of[coding] == before->of[coding]);
    }
}

static void check_choice(const struct coding_weights *weights, uint32_t available)
{
    enum coding chosen = coding_choose(weights, available);
    CHECK(chosen == CODING_IDENTITY || (chosen < CODINGS && (available >> chosen & 1) != 0));
    CHECK(chosen == CODING_IDENTITY || weights->of[chosen] > 0);
    for (int other = 0; other < CODINGS; other++) {
        int more = weights->of[other] - weights->of[chosen];
        bool worse = more < 0 || (more == 0 && other <= (int)chosen);
        CHECK(worse || weights->of[other] == 0 || (other != CODING_IDENTITY && (available >> other & 1) == 0));
    }
    CHECK((coding_name(chosen).len == 0) == (chosen == CODING_IDENTITY));
}

void fuzz(struct slice input)
{
    struct coding_weights weights;
    bool asked;
    if (!read_lines(input, (struct slice){0}, &weights, &asked))
        return;
    for (int coding = 0; coding < CODINGS; coding++)
        CHECK(weights.of[coding] <= CODING_WEIGHT_MAX);
    for (uint32_t available = 0; available < 1 << CODINGS; available++)
        check_choice(&weights, available);
    check_case(input, &weights);
    check_spread(input, &weights);
    check_last(input, &weights, asked);
}
