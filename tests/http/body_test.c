#include "http/body.h"

#include "http/scan.h"
#include "lib/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define TEXT(literal)                                                                                                  \
    {                                                                                                                  \
        (literal), sizeof(literal) - 1                                                                                 \
    }

/* Whose bytes they are: the body's, or not. */
#define OWN(literal)  .used = TEXT(literal)
#define LEFT(literal) .unused = TEXT(literal)

#define LAST "0\r\n\r\n"

enum { ROOM = 4 * BODY_EXTRA_MAX, NO_LIMIT = 0 };

/* A body: the bytes that are its own, and those behind, the first of which breaks it where it is broken. */
static const struct row {
    const char *name;
    enum body_result result;
    struct slice used, unused;
    uint64_t length; /* Content-Length; 0: chunked */
    uint64_t max;
} rows[] = {
    /* RFC 9112 6.2 */
    {"a length of one", BODY_DONE, OWN("x"), .length = 1},
    {"a length, and less than that", BODY_MORE, OWN("hell"), .length = 5},
    {"a length, and all of it", BODY_DONE, OWN("hello"), .length = 5},
    {"a length, and more than that", BODY_DONE, OWN("hello"), LEFT("!"), .length = 5},
    {"a length, and data that looks like framing", BODY_DONE, OWN(LAST), LEFT(LAST), .length = 5},
    {"a length, and any bytes", BODY_DONE, OWN("\0\r\n\xff"), LEFT("\0"), .length = 4},
    {"the greatest length", BODY_MORE, OWN("hello"), .length = INT64_MAX},
    {"a length at the limit", BODY_DONE, OWN("hello"), LEFT("!"), .length = 5, .max = 5},
    {"a length beyond the limit", BODY_TOO_LARGE, OWN(""), LEFT("hello!"), .length = 6, .max = 5},

    /* RFC 9112 7.1 */
    {"nothing yet", BODY_MORE, OWN("")},
    {"no chunk but the last", BODY_DONE, OWN(LAST), LEFT("GET / HTTP/1.1\r\n")},
    {"a chunk", BODY_DONE, OWN("5\r\nhello\r\n" LAST), LEFT("5\r\nhello\r\n")},
    {"chunks", BODY_DONE, OWN("5\r\nhello\r\n1\r\n,\r\n6\r\n world\r\n" LAST), LEFT("\r\n")},
    {"data that looks like framing", BODY_DONE, OWN("c\r\n\r\n0\r\n\r\n0\r\n\r\n\r\n" LAST), LEFT("x")},
    {"any bytes as data", BODY_DONE, OWN("4\r\n\0\r\n\xff\r\n" LAST), LEFT("\0")},
    {"no last chunk", BODY_MORE, OWN("5\r\nhello\r\n")},
    {"a last chunk without the empty line", BODY_MORE, OWN("5\r\nhello\r\n0\r\n")},

    {"a size in lower case", BODY_DONE, OWN("a\r\n0123456789\r\n" LAST)},
    {"a size in upper case", BODY_DONE, OWN("A\r\n0123456789\r\n" LAST)},
    {"a size of two digits", BODY_DONE, OWN("1A\r\nabcdefghijklmnopqrstuvwxyz\r\n" LAST)},
    {"all digits there are", BODY_MORE, OWN("0123456789abcdef\r\n")},
    {"all digits there are, in upper case", BODY_MORE, OWN("0123456789ABCDEF\r\n")},
    {"leading zeros", BODY_DONE, OWN("0000000000000005\r\nhello\r\n0000000000000000\r\n\r\n"), LEFT("0")},
    {"leading zeros, one too many", BODY_INVALID, OWN("0000000000000000"), LEFT("5\r\nhello\r\n")},
    {"zeros, one too many", BODY_INVALID, OWN("0000000000000000"), LEFT("0\r\n\r\n")},
    {"2^63", BODY_MORE, OWN("8000000000000000\r\nhello")},
    {"2^64 - 1", BODY_MORE, OWN("ffffffffffffffff\r\nhello")},
    {"2^64", BODY_INVALID, OWN("1000000000000000"), LEFT("0\r\n")},
    {"2^64 + 5", BODY_INVALID, OWN("1000000000000000"), LEFT("5\r\nhello\r\n")},
    {"two sizes that come to 2^64 - 1", BODY_MORE, OWN("1\r\nx\r\nfffffffffffffffe\r\n")},
    {"two sizes that come to 2^64", BODY_TOO_LARGE, OWN("1\r\nx\r\nffffffffffffffff\r"), LEFT("\nhello")},
    {"no size", BODY_INVALID, OWN(""), LEFT("\r\n\r\n")},
    {"no size, after a chunk", BODY_INVALID, OWN("1\r\nx\r\n"), LEFT("\r\n")},
    {"an extension without a size", BODY_INVALID, OWN(""), LEFT(";a=b\r\n")},
    {"a size with a prefix", BODY_INVALID, OWN("0"), LEFT("x5\r\nhello\r\n")},
    {"a size with a plus", BODY_INVALID, OWN(""), LEFT("+5\r\nhello\r\n")},
    {"a size with a minus", BODY_INVALID, OWN(""), LEFT("-5\r\nhello\r\n")},
    {"a size with an underscore", BODY_INVALID, OWN("5"), LEFT("_0\r\n")},
    {"a size with an underscore, as 0_2e", BODY_INVALID, OWN("0"), LEFT("_2e\r\n")},
    {"a size with a point", BODY_INVALID, OWN("5"), LEFT(".0\r\n")},
    {"a size with a comma", BODY_INVALID, OWN("5"), LEFT(",5\r\n")},
    {"a size and an h", BODY_INVALID, OWN("5"), LEFT("h\r\n")},
    {"a size that is a word", BODY_INVALID, OWN("fee"), LEFT("l\r\n")},
    {"a space before a size", BODY_INVALID, OWN(""), LEFT(" 5\r\nhello\r\n")},
    {"a tab before a size", BODY_INVALID, OWN(""), LEFT("\t5\r\nhello\r\n")},
    {"a space behind a size", BODY_INVALID, OWN("5 "), LEFT("\r\nhello\r\n")},
    {"a tab behind a size", BODY_INVALID, OWN("5\t"), LEFT("\r\nhello\r\n")},
    {"two sizes on a line", BODY_INVALID, OWN("5 "), LEFT("5\r\n")},
    {"a NUL behind a size", BODY_INVALID, OWN("5"), LEFT("\0\r\nhello\r\n")},
    {"a size line with LF", BODY_INVALID, OWN("5"), LEFT("\nhello\n0\n\n")},
    {"a size line with CR", BODY_INVALID, OWN("5\r"), LEFT("hello\r0\r\r")},
    {"a size line with two CR", BODY_INVALID, OWN("5\r"), LEFT("\r\nhello\r\n")},
    {"a last chunk with LF", BODY_INVALID, OWN("0"), LEFT("\n\n")},
    {"an empty line with LF", BODY_INVALID, OWN("0\r\n"), LEFT("\n")},
    {"an empty line with CR", BODY_INVALID, OWN("0\r\n\r"), LEFT("GET / HTTP/1.1\r\n")},

    {"data without CRLF", BODY_INVALID, OWN("5\r\nhello"), LEFT(LAST)},
    {"data with LF", BODY_INVALID, OWN("5\r\nhello"), LEFT("\n" LAST)},
    {"data with CR", BODY_INVALID, OWN("5\r\nhello\r"), LEFT(LAST)},
    {"data with a space before CRLF", BODY_INVALID, OWN("5\r\nhello"), LEFT(" \r\n" LAST)},
    {"more data than its size", BODY_INVALID, OWN("5\r\nhello"), LEFT("!\r\n" LAST)},
    {"less data than its size", BODY_INVALID, OWN("5\r\nhel\r\n"), LEFT("0\r\n\r\n")},

    {"data at the limit", BODY_DONE, OWN("5\r\nhello\r\n" LAST), LEFT("x"), .max = 5},
    {"data beyond the limit", BODY_TOO_LARGE, OWN("6\r"), LEFT("\nhello!\r\n"), .max = 5},
    {"data beyond the limit, behind an extension", BODY_TOO_LARGE, OWN("6;a\r"), LEFT("\nhello!\r\n"), .max = 5},
    {"data beyond the limit, of an invalid size", BODY_INVALID, OWN("6"), LEFT("x\r\n"), .max = 5},
    {"chunks at the limit", BODY_DONE, OWN("3\r\nhel\r\n2\r\nlo\r\n" LAST), LEFT("x"), .max = 5},
    {"chunks beyond the limit", BODY_TOO_LARGE, OWN("3\r\nhel\r\n3\r"), LEFT("\nlo!\r\n"), .max = 5},
    {"a size of 2^63 beyond a limit", BODY_TOO_LARGE, OWN("8000000000000000\r"), LEFT("\n"), .max = INT64_MAX},
    {"a size of 2^64 - 1 beyond a limit", BODY_TOO_LARGE, OWN("ffffffffffffffff\r"), LEFT("\n"), .max = INT64_MAX},

    /* RFC 9112 7.1.1 */
    {"an extension", BODY_DONE, OWN("5;a\r\nhello\r\n" LAST)},
    {"an extension with a value", BODY_DONE, OWN("5;a=b\r\nhello\r\n" LAST)},
    {"an extension with a string", BODY_DONE, OWN("5;a=\"b\"\r\nhello\r\n" LAST)},
    {"an extension with an empty string", BODY_DONE, OWN("5;a=\"\"\r\nhello\r\n" LAST)},
    {"an extension whose name has digits", BODY_DONE, OWN("5;5=5\r\nhello\r\n" LAST)},
    {"a string with anything", BODY_DONE, OWN("5;a=\"x;y=z, :\t\xff\\\"\\\\\\;\\\t\"\r\nhello\r\n" LAST)},
    {"extensions", BODY_DONE, OWN("5;a;b=c;d=\"e\";f\r\nhello\r\n" LAST)},
    {"white space wherever it may stand", BODY_DONE,
     OWN("5 \t; \ta \t= \tb \t; \tc \t; \td=\"e\" \t; \tf=g\r\nhello\r\n" LAST)},
    {"extensions of the last chunk", BODY_DONE, OWN("5\r\nhello\r\n0;a=b;c=\"d\"\r\n\r\n"), LEFT("x")},
    {"an extension without a name", BODY_INVALID, OWN("5;"), LEFT("\r\nhello\r\n")},
    {"an extension without a name, and white space", BODY_INVALID, OWN("5; "), LEFT("\r\nhello\r\n")},
    {"a value without a name", BODY_INVALID, OWN("5;"), LEFT("=b\r\nhello\r\n")},
    {"a string without a name", BODY_INVALID, OWN("5;"), LEFT("\"b\"\r\nhello\r\n")},
    {"two semicolons", BODY_INVALID, OWN("5;"), LEFT(";a\r\nhello\r\n")},
    {"a semicolon at the end", BODY_INVALID, OWN("5;a;"), LEFT("\r\nhello\r\n")},
    {"a name without its value", BODY_INVALID, OWN("5;a="), LEFT("\r\nhello\r\n")},
    {"a name without its value, and another", BODY_INVALID, OWN("5;a="), LEFT(";b\r\nhello\r\n")},
    {"two values", BODY_INVALID, OWN("5;a=b"), LEFT("=c\r\nhello\r\n")},
    {"two names", BODY_INVALID, OWN("5;a "), LEFT("b\r\nhello\r\n")},
    {"two values side by side", BODY_INVALID, OWN("5;a=b "), LEFT("c\r\nhello\r\n")},
    {"white space behind a name", BODY_INVALID, OWN("5;a "), LEFT("\r\nhello\r\n")},
    {"white space behind a value", BODY_INVALID, OWN("5;a=b\t"), LEFT("\r\nhello\r\n")},
    {"white space behind a string", BODY_INVALID, OWN("5;a=\"b\" "), LEFT("\r\nhello\r\n")},
    {"something behind a string", BODY_INVALID, OWN("5;a=\"b\""), LEFT("c\r\nhello\r\n")},
    {"a string that doesn't end", BODY_INVALID, OWN("5;a=\"x;\\\"y"), LEFT("\r\nhello\r\n")},
    {"a string whose end is escaped", BODY_INVALID, OWN("5;a=\"x\\\""), LEFT("\r\nhello\r\n")},
    {"CR in a string", BODY_INVALID, OWN("5;a=\"x"), LEFT("\ry\"\r\nhello\r\n")},
    {"an escaped CR in a string", BODY_INVALID, OWN("5;a=\"x\\"), LEFT("\ry\"\r\nhello\r\n")},
    {"LF in a string", BODY_INVALID, OWN("5;a=\"x"), LEFT("\ny\"\r\nhello\r\n")},
    {"NUL in a string", BODY_INVALID, OWN("5;a=\"x"), LEFT("\0\"\r\nhello\r\n")},
    {"LF behind a name", BODY_INVALID, OWN("5;a"), LEFT("\nhello\r\n")},
    {"LF behind a value", BODY_INVALID, OWN("5;a=b"), LEFT("\nhello\r\n")},
    {"LF behind a semicolon", BODY_INVALID, OWN("5;"), LEFT("\nhello\r\n")},
    {"CR within an extension", BODY_INVALID, OWN("5;a\r"), LEFT("b\r\nhello\r\n")},
    {"NUL within an extension", BODY_INVALID, OWN("5;a"), LEFT("\0\r\nhello\r\n")},
    {"an extension that isn't ASCII", BODY_INVALID, OWN("5;a"), LEFT("\xe4\r\nhello\r\n")},
    {"an apostrophe is a name's affair", BODY_DONE, OWN("5;a='b'\r\nhello\r\n" LAST)},

    /* RFC 9112 7.1.2 */
    {"a trailer", BODY_DONE, OWN("0\r\nA: b\r\n\r\n"), LEFT("x")},
    {"trailers", BODY_DONE, OWN("5\r\nhello\r\n0\r\nA: b\r\nC:\r\nD:e\t\xff \"\\;=:\r\n\r\n"), LEFT("\r\n")},
    {"trailers that mean something elsewhere, but nothing to us", BODY_DONE,
     OWN("0\r\nContent-Type: a/b\r\nContent-Lengthy: 5\r\nTransfer: a\r\nHos: b\r\nAuthorizatio: c\r\n\r\n"),
     LEFT("hello")},
    {"another length as a trailer", BODY_INVALID, OWN("0\r\nContent-Length"), LEFT(": 5\r\n\r\n")},
    {"another coding as the second trailer", BODY_INVALID, OWN("0\r\nHos: b\r\ntRANSFER-eNCODING"),
     LEFT(": chunked\r\n")},
    {"another host as a trailer", BODY_INVALID, OWN("5\r\nhello\r\n0\r\nhOST"), LEFT(":\r\n\r\n")},
    {"a password as a trailer", BODY_INVALID, OWN("0\r\nAuthorization"), LEFT(": b\r\n\r\n")},
    {"a trailer without the empty line", BODY_MORE, OWN("0\r\nA: b\r\n")},
    {"a trailer without a colon", BODY_INVALID, OWN("0\r\nA"), LEFT("\r\n\r\n")},
    {"a trailer without a name", BODY_INVALID, OWN("0\r\n"), LEFT(": b\r\n\r\n")},
    {"a space before the colon", BODY_INVALID, OWN("0\r\nA"), LEFT(" : b\r\n\r\n")},
    {"a space before a trailer", BODY_INVALID, OWN("0\r\n"), LEFT(" A: b\r\n\r\n")},
    {"a trailer that is folded", BODY_INVALID, OWN("0\r\nA: b\r\n"), LEFT(" c\r\n\r\n")},
    {"a trailer that is folded with a tab", BODY_INVALID, OWN("0\r\nA: b\r\n"), LEFT("\tc\r\n\r\n")},
    {"a trailer with LF", BODY_INVALID, OWN("0\r\nA: b"), LEFT("\n\r\n")},
    {"a trailer with CR", BODY_INVALID, OWN("0\r\nA: b\r"), LEFT("C: d\r\n\r\n")},
    {"a trailer with two CR", BODY_INVALID, OWN("0\r\nA: b\r"), LEFT("\r\n\r\n")},
    {"NUL in a trailer", BODY_INVALID, OWN("0\r\nA: b"), LEFT("\0\r\n\r\n")},
    {"a control in a trailer", BODY_INVALID, OWN("0\r\nA: b"), LEFT("\x7f\r\n\r\n")},
    {"the empty line with LF behind a trailer", BODY_INVALID, OWN("0\r\nA: b\r\n"), LEFT("\n")},
    {"a request where a trailer could be", BODY_INVALID, OWN("0\r\nGET"), LEFT(" / HTTP/1.1\r\nHost: a\r\n\r\n")},
};

