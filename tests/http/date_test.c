#include "http/date.h"

#include "lib/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { ROOM = 4096 };

#define NOW INT64_C(1792000000) /* Wed, 14 Oct 2026 17:46:40 GMT */

static const struct row {
    const char *name;
    const char *text;
    int64_t seconds;
} rows[] = {
    {"the RFC's example", "Sun, 06 Nov 1994 08:49:37 GMT", 784111777},
    {"the epoch", "Thu, 01 Jan 1970 00:00:00 GMT", 0},
    {"a second before the epoch", "Wed, 31 Dec 1969 23:59:59 GMT", -1},
    {"29 February of a leap year", "Thu, 29 Feb 2024 12:00:00 GMT", 1709208000},
    {"29 February of 2000", "Tue, 29 Feb 2000 00:00:00 GMT", 951782400},
    {"the day after 28 February 1900", "Thu, 01 Mar 1900 00:00:00 GMT", -2203891200},
    {"the last second of a year", "Fri, 31 Dec 2004 23:59:59 GMT", 1104537599},
    {"beyond 2^31", "Tue, 19 Jan 2038 03:14:08 GMT", INT64_C(1) << 31},
    {"beyond 2^32", "Sun, 07 Feb 2106 06:28:16 GMT", INT64_C(1) << 32},
    {"the last second that has a date", "Fri, 31 Dec 9999 23:59:59 GMT", INT64_C(253402300799)},
    {"the first second that has a date", "Sat, 01 Jan 0000 00:00:00 GMT", INT64_C(-62167219200)},
};

static void play(void **state)
{
    const struct row *row = *state;
    struct guard guard;
    char out[DATE_LEN + 1] = "";
    int64_t seconds = 12345;
    guard_open(&guard, ROOM);
    date_format(row->seconds, out);
    assert_string_equal(out, row->text);
    assert_true(date_parse(guard_lay(&guard, slice_of(row->text)), NOW, &seconds));
    assert_int_equal(seconds, row->seconds);
    guard_close(&guard);
}

static const struct reading {
    const char *name;
    const char *text;
    int64_t seconds;
} readings[] = {
    {"the obsolete format of RFC 850", "Sunday, 06-Nov-94 08:49:37 GMT", 784111777},
    {"asctime()'s format", "Sun Nov  6 08:49:37 1994", 784111777},
    {"asctime()'s format with a day of two digits", "Wed Nov 16 08:49:37 1994", 784975777},
    {"a weekday that is wrong for its date", "Mon, 06 Nov 1994 08:49:37 GMT", 784111777},
    {"a leap second", "Sat, 31 Dec 2016 23:59:60 GMT", 1483228800},
    {"two digits of this year", "Thursday, 01-Jan-26 00:00:00 GMT", 1767225600},
    {"two digits of fifty years ahead, to the second", "Wednesday, 14-Oct-76 17:46:40 GMT", INT64_C(3369923200)},
    {"two digits of a second more than fifty years ahead", "Thursday, 14-Oct-76 17:46:41 GMT", 214163201},
    {"two digits of 51 years ahead", "Saturday, 01-Jan-77 00:00:00 GMT", 220924800},
    {"two digits of the century before", "Friday, 31-Dec-99 23:59:59 GMT", 946684799},
    {"two digits of a leap year", "Thursday, 29-Feb-24 12:00:00 GMT", 1709208000},
};

static void play_reading(void **state)
{
    const struct reading *row = *state;
    struct guard guard;
    int64_t seconds = 12345;
    guard_open(&guard, ROOM);
    assert_true(date_parse(guard_lay(&guard, slice_of(row->text)), NOW, &seconds));
    assert_int_equal(seconds, row->seconds);
    guard_close(&guard);
}

static const struct refusal {
    const char *name;
    const char *text;
} refusals[] = {
    {"nothing", ""},
    {"a number", "784111777"},
    {"words", "yesterday"},
    {"a weekday that isn't one", "Sum, 06 Nov 1994 08:49:37 GMT"},
    {"a weekday in lower case", "sun, 06 Nov 1994 08:49:37 GMT"},
    {"a month that isn't one", "Sun, 06 Nox 1994 08:49:37 GMT"},
    {"a month that overlaps two", "Sun, 06 anF 1994 08:49:37 GMT"},
    {"a month in upper case", "Sun, 06 NOV 1994 08:49:37 GMT"},
    {"no comma", "Sun 06 Nov 1994 08:49:37 GMT"},
    {"two spaces", "Sun,  06 Nov 1994 08:49:37 GMT"},
    {"a day of one digit", "Sun, 6 Nov 1994 08:49:37 GMT"},
    {"a day with a space", "Sun,  6 Nov 1994 08:49:37 GMT"},
    {"a year of two digits", "Sun, 06 Nov 94 08:49:37 GMT"},
    {"a year of five digits", "Sun, 06 Nov 10000 08:49:37 GMT"},
    {"another zone", "Sun, 06 Nov 1994 08:49:37 UTC"},
    {"a zone in digits", "Sun, 06 Nov 1994 08:49:37 +0000"},
    {"no zone", "Sun, 06 Nov 1994 08:49:37"},
    {"something behind", "Sun, 06 Nov 1994 08:49:37 GMT;"},
    {"a space before", " Sun, 06 Nov 1994 08:49:37 GMT"},
    {"a sign for a digit", "Sun, 06 Nov 1994 08:49:-7 GMT"},
    {"day 0", "Sun, 00 Nov 1994 08:49:37 GMT"},
    {"31 November", "Sun, 31 Nov 1994 08:49:37 GMT"},
    {"32 December", "Sun, 32 Dec 1994 08:49:37 GMT"},
    {"29 February of a common year", "Sun, 29 Feb 2023 08:49:37 GMT"},
    {"29 February of 1900", "Sun, 29 Feb 1900 08:49:37 GMT"},
    {"hour 24", "Sun, 06 Nov 1994 24:00:00 GMT"},
    {"minute 60", "Sun, 06 Nov 1994 08:60:37 GMT"},
    {"second 61", "Sun, 06 Nov 1994 08:49:61 GMT"},
    {"RFC 850 with a short weekday", "Sun, 06-Nov-94 08:49:37 GMT"},
    {"RFC 850 with four digits of a year", "Sunday, 06-Nov-1994 08:49:37 GMT"},
    {"RFC 850 with 29 February of a common year", "Sunday, 29-Feb-23 08:49:37 GMT"},
    {"RFC 850 with something behind", "Sunday, 06-Nov-94 08:49:37 GMT "},
    {"asctime with a zone", "Sun Nov  6 08:49:37 1994 GMT"},
    {"asctime with two spaces too many", "Sun Nov   6 08:49:37 1994"},
    {"asctime with day 0", "Sun Nov  0 08:49:37 1994"},
};

