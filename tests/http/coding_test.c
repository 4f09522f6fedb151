#include "http/coding.h"

#include "lib/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

enum { ROOM = 4096 };

#define LEAST 1 /* the weight of identity where nobody names it */
#define FIELD "Accept-Encoding: "

/* A field's value, and what comes of it. */
static const struct row {
    const char *name, *value;
    int identity, gzip, zstd, br;
} rows[] = {
    {"no field", NULL, LEAST, 0, 0, 0},

    /* RFC 9110 12.5.3 */
    {"the first example: compress, gzip", "compress, gzip", LEAST, 1000, 0, 0},
    {"the second example: nothing", "", LEAST, 0, 0, 0},
    {"the third example: anything", "*", 1000, 1000, 1000, 1000},
    {"the fourth example: weights", "compress;q=0.5, gzip;q=1.0", LEAST, 1000, 0, 0},
    {"the fifth example: nothing else", "gzip;q=1.0, identity; q=0.5, *;q=0", 500, 1000, 0, 0},

    {"gzip", "gzip", LEAST, 1000, 0, 0},
    {"zstd", "zstd", LEAST, 0, 1000, 0},
    {"br", "br", LEAST, 0, 0, 1000},
    {"identity", "identity", 1000, 0, 0, 0},
    {"x-gzip", "x-gzip;q=0.7", LEAST, 700, 0, 0},
    {"names in capitals", "GZIP, Zstd, bR, *;q=0.1, IDENTITY;q=0.2", 200, 1000, 1000, 1000},
    {"X-GZip", "X-GZip", LEAST, 1000, 0, 0},
    {"what browsers say", "gzip, deflate, br, zstd", LEAST, 1000, 1000, 1000},
    {"unknown codings", "deflate, compress, dcb, dcz, exi, pack200-gzip, aes128gcm", LEAST, 0, 0, 0},
    {"names that begin like known ones", "gzip2, gzi, b, brr, zstd-, identity1, **, x-gzi, x-br", LEAST, 0, 0, 0},

    /* RFC 9110 12.4.2 */
    {"q=0", "gzip;q=0", LEAST, 0, 0, 0},
    {"q=0 in full", "gzip;q=0.000, br;q=0., zstd;q=0.0", LEAST, 0, 0, 0},
    {"q=1", "gzip;q=1, br;q=1., zstd;q=1.0", LEAST, 1000, 1000, 1000},
    {"q=1 in full", "gzip;q=1.00, br;q=1.000", LEAST, 1000, 0, 1000},
    {"decimals", "gzip;q=0.5, br;q=0.05, zstd;q=0.005", LEAST, 500, 5, 50},
    {"all decimals", "gzip;q=0.123, br;q=0.999, zstd;q=0.001", LEAST, 123, 1, 999},
    {"trailing zeros", "gzip;q=0.500, br;q=0.50", LEAST, 500, 0, 500},
    {"weights that no float holds", "gzip;q=0.1, br;q=0.7, zstd;q=0.29", LEAST, 100, 290, 700},
    {"q in capitals", "gzip;Q=0.5", LEAST, 500, 0, 0},
    {"white space around the semicolon", "gzip \t; \tq=0.5 \t, br ;q=0.25", LEAST, 500, 0, 250},

    /* Weights that can't be read. */
    {"above 1", "gzip;q=1.001, br;q=2, zstd;q=1.1", LEAST, 0, 0, 0},
    {"well above 1", "gzip;q=10, br;q=1000, zstd;q=9.9", LEAST, 0, 0, 0},
    {"four decimals", "gzip;q=0.1234, br;q=1.0000, zstd;q=0.0000", LEAST, 0, 0, 0},
    {"negative", "gzip;q=-1, br;q=-0, zstd;q=-0.5", LEAST, 0, 0, 0},
    {"with a plus", "gzip;q=+1, br;q=+0.5", LEAST, 0, 0, 0},
    {"no equals sign", "gzip;q:0.5, br;q0.5", LEAST, 0, 0, 0},
    {"no weight", "gzip;q=, br;q, zstd;", LEAST, 0, 0, 0},
    {"no digit before the point", "gzip;q=.5, br;q=.", LEAST, 0, 0, 0},
    {"two digits before the point", "gzip;q=00.5, br;q=01", LEAST, 0, 0, 0},
    {"two points", "gzip;q=0..5, br;q=0.5.", LEAST, 0, 0, 0},
    {"no number", "gzip;q=high, br;q=nan, zstd;q=0x1", LEAST, 0, 0, 0},
    {"an exponent", "gzip;q=1e0, br;q=0e1", LEAST, 0, 0, 0},
    {"bytes beside the digits", "gzip;q=1./, br;q=0.:, zstd;q=/", LEAST, 0, 0, 0},
    {"something behind the weight", "gzip;q=0.5x, br;q=0.5 5, zstd;q=1;a=b", LEAST, 0, 0, 0},
    {"another parameter", "gzip;a=b, br;r=1, zstd;level=9;q=1", LEAST, 0, 0, 0},
    {"white space around the equals sign", "gzip;q =0.5, br;q= 0.5", LEAST, 0, 0, 0},
    {"a weight in quotes", "gzip;q=\"0.5\"", LEAST, 0, 0, 0},
    {"a weight and no semicolon", "gzip q=0.5, br=0.5, zstd:q=0.5", LEAST, 0, 0, 0},
    {"two names in one element", "gzip br, zstd", LEAST, 0, 1000, 0},
    {"names in quotes", "\"gzip\", 'br', zstd", LEAST, 0, 1000, 0},
    {"an excluded one whose weight can't be read", "*, gzip;q=O", 1000, 1000, 1000, 1000},
    {"bytes that aren't ASCII",
     "gzip\xff, \xe2\x80\x8b"
     "br, zstd;q=\xb2",
     LEAST, 0, 0, 0},

    /* "*" is what isn't named. */
    {"anything, a little", "*;q=0.1", 100, 100, 100, 100},
    {"anything but gzip", "*, gzip;q=0", 1000, 0, 1000, 1000},
    {"anything but gzip, the other way round", "gzip;q=0, *", 1000, 0, 1000, 1000},
    {"anything but x-gzip", "x-gzip;q=0, *;q=0.5", 500, 0, 500, 500},
    {"anything but identity", "identity;q=0, *", 0, 1000, 1000, 1000},
    {"nothing", "*;q=0", 0, 0, 0, 0},
    {"nothing but identity", "identity, *;q=0", 1000, 0, 0, 0},
    {"nothing but gzip, not even identity", "gzip, *;q=0", 0, 1000, 0, 0},
    {"not identity", "identity;q=0", 0, 0, 0, 0},
    {"not identity, but br", "br, identity;q=0", 0, 0, 0, 1000},

    /* Named twice. */
    {"gzip twice", "gzip;q=0.1, gzip;q=0.9", LEAST, 900, 0, 0},
    {"gzip, and then not", "gzip, br, gzip;q=0", LEAST, 0, 0, 1000},
    {"gzip by both names", "gzip;q=0.1, x-gzip;q=0.2", LEAST, 200, 0, 0},
    {"gzip by both names, the other way round", "x-gzip;q=0.2, gzip;q=0.1", LEAST, 100, 0, 0},
    {"gzip twice, not readable at last", "gzip;q=0.1, gzip;q=9", LEAST, 100, 0, 0},
    {"anything twice", "*;q=0, *;q=0.5", 500, 500, 500, 500},

    /* Lists, RFC 9110 5.6.1.2. */
    {"empty elements", ", gzip,, ,br,\t,", LEAST, 1000, 0, 1000},
    {"nothing but commas", ",,,", LEAST, 0, 0, 0},
    {"no white space", "gzip,br;q=0.5,zstd;q=0.25", LEAST, 1000, 250, 500},
    {"elements without a name", ";q=1, gzip, ;, =", LEAST, 1000, 0, 0},
};

