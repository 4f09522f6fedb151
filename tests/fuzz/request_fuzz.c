/*
 * Throws bytes at the request parser. However the bytes are cut, the answer is the same; and of a head that it takes,
 * a second reading, of its lines one by one, says the same of what decides where the request ends and for whom it is.
 */
#include "fuzz/fuzz.h"

#include "http/field.h"
#include "http/logline.h"

static enum request_result parse(struct slice bytes, struct request *request, size_t *length, int *status)
{
    return request_parse(bytes, &fuzz_limits, request, length, status);
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
        request->fields,
        request->host,
        request->range,
        request->if_range,
        request->if_match,
        request->if_none_match,
        request->if_modified_since,
        request->if_unmodified_since,
        request->accept_encoding,
        request->referer,
        request->user_agent,
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        check_slice(all[i], head);
    if (!slice_equal(request->path, SLICE("/")))
        check_slice(request->path, head);
}

static bool is_status(int status)
{
    return status == 400 || status == 414 || status == 417 || status == 421 || status == 431 || status == 501 ||
           status == 505;
}

/* More bytes turn PARTIAL into something else, and nothing else ever. */
static void check_prefix(struct slice bytes, size_t len, enum request_result whole, size_t whole_length,
                         int whole_status)
{
    struct request request;
    size_t length = 0;
    int status = 0;
    char *prefix = fuzz_copy((struct slice){bytes.at, len});
    enum request_result result = parse((struct slice){prefix, len}, &request, &length, &status);
    if (whole == REQUEST_PARTIAL || (whole == REQUEST_COMPLETE && len < whole_length))
        CHECK(result == REQUEST_PARTIAL);
    if (result != REQUEST_PARTIAL)
        CHECK(result == whole && length == whole_length && status == whole_status);
    if (whole == REQUEST_COMPLETE && len >= whole_length)
        CHECK(result == REQUEST_COMPLETE);
    check_slices(&request, (struct slice){prefix, len});
    free(prefix);
}

/* Some prefixes, chosen by the bytes: all would be too slow. */
static void check_prefixes(struct slice bytes, enum request_result whole, size_t length, int status)
{
    uint64_t seed = fuzz_seed(bytes);
    for (int i = 0; i < 4 && bytes.len > 0; i++)
        check_prefix(bytes, fuzz_next(&seed) % bytes.len, whole, length, status);
    if (whole == REQUEST_COMPLETE) {
        check_prefix(bytes, length - 1, whole, length, status);
        check_prefix(bytes, length, whole, length, status);
    }
}

/* What a head is made of: every line ends in CRLF, and there are no other controls than tabs. */
static void check_bytes(struct slice head)
{
    for (size_t i = 0; i < head.len; i++) {
        char c = head.at[i];
        CHECK(c != '\n' || (i > 0 && head.at[i - 1] == '\r'));
        CHECK(c != '\r' || (i + 1 < head.len && head.at[i + 1] == '\n'));
        CHECK((unsigned char)c >= 0x20 || c == '\t' || c == '\r' || c == '\n');
        CHECK(c != 0x7f);
    }
}

static void check_target(const struct request *request)
{
    CHECK(request->target.len > 0);
    for (size_t i = 0; i < request->target.len; i++)
        CHECK(request->target.at[i] > 0x20 && request->target.at[i] < 0x7f && request->target.at[i] != '#');
    CHECK(request->path.len == 0 || request->path.at[0] == '/');
    CHECK(request->query.len == 0 || (request->query.at[0] == '?' && request->path.len > 0));
    CHECK(memchr(request->path.at == NULL ? "" : request->path.at, '?', request->path.len) == NULL);
}

/* The last value of a field, and how many there are. */
static size_t count_field(struct slice lines, struct slice wanted, struct slice *last)
{
    size_t count = 0;
    *last = (struct slice){0};
    for (struct slice value; field_next_named(&lines, wanted, &value); count++)
        *last = value;
    return count;
}

static void check_lines(struct slice lines)
{
    struct slice name, value;
    size_t count = 0, feeds = 0;
    for (size_t i = 0; i < lines.len; i++)
        feeds += lines.at[i] == '\n';
    for (; lines.len > 0; count++) {
        const char *start = lines.at;
        CHECK(field_next(&lines, &name, &value));
        CHECK(name.at == start && name.len > 0 && name.at[name.len] == ':');
        CHECK(value.at > name.at && value.at + value.len <= lines.at - 2 && memcmp(lines.at - 2, "\r\n", 2) == 0);
        CHECK(memchr(value.at, '\r', value.len) == NULL && slice_trim(value).len == value.len);
        for (size_t i = 0; i < name.len; i++)
            CHECK(name.at[i] > 0x20 && name.at[i] < 0x7f && strchr("()<>@,;:\\\"/[]?={}", name.at[i]) == NULL);
    }
    CHECK(count == feeds && count <= fuzz_limits.fields_max && !field_next(&lines, &name, &value));
}

