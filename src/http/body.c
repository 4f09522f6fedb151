/*
 * Data is skipped in bulk. Framing is read byte by byte, by a table of states: what a byte leads to depends on its
 * kind and on what stood before it, and on nothing that is still to come, so that it doesn't matter how the bytes are
 * cut.
 *
 *     chunk          1*16HEXDIG *extension CRLF data CRLF
 *     last chunk     1*16"0" *extension CRLF *trailer CRLF
 *     extension      BWS ";" BWS token [ BWS "=" BWS ( token / quoted-string ) ]
 *     trailer        token ":" value CRLF
 *
 * Extensions and trailers are counted without the CRLF that ends them.
 *
 * A trailer whose field says where a message ends, for whom it is, or who asks, is refused though it would be
 * forgotten: some recipient may merge it into the head (RFC 9110 6.5.1).
 */
#include "http/body.h"

#include "http/scan.h"

#include <assert.h>

enum { SIZE_DIGITS_MAX = 16 };

/* What comes next. "Due": at least one byte of it must. */
enum state {
    NONE = 0,
    LENGTH, /* `left` bytes, and the body ends */
    DATA,   /* `left` bytes of a chunk */
    DATA_CR,
    DATA_LF,
    SIZE_LF, /* `left` is the chunk's size */
    TRAILER_LF,
    END_LF,
    ENDED,
    TRAILER_DUE, /* or the last CRLF */

    /* What leads here is counted in `extra`. */
    SEMICOLON_DUE, /* after white space */
    NAME_DUE,
    NAME,
    EQUALS_DUE, /* after a name and white space; or a semicolon */
    VALUE_DUE,
    VALUE,
    QUOTED,
    ESCAPED,
    UNQUOTED, /* after a quoted string */
    TRAILER_NAME,
    TRAILER_VALUE,

    SIZE_DUE,
    SIZE, /* after a digit. SIZE + 1: after two, and so on */
    STATES,
    SIZE_FULL = SIZE_DUE + SIZE_DIGITS_MAX,
};

enum kind {
    CONTROL, /* what stands nowhere in framing */
    CR,
    LF,
    BLANK,
    SEMICOLON,
    EQUALS,
    QUOTE,
    BACKSLASH,
    COLON,
    TCHAR,
    TEXT, /* what else a value may hold */
    KINDS,
};

enum { FORBIDDEN = 4, EVERY_NAME = (1 << FORBIDDEN) - 1 };

/* In lower case. A hyphen stays one when bit 0x20 is set, and no other byte of a name becomes one. */
static const struct slice forbidden[FORBIDDEN] = {
    {"content-length", 14}, {"transfer-encoding", 17}, {"host", 4}, {"authorization", 13}};

/* All bytes of a value but quote and backslash. */
#define PLAIN(to) [BLANK] = to, [SEMICOLON] = to, [EQUALS] = to, [COLON] = to, [TCHAR] = to, [TEXT] = to

/* The states that bytes lead to; NONE: such a byte can't stand there. */
static const uint8_t states[STATES][KINDS] = {
    [DATA_CR] = {[CR] = DATA_LF},
    [DATA_LF] = {[LF] = SIZE_DUE},

    [SIZE] = {[CR] = SIZE_LF, [BLANK] = SEMICOLON_DUE, [SEMICOLON] = NAME_DUE},
    [SIZE_LF] = {[LF] = DATA},

    [SEMICOLON_DUE] = {[BLANK] = SEMICOLON_DUE, [SEMICOLON] = NAME_DUE},
    [NAME_DUE] = {[BLANK] = NAME_DUE, [TCHAR] = NAME},
    [NAME] = {[CR] = SIZE_LF, [BLANK] = EQUALS_DUE, [SEMICOLON] = NAME_DUE, [EQUALS] = VALUE_DUE, [TCHAR] = NAME},
    [EQUALS_DUE] = {[BLANK] = EQUALS_DUE, [SEMICOLON] = NAME_DUE, [EQUALS] = VALUE_DUE},
    [VALUE_DUE] = {[BLANK] = VALUE_DUE, [QUOTE] = QUOTED, [TCHAR] = VALUE},
    [VALUE] = {[CR] = SIZE_LF, [BLANK] = SEMICOLON_DUE, [SEMICOLON] = NAME_DUE, [TCHAR] = VALUE},
    [QUOTED] = {PLAIN(QUOTED), [QUOTE] = UNQUOTED, [BACKSLASH] = ESCAPED},
    [ESCAPED] = {PLAIN(QUOTED), [QUOTE] = QUOTED, [BACKSLASH] = QUOTED},
    [UNQUOTED] = {[CR] = SIZE_LF, [BLANK] = SEMICOLON_DUE, [SEMICOLON] = NAME_DUE},

    [TRAILER_DUE] = {[CR] = END_LF, [TCHAR] = TRAILER_NAME},
    [TRAILER_NAME] = {[COLON] = TRAILER_VALUE, [TCHAR] = TRAILER_NAME},
    [TRAILER_VALUE] = {PLAIN(TRAILER_VALUE), [QUOTE] = TRAILER_VALUE, [BACKSLASH] = TRAILER_VALUE, [CR] = TRAILER_LF},
    [TRAILER_LF] = {[LF] = TRAILER_DUE},
    [END_LF] = {[LF] = ENDED},
};

