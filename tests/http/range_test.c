/*
 * Rows that name a bug ("Apache Killer", an advisory, another server) are one that ranges were in elsewhere; each must
 * come to what its sentence says.
 */
#include "http/range.h"

#include "base/buffer.h"
#include "lib/guard.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define HUGE_DIGITS "99999999999999999999999999999999"

enum { ROOM = 16384 };

static const struct row {
    const char *name;
    const char *value;
    uint64_t size;
    const char *answer; /* "whole", "unsatisfiable", or each range as " first-last" */
} rows[] = {
    {"the first byte (Safari's first question)", "bytes=0-0", 100, " 0-0"},
    {"the first two bytes (Safari's second)", "bytes=0-1", 100, " 0-1"},
    {"from the start on is a range too (the fix of the Apache Killer broke it)", "bytes=0-", 100, " 0-99"},
    {"all of it", "bytes=0-99", 100, " 0-99"},
    {"the middle", "bytes=10-19", 100, " 10-19"},
    {"the last byte", "bytes=99-99", 100, " 99-99"},
    {"from the last byte on", "bytes=99-", 100, " 99-99"},
    {"an end at the end is clamped (lwan: 416)", "bytes=50-100", 100, " 50-99"},
    {"an end far beyond the end", "bytes=50-" HUGE_DIGITS, 100, " 50-99"},
    {"an end of 2^63 - 1 (nginx, CVE-2017-7529)", "bytes=1-9223372036854775807", 100, " 1-99"},
    {"an end of 2^63", "bytes=1-9223372036854775808", 100, " 1-99"},
    {"an end of 2^63 + 1", "bytes=1-9223372036854775809", 100, " 1-99"},
    {"an end of 2^64 - 1", "bytes=1-18446744073709551615", 100, " 1-99"},
    {"an end of 2^64", "bytes=1-18446744073709551616", 100, " 1-99"},
    {"zeros before the numbers", "bytes=0000000000000000000000000000001-0002", 100, " 1-2"},
    {"the unit in any case", "ByTeS=1-2", 100, " 1-2"},
    {"the last bytes", "bytes=-5", 100, " 95-99"},
    {"as many last bytes as there are", "bytes=-100", 100, " 0-99"},
    {"more last bytes than there are", "bytes=-101", 100, " 0-99"},
    {"more last bytes than any number", "bytes=-" HUGE_DIGITS, 100, " 0-99"},
    {"2^63 last bytes", "bytes=-9223372036854775808", 100, " 0-99"},
    {"the largest file's last byte", "bytes=18446744073709551614-", UINT64_MAX,
     " 18446744073709551614-18446744073709551614"},
    {"the largest file, all of it", "bytes=0-" HUGE_DIGITS, UINT64_MAX, " 0-18446744073709551614"},
    {"the largest file's last bytes", "bytes=-" HUGE_DIGITS, UINT64_MAX, " 0-18446744073709551614"},
    {"a file of one byte", "bytes=0-0", 1, " 0-0"},

    {"no last bytes", "bytes=-0", 100, "unsatisfiable"},
    {"no last bytes, with many zeros", "bytes=-000", 100, "unsatisfiable"},
    {"a start at the end (curl -C - on a complete file)", "bytes=100-", 100, "unsatisfiable"},
    {"a start and an end at the end", "bytes=100-100", 100, "unsatisfiable"},
    {"a start beyond the end", "bytes=200-300", 100, "unsatisfiable"},
    {"a start beyond any number", "bytes=" HUGE_DIGITS "-", 100, "unsatisfiable"},
    {"a start beyond any number in the largest file", "bytes=" HUGE_DIGITS "-", UINT64_MAX, "unsatisfiable"},
    {"a start of 2^63", "bytes=9223372036854775808-", 100, "unsatisfiable"},
    {"a start of 2^64 is not 0", "bytes=18446744073709551616-", 100, "unsatisfiable"},
    {"the first byte of nothing", "bytes=0-0", 0, "unsatisfiable"},
    {"nothing from the start on", "bytes=0-", 0, "unsatisfiable"},
    {"the last bytes of nothing", "bytes=-5", 0, "whole"},
    {"no last bytes of nothing", "bytes=-0", 0, "unsatisfiable"},

    {"an end before the start is no range (dufs underflowed)", "bytes=5-2", 100, "whole"},
    {"an end before a start beyond the end", "bytes=" HUGE_DIGITS "-2", 100, "whole"},
    {"another unit", "lines=0-1", 100, "whole"},
    {"a unit that begins alike", "bytesx=0-1", 100, "whole"},
    {"a unit alone", "bytes", 100, "whole"},
    {"nothing behind the unit", "bytes=", 100, "whole"},
    {"nothing at all", "", 100, "whole"},
    {"a hyphen alone", "bytes=-", 100, "whole"},
    {"two hyphens", "bytes=--5", 100, "whole"},
    {"a number alone", "bytes=5", 100, "whole"},
    {"a space behind the equals sign", "bytes= 0-1", 100, "whole"},
    {"a space before the equals sign", "bytes =0-1", 100, "whole"},
    {"a space before the hyphen", "bytes=0 -1", 100, "whole"},
    {"a space behind the hyphen", "bytes=0- 1", 100, "whole"},
    {"a space behind the last range", "bytes=0-1 ", 100, "whole"},
    {"a sign", "bytes=+0-1", 100, "whole"},
    {"a letter behind the end", "bytes=0-1x", 100, "whole"},
    {"a letter for the end", "bytes=0-x", 100, "whole"},
    {"a letter behind the suffix", "bytes=-1x", 100, "whole"},
    {"hexadecimal digits", "bytes=0x0-0x1", 100, "whole"},

    {"two ranges", "bytes=0-1,500-509", 1000, " 0-1 500-509"},
    {"two ranges the other way round", "bytes=500-509,0-1", 1000, " 500-509 0-1"},
    {"three kinds of ranges", "bytes=0-9,-5,500-", 1000, " 0-9 500-999"},
    {"white space around the commas", "bytes=0-1 ,\t500-509 \t,  800-809", 1000, " 0-1 500-509 800-809"},
    {"a comma at the end", "bytes=0-1,", 100, " 0-1"},
    {"a comma at the start", "bytes=,0-1", 100, " 0-1"},
    {"commas in the middle", "bytes=0-1,, ,500-509", 1000, " 0-1 500-509"},
    {"commas alone", "bytes=,,,", 100, "whole"},
    {"a comma alone", "bytes=,", 100, "whole"},
    {"the unit again", "bytes=0-1,bytes=500-509", 1000, "whole"},
    {"a semicolon", "bytes=0-1;500-509", 1000, "whole"},
    {"quotes", "bytes=\"0-1,500-509\"", 1000, "whole"},
    {"an invalid one at the end (lighttpd: use after free)", "bytes=0-1,500-509,9-8", 1000, "whole"},
    {"an invalid one at the start", "bytes=9-8,0-1", 1000, "whole"},
    {"an invalid one among unsatisfiable ones", "bytes=1000-,-", 1000, "whole"},
    {"an unsatisfiable one is left out", "bytes=0-1,1000-,500-509", 1000, " 0-1 500-509"},
    {"no last bytes are left out", "bytes=-0,500-509", 1000, " 500-509"},
    {"all unsatisfiable", "bytes=1000-,2000-3000,-0", 1000, "unsatisfiable"},
    {"several of nothing", "bytes=0-0,1-1", 0, "unsatisfiable"},
    {"the last bytes of nothing, and others", "bytes=0-0,-5", 0, "whole"},

    {"ranges that overlap are joined", "bytes=100-199,150-249", 1000, " 100-249"},
    {"one within another", "bytes=100-199,150-159", 1000, " 100-199"},
    {"one around another", "bytes=150-159,100-199", 1000, " 100-199"},
    {"the same twice", "bytes=100-199,100-199", 1000, " 100-199"},
    {"ranges that touch are joined", "bytes=100-199,200-299", 1000, " 100-299"},
    {"ranges that touch, the later first", "bytes=200-299,100-199", 1000, " 100-299"},
    {"a gap of as much as a part's head is joined", "bytes=0-9,138-147", 1000, " 0-147"},
    {"a gap of one byte more isn't", "bytes=0-9,139-147", 1000, " 0-9 139-147"},
    {"such a gap the other way round is joined", "bytes=138-147,0-9", 1000, " 0-147"},
    {"and one byte more isn't", "bytes=139-147,0-9", 1000, " 139-147 0-9"},
    {"the first and the last byte of a small file are all of it", "bytes=0-0,-1", 100, " 0-99"},
    {"a bridge joins two that were apart, in the first one's place", "bytes=0-9,600-609,200-209,100-110", 1000,
     " 0-209 600-609"},
    {"a bridge joins the same in another order", "bytes=200-209,600-609,0-9,100-110", 1000, " 0-209 600-609"},
    {"a bridge joins all", "bytes=0-9,900-909,300-309,600-609,10-780", 2000, " 0-909"},
    {"joined across unsatisfiable and empty ones", "bytes=0-9,1000-,,10-19", 1000, " 0-19"},
    {"at the end of the largest file", "bytes=18446744073709551600-,18446744073709551000-18446744073709551480",
     UINT64_MAX, " 18446744073709551000-18446744073709551614"},
    {"at both ends of the largest file", "bytes=-1,0-0", UINT64_MAX, " 18446744073709551614-18446744073709551614 0-0"},

    {"the sum of the ranges is the file: parts", "bytes=0-499,500-999", 1000, " 0-999"},
    {"the sum of the ranges exceeds the file: whole (Apache Killer, CVE-2011-3192)", "bytes=0-499,499-999", 1000,
     "whole"},
    {"all of it and a byte: whole", "bytes=0-,0-0", 1000, "whole"},
    {"all of it twice: whole", "bytes=0-,0-", 1000, "whole"},
    {"all of it many times: whole", "bytes=0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-", 1000, "whole"},
    {"a suffix and all of it: whole", "bytes=-1,0-", 1000, "whole"},
    {"the sum counts what is there, not what was asked", "bytes=-1,998-99999", 1000, " 998-999"},
    {"the sum doesn't count what isn't there", "bytes=0-999,1000-1999,2000-", 1000, " 0-999"},
    {"the only byte twice: whole", "bytes=0-0,0-0", 1, "whole"},
    {"the sum of the ranges exceeds any number: whole", "bytes=0-,0-,1-", UINT64_MAX, "whole"},
};

