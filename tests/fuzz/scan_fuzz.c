/*
 * The scanners of this machine, the plain ones and a table agree wherever a scan begins and ends; and so does the
 * parser, built upon either.
 */
#include "fuzz/fuzz.h"

#include "http/scan.h"

/* request.c once more, upon the plain scanners: see the Makefile. */
enum request_result request_parse_plain(struct slice bytes, const struct request_limits *limits,
                                        struct request *request, size_t *length, int *status);

enum {
    ALL_PLACES_MAX = 128, /* bytes: where there are more, some places must do */
    SOME_PLACES = 32,
};

static void check_class(const char *at, const char *end, enum scan_class class,
                        const char *(*fast)(const char *at, const char *end),
                        const char *(*plain)(const char *at, const char *end))
{
    const char *stop = at;
    while (stop < end && scan_is(*stop, class))
        stop++;
    CHECK(fast(at, end) == stop);
    CHECK(plain(at, end) == stop);
}

static void check_place(const char *at, const char *end)
{
    check_class(at, end, SCAN_TOKEN, scan_token, scan_token_plain);
    check_class(at, end, SCAN_TARGET, scan_target, scan_target_plain);
    check_class(at, end, SCAN_VALUE, scan_value, scan_value_plain);
}

static void check_places(struct slice bytes, uint64_t seed)
{
    const char *end = bytes.at + bytes.len;
    if (bytes.len <= ALL_PLACES_MAX) {
        for (const char *at = bytes.at; at <= end; at++)
            check_place(at, end);
        return;
    }
    for (int i = 0; i < SOME_PLACES; i++)
        check_place(bytes.at + fuzz_next(&seed) % bytes.len, end);
}

/* Both parsers are the same object code, so that what lies between the members is the same as well. */
static void check_parsers(struct slice bytes)
{
    struct request fast, plain;
    size_t fast_length = 0, plain_length = 0;
    int fast_status = 0, plain_status = 0;
    memset(&fast, 0, sizeof fast);
    memset(&plain, 0, sizeof plain);
    CHECK(request_parse(bytes, &fuzz_limits, &fast, &fast_length, &fast_status) ==
          request_parse_plain(bytes, &fuzz_limits, &plain, &plain_length, &plain_status));
    CHECK(fast_length == plain_length && fast_status == plain_status);
    CHECK(memcmp(&fast, &plain, sizeof fast) == 0);
}

void fuzz(struct slice input)
{
    uint64_t seed = fuzz_seed(input);
    size_t len = input.len > 0 ? fuzz_next(&seed) % input.len : 0;
    char *prefix = fuzz_copy((struct slice){input.at, len});
    check_places(input, seed);
    check_places((struct slice){prefix, len}, seed);
    check_parsers(input);
    free(prefix);
}