static struct body begin(uint64_t length, uint64_t max)
{
    struct body body;
    const struct request request = {.chunked = length == 0, .content_length = length};
    body_begin(&body, &request, max == NO_LIMIT ? UINT64_MAX : max);
    assert_true(body_is_open(&body));
    return body;
}

/* Reads on in the bytes, laid against the bad page. Whether something came out of it. */
static bool read_on(struct body *body, const struct guard *guard, struct slice bytes, enum body_result *result,
                    size_t *used)
{
    size_t now = bytes.len + 1;
    *result = body_read(body, guard_lay(guard, bytes), &now);
    assert_true(now <= bytes.len);
    *used += now;
    if (*result != BODY_MORE)
        return true;
    assert_int_equal(now, bytes.len);
    assert_true(body_is_open(body));
    return false;
}

/* The bytes in pieces: a first one, and the others of `step` bytes. */
static void read_cut(const struct row *row, const struct guard *guard, struct slice bytes, size_t first, size_t step)
{
    struct body body = begin(row->length, row->max);
    enum body_result result;
    size_t used = 0;
    bool over = read_on(&body, guard, (struct slice){bytes.at, first}, &result, &used);
    for (size_t at = first; at < bytes.len && !over; at += step) {
        size_t len = bytes.len - at < step ? bytes.len - at : step;
        over = read_on(&body, guard, (struct slice){bytes.at + at, len}, &result, &used);
    }
    assert_int_equal(result, row->result);
    assert_int_equal(used, row->used.len);
    assert_int_equal(body_is_open(&body), result != BODY_DONE);
}