/* "whole", "unsatisfiable" or the ranges, as in the rows. */
static const char *tell(enum range_kind kind, const struct ranges *ranges, char *out, size_t room)
{
    if (kind != RANGE_PARTS)
        return kind == RANGE_WHOLE ? "whole" : kind == RANGE_UNSATISFIABLE ? "unsatisfiable" : "?";
    size_t len = 0;
    out[0] = '\0';
    for (uint32_t i = 0; i < ranges->count; i++) {
        struct range range = ranges->at[i];
        len += (size_t)snprintf(out + len, room - len, " %" PRIu64 "-%" PRIu64, range.first,
                                range.first + range.length - 1);
        assert_true(len < room);
    }
    return out;
}

static void play(void **state)
{
    const struct row *row = *state;
    struct guard guard;
    struct ranges ranges;
    char told[ROOM];
    guard_open(&guard, ROOM);
    enum range_kind kind = range_parse(guard_lay(&guard, slice_of(row->value)), row->size, &ranges);
    assert_string_equal(tell(kind, &ranges, told, sizeof told), row->answer);
    guard_close(&guard);
}

enum { ROWS = sizeof rows / sizeof *rows };

/* ---- how many */

static const struct count_row {
    const char *name;
    const char *before;  /* in front of the ranges */
    int64_t first, step; /* of ranges of a byte each */
    int count;
    const char *behind;
    enum range_kind kind;
    uint32_t ranges;
} count_rows[] = {
    {"as many as zsync asks for", "", 0, 1000, 20, "", RANGE_PARTS, 20},
    {"as many as there may be", "", 0, 1000, RANGES_MAX, "", RANGE_PARTS, RANGES_MAX},
    {"as many as there may be, from the end", "", 999000, -1000, RANGES_MAX, "", RANGE_PARTS, RANGES_MAX},
    {"one too many: whole (h2o had no limit)", "", 0, 1000, RANGES_MAX + 1, "", RANGE_WHOLE, 0},
    {"as many as there may be, all joined", "", 0, 1, RANGES_MAX, "", RANGE_PARTS, 1},
    {"one too many, though all would be joined", "", 0, 1, RANGES_MAX + 1, "", RANGE_WHOLE, 0},
    {"as many as there may be, all unsatisfiable", "", 1000000, 1, RANGES_MAX, "", RANGE_UNSATISFIABLE, 0},
    {"one too many, all unsatisfiable", "", 1000000, 1, RANGES_MAX + 1, "", RANGE_WHOLE, 0},
    {"unsatisfiable ones count", "", 0, 1000, RANGES_MAX, "-0", RANGE_WHOLE, 0},
    {"empty ones don't", ",, ,,", 0, 1000, RANGES_MAX, ",,,", RANGE_PARTS, RANGES_MAX},
    {"a thousand (nginx, January 2026: their heads are the flood)", "", 0, 1000, 1000, "", RANGE_WHOLE, 0},
    {"the last joins all", "", 0, 1000, RANGES_MAX - 1, "0-100000", RANGE_PARTS, 1},
};

