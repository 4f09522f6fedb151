#include "http/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static const struct row {
    const char *reason;
    int status;
} rows[] = {
    {"OK", 200},
    {"Partial Content", 206},
    {"Moved Permanently", 301},
    {"Not Modified", 304},
    {"Bad Request", 400},
    {"Forbidden", 403},
    {"Not Found", 404},
    {"Method Not Allowed", 405},
    {"Request Timeout", 408},
    {"Precondition Failed", 412},
    {"Content Too Large", 413},
    {"URI Too Long", 414},
    {"Range Not Satisfiable", 416},
    {"Expectation Failed", 417},
    {"Request Header Fields Too Large", 431},
    {"Internal Server Error", 500},
    {"Not Implemented", 501},
    {"Service Unavailable", 503},
    {"HTTP Version Not Supported", 505},
};

static void assert_text(struct slice slice, const char *expected)
{
    assert_int_equal(slice.len, strlen(expected));
    assert_memory_equal(slice.at, expected, slice.len);
}

/* It stands in HTML as it is. */
static void assert_sentence(struct slice text)
{
    assert_in_range(text.len, 10, 200);
    assert_int_equal(text.at[text.len - 1], '.');
    for (size_t i = 0; i < text.len; i++)
        assert_true(text.at[i] >= ' ' && text.at[i] <= '~' && strchr("<>&\"", text.at[i]) == NULL);
}

static void play(void **state)
{
    const struct row *row = *state;
    char line[64];
    snprintf(line, sizeof line, "HTTP/1.1 %d %s\r\n", row->status, row->reason);
    assert_text(status_line(row->status), line);
    assert_text(status_reason(row->status), row->reason);
    assert_sentence(status_explanation(row->status));
}

static void what_is_never_sent_is_shown_as_500(void **state)
{
    (void)state;
    static const int others[] = {0, -1, 100, 199, 201, 418, 502, 504, 999, 2000};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_text(status_line(others[i]), "HTTP/1.1 500 Internal Server Error\r\n");
        assert_text(status_reason(others[i]), "Internal Server Error");
        assert_true(slice_equal(status_explanation(others[i]), status_explanation(500)));
    }
}

enum { ROWS = sizeof rows / sizeof *rows };

int main(void)
{
    struct CMUnitTest played[ROWS];
    for (int i = 0; i < ROWS; i++)
        played[i] = (struct CMUnitTest){rows[i].reason, play, NULL, NULL, (void *)(uintptr_t)&rows[i]};
    const struct CMUnitTest told[] = {cmocka_unit_test(what_is_never_sent_is_shown_as_500)};
    return cmocka_run_group_tests(played, NULL, NULL) + cmocka_run_group_tests(told, NULL, NULL);
}
