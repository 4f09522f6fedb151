#include "http/range.h"

#include "lib/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define HUGE_DIGITS "99999999999999999999999999999999"

enum { ROOM = 4096 };

static const struct row {
    const char *name;
    const char *value;
    uint64_t size;
    enum range_kind kind;
    uint64_t first, length;
} rows[] = {
    {"the first byte", "bytes=0-0", 100, RANGE_PART, 0, 1},
    {"the first two bytes", "bytes=0-1", 100, RANGE_PART, 0, 2},
    {"from the start on", "bytes=0-", 100, RANGE_PART, 0, 100},
    {"all of it", "bytes=0-99", 100, RANGE_PART, 0, 100},
    {"the middle", "bytes=10-19", 100, RANGE_PART, 10, 10},
    {"the last byte", "bytes=99-99", 100, RANGE_PART, 99, 1},
    {"from the last byte on", "bytes=99-", 100, RANGE_PART, 99, 1},
    {"an end at the end", "bytes=50-100", 100, RANGE_PART, 50, 50},
    {"an end far beyond the end", "bytes=50-" HUGE_DIGITS, 100, RANGE_PART, 50, 50},
    {"an end of 2^63 - 1", "bytes=1-9223372036854775807", 100, RANGE_PART, 1, 99},
    {"an end of 2^64 - 1", "bytes=1-18446744073709551615", 100, RANGE_PART, 1, 99},
    {"an end of 2^64", "bytes=1-18446744073709551616", 100, RANGE_PART, 1, 99},
    {"zeros before the numbers", "bytes=0000000000000000000000000000001-0002", 100, RANGE_PART, 1, 2},
    {"the unit in any case", "ByTeS=1-2", 100, RANGE_PART, 1, 2},
    {"the last bytes", "bytes=-5", 100, RANGE_PART, 95, 5},
    {"as many last bytes as there are", "bytes=-100", 100, RANGE_PART, 0, 100},
    {"more last bytes than there are", "bytes=-101", 100, RANGE_PART, 0, 100},
    {"more last bytes than any number", "bytes=-" HUGE_DIGITS, 100, RANGE_PART, 0, 100},
    {"the largest file's last byte", "bytes=18446744073709551614-", UINT64_MAX, RANGE_PART, UINT64_MAX - 1, 1},
    {"the largest file, all of it", "bytes=0-" HUGE_DIGITS, UINT64_MAX, RANGE_PART, 0, UINT64_MAX},
    {"the largest file's last bytes", "bytes=-" HUGE_DIGITS, UINT64_MAX, RANGE_PART, 0, UINT64_MAX},
    {"a file of one byte", "bytes=0-0", 1, RANGE_PART, 0, 1},

    {"no last bytes", "bytes=-0", 100, RANGE_UNSATISFIABLE, 0, 0},
    {"no last bytes, with many zeros", "bytes=-000", 100, RANGE_UNSATISFIABLE, 0, 0},
    {"a start at the end", "bytes=100-", 100, RANGE_UNSATISFIABLE, 0, 0},
    {"a start and an end at the end", "bytes=100-100", 100, RANGE_UNSATISFIABLE, 0, 0},
    {"a start beyond the end", "bytes=200-300", 100, RANGE_UNSATISFIABLE, 0, 0},
    {"a start beyond any number", "bytes=" HUGE_DIGITS "-", 100, RANGE_UNSATISFIABLE, 0, 0},
    {"a start beyond any number in the largest file", "bytes=" HUGE_DIGITS "-", UINT64_MAX, RANGE_UNSATISFIABLE, 0, 0},
    {"a start of 2^64 is not 0", "bytes=18446744073709551616-", 100, RANGE_UNSATISFIABLE, 0, 0},
    {"the first byte of nothing", "bytes=0-0", 0, RANGE_UNSATISFIABLE, 0, 0},
    {"nothing from the start on", "bytes=0-", 0, RANGE_UNSATISFIABLE, 0, 0},
    {"the last bytes of nothing", "bytes=-5", 0, RANGE_WHOLE, 0, 0},

    {"an end before the start", "bytes=5-2", 100, RANGE_WHOLE, 0, 0},
    {"an end before a start beyond the end", "bytes=" HUGE_DIGITS "-2", 100, RANGE_WHOLE, 0, 0},
    {"several ranges", "bytes=0-1,3-4", 100, RANGE_WHOLE, 0, 0},
    {"a comma at the end", "bytes=0-1,", 100, RANGE_WHOLE, 0, 0},
    {"a comma at the start", "bytes=,0-1", 100, RANGE_WHOLE, 0, 0},
    {"another unit", "lines=0-1", 100, RANGE_WHOLE, 0, 0},
    {"a unit that begins alike", "bytesx=0-1", 100, RANGE_WHOLE, 0, 0},
    {"a unit alone", "bytes", 100, RANGE_WHOLE, 0, 0},
    {"nothing behind the unit", "bytes=", 100, RANGE_WHOLE, 0, 0},
    {"nothing at all", "", 100, RANGE_WHOLE, 0, 0},
    {"a hyphen alone", "bytes=-", 100, RANGE_WHOLE, 0, 0},
    {"two hyphens", "bytes=--5", 100, RANGE_WHOLE, 0, 0},
    {"a number alone", "bytes=5", 100, RANGE_WHOLE, 0, 0},
    {"a space behind the equals sign", "bytes= 0-1", 100, RANGE_WHOLE, 0, 0},
    {"a space before the equals sign", "bytes =0-1", 100, RANGE_WHOLE, 0, 0},
    {"a space behind the hyphen", "bytes=0- 1", 100, RANGE_WHOLE, 0, 0},
    {"a sign", "bytes=+0-1", 100, RANGE_WHOLE, 0, 0},
    {"a letter behind the end", "bytes=0-1x", 100, RANGE_WHOLE, 0, 0},
    {"a letter for the end", "bytes=0-x", 100, RANGE_WHOLE, 0, 0},
    {"a letter behind the suffix", "bytes=-1x", 100, RANGE_WHOLE, 0, 0},
    {"hexadecimal digits", "bytes=0x0-0x1", 100, RANGE_WHOLE, 0, 0},
};

static void play(void **state)
{
    const struct row *row = *state;
    struct guard guard;
    struct range range = {0, 0};
    guard_open(&guard, ROOM);
    assert_int_equal(range_parse(guard_lay(&guard, slice_of(row->value)), row->size, &range), row->kind);
    assert_int_equal(range.first, row->first);
    assert_int_equal(range.length, row->length);
    guard_close(&guard);
}

enum { ROWS = sizeof rows / sizeof *rows };

int main(void)
{
    struct CMUnitTest played[ROWS];
    for (int i = 0; i < ROWS; i++)
        played[i] = (struct CMUnitTest){rows[i].name, play, NULL, NULL, (void *)(uintptr_t)&rows[i]};
    return cmocka_run_group_tests(played, NULL, NULL);
}
