/*
 * The fields that decide where a request ends (Content-Length, Transfer-Encoding) and for whom it is (Host) are read as
 * narrowly as their grammar allows: whoever stands before us may have read a lax spelling in another way, and a request
 * that is one for us and two for him is how requests are smuggled (RFC 9112 11.2). The others are kept, and read by
 * whom they concern.
 */
#include "http/field.h"

#include "http/authority.h"
#include "http/scan.h"

enum field {
    FIELD_OTHER = 0,
    FIELD_ACCEPT_ENCODING,
    FIELD_CONNECTION,
    FIELD_CONTENT_LENGTH,
    FIELD_CONTENT_TYPE,
    FIELD_EXPECT,
    FIELD_HOST,
    FIELD_IF_MATCH,
    FIELD_IF_MODIFIED_SINCE,
    FIELD_IF_NONE_MATCH,
    FIELD_IF_RANGE,
    FIELD_IF_UNMODIFIED_SINCE,
    FIELD_RANGE,
    FIELD_REFERER,
    FIELD_TRANSFER_ENCODING,
    FIELD_USER_AGENT,
};

static inline uint64_t load(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

/* The first four bytes and the last four, of four to eight. */
static inline uint64_t load_short(const char *at, size_t len)
{
    uint32_t first, last;
    memcpy(&first, at, sizeof first);
    memcpy(&last, at + len - sizeof last, sizeof last);
    return (uint64_t)last << 32 | first;
}

/* Whether two words are the same but for the bit of each byte that tells the cases of a letter apart. */
static inline bool same(uint64_t a, uint64_t b)
{
    return ((a ^ b) & UINT64_MAX / 255 * 0xdf) == 0;
}

/* Whether a name or a value is this word, in any case: `word` is of lower-case letters, digits and hyphens, at least
 * four. No control byte but a tab comes here, and so nothing is a digit or a hyphen but for that bit. */
static inline bool is_word(struct slice text, struct slice word)
{
    const char *a = text.at, *b = word.at;
    if (text.len != word.len)
        return false;
    if (word.len < 8)
        return same(load_short(a, word.len), load_short(b, word.len));
    size_t last = word.len - 8;
    for (size_t i = 0; i < last; i += 8)
        if (!same(load(a + i), load(b + i)))
            return false;
    return same(load(a + last), load(b + last));
}

static inline enum field match(struct slice name, struct slice known, enum field field)
{
    return is_word(name, known) ? field : FIELD_OTHER;
}

static inline enum field match_either(struct slice name, struct slice one, enum field field, struct slice two,
                                      enum field other)
{
    return is_word(name, one) ? field : match(name, two, other);
}

/* The length leaves at most two to compare with. */
static enum field identify(struct slice name)
{
    switch (name.len) {
    case 4:
        return match(name, SLICE("host"), FIELD_HOST);
    case 5:
        return match(name, SLICE("range"), FIELD_RANGE);
    case 6:
        return match(name, SLICE("expect"), FIELD_EXPECT);
    case 7:
        return match(name, SLICE("referer"), FIELD_REFERER);
    case 8:
        return match_either(name, SLICE("if-range"), FIELD_IF_RANGE, SLICE("if-match"), FIELD_IF_MATCH);
    case 10:
        return match_either(name, SLICE("connection"), FIELD_CONNECTION, SLICE("user-agent"), FIELD_USER_AGENT);
    case 12:
        return match(name, SLICE("content-type"), FIELD_CONTENT_TYPE);
    case 13:
        return match(name, SLICE("if-none-match"), FIELD_IF_NONE_MATCH);
    case 14:
        return match(name, SLICE("content-length"), FIELD_CONTENT_LENGTH);
    case 15:
        return match(name, SLICE("accept-encoding"), FIELD_ACCEPT_ENCODING);
    case 17:
        return match_either(name, SLICE("if-modified-since"), FIELD_IF_MODIFIED_SINCE, SLICE("transfer-encoding"),
                            FIELD_TRANSFER_ENCODING);
    case 19:
        return match(name, SLICE("if-unmodified-since"), FIELD_IF_UNMODIFIED_SINCE);
    default:
        return FIELD_OTHER;
    }
}

/* An empty Host is for a target without an authority (RFC 9112 3.2). No target of ours is one, but a client of HTTP/1.0
 * needs no Host at all. */
static int take_host(struct fields *fields, struct slice value)
{
    struct request *request = fields->request;
    bool needless = value.len == 0 && request->minor == 0;
    if (fields->host || (!needless && !authority_is_valid(value)))
        return 400;
    fields->host = true;
    if (request->host.at == NULL)
        request->host = value;
    return 0;
}

static int take_content_length(struct fields *fields, struct slice value)
{
    if (fields->content_length || fields->transfer_encoding || value.len == 0)
        return 400;
    if (value.at[0] == '0' && value.len > 1) /* to some, "010" is eight */
        return 400;
    uint64_t length = 0;
    for (size_t i = 0; i < value.len; i++) {
        char c = value.at[i];
        if (c < '0' || c > '9' || length > INT64_MAX / 10)
            return 400;
        length = length * 10 + (uint64_t)(c - '0');
    }
    if (length > INT64_MAX)
        return 400;
    fields->content_length = true;
    fields->request->content_length = length;
    return 0;
}

/* Whether this could be a transfer coding: a token, maybe parameters, which `chunked` doesn't have (RFC 9112 7). */
static bool is_coding(struct slice coding)
{
    const char *end = coding.at + coding.len;
    const char *stop = scan_token(coding.at, end);
    struct slice name = {coding.at, (size_t)(stop - coding.at)};
    if (stop == end)
        return name.len > 0;
    return name.len > 0 && (*stop == ';' || *stop == ' ' || *stop == '\t') && !is_word(name, SLICE("chunked"));
}

/* Whether a list of codings could be meant: `chunked` comes last and once (RFC 9112 6.1, 7.1), and no element is empty,
 * a spelling that somebody may read otherwise. */
static bool are_codings(struct slice list)
{
    for (bool chunked = false;;) {
        const char *comma = memchr(list.at, ',', list.len);
        size_t len = comma == NULL ? list.len : (size_t)(comma - list.at);
        struct slice coding = slice_trim((struct slice){list.at, len});
        if (chunked || !is_coding(coding))
            return false;
        if (comma == NULL)
            return true;
        chunked = is_word(coding, SLICE("chunked"));
        list = (struct slice){comma + 1, list.len - len - 1};
    }
}

static int take_transfer_encoding(struct fields *fields, struct slice value)
{
    if (fields->transfer_encoding || fields->content_length || fields->request->minor == 0)
        return 400;
    fields->transfer_encoding = true;
    fields->request->chunked = is_word(value, SLICE("chunked"));
    return are_codings(value) ? 0 : 400;
}

/* A field that we don't need, but that must not come twice (RFC 9110 5.3): two readers could take one each. */
static int take_once(bool *seen)
{
    if (*seen)
        return 400;
    *seen = true;
    return 0;
}

static int take_connection(struct fields *fields, struct slice list)
{
    struct slice option;
    while (slice_next_element(&list, &option)) {
        if (is_word(option, SLICE("close")))
            fields->close = true;
        else if (is_word(option, SLICE("keep-alive")))
            fields->keep_alive = true;
    }
    return 0;
}

/* RFC 9110 10.1.1: a client of HTTP/1.0 knows no interim response, so that its expectation is ignored. */
static int take_expect(struct fields *fields, struct slice value)
{
    if (!is_word(value, SLICE("100-continue")))
        return 417;
    fields->request->expect_continue = fields->request->minor > 0;
    return 0;
}

static int keep(struct slice *kept, struct slice value)
{
    *kept = value;
    return 0;
}

static int keep_single(struct request *request, struct slice *kept, struct slice value, uint32_t bit)
{
    if (kept->at != NULL)
        request->repeated |= bit;
    return keep(kept, value);
}

int fields_take(struct fields *fields, struct slice name, struct slice value)
{
    struct request *request = fields->request;
    enum field field = identify(name);
    if (field == FIELD_OTHER)
        return 0;
    value = slice_trim(value);
    switch (field) {
    case FIELD_ACCEPT_ENCODING:
        return keep_single(request, &request->accept_encoding, value, REPEATED_ACCEPT_ENCODING);
    case FIELD_CONNECTION:
        return take_connection(fields, value);
    case FIELD_CONTENT_LENGTH:
        return take_content_length(fields, value);
    case FIELD_CONTENT_TYPE:
        return take_once(&fields->content_type);
    case FIELD_EXPECT:
        return take_expect(fields, value);
    case FIELD_HOST:
        return take_host(fields, value);
    case FIELD_IF_MATCH:
        return keep_single(request, &request->if_match, value, REPEATED_IF_MATCH);
    case FIELD_IF_MODIFIED_SINCE:
        return keep_single(request, &request->if_modified_since, value, REPEATED_IF_MODIFIED_SINCE);
    case FIELD_IF_NONE_MATCH:
        return keep_single(request, &request->if_none_match, value, REPEATED_IF_NONE_MATCH);
    case FIELD_IF_RANGE:
        return keep_single(request, &request->if_range, value, REPEATED_IF_RANGE);
    case FIELD_IF_UNMODIFIED_SINCE:
        return keep_single(request, &request->if_unmodified_since, value, REPEATED_IF_UNMODIFIED_SINCE);
    case FIELD_RANGE:
        return keep_single(request, &request->range, value, REPEATED_RANGE);
    case FIELD_REFERER:
        return keep(&request->referer, value);
    case FIELD_TRANSFER_ENCODING:
        return take_transfer_encoding(fields, value);
    case FIELD_USER_AGENT:
        return keep(&request->user_agent, value);
    case FIELD_OTHER:
        break;
    }
    return 0;
}

int fields_finish(struct fields *fields)
{
    struct request *request = fields->request;
    if (request->minor > 0 && !fields->host)
        return 400;
    if (fields->transfer_encoding && !request->chunked)
        return 501;
    request->keep_alive = !fields->close && (request->minor > 0 || fields->keep_alive);
    return 0;
}

bool field_next(struct slice *lines, struct slice *name, struct slice *value)
{
    const char *colon = memchr(lines->at, ':', lines->len);
    if (colon == NULL)
        return false;
    const char *end = lines->at + lines->len;
    const char *cr = memchr(colon, '\r', (size_t)(end - colon));
    *name = (struct slice){lines->at, (size_t)(colon - lines->at)};
    *value = slice_trim((struct slice){colon + 1, (size_t)(cr - colon - 1)});
    *lines = (struct slice){cr + 2, (size_t)(end - cr - 2)};
    return true;
}

bool field_next_named(struct slice *lines, struct slice name, struct slice *value)
{
    struct slice found;
    while (field_next(lines, &found, value))
        if (slice_equal_fold(found, name))
            return true;
    return false;
}