static void play_count(void **state)
{
    const struct count_row *row = *state;
    char value[ROOM];
    int len = snprintf(value, sizeof value, "bytes=%s", row->before);
    for (int i = 0; i < row->count; i++) {
        int64_t at = row->first + i * row->step;
        len += snprintf(value + len, sizeof value - (size_t)len, "%" PRIi64 "-%" PRIi64 ",", at, at);
    }
    len += snprintf(value + len, sizeof value - (size_t)len, "%s", row->behind);
    struct ranges ranges;
    assert_int_equal(range_parse((struct slice){value, (size_t)len}, 1000000, &ranges), row->kind);
    if (row->kind == RANGE_PARTS)
        assert_int_equal(ranges.count, row->ranges);
}

enum { COUNT_ROWS = sizeof count_rows / sizeof *count_rows };

/* ---- sets drawn by chance, against a file of which every byte is looked at */

enum { FILE_MAX = 6000, ASKED_MAX = RANGES_MAX + 2, SETS = 20000 };

struct naive {
    uint64_t size;
    uint64_t sum;
    int asked;
    int count; /* of those that are satisfiable */
    struct range at[ASKED_MAX];
    bool wanted[FILE_MAX]; /* for each byte, whether it is to be sent */
};

static uint64_t draw(uint64_t *seed, uint64_t below)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed % below;
}