static enum kind identify(char c)
{
    switch (c) {
    case '\r':
        return CR;
    case '\n':
        return LF;
    case ' ':
    case '\t':
        return BLANK;
    case ';':
        return SEMICOLON;
    case '=':
        return EQUALS;
    case '"':
        return QUOTE;
    case '\\':
        return BACKSLASH;
    case ':':
        return COLON;
    default:
        return scan_is(c, SCAN_TOKEN) ? TCHAR : scan_is(c, SCAN_VALUE) ? TEXT : CONTROL;
    }
}

/* Digits are counted by the state, since leading zeros don't show in the number. */
static uint8_t take_digit(struct body *body, int digit)
{
    if (body->state == SIZE_FULL)
        return NONE;
    body->left = body->left << 4 | (uint64_t)digit;
    return body->state + 1;
}

static uint8_t lead(struct body *body, char c)
{
    if (body->state >= SIZE_DUE && scan_hex(c) >= 0)
        return take_digit(body, scan_hex(c));
    return states[body->state > SIZE ? SIZE : body->state][identify(c)];
}

/* A size line is complete: data, or what follows the last chunk. */
static enum body_result announce(struct body *body)
{
    if (body->left > body->room)
        return BODY_TOO_LARGE;
    body->room -= body->left;
    body->state = body->left > 0 ? DATA : TRAILER_DUE;
    return BODY_MORE;
}

/* Which of the forbidden names a trailer's name may still become: a bit for each. */
static uint8_t match(uint8_t names, uint8_t at, char c)
{
    uint8_t left = 0;
    for (size_t i = 0; i < FORBIDDEN; i++)
        if ((names & 1 << i) != 0 && forbidden[i].len > at && forbidden[i].at[at] == (c | 0x20))
            left |= (uint8_t)(1 << i);
    return left;
}

/* The name ends: whether it is one of them. */
static bool is_forbidden(const struct body *body)
{
    for (size_t i = 0; i < FORBIDDEN; i++)
        if ((body->names & 1 << i) != 0 && forbidden[i].len == body->name_len)
            return true;
    return false;
}

/* A byte of a trailer's name, or the colon behind it. False: the field must not stand here. */
static bool read_trailer_name(struct body *body, uint8_t next, char c)
{
    if (next == TRAILER_VALUE)
        return body->state != TRAILER_NAME || !is_forbidden(body);
    if (body->state == TRAILER_DUE)
        body->names = EVERY_NAME, body->name_len = 0;
    body->names = match(body->names, body->name_len, c);
    if (body->name_len < UINT8_MAX)
        body->name_len++;
    return true;
}

static enum body_result read_framing(struct body *body, char c)
{
    uint8_t next = lead(body, c);
    if (next == NONE)
        return BODY_INVALID;
    if (next == DATA)
        return announce(body);
    if (next >= SEMICOLON_DUE && next <= TRAILER_VALUE && ++body->extra > BODY_EXTRA_MAX)
        return BODY_TOO_MUCH_EXTRA;
    if ((next == TRAILER_NAME || next == TRAILER_VALUE) && !read_trailer_name(body, next, c))
        return BODY_INVALID;
    body->state = next;
    return next == ENDED ? BODY_DONE : BODY_MORE;
}

/* Skips data among `len` bytes; how many. */
static size_t skip_data(struct body *body, size_t len)
{
    size_t skipped = body->left < len ? (size_t)body->left : len;
    body->left -= skipped;
    if (body->left == 0)
        body->state = body->state == DATA ? DATA_CR : ENDED;
    return skipped;
}

bool body_is_open(const struct body *body)
{
    return body->state != NONE && body->state != ENDED;
}

bool body_has_ended(const struct body *body)
{
    return body->state == ENDED;
}

void body_begin(struct body *body, const struct request *request, uint64_t max)
{
    *body = (struct body){
        .left = request->chunked ? 0 : request->content_length,
        .room = max,
        .state = request->chunked ? SIZE_DUE : LENGTH,
    };
}

static enum body_result read_length(struct body *body, size_t len, size_t *used)
{
    if (body->left > body->room)
        return BODY_TOO_LARGE;
    *used = skip_data(body, len);
    return body_is_open(body) ? BODY_MORE : BODY_DONE;
}

enum body_result body_read(struct body *body, struct slice bytes, size_t *used)
{
    assert(body_is_open(body));
    *used = 0;
    if (body->state == LENGTH)
        return read_length(body, bytes.len, used);
    enum body_result result = BODY_MORE;
    while (result == BODY_MORE && *used < bytes.len) {
        if (body->state == DATA) {
            *used += skip_data(body, bytes.len - *used);
            continue;
        }
        result = read_framing(body, bytes.at[*used]);
        *used += result <= BODY_MORE; /* the byte that breaks it is not the body's */
    }
    return result;
}