static struct slice join(const struct row *row, char *to)
{
    memcpy(to, row->used.at, row->used.len);
    memcpy(to + row->used.len, row->unused.at == NULL ? "" : row->unused.at, row->unused.len);
    return (struct slice){to, row->used.len + row->unused.len};
}

static void play(void **state)
{
    const struct row *row = *state;
    struct guard guard;
    guard_open(&guard, ROOM);
    char room[ROOM];
    struct slice bytes = join(row, room);
    for (size_t first = 0; first <= bytes.len; first++)
        read_cut(row, &guard, bytes, first, ROOM);
    read_cut(row, &guard, bytes, 0, 1);
    guard_close(&guard);
}

/* What may come next, whatever comes later; everything else is invalid there. */
static const struct next_row {
    const char *name;
    struct slice before;
    const char *expected; /* among them */
    int classes;          /* and these: of SCAN_… */
} next_rows[] = {
    {"a size begins", TEXT(""), "0123456789abcdefABCDEF", 0},
    {"a size begins after a chunk", TEXT("1\r\nx\r\n"), "0123456789abcdefABCDEF", 0},
    {"a size goes on", TEXT("5"), "0123456789abcdefABCDEF \t;\r", 0},
    {"a size has all its digits", TEXT("0123456789abcdef"), " \t;\r", 0},
    {"a size line ends", TEXT("5\r"), "\n", 0},
    {"data ends", TEXT("1\r\nx"), "\r", 0},
    {"data ends, its line as well", TEXT("1\r\nx\r"), "\n", 0},
    {"white space before an extension", TEXT("5 "), " \t;", 0},
    {"an extension begins", TEXT("5;"), " \t", SCAN_TOKEN},
    {"white space before a name", TEXT("5; "), " \t", SCAN_TOKEN},
    {"a name", TEXT("5;a"), " \t;=\r", SCAN_TOKEN},
    {"white space behind a name", TEXT("5;a "), " \t;=", 0},
    {"a value begins", TEXT("5;a="), " \t\"", SCAN_TOKEN},
    {"white space before a value", TEXT("5;a= "), " \t\"", SCAN_TOKEN},
    {"a value", TEXT("5;a=b"), " \t;\r", SCAN_TOKEN},
    {"white space behind a value", TEXT("5;a=b "), " \t;", 0},
    {"a string", TEXT("5;a=\""), "", SCAN_VALUE},
    {"a string escapes", TEXT("5;a=\"\\"), "", SCAN_VALUE},
    {"a string goes on after that", TEXT("5;a=\"\\\""), "", SCAN_VALUE},
    {"a string is over", TEXT("5;a=\"\""), " \t;\r", 0},
    {"trailers begin", TEXT("0\r\n"), "\r", SCAN_TOKEN},
    {"a trailer's name", TEXT("0\r\nA"), ":", SCAN_TOKEN},
    {"a trailer's value begins", TEXT("0\r\nA:"), "\r", SCAN_VALUE},
    {"a trailer's value", TEXT("0\r\nA: b"), "\r", SCAN_VALUE},
    {"a trailer ends", TEXT("0\r\nA:\r"), "\n", 0},
    {"another trailer begins", TEXT("0\r\nA:\r\n"), "\r", SCAN_TOKEN},
    {"the body ends", TEXT("0\r\n\r"), "\n", 0},
};

