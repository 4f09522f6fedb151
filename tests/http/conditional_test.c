#include "http/conditional.h"

#include "http/date.h"
#include "lib/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

/* The representation was modified at a second that these dates stand around. */
#define MODIFIED INT64_C(784111777)
#define BEFORE   "Sun, 06 Nov 1994 08:49:36 GMT"
#define THEN     "Sun, 06 Nov 1994 08:49:37 GMT"
#define THEN_850 "Sunday, 06-Nov-94 08:49:37 GMT"
#define THEN_ASC "Sun Nov  6 08:49:37 1994"
#define AFTER    "Sun, 06 Nov 1994 08:49:38 GMT"
#define NOW      INT64_C(784200000)
#define PRESENT  "Mon, 07 Nov 1994 09:20:00 GMT"
#define FUTURE   "Mon, 07 Nov 1994 09:20:01 GMT"

#define TAG "\"a.1-f\""

enum { ROOM = 4096 };

/* The fields of a request, and what they come to. */
static const struct row {
    const char *name;
    int status; /* 0: perform the method */
    const char *if_match, *if_unmodified_since, *if_none_match, *if_modified_since;
    uint32_t repeated;
    int no_tag, no_date;
} rows[] = {
    {"no condition", 0, .repeated = 0},
    {"If-None-Match: the tag", 304, .if_none_match = TAG},
    {"If-None-Match: the tag, weak", 304, .if_none_match = "W/" TAG},
    {"If-None-Match: any", 304, .if_none_match = "*"},
    {"If-None-Match: another", 0, .if_none_match = "\"b\""},
    {"If-None-Match: first in a list", 304, .if_none_match = TAG ", \"b\""},
    {"If-None-Match: last in a list", 304, .if_none_match = "\"b\", W/\"c\" ,\t" TAG},
    {"If-None-Match: in a list with empty elements", 304, .if_none_match = ", ,\"b\",," TAG ","},
    {"If-None-Match: not in a list", 0, .if_none_match = "\"b\", \"c\""},
    {"If-None-Match: tags with commas, blanks and backslashes", 304, .if_none_match = "\"b,c\", \"d\\\", " TAG},
    {"If-None-Match: the tag within another tag", 0, .if_none_match = "\"x, a.1-f\""},
    {"If-None-Match: a tag that begins like it", 0, .if_none_match = "\"a.1-f0\""},
    {"If-None-Match: a tag that it begins with", 0, .if_none_match = "\"a.1\""},
    {"If-None-Match: the tag without quotes", 0, .if_none_match = "a.1-f"},
    {"If-None-Match: the tag with one quote", 0, .if_none_match = "\"a.1-f"},
    {"If-None-Match: an asterisk in quotes", 0, .if_none_match = "\"*\""},
    {"If-None-Match: an asterisk in a list", 0, .if_none_match = "*, \"b\""},
    {"If-None-Match: a lower-case w", 0, .if_none_match = "w/" TAG},
    {"If-None-Match: a blank in a tag", 0, .if_none_match = "\"a.1 f\", " TAG},
    {"If-None-Match: empty", 0, .if_none_match = ""},
    {"If-None-Match: the tag before what can't be read", 304, .if_none_match = TAG ", oops"},
    {"If-None-Match: the tag behind what can't be read", 0, .if_none_match = "oops, " TAG},
    {"If-None-Match: two tags without a comma", 0, .if_none_match = "\"b\" " TAG},
    {"If-None-Match: W alone", 0, .if_none_match = "W/"},
    {"If-None-Match: a quote alone", 0, .if_none_match = "\""},
    {"If-None-Match: there is no tag", 0, .if_none_match = TAG, .no_tag = 1},
    {"If-None-Match: any, and there is no tag", 304, .if_none_match = "*", .no_tag = 1},
    {"If-None-Match: twice, the last one matches", 304, .if_none_match = TAG, .repeated = REPEATED_IF_NONE_MATCH},
    {"If-None-Match: twice, the last one doesn't match", 0, .if_none_match = "\"b\"", .if_modified_since = THEN,
     .repeated = REPEATED_IF_NONE_MATCH},

    {"If-Modified-Since: then", 304, .if_modified_since = THEN},
    {"If-Modified-Since: a second before", 0, .if_modified_since = BEFORE},
    {"If-Modified-Since: a second after", 304, .if_modified_since = AFTER},
    {"If-Modified-Since: now", 304, .if_modified_since = PRESENT},
    {"If-Modified-Since: a second in the future", 0, .if_modified_since = FUTURE},
    {"If-Modified-Since: as RFC 850 spells it", 304, .if_modified_since = THEN_850},
    {"If-Modified-Since: as asctime spells it", 304, .if_modified_since = THEN_ASC},
    {"If-Modified-Since: no date", 0, .if_modified_since = "yesterday"},
    {"If-Modified-Since: empty", 0, .if_modified_since = ""},
    {"If-Modified-Since: a date and a length", 0, .if_modified_since = THEN "; length=5"},
    {"If-Modified-Since: twice", 0, .if_modified_since = THEN, .repeated = REPEATED_IF_MODIFIED_SINCE},
    {"If-Modified-Since: nobody knows since when", 0, .if_modified_since = THEN, .no_date = 1},

    {"a tag that doesn't match outranks a date that does", 0, .if_none_match = "\"b\"", .if_modified_since = THEN},
    {"a tag that matches outranks a date that doesn't", 304, .if_none_match = TAG, .if_modified_since = BEFORE},
    {"a tag that can't be read outranks a date", 0, .if_none_match = "oops", .if_modified_since = THEN},
    {"an empty If-None-Match outranks a date", 0, .if_none_match = "", .if_modified_since = THEN},

    {"If-Match: the tag", 0, .if_match = TAG},
    {"If-Match: any", 0, .if_match = "*"},
    {"If-Match: any, and there is no tag", 0, .if_match = "*", .no_tag = 1},
    {"If-Match: another", 412, .if_match = "\"b\""},
    {"If-Match: the tag, weak", 412, .if_match = "W/" TAG},
    {"If-Match: in a list", 0, .if_match = "\"b\", " TAG},
    {"If-Match: the weak one and the strong one", 0, .if_match = "W/" TAG ", " TAG},
    {"If-Match: not in a list", 412, .if_match = "\"b\" , \"c\","},
    {"If-Match: there is no tag", 412, .if_match = TAG, .no_tag = 1},
    {"If-Match: can't be read", 0, .if_match = "oops"},
    {"If-Match: a list that can't be read to its end", 0, .if_match = "\"b\", oops"},
    {"If-Match: something behind a tag", 0, .if_match = "\"b\" oops"},
    {"If-Match: empty", 0, .if_match = ""},
    {"If-Match: twice, the last one doesn't match", 0, .if_match = "\"b\"", .repeated = REPEATED_IF_MATCH},

    {"If-Unmodified-Since: then", 0, .if_unmodified_since = THEN},
    {"If-Unmodified-Since: a second before", 412, .if_unmodified_since = BEFORE},
    {"If-Unmodified-Since: a second after", 0, .if_unmodified_since = AFTER},
    {"If-Unmodified-Since: in the future", 0, .if_unmodified_since = FUTURE},
    {"If-Unmodified-Since: no date", 0, .if_unmodified_since = "yesterday"},
    {"If-Unmodified-Since: twice", 0, .if_unmodified_since = BEFORE, .repeated = REPEATED_IF_UNMODIFIED_SINCE},
    {"If-Unmodified-Since: nobody knows since when", 0, .if_unmodified_since = BEFORE, .no_date = 1},

    {"If-Match that holds outranks a date that doesn't", 0, .if_match = TAG, .if_unmodified_since = BEFORE},
    {"If-Match that fails outranks a date that holds", 412, .if_match = "\"b\"", .if_unmodified_since = THEN},
    {"If-Match that can't be read outranks a date", 0, .if_match = "oops", .if_unmodified_since = BEFORE},
    {"If-Match holds and If-None-Match fails", 304, .if_match = TAG, .if_none_match = TAG},
    {"If-Match fails before If-None-Match", 412, .if_match = "\"b\"", .if_none_match = TAG},
    {"If-Unmodified-Since fails before If-None-Match", 412, .if_unmodified_since = BEFORE, .if_none_match = TAG},
    {"If-Unmodified-Since holds and If-Modified-Since fails", 304, .if_unmodified_since = THEN,
     .if_modified_since = THEN},
    {"all four hold", 0, .if_match = TAG, .if_unmodified_since = THEN, .if_none_match = "\"b\"",
     .if_modified_since = BEFORE},
};

