#include "http/etag.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* No two rows may have the same tag. */
static const struct row {
    const char *name;
    int64_t seconds;
    uint32_t nanoseconds;
    uint64_t size;
    const char *tag;
} rows[] = {
    {"an empty file of the epoch", 0, 0, 0, "\"0.0-0\""},
    {"a file of our days", 1700000000, 123456789, 4096, "\"6553f100.75bcd15-1000\""},
    {"a nanosecond later", 1700000000, 123456790, 4096, "\"6553f100.75bcd16-1000\""},
    {"a byte longer", 1700000000, 123456789, 4097, "\"6553f100.75bcd15-1001\""},
    {"digits of the seconds moved to the nanoseconds", 0x655, 0x3f10075b, 4096, "\"655.3f10075b-1000\""},
    {"digits of the nanoseconds moved to the size", 1700000000, 0x75b, 0xcd151000, "\"6553f100.75b-cd151000\""},
    {"before the epoch", -1, 999999999, 1, "\"-1.3b9ac9ff-1\""},
    {"as long after it", 1, 999999999, 1, "\"1.3b9ac9ff-1\""},
    {"the largest numbers", INT64_MAX, UINT32_MAX, UINT64_MAX, "\"7fffffffffffffff.ffffffff-ffffffffffffffff\""},
    {"the smallest numbers", INT64_MIN, UINT32_MAX, UINT64_MAX, "\"-8000000000000000.ffffffff-ffffffffffffffff\""},
};

static void play(void **state)
{
    const struct row *row = *state;
    char out[ETAG_MAX];
    size_t len = etag_format(row->seconds, row->nanoseconds, row->size, out);
    assert_int_equal(len, strlen(row->tag));
    assert_memory_equal(out, row->tag, len);
}

enum { ROWS = sizeof rows / sizeof *rows };

static void no_two_files_share_a_tag(void **state)
{
    (void)state;
    for (int i = 0; i < ROWS; i++)
        for (int k = 0; k < i; k++)
            assert_string_not_equal(rows[i].tag, rows[k].tag);
}

int main(void)
{
    struct CMUnitTest played[ROWS];
    for (int i = 0; i < ROWS; i++)
        played[i] = (struct CMUnitTest){rows[i].name, play, NULL, NULL, (void *)(uintptr_t)&rows[i]};
    const struct CMUnitTest told[] = {cmocka_unit_test(no_two_files_share_a_tag)};
    return cmocka_run_group_tests(played, NULL, NULL) + cmocka_run_group_tests(told, NULL, NULL);
}
