#include "http/head.h"

#include "http/date.h"
#include "http/status.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define DATE "Sun, 06 Nov 1994 08:49:37 GMT"

static const struct head_rules rules = {{"shunt", 5}, true};

static void assert_bytes(const struct buffer *buffer, const char *expected)
{
    struct slice bytes = buffer_bytes(buffer);
    assert_int_equal(bytes.len, strlen(expected));
    assert_memory_equal(bytes.at, expected, bytes.len);
}

static void a_head_is_put_together(void **state)
{
    (void)state;
    struct buffer out;
    buffer_init(&out);
    assert_int_equal(head_begin(&out, 206, DATE, &rules), 0);
    assert_int_equal(head_field(&out, SLICE("ETag"), SLICE("\"a\"")), 0);
    assert_int_equal(head_field(&out, SLICE("X"), (struct slice){0}), 0);
    assert_int_equal(head_content_range(&out, 5, 10, 100), 0);
    assert_int_equal(head_number(&out, SLICE("Content-Length"), 10), 0);
    assert_int_equal(head_end(&out), 0);
    assert_bytes(&out, "HTTP/1.1 206 Partial Content\r\nDate: " DATE "\r\nServer: shunt\r\nETag: \"a\"\r\nX: \r\n"
                       "Content-Range: bytes 5-14/100\r\nContent-Length: 10\r\n\r\n");
    buffer_fini(&out);
}

static const struct {
    const char *name;
    struct head_rules rules;
    const char *head; /* with a type, and once more what is said of it */
} ruled[] = {
    {"by default",
     {{"shunt", 5}, true},
     "HTTP/1.1 200 OK\r\nDate: " DATE "\r\nServer: shunt\r\nContent-Type: a/b\r\n"
     "X-Content-Type-Options: nosniff\r\nX-Content-Type-Options: nosniff\r\n"},
    {"under another name",
     {{"a (b/1)", 7}, true},
     "HTTP/1.1 200 OK\r\nDate: " DATE "\r\nServer: a (b/1)\r\nContent-Type: a/b\r\n"
     "X-Content-Type-Options: nosniff\r\nX-Content-Type-Options: nosniff\r\n"},
    {"without a name",
     {{"", 0}, true},
     "HTTP/1.1 200 OK\r\nDate: " DATE "\r\nContent-Type: a/b\r\n"
     "X-Content-Type-Options: nosniff\r\nX-Content-Type-Options: nosniff\r\n"},
    {"where browsers may guess",
     {{"shunt", 5}, false},
     "HTTP/1.1 200 OK\r\nDate: " DATE "\r\nServer: shunt\r\nContent-Type: a/b\r\n"},
    {"without anything", {{NULL, 0}, false}, "HTTP/1.1 200 OK\r\nDate: " DATE "\r\nContent-Type: a/b\r\n"},
};

static void a_head_says_what_its_rules_say(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ruled / sizeof *ruled; i++) {
        struct buffer out;
        buffer_init(&out);
        assert_int_equal(head_begin(&out, 200, DATE, &ruled[i].rules), 0);
        assert_int_equal(head_type(&out, SLICE("a/b"), &ruled[i].rules), 0);
        assert_int_equal(head_nosniff(&out, &ruled[i].rules), 0);
        if (!slice_equal(buffer_bytes(&out), slice_of(ruled[i].head)))
            fail_msg("%s: is\n%.*s", ruled[i].name, (int)buffer_length(&out), buffer_bytes(&out).at);
        buffer_fini(&out);
    }
}

static const struct number {
    uint64_t number;
    const char *text;
} numbers[] = {
    {0, "N: 0\r\n"},
    {9, "N: 9\r\n"},
    {10, "N: 10\r\n"},
    {1234567890, "N: 1234567890\r\n"},
    {UINT64_MAX, "N: 18446744073709551615\r\n"},
};

static void numbers_are_decimal(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct buffer out;
        buffer_init(&out);
        assert_int_equal(head_number(&out, SLICE("N"), numbers[i].number), 0);
        assert_bytes(&out, numbers[i].text);
        buffer_fini(&out);
    }
}

static const struct range {
    uint64_t first, length, size;
    const char *text;
} ranges[] = {
    {0, 1, 1, "Content-Range: bytes 0-0/1\r\n"},
    {0, 13, 13, "Content-Range: bytes 0-12/13\r\n"},
    {12, 1, 13, "Content-Range: bytes 12-12/13\r\n"},
    {UINT64_MAX - 1, 1, UINT64_MAX,
     "Content-Range: bytes 18446744073709551614-18446744073709551614/18446744073709551615\r\n"},
    {0, 0, 13, "Content-Range: bytes */13\r\n"},
    {0, 0, 0, "Content-Range: bytes */0\r\n"},
};

static void ranges_name_their_last_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        struct buffer out;
        buffer_init(&out);
        assert_int_equal(head_content_range(&out, ranges[i].first, ranges[i].length, ranges[i].size), 0);
        assert_bytes(&out, ranges[i].text);
        buffer_fini(&out);
    }
}

static void the_date_stands_where_it_is_said_to_stand(void **state)
{
    (void)state;
    static const int statuses[] = {200, 206, 301, 304, 400, 403, 404, 405, 408, 412,
                                   413, 414, 416, 417, 431, 500, 501, 503, 505};
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        struct buffer out;
        buffer_init(&out);
        assert_int_equal(head_begin(&out, statuses[i], DATE, &rules), 0);
        size_t at = head_date_offset(statuses[i]);
        assert_true(at + DATE_LEN + 2 <= buffer_length(&out));
        assert_memory_equal(buffer_bytes(&out).at + at, DATE "\r\n", DATE_LEN + 2);
        assert_true(slice_starts_with(buffer_bytes(&out), status_line(statuses[i])));
        assert_memory_equal(buffer_bytes(&out).at + at - 6, "Date: ", 6);
        buffer_fini(&out);
    }
}

/* A buffer at its limit can't grow: nothing of a part may then be appended. */
static void what_does_not_fit_leaves_nothing_behind(void **state)
{
    (void)state;
    static char few[8];
    struct buffer full = {.bytes = few, .begin = 0, .end = BUFFER_MAX, .size = BUFFER_MAX};
    assert_int_equal(head_begin(&full, 200, DATE, &rules), -1);
    assert_int_equal(errno, ENOMEM);
    assert_int_equal(head_field(&full, SLICE("A"), SLICE("b")), -1);
    assert_int_equal(head_number(&full, SLICE("A"), 1), -1);
    assert_int_equal(head_type(&full, SLICE("a/b"), &rules), -1);
    assert_int_equal(head_nosniff(&full, &rules), -1);
    assert_int_equal(head_content_range(&full, 0, 1, 1), -1);
    assert_int_equal(head_content_range(&full, 0, 0, 1), -1);
    assert_int_equal(head_end(&full), -1);
    assert_int_equal(full.end, BUFFER_MAX);
}

int main(void)
{
    const struct CMUnitTest told[] = {
        cmocka_unit_test(a_head_is_put_together),
        cmocka_unit_test(a_head_says_what_its_rules_say),
        cmocka_unit_test(numbers_are_decimal),
        cmocka_unit_test(ranges_name_their_last_byte),
        cmocka_unit_test(the_date_stands_where_it_is_said_to_stand),
        cmocka_unit_test(what_does_not_fit_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(told, NULL, NULL);
}