static uint64_t naive_number(struct slice digits)
{
    uint64_t number = 0;
    for (size_t i = 0; i < digits.len; i++) {
        CHECK(digits.at[i] >= '0' && digits.at[i] <= '9' && number <= UINT64_MAX / 10 - 9);
        number = number * 10 + (uint64_t)(digits.at[i] - '0');
    }
    return number;
}

/* Where the request ends, and for whom it is. */
static void check_framing(const struct request *request)
{
    struct slice length, coding, host;
    size_t lengths = count_field(request->fields, SLICE("content-length"), &length);
    size_t codings = count_field(request->fields, SLICE("transfer-encoding"), &coding);
    size_t hosts = count_field(request->fields, SLICE("host"), &host);
    CHECK(request->minor == 0 || request->minor == 1);
    CHECK(lengths + codings <= 1 && hosts <= 1 && (hosts == 1 || request->minor == 0));
    CHECK(request->chunked == (codings == 1) && (codings == 0 || request->minor == 1));
    CHECK(codings == 0 || slice_equal_fold(coding, SLICE("chunked")));
    CHECK(lengths == 0 || length.len > 0);
    CHECK(request->content_length == naive_number(length) && request->content_length <= INT64_MAX);
    CHECK(request->host.len > 0 || request->minor == 0);
    if (hosts == 1 && request->target.at[0] == '/')
        CHECK(slice_equal(request->host, host));
}

static void check_kept(const struct request *request)
{
    const struct {
        struct slice name, kept;
        uint32_t bit; /* 0: nobody asks whether it was repeated */
    } fields[] = {
        {SLICE("range"), request->range, REPEATED_RANGE},
        {SLICE("if-range"), request->if_range, REPEATED_IF_RANGE},
        {SLICE("if-match"), request->if_match, REPEATED_IF_MATCH},
        {SLICE("if-none-match"), request->if_none_match, REPEATED_IF_NONE_MATCH},
        {SLICE("if-modified-since"), request->if_modified_since, REPEATED_IF_MODIFIED_SINCE},
        {SLICE("if-unmodified-since"), request->if_unmodified_since, REPEATED_IF_UNMODIFIED_SINCE},
        {SLICE("accept-encoding"), request->accept_encoding, REPEATED_ACCEPT_ENCODING},
        {SLICE("referer"), request->referer, 0},
        {SLICE("user-agent"), request->user_agent, 0},
    };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        struct slice last;
        size_t count = count_field(request->fields, fields[i].name, &last);
        CHECK(fields[i].kept.at == last.at && fields[i].kept.len == last.len);
        CHECK(fields[i].bit == 0 || request_repeats(request, fields[i].bit) == (count > 1));
    }
}

static void check_complete(const struct request *request, struct slice head)
{
    CHECK(head.len > 0 && head.len <= fuzz_limits.head_max);
    CHECK(request->method >= METHOD_GET && request->method <= METHOD_UNKNOWN);
    CHECK(request->line.len > 0 && request->line.len <= fuzz_limits.line_max);
    CHECK(request->fields.at == request->line.at + request->line.len + 2);
    CHECK(request->fields.at + request->fields.len + 2 == head.at + head.len);
    check_bytes(head);
    check_target(request);
    check_lines(request->fields);
    check_framing(request);
    check_kept(request);
}

/* Whatever the bytes are, they become one line of printable ASCII. */
static void check_log(const struct request *request)
{
    struct logline line = {SLICE("[::1]:1"), 1792000000, request->line, 200, 1, request->referer, request->user_agent};
    struct buffer out;
    buffer_init(&out);
    CHECK(logline_format(&out, &line) == 0);
    struct slice bytes = buffer_bytes(&out);
    size_t quotes = 0;
    for (size_t i = 0; i + 1 < bytes.len; i++) {
        CHECK(bytes.at[i] >= 0x20 && bytes.at[i] <= 0x7e);
        quotes += bytes.at[i] == '"';
    }
    CHECK(quotes == 6 && bytes.at[bytes.len - 1] == '\n');
    buffer_fini(&out);
}

void fuzz(struct slice input)
{
    struct request request;
    size_t length = 0;
    int status = 0;
    enum request_result result = parse(input, &request, &length, &status);
    check_slices(&request, input);
    check_prefixes(input, result, length, status);
    check_log(&request);
    if (result == REQUEST_COMPLETE)
        check_complete(&request, (struct slice){input.at, length});
    else if (result == REQUEST_PARTIAL)
        CHECK(input.len < fuzz_limits.head_max);
    else
        CHECK(result == REQUEST_INVALID && is_status(status));
}
