/*
 * The parser goes once from left to right and judges each byte by itself and what stands before it, so that the answer
 * to a head is the same however it was cut into pieces: more bytes turn PARTIAL into something else, and nothing else
 * ever. The limits cut the bytes that it looks at, for the same reason.
 *
 *     empty lines (two at most)   method SP target SP HTTP/d.d CRLF   (name ":" value CRLF)*   CRLF
 *
 * A byte that can't stand where it stands is refused at once; what a line means, when the line is complete.
 */
#include "http/request.h"

#include "http/field.h"
#include "http/scan.h"
#include "http/target.h"

/* The functions below return an HTTP status, 0 = fine, or MORE: the bytes end before the thing that was to be read. */
enum { MORE = -1 };

enum { EMPTY_LINES_MAX = 2 };

/* The bytes that are left. */
struct reader {
    const char *at, *end;
};

static int read_byte(struct reader *r, char expected)
{
    if (r->at == r->end)
        return MORE;
    if (*r->at != expected)
        return 400;
    r->at++;
    return 0;
}

static int read_crlf(struct reader *r)
{
    int outcome = read_byte(r, '\r');
    return outcome != 0 ? outcome : read_byte(r, '\n');
}

static int skip_empty_lines(struct reader *r)
{
    for (int i = 0; i < EMPTY_LINES_MAX && r->at < r->end && *r->at == '\r'; i++) {
        int outcome = read_crlf(r);
        if (outcome != 0)
            return outcome;
    }
    return 0;
}

/* Reads a word and the space behind it. */
static int read_word(struct reader *r, const char *(*scan)(const char *at, const char *end), struct slice *word)
{
    const char *start = r->at;
    r->at = scan(start, r->end);
    *word = (struct slice){start, (size_t)(r->at - start)};
    if (r->at == r->end)
        return MORE;
    return word->len > 0 ? read_byte(r, ' ') : 400;
}

static int read_digit(struct reader *r, int *digit)
{
    if (r->at == r->end)
        return MORE;
    if (*r->at < '0' || *r->at > '9')
        return 400;
    *digit = *r->at++ - '0';
    return 0;
}

static int read_version(struct reader *r, int *major, int *minor)
{
    int outcome = 0;
    for (const char *name = "HTTP/"; *name != '\0' && outcome == 0; name++)
        outcome = read_byte(r, *name);
    if (outcome == 0)
        outcome = read_digit(r, major);
    if (outcome == 0)
        outcome = read_byte(r, '.');
    return outcome == 0 ? read_digit(r, minor) : outcome;
}

static enum request_method identify_method(struct slice method)
{
    const struct slice others[] = {SLICE("POST"),    SLICE("PUT"),   SLICE("DELETE"),
                                   SLICE("CONNECT"), SLICE("TRACE"), SLICE("PATCH")};
    if (slice_equal(method, SLICE("GET")))
        return METHOD_GET;
    if (slice_equal(method, SLICE("HEAD")))
        return METHOD_HEAD;
    if (slice_equal(method, SLICE("OPTIONS")))
        return METHOD_OPTIONS;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (slice_equal(method, others[i]))
            return METHOD_OTHER;
    return METHOD_UNKNOWN;
}

struct line {
    struct slice method;
    int major;
};

/* The bytes of the request line, up to its CR. */
static int read_words(struct reader *r, struct request *request, struct line *line)
{
    int outcome = read_word(r, scan_token, &line->method);
    if (outcome != 0)
        return outcome;
    request->method = identify_method(line->method);
    outcome = read_word(r, scan_target, &request->target);
    return outcome != 0 ? outcome : read_version(r, &line->major, &request->minor);
}

/* A target is judged by the rules of its version, so the version comes first. */
static int judge_line(struct request *request, const struct line *line)
{
    if (line->major != 1)
        return 505;
    request->minor = request->minor > 0; /* a higher minor version than ours is served as ours (RFC 9110 2.5) */
    return target_parse(request, line->method);
}

static int read_line(struct reader *r, uint32_t line_max, struct request *request)
{
    struct line line;
    const char *start = r->at;
    bool cut = (size_t)(r->end - start) >= line_max;
    struct reader limited = {start, cut ? start + line_max : r->end};
    int outcome = read_words(&limited, request, &line);
    r->at = limited.at;
    request->line = (struct slice){start, (size_t)(r->at - start)};
    if (outcome == MORE && cut) /* by a target; or by what would be a method, which is none */
        return request->method != 0 ? 414 : 400;
    if (outcome != 0)
        return outcome;
    outcome = read_crlf(r);
    return outcome != 0 ? outcome : judge_line(request, &line);
}

static int read_field(struct reader *r, struct fields *fields)
{
    const char *name = r->at;
    const char *colon = r->at = scan_token(name, r->end);
    int outcome = colon > name ? read_byte(r, ':') : 400;
    if (outcome != 0)
        return outcome;
    const char *value = r->at;
    const char *end = r->at = scan_value(value, r->end);
    outcome = read_crlf(r);
    if (outcome != 0)
        return outcome;
    return fields_take(fields, (struct slice){name, (size_t)(colon - name)},
                       (struct slice){value, (size_t)(end - value)});
}

static int read_fields(struct reader *r, uint32_t fields_max, struct fields *fields)
{
    for (uint32_t count = 0; r->at < r->end; count++) {
        if (*r->at == '\r')
            return read_crlf(r);
        int outcome = count < fields_max ? read_field(r, fields) : 431;
        if (outcome != 0)
            return outcome;
    }
    return MORE;
}

static int read_head(struct reader *r, const struct request_limits *limits, struct request *request)
{
    struct fields fields;
    int outcome = skip_empty_lines(r);
    if (outcome == 0)
        outcome = read_line(r, limits->line_max, request);
    if (outcome != 0)
        return outcome;
    const char *start = r->at;
    fields_init(&fields, request);
    outcome = read_fields(r, limits->fields_max, &fields);
    if (outcome == 0)
        outcome = fields_finish(&fields);
    if (outcome == 0)
        request->fields = (struct slice){start, (size_t)(r->at - start) - SLICE("\r\n").len};
    return outcome;
}

enum request_result request_parse(struct slice bytes, const struct request_limits *limits, struct request *request,
                                  size_t *length, int *status)
{
    *request = (struct request){0};
    if (bytes.len == 0) /* and maybe no place to point to */
        return REQUEST_PARTIAL;
    bool cut = bytes.len >= limits->head_max;
    struct reader r = {bytes.at, bytes.at + (cut ? limits->head_max : bytes.len)};
    int outcome = read_head(&r, limits, request);
    if (outcome == 0) {
        *length = (size_t)(r.at - bytes.at);
        return REQUEST_COMPLETE;
    }
    if (outcome == MORE && !cut)
        return REQUEST_PARTIAL;
    *status = outcome == MORE ? 431 : outcome;
    return REQUEST_INVALID;
}
