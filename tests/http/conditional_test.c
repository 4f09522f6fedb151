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
    {"If-None-Match: any, in a list behind a tag", 0, .if_none_match = "\"b\", *"},
    {"If-None-Match: any, in a list behind the tag", 304, .if_none_match = TAG ", *"},
    {"If-None-Match: any, in a list before the tag", 0, .if_none_match = "*, " TAG},
    {"If-None-Match: any, and a comma", 0, .if_none_match = "*,"},
    {"If-None-Match: any, twice", 0, .if_none_match = "*, *"},
    {"If-None-Match: only empty elements", 0, .if_none_match = ", ,\t,"},
    {"If-None-Match: empty tags", 304, .if_none_match = "\"\", W/\"\", " TAG},
    {"If-None-Match: obs-text in tags", 304, .if_none_match = "\"\xe4\x80\xff\", " TAG},
    {"If-None-Match: punctuation in tags", 304, .if_none_match = "\"!#$%&'()*+,-./:;<=>?@[]^_`{|}~\", " TAG},
    {"If-None-Match: DEL in a tag", 0, .if_none_match = "\"\x7f\", " TAG},
    {"If-None-Match: a tab in a tag", 0, .if_none_match = "\"a\tb\", " TAG},
    {"If-None-Match: a blank behind W/", 0, .if_none_match = "W/ " TAG},
    {"If-None-Match: weak twice over", 0, .if_none_match = "W/W/" TAG},
    {"If-None-Match: the tag with something behind it", 304, .if_none_match = TAG "x"},
    {"If-None-Match: a semicolon between tags", 0, .if_none_match = "\"b\"; " TAG},

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
    {"If-Match: only empty elements", 0, .if_match = ",,"},
    {"If-Match: empty elements, and another tag", 412, .if_match = ", ,\"b\",,"},
    {"If-Match: empty elements, and the tag", 0, .if_match = ", ," TAG ",,"},
    {"If-Match: any, in a list", 0, .if_match = "\"b\", *"},
    {"If-Match: any, before another", 0, .if_match = "*, \"b\""},
    {"If-Match: an asterisk in quotes", 412, .if_match = "\"*\""},
    {"If-Match: obs-text in a tag", 412, .if_match = "\"\xe4\xff\""},
    {"If-Match: only weak ones", 412, .if_match = "W/" TAG ", W/\"b\""},

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