/* A slice against the bad page of a guard of its own; absent for NULL. */
static struct slice lay(struct guard *guard, const char *text)
{
    guard_open(guard, ROOM);
    return text == NULL ? (struct slice){0} : guard_lay(guard, slice_of(text));
}

static struct validators validators_of(int no_tag, int no_date)
{
    return (struct validators){
        .etag = no_tag ? (struct slice){0} : SLICE(TAG),
        .last_modified = MODIFIED,
        .has_last_modified = !no_date,
    };
}

static void play(void **state)
{
    const struct row *row = *state;
    struct guard guards[4];
    struct request request = {
        .if_match = lay(&guards[0], row->if_match),
        .if_unmodified_since = lay(&guards[1], row->if_unmodified_since),
        .if_none_match = lay(&guards[2], row->if_none_match),
        .if_modified_since = lay(&guards[3], row->if_modified_since),
        .repeated = row->repeated,
    };
    struct validators validators = validators_of(row->no_tag, row->no_date);
    assert_int_equal(conditional_evaluate(&request, &validators, NOW), row->status);
    for (int i = 0; i < 4; i++)
        guard_close(&guards[i]);
}

static const struct range_row {
    const char *name;
    int applies;
    const char *if_range;
    uint32_t repeated;
    int no_tag, no_date;
} range_rows[] = {
    {"no If-Range", 1, .if_range = NULL},
    {"the tag", 1, .if_range = TAG},
    {"the tag, weak", 0, .if_range = "W/" TAG},
    {"another tag", 0, .if_range = "\"b\""},
    {"a list with the tag", 0, .if_range = TAG ", " TAG},
    {"something behind the tag", 0, .if_range = TAG "x"},
    {"a tag without its second quote", 0, .if_range = "\"a.1-f"},
    {"the tag without quotes", 0, .if_range = "a.1-f"},
    {"an asterisk", 0, .if_range = "*"},
    {"there is no tag", 0, .if_range = TAG, .no_tag = 1},
    {"an empty tag, and there is none", 0, .if_range = "\"\"", .no_tag = 1},
    {"the date", 1, .if_range = THEN},
    {"the date, as RFC 850 spells it", 1, .if_range = THEN_850},
    {"a date before", 0, .if_range = BEFORE},
    {"a date after", 0, .if_range = AFTER},
    {"nobody knows since when", 0, .if_range = THEN, .no_date = 1},
    {"no date and no tag", 0, .if_range = "yesterday"},
    {"empty", 0, .if_range = ""},
    {"twice", 0, .if_range = TAG, .repeated = REPEATED_IF_RANGE},
};

static void play_range(void **state)
{
    const struct range_row *row = *state;
    struct guard guard;
    struct request request = {.if_range = lay(&guard, row->if_range), .repeated = row->repeated};
    struct validators validators = validators_of(row->no_tag, row->no_date);
    assert_int_equal(conditional_range_applies(&request, &validators, NOW), row->applies);
    guard_close(&guard);
}

enum { ROWS = sizeof rows / sizeof *rows, RANGE_ROWS = sizeof range_rows / sizeof *range_rows };

int main(void)
{
    struct CMUnitTest played[ROWS], range[RANGE_ROWS];
    for (int i = 0; i < ROWS; i++)
        played[i] = (struct CMUnitTest){rows[i].name, play, NULL, NULL, (void *)(uintptr_t)&rows[i]};
    for (int i = 0; i < RANGE_ROWS; i++)
        range[i] = (struct CMUnitTest){range_rows[i].name, play_range, NULL, NULL, (void *)(uintptr_t)&range_rows[i]};
    return cmocka_run_group_tests(played, NULL, NULL) + cmocka_run_group_tests(range, NULL, NULL);
}