/* Draws a range, prints it, and notes which bytes it asks for. Short ones, or the sum would soon be too large. */
static int draw_range(struct naive *naive, uint64_t *seed, char *out, size_t room)
{
    uint64_t size = naive->size, first = draw(seed, size + size / 8 + 1), last = first + draw(seed, 1 + size / 20);
    int len;
    if (draw(seed, 16) == 0) {
        uint64_t suffix = draw(seed, 1 + size / 10);
        first = size - suffix;
        last = size - 1;
        len = snprintf(out, room, "-%" PRIu64, suffix);
    } else if (draw(seed, 16) == 0) {
        first = size - draw(seed, 1 + size / 10);
        last = size - 1;
        len = snprintf(out, room, "%" PRIu64 "-", first);
    } else {
        len = snprintf(out, room, "%" PRIu64 "-%" PRIu64, first, last);
    }
    naive->asked++;
    if (first >= size)
        return len;
    if (last >= size)
        last = size - 1;
    naive->sum += last - first + 1;
    naive->at[naive->count++] = (struct range){first, last - first + 1};
    for (uint64_t i = first; i <= last; i++)
        naive->wanted[i] = true;
    return len;
}

/* Gaps that are too short are wanted as well. */
static void fill_gaps(struct naive *naive)
{
    uint64_t behind = UINT64_MAX; /* one past the wanted byte before */
    for (uint64_t i = 0; i < naive->size; i++) {
        if (!naive->wanted[i])
            continue;
        if (behind != UINT64_MAX && i - behind <= RANGES_GAP)
            memset(naive->wanted + behind, 1, i - behind);
        behind = i + 1;
    }
}