/* Field lines of a head, and what they come to. What is a list is one over all its lines (RFC 9110 5.3). */
static const struct head_row {
    const char *name;
    int status;
    const char *lines;
} head_rows[] = {
    {"If-None-Match twice: the last one matches", 304, "If-None-Match: \"b\"\r\nIf-None-Match: " TAG "\r\n"},
    {"If-None-Match twice: the first one matches", 304, "If-None-Match: " TAG "\r\nIf-None-Match: \"b\"\r\n"},
    {"If-None-Match twice: none matches", 0,
     "If-None-Match: \"b\"\r\nIf-None-Match: \"c\"\r\nIf-Modified-Since: " THEN "\r\n"},
    {"If-None-Match twice: the first one matches weakly", 304, "If-None-Match: W/" TAG "\r\nIf-None-Match: \"b\"\r\n"},
    {"If-None-Match twice: the first one can't be read", 0, "If-None-Match: oops\r\nIf-None-Match: " TAG "\r\n"},
    {"If-None-Match twice: the last one can't be read", 304, "If-None-Match: " TAG "\r\nIf-None-Match: oops\r\n"},
    {"If-None-Match twice: any", 0, "If-None-Match: *\r\nIf-None-Match: *\r\n"},
    {"If-None-Match twice: any, and the tag", 0, "If-None-Match: *\r\nIf-None-Match: " TAG "\r\n"},
    {"If-None-Match twice: both empty", 0, "If-None-Match:\r\nIf-None-Match:\r\nIf-Modified-Since: " THEN "\r\n"},
    {"If-None-Match twice: the first one is empty", 304, "If-None-Match:\r\nIf-None-Match: " TAG "\r\n"},
    {"If-None-Match twice: the last one is empty", 304, "If-None-Match: " TAG "\r\nIf-None-Match:\r\n"},
    {"If-None-Match twice: a tag doesn't go on in the next line", 0,
     "If-None-Match: \"a.1\r\nIf-None-Match: -f\", " TAG "\r\n"},
    {"If-None-Match often, in any case, among others", 304,
     "IF-NONE-MATCH: \"b\", \"c\"\r\nHost: a\r\nif-none-match:\"d\"\r\nIf-Match: *\r\nIf-None-Match: W/\"e\"\r\n"
     "A: b\r\nif-NONE-match: \"f\", " TAG ", \"g\"\r\nB: c\r\n"},
    {"If-None-Match twice, and the tag only elsewhere", 0,
     "If-None-Match: \"b\"\r\nX-If-None-Match: " TAG "\r\nIf-None-Match: \"c\"\r\nIf-None-Matches: " TAG "\r\n"},

    {"If-Match twice: none matches", 412, "If-Match: \"b\"\r\nIf-Match: \"c\"\r\n"},
    {"If-Match twice: the first one matches", 0, "If-Match: " TAG "\r\nIf-Match: \"c\"\r\n"},
    {"If-Match twice: the last one matches", 0, "If-Match: \"b\"\r\nIf-Match: " TAG "\r\n"},
    {"If-Match twice: one matches, but weakly", 412, "If-Match: W/" TAG "\r\nIf-Match: \"c\"\r\n"},
    {"If-Match twice: the first one can't be read", 0, "If-Match: oops\r\nIf-Match: \"c\"\r\n"},
    {"If-Match twice: the last one can't be read", 0, "If-Match: \"b\"\r\nIf-Match: oops\r\n"},
    {"If-Match twice: both empty", 0, "If-Match:\r\nIf-Match:\r\n"},
    {"If-Match twice: one empty, one not", 412, "If-Match:\r\nIf-Match: \"b\"\r\n"},
    {"If-Match twice: any, and another", 0, "If-Match: *\r\nIf-Match: \"b\"\r\n"},
    {"If-Match thrice: none matches", 412, "If-Match: \"b\"\r\nA: b\r\nIf-Match: \"c\",\r\nIf-Match: ,\"d\"\r\n"},
    {"If-Match twice, and If-None-Match has the tag", 412,
     "If-Match: \"b\"\r\nIf-None-Match: " TAG "\r\nIf-Match: \"c\"\r\n"},
    {"If-Match and If-None-Match twice: the one holds, the other fails", 304,
     "If-Match: \"b\"\r\nIf-None-Match: " TAG "\r\nIf-Match: " TAG "\r\nIf-None-Match: \"c\"\r\n"},
    {"If-Match twice, not readable, outranks a date", 0,
     "If-Match: \"b\"\r\nIf-Match: oops\r\nIf-Unmodified-Since: " BEFORE "\r\n"},

    {"If-Modified-Since twice", 0, "If-Modified-Since: " THEN "\r\nIf-Modified-Since: " THEN "\r\n"},
    {"If-Unmodified-Since twice", 0, "If-Unmodified-Since: " BEFORE "\r\nIf-Unmodified-Since: " BEFORE "\r\n"},
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

/* Evaluates a request with these field lines. */
static int evaluate(const char *lines, const struct validators *validators)
{
    const struct request_limits limits = {REQUEST_LINE_MAX, REQUEST_HEAD_MAX, REQUEST_FIELDS_MAX};
    struct request request;
    struct guard guard;
    guard_open(&guard, ROOM);
    char head[ROOM];
    size_t length;
    int status, len = snprintf(head, sizeof head, "GET / HTTP/1.0\r\n%s\r\n", lines);
    struct slice bytes = guard_lay(&guard, (struct slice){head, (size_t)len});
    assert_int_equal(request_parse(bytes, &limits, &request, &length, &status), REQUEST_COMPLETE);
    int outcome = conditional_evaluate(&request, validators, NOW);
    guard_close(&guard);
    return outcome;
}

static void play_head(void **state)
{
    const struct head_row *row = *state;
    struct validators validators = validators_of(0, 0);
    assert_int_equal(evaluate(row->lines, &validators), row->status);
}

/* Appends a field, at each of its commas that isn't in quotes another line. */
static char *put_lines(char *to, const char *name, const char *value)
{
    bool quoted = false;
    if (value == NULL)
        return to;
    to += sprintf(to, "%s: ", name);
    for (; *value != '\0'; value++) {
        quoted = quoted != (*value == '"');
        if (*value == ',' && !quoted)
            to += sprintf(to, "\r\n%s: ", name);
        else
            *to++ = *value;
    }
    return to + sprintf(to, "\r\n");
}

/* Whether a row is of lists only, such as a head can hold. */
static bool has_lists_only(const struct row *row)
{
    return row->if_modified_since == NULL && row->if_unmodified_since == NULL &&
           (row->if_none_match == NULL || strchr(row->if_none_match, 0x7f) == NULL);
}

/* A list says the same whether its elements stand in one line or in one each. */
static void lists_are_the_same_over_lines(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *row = &rows[i];
        struct validators validators = validators_of(row->no_tag, row->no_date);
        char lines[ROOM / 2] = "";
        if (!has_lists_only(row))
            continue;
        put_lines(put_lines(lines, "If-Match", row->if_match), "If-None-Match", row->if_none_match);
        int status = evaluate(lines, &validators);
        if (status != row->status)
            fail_msg("%s: %d in lines of their own", row->name, status);
    }
}

