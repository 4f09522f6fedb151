#include "http/etag.h"

#include "http/coding.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* By the last modification, or by the last change. */
enum kind { MODIFIED, CHANGED, KINDS };

static size_t (*const formats[KINDS])(int64_t, uint32_t, uint64_t, char *) = {etag_format, etag_format_changed};

/* No two rows may have the same tag. */
static const struct row {
    const char *name;
    enum kind kind;
    int64_t seconds;
    uint32_t nanoseconds;
    uint64_t size;
    const char *tag;
} rows[] = {
    {"an empty file of the epoch", MODIFIED, 0, 0, 0, "\"0.0-0\""},
    {"a file of our days", MODIFIED, 1700000000, 123456789, 4096, "\"6553f100.75bcd15-1000\""},
    {"a nanosecond later", MODIFIED, 1700000000, 123456790, 4096, "\"6553f100.75bcd16-1000\""},
    {"a byte longer", MODIFIED, 1700000000, 123456789, 4097, "\"6553f100.75bcd15-1001\""},
    {"digits of the seconds moved to the nanoseconds", MODIFIED, 0x655, 0x3f10075b, 4096, "\"655.3f10075b-1000\""},
    {"digits of the nanoseconds moved to the size", MODIFIED, 1700000000, 0x75b, 0xcd151000,
     "\"6553f100.75b-cd151000\""},
    {"a longer file of an early second", MODIFIED, 2, 0, 75, "\"2.0-4b\""},
    {"a shorter file of a later second", MODIFIED, 72, 2, 3, "\"48.2-3\""},
    {"before the epoch", MODIFIED, -1, 999999999, 1, "\"-1.3b9ac9ff-1\""},
    {"as long after it", MODIFIED, 1, 999999999, 1, "\"1.3b9ac9ff-1\""},
    {"the largest numbers", MODIFIED, INT64_MAX, UINT32_MAX, UINT64_MAX,
     "\"7fffffffffffffff.ffffffff-ffffffffffffffff\""},
    {"the smallest numbers", MODIFIED, INT64_MIN, UINT32_MAX, UINT64_MAX,
     "\"-8000000000000000.ffffffff-ffffffffffffffff\""},
    {"an empty file that was changed at the epoch", CHANGED, 0, 0, 0, "\"t0.0-0\""},
    {"a file that was changed in our days", CHANGED, 1700000000, 123456789, 4096, "\"t6553f100.75bcd15-1000\""},
    {"changed before the epoch", CHANGED, -1, 999999999, 1, "\"t-1.3b9ac9ff-1\""},
    {"the longest tag", CHANGED, INT64_MIN, UINT32_MAX, UINT64_MAX, "\"t-8000000000000000.ffffffff-ffffffffffffffff\""},
};

static void play(void **state)
{
    const struct row *row = *state;
    char out[ETAG_MAX];
    size_t len = formats[row->kind](row->seconds, row->nanoseconds, row->size, out);
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

/* ---- whatever the numbers are */

enum { DIGITS_MAX = 12, CUTS_MAX = DIGITS_MAX * DIGITS_MAX, ROUNDS = 200 };

struct tag {
    char text[ETAG_MAX + 1];
};

static uint64_t next_random(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005 + 1442695040888963407;
    return *seed >> 33;
}

static uint64_t number_of(const char *digits, int from, int to)
{
    uint64_t number = 0;
    for (int i = from; i < to; i++)
        number = number << 4 | (uint64_t)(digits[i] < 'a' ? digits[i] - '0' : digits[i] - 'a' + 10);
    return number;
}

/* The digits cut in three, wherever that can be: seconds of either sign, nanoseconds, size, of either kind. How many
 * tags that makes. */
static size_t put_tags(const char *digits, int count, struct tag *tags)
{
    size_t made = 0;
    for (int a = 1; a < count - 1; a++)
        for (int b = a + 1; b < count && b - a <= 8; b++)
            for (int kind = 0; kind < KINDS; kind++)
                for (int sign = -1; sign <= 1; sign += 2) {
                    char *text = tags[made++].text;
                    int64_t seconds = sign * (int64_t)number_of(digits, 0, a);
                    size_t len =
                        formats[kind](seconds, (uint32_t)number_of(digits, a, b), number_of(digits, b, count), text);
                    text[len] = '\0';
                }
    return made;
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct tag *)a)->text, ((const struct tag *)b)->text);
}

/* Zeros at the front of a number don't show, so that there are none. */
static void the_same_digits_cut_elsewhere_are_another_tag(void **state)
{
    static struct tag tags[2 * KINDS * CUTS_MAX];
    uint64_t seed = 4;
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        char digits[DIGITS_MAX];
        for (int i = 0; i < DIGITS_MAX; i++)
            digits[i] = "123456789abcdef"[next_random(&seed) % (round % 2 == 0 ? 15 : 1)];
        size_t made = put_tags(digits, DIGITS_MAX, tags);
        qsort(tags, made, sizeof *tags, compare);
        for (size_t i = 1; i < made; i++)
            if (strcmp(tags[i - 1].text, tags[i].text) == 0)
                fail_msg("%.*s: %s, twice", DIGITS_MAX, digits, tags[i].text);
    }
}