static bool may_come(const struct next_row *row, char byte)
{
    bool is_named = byte != '\0' && strchr(row->expected, byte) != NULL;
    return is_named || (scan_classes[(unsigned char)byte] & row->classes) != 0;
}

static void play_next(void **state)
{
    const struct next_row *row = *state;
    for (int i = 0; i < 256; i++) {
        struct body body = begin(0, NO_LIMIT);
        size_t used;
        char byte = (char)i;
        assert_int_equal(body_read(&body, row->before, &used), BODY_MORE);
        enum body_result result = body_read(&body, (struct slice){&byte, 1}, &used);
        assert_int_equal(result == BODY_INVALID, !may_come(row, byte));
        assert_int_equal(used, result != BODY_INVALID);
    }
}

/* A text in which a letter stands so often, between two others. */
static struct slice stretch(char *to, const char *before, size_t count, const char *behind)
{
    size_t len = strlen(before);
    memcpy(to, before, len);
    memset(to + len, 'x', count);
    memcpy(to + len + count, behind, strlen(behind));
    return (struct slice){to, len + count + strlen(behind)};
}

/* What is counted in a body beside `count` letters. */
static const struct extra_row {
    const char *name, *before, *behind;
    size_t beside;
} extra_rows[] = {
    {"an extension's name at the limit", "0;", "\r\n\r\n", 1},
    {"an extension's value at the limit", "0 ; a = ", "\r\n\r\n", 7},
    {"a string at the limit", "0;a=\"\\\"", "\"\r\n\r\n", 7},
    {"a trailer's name at the limit", "0\r\n", ":\r\n\r\n", 1},
    {"a trailer's value at the limit", "0\r\nA: ", "\r\n\r\n", 3},
    {"trailers at the limit", "0\r\nA: b\r\nC: ", "\r\nD:\r\n\r\n", 9},
    {"extensions of several chunks at the limit", "1;a\r\nx\r\n1;b=", "\r\ny\r\n0;c\r\n\r\n", 7},
    {"extensions and trailers at the limit", "1;a\r\nx\r\n0;b=", "\r\nA: b\r\n\r\n", 9},
};