/* RFC 9110 13.2.2: how each of two fields that belong together can turn out, and how both do. */
enum { ABSENT = 0, HOLDS, FAILS, UNREADABLE, STATES };

static const char *const matches[STATES] = {NULL, TAG, "\"b\"", "oops"};
static const char *const unmodified[STATES] = {NULL, THEN, BEFORE, "oops"};
static const int required[STATES][STATES] = {
    /* clang-format off */
    /* columns: If-Unmodified-Since; rows: If-Match */
    {  0,   0, 412,   0},
    {  0,   0,   0,   0},
    {412, 412, 412, 412},
    {  0,   0,   0,   0},
    /* clang-format on */
};

static const char *const none_matches[STATES] = {NULL, "\"b\"", TAG, "oops"};
static const char *const modified[STATES] = {NULL, BEFORE, THEN, "oops"};
static const int wanted[STATES][STATES] = {
    /* clang-format off */
    /* columns: If-Modified-Since; rows: If-None-Match */
    {  0,   0, 304,   0},
    {  0,   0,   0,   0},
    {304, 304, 304, 304},
    {  0,   0,   0,   0},
    /* clang-format on */
};

static struct slice slice_if(const char *text)
{
    return text == NULL ? (struct slice){0} : slice_of(text);
}

static void play_pairs(int match, int unmodified_since, int none_match, int modified_since)
{
    const struct validators validators = validators_of(0, 0);
    const struct request request = {
        .if_match = slice_if(matches[match]),
        .if_unmodified_since = slice_if(unmodified[unmodified_since]),
        .if_none_match = slice_if(none_matches[none_match]),
        .if_modified_since = slice_if(modified[modified_since]),
    };
    int first = required[match][unmodified_since];
    int expected = first != 0 ? first : wanted[none_match][modified_since];
    int status = conditional_evaluate(&request, &validators, NOW);
    if (status != expected)
        fail_msg("%d and %d before %d and %d: %d, not %d", match, unmodified_since, none_match, modified_since, status,
                 expected);
}

static void each_pair_comes_before_each_other(void **state)
{
    (void)state;
    for (int i = 0; i < STATES * STATES; i++)
        for (int j = 0; j < STATES * STATES; j++)
            play_pairs(i / STATES, i % STATES, j / STATES, j % STATES);
}

static const struct range_row {
    const char *name;
    int applies;
    const char *if_range;
    uint32_t repeated;
    int no_tag, no_date;
    int64_t now; /* 0: NOW */
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
    {"the date, in its own second", 0, .if_range = THEN, .now = MODIFIED},
    {"the date, a second later", 1, .if_range = THEN, .now = MODIFIED + 1},
    {"the date, which is yet to come", 0, .if_range = THEN, .now = MODIFIED - 1},
    {"the tag, in the second of the date", 1, .if_range = TAG, .now = MODIFIED},
    {"the date, as asctime spells it", 1, .if_range = THEN_ASC},
    {"the date, and a tag", 0, .if_range = THEN ", " TAG},
    {"the tag with obs-text", 0, .if_range = "\"a.1-f\xff\""},
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
    assert_int_equal(conditional_range_applies(&request, &validators, row->now != 0 ? row->now : NOW), row->applies);
    guard_close(&guard);
}

enum {
    ROWS = sizeof rows / sizeof *rows,
    HEAD_ROWS = sizeof head_rows / sizeof *head_rows,
    RANGE_ROWS = sizeof range_rows / sizeof *range_rows,
};

int main(void)
{
    struct CMUnitTest played[ROWS], heads[HEAD_ROWS], range[RANGE_ROWS];
    for (int i = 0; i < ROWS; i++)
        played[i] = (struct CMUnitTest){rows[i].name, play, NULL, NULL, (void *)(uintptr_t)&rows[i]};
    for (int i = 0; i < HEAD_ROWS; i++)
        heads[i] = (struct CMUnitTest){head_rows[i].name, play_head, NULL, NULL, (void *)(uintptr_t)&head_rows[i]};
    for (int i = 0; i < RANGE_ROWS; i++)
        range[i] = (struct CMUnitTest){range_rows[i].name, play_range, NULL, NULL, (void *)(uintptr_t)&range_rows[i]};
    const struct CMUnitTest told[] = {
        cmocka_unit_test(lists_are_the_same_over_lines),
        cmocka_unit_test(each_pair_comes_before_each_other),
    };
    return cmocka_run_group_tests(played, NULL, NULL) + cmocka_run_group_tests(heads, NULL, NULL) +
           cmocka_run_group_tests(range, NULL, NULL) + cmocka_run_group_tests(told, NULL, NULL);
}