static void expect(const struct row *row, const struct request *request)
{
    struct coding_weights weights = coding_read(request);
    assert_int_equal(weights.of[CODING_IDENTITY], row->identity);
    assert_int_equal(weights.of[CODING_GZIP], row->gzip);
    assert_int_equal(weights.of[CODING_ZSTD], row->zstd);
    assert_int_equal(weights.of[CODING_BR], row->br);
}

/* Laid against the bad page. */
static void play(void **state)
{
    const struct row *row = *state;
    struct guard guard;
    guard_open(&guard, ROOM);
    struct request request = {0};
    if (row->value != NULL)
        request.accept_encoding = guard_lay(&guard, slice_of(row->value));
    expect(row, &request);
    guard_close(&guard);
}

/* Whole heads, whose fields may be repeated: they are one list (RFC 9110 5.3). */
static const struct row head_rows[] = {
    {"one line", FIELD "gzip\r\n", LEAST, 1000, 0, 0},
    {"two lines", FIELD "gzip\r\n" FIELD "br\r\n", LEAST, 1000, 0, 1000},
    {"lines among others",
     "Host: a\r\n" FIELD "gzip;q=0.5\r\nAccept: br\r\n" FIELD "br;q=0.25, zstd\r\nA: b\r\n" FIELD "*;q=0.1\r\n", 100,
     500, 1000, 250},
    {"lines in any case", "ACCEPT-ENCODING: gzip\r\naccept-encoding:br\r\n", LEAST, 1000, 0, 1000},
    {"a later line's weight", FIELD "gzip, br\r\n" FIELD "gzip;q=0\r\n", LEAST, 0, 0, 1000},
    {"an empty line at last", FIELD "gzip\r\n" FIELD "\r\n", LEAST, 1000, 0, 0},
    {"an empty line at first", FIELD "\r\n" FIELD "gzip\r\n", LEAST, 1000, 0, 0},
    {"only empty lines", FIELD "\r\n" FIELD "\r\n", LEAST, 0, 0, 0},
    {"a quote that doesn't end with its line", FIELD "\"gzip\r\n" FIELD "br, \"\r\n", LEAST, 0, 0, 1000},
    {"an element that goes on in the next line", FIELD "gzip;\r\n" FIELD "q=0.5, br\r\n", LEAST, 0, 0, 1000},
    {"fields with names that begin alike",
     FIELD "gzip\r\nAccept-Encodings: br\r\nAccept-Encodin: zstd\r\n" FIELD "\r\n", LEAST, 1000, 0, 0},
};