static void play_extra(void **state)
{
    const struct extra_row *extra = *state;
    static const size_t firsts[] = {0, 1, 8, BODY_EXTRA_MAX - 1, BODY_EXTRA_MAX, BODY_EXTRA_MAX + 2};
    char room[ROOM];
    struct guard guard;
    guard_open(&guard, ROOM);
    for (size_t more = 0; more < 2; more++) {
        struct slice bytes = stretch(room, extra->before, BODY_EXTRA_MAX - extra->beside + more, extra->behind);
        struct row row = {.result = more ? BODY_TOO_MUCH_EXTRA : BODY_DONE, .used = bytes};
        if (more) /* the last byte that counts stands before the last two line ends */
            row.used.len -= strlen("x\r\n\r\n");
        for (size_t i = 0; i < sizeof firsts / sizeof *firsts; i++)
            read_cut(&row, &guard, bytes, firsts[i], ROOM);
        read_cut(&row, &guard, bytes, 0, 1);
    }
    guard_close(&guard);
}

static void line_ends_and_sizes_are_no_extra(void **state)
{
    (void)state;
    struct body body = begin(0, NO_LIMIT);
    size_t used;
    for (int i = 0; i < 2 * BODY_EXTRA_MAX; i++)
        assert_int_equal(body_read(&body, SLICE("0001\r\nx\r\n"), &used), BODY_MORE);
    assert_int_equal(body_read(&body, SLICE(LAST), &used), BODY_DONE);
}