/* What can be read back can't be shared. */
static void a_tag_can_be_read_back(void **state)
{
    uint64_t seed = 5;
    (void)state;
    for (int round = 0; round < 100 * ROUNDS; round++) {
        char text[ETAG_MAX + 1], *at = text + 1;
        enum kind kind = next_random(&seed) % KINDS;
        int64_t seconds = (int64_t)(next_random(&seed) << 32 ^ next_random(&seed)) >> next_random(&seed) % 62;
        uint32_t nanoseconds = (uint32_t)(next_random(&seed) % 1000000000) >> next_random(&seed) % 32;
        uint64_t size = (next_random(&seed) << 33 ^ next_random(&seed)) >> next_random(&seed) % 64;
        seconds = next_random(&seed) % 2 ? seconds : -seconds;
        text[formats[kind](seconds, nanoseconds, size, text)] = '\0';
        assert_int_equal(*at == 't', kind == CHANGED);
        at += *at == 't';
        assert_true(strtoll(at, &at, 16) == seconds);
        assert_int_equal(*at++, '.');
        assert_true(strtoull(at, &at, 16) == nanoseconds);
        assert_int_equal(*at++, '-');
        assert_true(strtoull(at, &at, 16) == size);
        assert_string_equal(at, "\"");
    }
}

/* ---- of a content coding */

static const struct marked_row {
    const char *name, *tag, *coding, *marked;
} marked[] = {
    {"gzip of a file of our days", "\"6553f100.75bcd15-1000\"", "gzip", "\"6553f100.75bcd15-1000-gzip\""},
    {"zstd of an empty file", "\"0.0-0\"", "zstd", "\"0.0-0-zstd\""},
    {"br, whose letters are digits too", "\"0.0-b\"", "br", "\"0.0-b-br\""},
    {"a tag by the last change", "\"t-1.0-1\"", "br", "\"t-1.0-1-br\""},
    {"the longest tag", "\"t-8000000000000000.ffffffff-ffffffffffffffff\"", "gzip",
     "\"t-8000000000000000.ffffffff-ffffffffffffffff-gzip\""},
};

static void a_mark_stands_within_the_quotes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof marked / sizeof *marked; i++) {
        char *tag = malloc(ETAG_MAX); /* of its own: a sanitizer sees a byte too many */
        assert_non_null(tag);
        memset(tag, 'x', ETAG_MAX);
        memcpy(tag, marked[i].tag, strlen(marked[i].tag));
        size_t len = etag_mark(tag, strlen(marked[i].tag), slice_of(marked[i].coding));
        if (len != strlen(marked[i].marked) || memcmp(tag, marked[i].marked, len) != 0)
            fail_msg("%s: is %.*s", marked[i].name, (int)len, tag);
        free(tag);
    }
}

static size_t put_marked(const char *digits, int count, struct tag *tags)
{
    size_t plain = put_tags(digits, count, tags), made = plain;
    for (int coding = CODING_IDENTITY + 1; coding < CODINGS; coding++)
        for (size_t i = 0; i < plain; i++, made++) {
            tags[made] = tags[i];
            size_t len = etag_mark(tags[made].text, strlen(tags[i].text), coding_name((enum coding)coding));
            assert_true(len < ETAG_MAX);
            tags[made].text[len] = '\0';
        }
    return made;
}

/* Of all codings and of none, all numbers that can be made of the same digits: those of the names are among them. */
static void no_two_files_share_a_tag_in_any_two_codings(void **state)
{
    static struct tag tags[CODINGS * 2 * KINDS * CUTS_MAX];
    uint64_t seed = 6;
    (void)state;
    for (int round = 0; round < ROUNDS / 2; round++) {
        char digits[DIGITS_MAX];
        for (int i = 0; i < DIGITS_MAX; i++)
            digits[i] = "b123456789acdef"[next_random(&seed) % (round % 2 == 0 ? 15 : 2)];
        size_t made = put_marked(digits, DIGITS_MAX, tags);
        qsort(tags, made, sizeof *tags, compare);
        for (size_t i = 1; i < made; i++)
            if (strcmp(tags[i - 1].text, tags[i].text) == 0)
                fail_msg("%.*s: %s, twice", DIGITS_MAX, digits, tags[i].text);
    }
}

int main(void)
{
    struct CMUnitTest played[ROWS];
    for (int i = 0; i < ROWS; i++)
        played[i] = (struct CMUnitTest){rows[i].name, play, NULL, NULL, (void *)(uintptr_t)&rows[i]};
    const struct CMUnitTest told[] = {
        cmocka_unit_test(no_two_files_share_a_tag),
        cmocka_unit_test(the_same_digits_cut_elsewhere_are_another_tag),
        cmocka_unit_test(a_tag_can_be_read_back),
        cmocka_unit_test(a_mark_stands_within_the_quotes),
        cmocka_unit_test(no_two_files_share_a_tag_in_any_two_codings),
    };
    return cmocka_run_group_tests(played, NULL, NULL) + cmocka_run_group_tests(told, NULL, NULL);
}