/* The longest run of wanted bytes that holds this one. */
static struct range run_of(const struct naive *naive, uint64_t at)
{
    uint64_t first = at, end = at + 1;
    while (first > 0 && naive->wanted[first - 1])
        first--;
    while (end < naive->size && naive->wanted[end])
        end++;
    return (struct range){first, end - first};
}

static enum range_kind judge(struct naive *naive, struct ranges *ranges)
{
    ranges->count = 0;
    if (naive->asked > RANGES_MAX || naive->sum > naive->size)
        return RANGE_WHOLE;
    if (naive->count == 0)
        return RANGE_UNSATISFIABLE;
    fill_gaps(naive);
    for (int i = 0; i < naive->count; i++) {
        struct range run = run_of(naive, naive->at[i].first);
        uint32_t known = 0;
        while (known < ranges->count && ranges->at[known].first != run.first)
            known++;
        if (known == ranges->count)
            ranges->at[ranges->count++] = run;
    }
    return RANGE_PARTS;
}

static size_t draw_set(struct naive *naive, uint64_t *seed, char *out, size_t room)
{
    *naive = (struct naive){.size = 1 + draw(seed, FILE_MAX - 1)};
    int count = 1 + (int)draw(seed, draw(seed, 2) ? 6 : ASKED_MAX);
    size_t len = (size_t)snprintf(out, room, "bytes=");
    for (int i = 0; i < count; i++) {
        len += (size_t)draw_range(naive, seed, out + len, room - len);
        len += (size_t)snprintf(out + len, room - len, "%s", i == count - 1 ? "" : draw(seed, 3) ? "," : " ,, ");
    }
    return len;
}

static void sets_come_to_what_a_look_at_every_byte_comes_to(void **state)
{
    (void)state;
    struct naive naive;
    struct ranges ranges, expected;
    char value[ROOM], told[ROOM], expected_told[ROOM];
    uint64_t seed = 88172645463325252;
    int of_kind[RANGE_UNSATISFIABLE + 1] = {0}, joined = 0, several = 0;
    for (int i = 0; i < SETS; i++) {
        size_t len = draw_set(&naive, &seed, value, sizeof value);
        enum range_kind kind = range_parse((struct slice){value, len}, naive.size, &ranges);
        enum range_kind expected_kind = judge(&naive, &expected);
        const char *answer = tell(kind, &ranges, told, sizeof told);
        const char *wanted = tell(expected_kind, &expected, expected_told, sizeof expected_told);
        if (strcmp(answer, wanted) != 0)
            fail_msg("%s of %" PRIu64 " bytes: %s, not %s", value, naive.size, answer, wanted);
        of_kind[kind]++;
        joined += kind == RANGE_PARTS && (int)ranges.count < naive.count;
        several += kind == RANGE_PARTS && ranges.count > 1;
    }
    /* Chance must have shown all there is to see. */
    assert_true(of_kind[RANGE_WHOLE] > SETS / 10 && of_kind[RANGE_UNSATISFIABLE] > SETS / 200);
    assert_true(joined > SETS / 10 && several > SETS / 10);
}

int main(void)
{
    struct CMUnitTest played[ROWS], counted[COUNT_ROWS];
    for (int i = 0; i < ROWS; i++)
        played[i] = (struct CMUnitTest){rows[i].name, play, NULL, NULL, (void *)(uintptr_t)&rows[i]};
    for (int i = 0; i < COUNT_ROWS; i++)
        counted[i] = (struct CMUnitTest){count_rows[i].name, play_count, NULL, NULL, (void *)(uintptr_t)&count_rows[i]};
    const struct CMUnitTest told[] = {cmocka_unit_test(sets_come_to_what_a_look_at_every_byte_comes_to)};
    return cmocka_run_group_tests(played, NULL, NULL) + cmocka_run_group_tests(counted, NULL, NULL) +
           cmocka_run_group_tests(told, NULL, NULL);
}