static void a_limit_of_nothing(void **state)
{
    (void)state;
    struct request request = {.chunked = true};
    struct body body;
    size_t used;
    body_begin(&body, &request, 0);
    assert_int_equal(body_read(&body, SLICE(LAST), &used), BODY_DONE);
    body_begin(&body, &request, 0);
    assert_int_equal(body_read(&body, SLICE("1\r\n"), &used), BODY_TOO_LARGE);
    assert_int_equal(used, 2);
}

static void great_lengths_are_counted_down(void **state)
{
    (void)state;
    enum { LARGE = 1 << 20 };
    char *zeros = calloc(1, LARGE);
    assert_non_null(zeros);
    struct body body = begin(UINT64_C(3) << 20 | 1, NO_LIMIT);
    size_t used;
    for (int i = 0; i < 3; i++)
        assert_int_equal(body_read(&body, (struct slice){zeros, LARGE}, &used), BODY_MORE);
    assert_int_equal(body_read(&body, (struct slice){zeros, LARGE}, &used), BODY_DONE);
    assert_int_equal(used, 1);
    free(zeros);
}

static void a_body_is_expected_where_one_is_announced(void **state)
{
    (void)state;
    const struct request none = {0}, length = {.content_length = 1}, chunked = {.chunked = true};
    const struct body body = {0};
    assert_false(body_is_expected(&none));
    assert_true(body_is_expected(&length));
    assert_true(body_is_expected(&chunked));
    assert_false(body_is_open(&body));
}

