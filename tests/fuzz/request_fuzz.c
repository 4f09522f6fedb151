/*
 * Throws bytes at the request parser, and what comes out at everything that reads parts of a request (libFuzzer).
 *
 * What must hold is checked here; what must not happen, the sanitizers see. The input is copied to memory of exactly
 * its size, so that they see a byte read too many as well.
 */
#include "http/conditional.h"
#include "http/date.h"
#include "http/etag.h"
#include "http/logline.h"
#include "http/media.h"
#include "http/path.h"
#include "http/range.h"
#include "http/request.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW INT64_C(1792000000)

static const struct request_limits limits = {REQUEST_LINE_MAX, REQUEST_HEAD_MAX, REQUEST_FIELDS_MAX};

#define CHECK(holds)                                                                                                   \
    do {                                                                                                               \
        if (!(holds)) {                                                                                                \
            fprintf(stderr, "%s:%d: this doesn't hold: %s\n", __FILE__, __LINE__, #holds);                             \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

static void *take(size_t size)
{
    void *memory = malloc(size);
    CHECK(memory != NULL);
    return memory;
}

static enum request_result parse(struct slice bytes, struct request *request, size_t *length, int *status)
{
    return request_parse(bytes, &limits, request, length, status);
}

static void check_slice(struct slice slice, struct slice bytes)
{
    if (slice.at == NULL)
        CHECK(slice.len == 0);
    else
        CHECK(slice.at >= bytes.at && slice.len <= bytes.len && slice.at + slice.len <= bytes.at + bytes.len);
}

static void check_slices(const struct request *request, struct slice head)
{
    const struct slice all[] = {
        request->line,
        request->target,
        request->query,
        request->host,
        request->range,
        request->if_range,
        request->if_match,
        request->if_none_match,
        request->referer,
        request->user_agent,
        request->if_modified_since,
        request->if_unmodified_since,
        request->accept_encoding,
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        check_slice(all[i], head);
    if (!slice_equal(request->path, SLICE("/")))
        check_slice(request->path, head);
}

static void check_complete(const struct request *request)
{
    CHECK(request->method >= METHOD_GET && request->method <= METHOD_UNKNOWN);
    CHECK(request->minor == 0 || request->minor == 1);
    CHECK(request->line.len > 0 && request->line.len <= limits.line_max && request->target.len > 0);
    CHECK(request->path.len == 0 || request->path.at[0] == '/');
    CHECK(request->query.len == 0 || request->query.at[0] == '?');
    CHECK(request->host.len > 0 || request->minor == 0);
    CHECK(!request->chunked || (request->content_length == 0 && request->minor == 1));
    CHECK(request->content_length <= INT64_MAX);
}

static bool is_status(int status)
{
    return status == 400 || status == 414 || status == 417 || status == 431 || status == 501 || status == 505;
}

/* More bytes turn PARTIAL into something else, and nothing else ever. */
static void check_prefix(struct slice bytes, size_t len, enum request_result whole, size_t whole_length,
                         int whole_status)
{
    struct request request;
    size_t length = 0;
    int status = 0;
    enum request_result result = parse((struct slice){bytes.at, len}, &request, &length, &status);
    if (whole == REQUEST_PARTIAL || (whole == REQUEST_COMPLETE && len < whole_length))
        CHECK(result == REQUEST_PARTIAL);
    if (result != REQUEST_PARTIAL)
        CHECK(result == whole && length == whole_length && status == whole_status);
    check_slices(&request, (struct slice){bytes.at, len});
}

/* Some prefixes, chosen by the bytes: all would be too slow. */
static void check_prefixes(struct slice bytes, enum request_result whole, size_t length, int status)
{
    size_t seed = bytes.len * 2654435761u;
    for (size_t i = 0; i < bytes.len && i < 64; i++)
        seed = seed * 31 + (unsigned char)bytes.at[i];
    for (int i = 0; i < 4 && bytes.len > 0; i++, seed = seed * 6364136223846793005u + 1442695040888963407u)
        check_prefix(bytes, (seed >> 20) % bytes.len, whole, length, status);
    if (whole == REQUEST_COMPLETE)
        check_prefix(bytes, length - 1, whole, length, status);
}

/* Normalised, encoded and normalised again, a path is the same, and it never leaves the root. */
static void feed_path(struct slice raw)
{
    struct slice normal, again;
    char *out = take(raw.len + 1);
    int status = path_normalise(raw, out, &normal);
    CHECK(status == 0 || status == 400 || status == 404);
    if (status == 0) {
        char *encoded = take(3 * normal.len), *second = take(3 * normal.len + 1);
        size_t len = path_encode(normal, encoded);
        CHECK(len >= normal.len && len <= 3 * normal.len);
        CHECK(path_normalise((struct slice){encoded, len}, second, &again) == 0);
        CHECK(slice_equal(normal, again) && path_is_hidden(normal) == path_is_hidden(again));
        CHECK(normal.at == out && normal.at[0] == '/' && normal.at[normal.len] == '\0');
        CHECK(strlen(normal.at) == normal.len && strstr(normal.at, "//") == NULL && strstr(normal.at, "/../") == NULL);
        CHECK(media_type(normal).len > 0);
        free(second);
        free(encoded);
    }
    free(out);
}

static void feed_range(struct slice value, uint64_t size)
{
    struct range range;
    enum range_kind kind = range_parse(value, size, &range);
    CHECK(kind >= RANGE_WHOLE && kind <= RANGE_UNSATISFIABLE);
    if (kind == RANGE_PART)
        CHECK(range.length >= 1 && range.first < size && range.length <= size - range.first);
}

static void feed_date(struct slice text)
{
    int64_t seconds, again;
    char out[DATE_LEN];
    if (!date_parse(text, NOW, &seconds))
        return;
    date_format(seconds, out);
    /* A leap second at the end of the last year has no date of its own. */
    CHECK(date_parse((struct slice){out, DATE_LEN}, NOW, &again) && (again == seconds || again == seconds - 1));
}

static void feed_conditions(const struct request *request, struct slice seed)
{
    char tag[ETAG_MAX];
    int64_t modified = (int64_t)seed.len * 1000;
    struct validators validators = {{tag, etag_format(modified, 0, seed.len, tag)}, modified, seed.len % 2 == 0};
    int status = conditional_evaluate(request, &validators, NOW);
    CHECK(status == 0 || status == 304 || status == 412);
    bool applies = conditional_range_applies(request, &validators, NOW);
    CHECK(applies || request->if_range.at != NULL);
}

static void feed_logline(const struct request *request)
{
    struct logline line = {SLICE("[::1]:1"), NOW, request->line, 200, 1, request->referer, request->user_agent};
    struct buffer out;
    buffer_init(&out);
    CHECK(logline_format(&out, &line) == 0);
    struct slice bytes = buffer_bytes(&out);
    for (size_t i = 0; i + 1 < bytes.len; i++)
        CHECK(bytes.at[i] >= 0x20 && bytes.at[i] <= 0x7e);
    CHECK(bytes.at[bytes.len - 1] == '\n');
    buffer_fini(&out);
}

static void feed_all(const struct request *request, struct slice bytes)
{
    if (request->path.len > 0)
        feed_path(request->path);
    feed_range(request->range, bytes.len);
    feed_range(request->range, UINT64_MAX);
    feed_date(request->if_modified_since);
    feed_date(request->if_range);
    feed_conditions(request, bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = take(size + (size == 0));
    memcpy(copy, data, size);
    struct slice bytes = {copy, size};
    struct request request;
    size_t length = 0;
    int status = 0;
    enum request_result result = parse(bytes, &request, &length, &status);
    check_slices(&request, bytes);
    check_prefixes(bytes, result, length, status);
    feed_logline(&request);
    if (result == REQUEST_COMPLETE) {
        CHECK(length > 0 && length <= size && length <= limits.head_max);
        check_complete(&request);
        feed_all(&request, bytes);
    } else {
        CHECK(result == REQUEST_PARTIAL ? size < limits.head_max : result == REQUEST_INVALID && is_status(status));
    }
    free(copy);
    return 0;
}