static void play_head(void **state)
{
    const struct row *row = *state;
    const struct request_limits limits = {REQUEST_LINE_MAX, REQUEST_HEAD_MAX, REQUEST_FIELDS_MAX};
    struct request request;
    struct guard guard;
    guard_open(&guard, ROOM);
    char head[ROOM];
    size_t length;
    int status, len = snprintf(head, sizeof head, "GET / HTTP/1.0\r\n%s\r\n", row->value);
    struct slice bytes = guard_lay(&guard, (struct slice){head, (size_t)len});
    assert_int_equal(request_parse(bytes, &limits, &request, &length, &status), REQUEST_COMPLETE);
    expect(row, &request);
    guard_close(&guard);
}

enum { GZIP = 1 << CODING_GZIP, ZSTD = 1 << CODING_ZSTD, BR = 1 << CODING_BR, ALL = GZIP | ZSTD | BR };

static const struct choice_row {
    const char *name, *value;
    uint32_t available;
    enum coding chosen;
} choice_rows[] = {
    {"no field", NULL, ALL, CODING_IDENTITY},
    {"an empty field", "", ALL, CODING_IDENTITY},
    {"whatever there is: br", "gzip, deflate, br, zstd", ALL, CODING_BR},
    {"whatever there is: zstd", "gzip, deflate, br, zstd", GZIP | ZSTD, CODING_ZSTD},
    {"whatever there is: gzip", "gzip, deflate, br, zstd", GZIP, CODING_GZIP},
    {"whatever there is: nothing", "gzip, deflate, br, zstd", 0, CODING_IDENTITY},
    {"identity is always there", "gzip, deflate, br, zstd", 1 << CODING_IDENTITY, CODING_IDENTITY},
    {"there is none of what is asked for", "gzip, deflate", ZSTD | BR, CODING_IDENTITY},
    {"one is weighed more than what we prefer", "gzip;q=0.9, br;q=0.8", ALL, CODING_GZIP},
    {"one is weighed more, but it isn't there", "gzip;q=0.9, br;q=0.8", ZSTD | BR, CODING_BR},
    {"a thousandth decides", "gzip;q=0.501, zstd;q=0.5, br;q=0.5", ALL, CODING_GZIP},
    {"weighed alike", "gzip;q=0.5, zstd;q=0.5, br;q=0.5", ALL, CODING_BR},
    {"weighed as identity", "gzip;q=0.5, identity;q=0.5", ALL, CODING_GZIP},
    {"weighed less than identity", "gzip;q=0.5, br;q=0.499, identity;q=0.501", ALL, CODING_IDENTITY},
    {"weighed as little as can be", "gzip;q=0.001", ALL, CODING_GZIP},
    {"only identity", "identity", ALL, CODING_IDENTITY},
    {"anything", "*", ALL, CODING_BR},
    {"anything, and only identity is there", "*", 0, CODING_IDENTITY},
    {"anything but br", "*, br;q=0", ALL, CODING_ZSTD},
    {"identity before anything else", "identity, *;q=0.5", ALL, CODING_IDENTITY},
    {"not identity, nor what is there", "identity;q=0, br", GZIP, CODING_IDENTITY},
    {"not identity, nor anything", "*;q=0", ALL, CODING_IDENTITY},
    {"not identity, but gzip", "identity;q=0, gzip;q=0.001", ALL, CODING_GZIP},
    {"a weight above 1 is none", "gzip;q=0.5, br;q=5", ALL, CODING_GZIP},
};

