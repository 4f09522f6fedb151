#include "http/field.h"

#include "lib/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

enum { ROOM = 256 };

/* Lines, and the values of a name in brackets. What field_next() finds stands in request_test.c, with whole heads. */
static const struct row {
    const char *name, *lines, *wanted, *values;
} rows[] = {
    {"of no lines none", "", "x", ""},
    {"of other names none", "A: 1\r\nB: 2\r\n", "x", ""},
    {"the only one", "X: 1\r\n", "x", "[1]"},
    {"one among others", "A: 1\r\nX: 2\r\nB: 3\r\n", "x", "[2]"},
    {"all of the name, in their order", "X: 1\r\nA: 2\r\nX: 3\r\nX: 1\r\n", "x", "[1][3][1]"},
    {"a name in any case", "rAnGe: 1\r\nRANGE: 2\r\nrange: 3\r\n", "Range", "[1][2][3]"},
    {"a name that begins or ends so is another", "Xa: 1\r\naX: 2\r\nX: 3\r\n", "X", "[3]"},
    {"a value is trimmed", "X: \t a b \t \r\n", "x", "[a b]"},
    {"an empty value is one", "X:\r\nA: 1\r\nX: \t\r\n", "x", "[][]"},
    {"a value that says the name is none", "A: X: 1\r\nB: x\r\n", "x", ""},
};

enum { ROWS = sizeof rows / sizeof *rows };

static void play(void **state)
{
    const struct row *row = *state;
    struct slice value;
    struct guard guard;
    size_t len = 0;
    char found[ROOM] = "";
    guard_open(&guard, ROOM);
    struct slice lines = guard_lay(&guard, slice_of(row->lines));
    while (field_next_named(&lines, slice_of(row->wanted), &value))
        len += (size_t)snprintf(found + len, sizeof found - len, "[%.*s]", (int)value.len, value.at);
    assert_string_equal(found, row->values);
    assert_int_equal(lines.len, 0);
    guard_close(&guard);
}

static void what_stands_behind_one_that_was_found_is_left(void **state)
{
    (void)state;
    struct slice lines = SLICE("A: 1\r\nX: 2\r\nB: 3\r\nX: 4\r\n"), value;
    assert_true(field_next_named(&lines, SLICE("x"), &value));
    assert_true(slice_equal(value, SLICE("2")));
    assert_true(slice_equal(lines, SLICE("B: 3\r\nX: 4\r\n")));
}

int main(void)
{
    struct CMUnitTest played[ROWS];
    for (int i = 0; i < ROWS; i++)
        played[i] = (struct CMUnitTest){rows[i].name, play, NULL, NULL, (void *)(uintptr_t)&rows[i]};
    const struct CMUnitTest told[] = {cmocka_unit_test(what_stands_behind_one_that_was_found_is_left)};
    return cmocka_run_group_tests(played, NULL, NULL) + cmocka_run_group_tests(told, NULL, NULL);
}