static void play_refusal(void **state)
{
    const struct refusal *row = *state;
    struct guard guard;
    int64_t seconds;
    guard_open(&guard, ROOM);
    assert_false(date_parse(guard_lay(&guard, slice_of(row->text)), NOW, &seconds));
    guard_close(&guard);
}

static void every_beginning_of_a_date_is_none(void **state)
{
    (void)state;
    static const char *const dates[] = {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
                                        "Sun Nov  6 08:49:37 1994"};
    struct guard guard;
    int64_t seconds;
    guard_open(&guard, ROOM);
    for (int i = 0; i < 3; i++)
        for (size_t len = 0; len < strlen(dates[i]); len++)
            assert_false(date_parse(guard_lay(&guard, (struct slice){dates[i], len}), NOW, &seconds));
    guard_close(&guard);
}

static void what_has_no_date_gets_the_nearest(void **state)
{
    (void)state;
    static const int64_t early[] = {INT64_MIN, INT64_C(-62167219201)}, late[] = {INT64_MAX, INT64_C(253402300800)};
    char out[DATE_LEN + 1] = "", log[LOG_DATE_LEN + 1] = "";
    for (int i = 0; i < 2; i++) {
        date_format(early[i], out);
        assert_string_equal(out, "Sat, 01 Jan 0000 00:00:00 GMT");
        date_format(late[i], out);
        assert_string_equal(out, "Fri, 31 Dec 9999 23:59:59 GMT");
        date_format_log(late[i], log);
        assert_string_equal(log, "31/Dec/9999:23:59:59 +0000");
    }
}

static void the_log_has_its_own_date(void **state)
{
    (void)state;
    char out[LOG_DATE_LEN + 1] = "";
    date_format_log(971185555, out);
    assert_string_equal(out, "10/Oct/2000:13:45:55 +0000");
}

/* A prime number of seconds a step, so that every month and every time of day comes by. */
static void four_centuries_are_read_as_they_are_written(void **state)
{
    (void)state;
    char out[DATE_LEN];
    for (int64_t t = INT64_C(-5000000000); t < INT64_C(8000000000); t += 86413) {
        int64_t seconds;
        date_format(t, out);
        assert_true(date_parse((struct slice){out, DATE_LEN}, NOW, &seconds));
        assert_int_equal(seconds, t);
    }
}

enum {
    ROWS = sizeof rows / sizeof *rows,
    READINGS = sizeof readings / sizeof *readings,
    REFUSALS = sizeof refusals / sizeof *refusals,
};

int main(void)
{
    struct CMUnitTest played[ROWS], read[READINGS], refused[REFUSALS];
    for (int i = 0; i < ROWS; i++)
        played[i] = (struct CMUnitTest){rows[i].name, play, NULL, NULL, (void *)(uintptr_t)&rows[i]};
    for (int i = 0; i < READINGS; i++)
        read[i] = (struct CMUnitTest){readings[i].name, play_reading, NULL, NULL, (void *)(uintptr_t)&readings[i]};
    for (int i = 0; i < REFUSALS; i++)
        refused[i] = (struct CMUnitTest){refusals[i].name, play_refusal, NULL, NULL, (void *)(uintptr_t)&refusals[i]};
    const struct CMUnitTest told[] = {
        cmocka_unit_test(every_beginning_of_a_date_is_none),
        cmocka_unit_test(what_has_no_date_gets_the_nearest),
        cmocka_unit_test(the_log_has_its_own_date),
        cmocka_unit_test(four_centuries_are_read_as_they_are_written),
    };
    return cmocka_run_group_tests(played, NULL, NULL) + cmocka_run_group_tests(read, NULL, NULL) +
           cmocka_run_group_tests(refused, NULL, NULL) + cmocka_run_group_tests(told, NULL, NULL);
}