static void play_choice(void **state)
{
    const struct choice_row *row = *state;
    struct request request = {.accept_encoding = row->value == NULL ? (struct slice){0} : slice_of(row->value)};
    struct coding_weights weights = coding_read(&request);
    assert_int_equal(coding_choose(&weights, row->available), row->chosen);
    assert_int_equal(coding_choose(&weights, row->available | 1 << CODING_IDENTITY), row->chosen);
}

static void names_are_those_of_content_encoding(void **state)
{
    (void)state;
    assert_int_equal(coding_name(CODING_IDENTITY).len, 0);
    assert_true(slice_equal(coding_name(CODING_GZIP), SLICE("gzip")));
    assert_true(slice_equal(coding_name(CODING_ZSTD), SLICE("zstd")));
    assert_true(slice_equal(coding_name(CODING_BR), SLICE("br")));
}

enum {
    ROWS = sizeof rows / sizeof *rows,
    HEAD_ROWS = sizeof head_rows / sizeof *head_rows,
    CHOICE_ROWS = sizeof choice_rows / sizeof *choice_rows,
};

int main(void)
{
    struct CMUnitTest played[ROWS], heads[HEAD_ROWS], choices[CHOICE_ROWS];
    for (int i = 0; i < ROWS; i++)
        played[i] = (struct CMUnitTest){rows[i].name, play, NULL, NULL, (void *)(uintptr_t)&rows[i]};
    for (int i = 0; i < HEAD_ROWS; i++)
        heads[i] = (struct CMUnitTest){head_rows[i].name, play_head, NULL, NULL, (void *)(uintptr_t)&head_rows[i]};
    for (int i = 0; i < CHOICE_ROWS; i++)
        choices[i] =
            (struct CMUnitTest){choice_rows[i].name, play_choice, NULL, NULL, (void *)(uintptr_t)&choice_rows[i]};
    const struct CMUnitTest told[] = {cmocka_unit_test(names_are_those_of_content_encoding)};
    return cmocka_run_group_tests(played, NULL, NULL) + cmocka_run_group_tests(heads, NULL, NULL) +
           cmocka_run_group_tests(choices, NULL, NULL) + cmocka_run_group_tests(told, NULL, NULL);
}
