#include "http/logline.h"

#include "lib/guard.h"

#include <errno.h>
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
#define DATE   "[10/Oct/2000:13:45:55 +0000]"
#define SECOND 971185555

static const struct row {
    const char *name;
    struct logline line;
    const char *text;
} rows[] = {
    {"an ordinary line",
     {TEXT("127.0.0.1"), SECOND, TEXT("GET /a HTTP/1.1"), 200, 1234, TEXT("http://b/"), TEXT("c/1.0 (d; e)")},
     "127.0.0.1 - - " DATE " \"GET /a HTTP/1.1\" 200 1234 \"http://b/\" \"c/1.0 (d; e)\"\n"},
    {"nothing said and nothing sent",
     {TEXT("unix:"), SECOND, {0}, 408, 0, {0}, {0}},
     "unix: - - " DATE " \"-\" 408 - \"-\" \"-\"\n"},
    {"the largest number",
     {TEXT("::1"), SECOND, TEXT("GET / HTTP/1.0"), 206, UINT64_MAX, {0}, {0}},
     "::1 - - " DATE " \"GET / HTTP/1.0\" 206 18446744073709551615 \"-\" \"-\"\n"},
    {"quotes and backslashes",
     {TEXT("a"), SECOND, TEXT("\"\\"), 400, 1, TEXT("\\\""), TEXT("x\" 200 1 \"y")},
     "a - - " DATE " \"\\x22\\x5c\" 400 1 \"\\x5c\\x22\" \"x\\x22 200 1 \\x22y\"\n"},
    {"what ends lines, and what terminals obey",
     {TEXT("a"), SECOND, TEXT("\r\n\t\0"), 400, 1, TEXT("\x1b[2J\x07"), TEXT("\x7f\x80\xff\xc2\x9b")},
     "a - - " DATE " \"\\x0d\\x0a\\x09\\x00\" 400 1 \"\\x1b[2J\\x07\" \"\\x7f\\x80\\xff\\xc2\\x9b\"\n"},
};

static void play(void **state)
{
    const struct row *row = *state;
    struct buffer out;
    buffer_init(&out);
    assert_int_equal(buffer_append(&out, SLICE("before ")), 0);
    assert_int_equal(logline_format(&out, &row->line), 0);
    struct slice bytes = buffer_bytes(&out);
    assert_int_equal(bytes.len, 7 + strlen(row->text));
    assert_memory_equal(bytes.at, "before ", 7);
    assert_memory_equal(bytes.at + 7, row->text, bytes.len - 7);
    buffer_fini(&out);
}

/* Only printable ASCII, and no more quotes than the line's own. */
static void every_byte_is_tamed(void **state)
{
    (void)state;
    char all[256];
    for (int i = 0; i < 256; i++)
        all[i] = (char)i;
    struct slice text = {all, sizeof all};
    const struct logline line = {SLICE("a"), SECOND, text, 200, 1, text, text};
    struct buffer out;
    buffer_init(&out);
    assert_int_equal(logline_format(&out, &line), 0);
    struct slice bytes = buffer_bytes(&out);
    int quotes = 0;
    for (size_t i = 0; i + 1 < bytes.len; i++) {
        assert_in_range(bytes.at[i], 0x20, 0x7e);
        quotes += bytes.at[i] == '"';
    }
    assert_int_equal(quotes, 6);
    assert_int_equal(bytes.at[bytes.len - 1], '\n');
    buffer_fini(&out);
}

static const struct cut {
    const char *name;
    size_t len;   /* of each part */
    char byte;    /* that it is full of */
    size_t shown; /* bytes between the quotes */
    int dots;
} cuts[] = {
    {"a part of exactly the limit is shown", LOGLINE_PART_MAX, 'a', LOGLINE_PART_MAX, 0},
    {"a part of one byte more is cut", LOGLINE_PART_MAX + 1, 'a', LOGLINE_PART_MAX + 3, 1},
    {"a part of 64 kB is cut", 65536, 'a', LOGLINE_PART_MAX + 3, 1},
    {"a part of 64 kB of what must be escaped is cut", 65536, '\n', 4 * LOGLINE_PART_MAX + 3, 1},
};

static void assert_cut(struct slice *rest, const struct cut *cut)
{
    const char *open = memchr(rest->at, '"', rest->len);
    assert_non_null(open);
    const char *close = memchr(open + 1, '"', (size_t)(rest->at + rest->len - open - 1));
    assert_non_null(close);
    assert_int_equal(close - open - 1, cut->shown);
    assert_int_equal(memcmp(close - 3, "...", 3) == 0, cut->dots);
    *rest = (struct slice){close + 1, (size_t)(rest->at + rest->len - close - 1)};
}

static void play_cut(void **state)
{
    const struct cut *cut = *state;
    struct guard guard;
    struct buffer out;
    char *text = malloc(cut->len);
    assert_non_null(text);
    memset(text, cut->byte, cut->len);
    guard_open(&guard, cut->len);
    struct slice part = guard_lay(&guard, (struct slice){text, cut->len});
    const struct logline line = {SLICE("a"), SECOND, part, 200, UINT64_MAX, part, part};
    buffer_init(&out);
    assert_int_equal(logline_format(&out, &line), 0);
    struct slice rest = buffer_bytes(&out);
    for (int i = 0; i < 3; i++)
        assert_cut(&rest, cut);
    assert_true(slice_equal(rest, SLICE("\n")));
    buffer_fini(&out);
    guard_close(&guard);
    free(text);
}

static void what_does_not_fit_leaves_nothing_behind(void **state)
{
    (void)state;
    static char few[8];
    struct buffer full = {.bytes = few, .begin = 0, .end = BUFFER_MAX, .size = BUFFER_MAX};
    const struct logline line = {.peer = SLICE("a"), .status = 200};
    assert_int_equal(logline_format(&full, &line), -1);
    assert_int_equal(errno, ENOMEM);
    assert_int_equal(full.end, BUFFER_MAX);
}

enum { ROWS = sizeof rows / sizeof *rows, CUTS = sizeof cuts / sizeof *cuts };

int main(void)
{
    struct CMUnitTest played[ROWS], cut[CUTS];
    for (int i = 0; i < ROWS; i++)
        played[i] = (struct CMUnitTest){rows[i].name, play, NULL, NULL, (void *)(uintptr_t)&rows[i]};
    for (int i = 0; i < CUTS; i++)
        cut[i] = (struct CMUnitTest){cuts[i].name, play_cut, NULL, NULL, (void *)(uintptr_t)&cuts[i]};
    const struct CMUnitTest told[] = {
        cmocka_unit_test(every_byte_is_tamed),
        cmocka_unit_test(what_does_not_fit_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(played, NULL, NULL) + cmocka_run_group_tests(cut, NULL, NULL) +
           cmocka_run_group_tests(told, NULL, NULL);
}