enum {
    ROWS = sizeof rows / sizeof *rows,
    NEXT_ROWS = sizeof next_rows / sizeof *next_rows,
    EXTRA_ROWS = sizeof extra_rows / sizeof *extra_rows,
};

int main(void)
{
    struct CMUnitTest played[ROWS], next[NEXT_ROWS], extra[EXTRA_ROWS];
    for (int i = 0; i < ROWS; i++)
        played[i] = (struct CMUnitTest){rows[i].name, play, NULL, NULL, (void *)(uintptr_t)&rows[i]};
    for (int i = 0; i < NEXT_ROWS; i++)
        next[i] = (struct CMUnitTest){next_rows[i].name, play_next, NULL, NULL, (void *)(uintptr_t)&next_rows[i]};
    for (int i = 0; i < EXTRA_ROWS; i++)
        extra[i] = (struct CMUnitTest){extra_rows[i].name, play_extra, NULL, NULL, (void *)(uintptr_t)&extra_rows[i]};
    const struct CMUnitTest told[] = {
        cmocka_unit_test(line_ends_and_sizes_are_no_extra),
        cmocka_unit_test(a_limit_of_nothing),
        cmocka_unit_test(great_lengths_are_counted_down),
        cmocka_unit_test(a_body_is_expected_where_one_is_announced),
    };
    return cmocka_run_group_tests(played, NULL, NULL) + cmocka_run_group_tests(next, NULL, NULL) +
           cmocka_run_group_tests(extra, NULL, NULL) + cmocka_run_group_tests(told, NULL, NULL);
}
