/*
 * "NOW SECONDS\nTEXT". The second is spelt in all ways and read again, and held against the C library's calendar. A
 * text that is read as a date is one of the spellings of the second that it was read as.
 */
#include "fuzz/fuzz.h"

#include "http/civil.h"
#include "http/date.h"

#include <stdio.h>
#include <time.h>

enum { SPELLING_MAX = 64 };

#define YEAR (INT64_C(366) * 86400)

struct spellings {
    char fixdate[SPELLING_MAX], rfc850[SPELLING_MAX], asctime[SPELLING_MAX], padded[SPELLING_MAX], log[SPELLING_MAX];
};

static int64_t clamp(int64_t seconds)
{
    return seconds < CIVIL_MIN ? CIVIL_MIN : seconds > CIVIL_MAX ? CIVIL_MAX : seconds;
}

/* By the C library. */
static struct spellings spell(int64_t seconds)
{
    static const char *const days[] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct spellings s;
    struct tm tm;
    time_t t = clamp(seconds);
    CHECK(gmtime_r(&t, &tm) != NULL);
    const char *day = days[tm.tm_wday], *month = months[tm.tm_mon];
    int year = tm.tm_year + 1900;
    char clock[SPELLING_MAX];
    snprintf(clock, sizeof clock, "%02d:%02d:%02d", tm.tm_hour, tm.tm_min, tm.tm_sec);
    snprintf(s.fixdate, SPELLING_MAX, "%.3s, %02d %s %04d %.8s GMT", day, tm.tm_mday, month, year, clock);
    snprintf(s.rfc850, SPELLING_MAX, "%s, %02d-%s-%02d %.8s GMT", day, tm.tm_mday, month, year % 100, clock);
    snprintf(s.asctime, SPELLING_MAX, "%.3s %s %2d %.8s %04d", day, month, tm.tm_mday, clock, year);
    snprintf(s.padded, SPELLING_MAX, "%.3s %s %02d %.8s %04d", day, month, tm.tm_mday, clock, year);
    snprintf(s.log, SPELLING_MAX, "%02d/%s/%04d:%.8s +0000", tm.tm_mday, month, year, clock);
    return s;
}

static bool parse(struct slice text, int64_t now, int64_t *seconds)
{
    char *copy = fuzz_copy(text);
    bool is_date = date_parse((struct slice){copy, text.len}, now, seconds);
    free(copy);
    return is_date;
}

static void check_spelling(const char *spelling, int64_t now, int64_t seconds)
{
    int64_t again;
    CHECK(parse(slice_of(spelling), now, &again) && again == seconds);
}

static void check_formats(int64_t seconds)
{
    struct spellings s = spell(seconds);
    char date[DATE_LEN], log[LOG_DATE_LEN];
    date_format(seconds, date);
    date_format_log(seconds, log);
    CHECK(slice_equal(slice_of(s.fixdate), (struct slice){date, DATE_LEN}));
    CHECK(slice_equal(slice_of(s.log), (struct slice){log, LOG_DATE_LEN}));
    check_spelling(s.fixdate, 0, clamp(seconds));
    check_spelling(s.asctime, 0, clamp(seconds));
    check_spelling(s.padded, 0, clamp(seconds));
}

/* Two digits of a year are enough for what isn't further from now than about fifty years. */
static void check_short_year(int64_t seconds, int64_t now)
{
    seconds = clamp(seconds);
    if (llabs(seconds - now) < 49 * YEAR)
        check_spelling(spell(seconds).rfc850, now, seconds);
}

/* Whether it is the same but for the weekday, which is not held against the date. */
static bool is_spelling(struct slice text, const char *spelling, char behind_weekday)
{
    const char *tail = strchr(spelling, behind_weekday);
    const char *at = memchr(text.at, behind_weekday, text.len);
    return at != NULL && slice_equal((struct slice){at, text.len - (size_t)(at - text.at)}, slice_of(tail));
}

/* The second so many years after now. */
static int64_t years_after(int64_t now, int years)
{
    struct tm tm;
    time_t t = now;
    CHECK(gmtime_r(&t, &tm) != NULL);
    tm.tm_year += years;
    return timegm(&tm);
}

static void check_text(struct slice text, int64_t now);

/* A leap second has no spelling that it is written in, but the second before it has. */
static void check_leap_second(struct slice text, const char *leap, int64_t now, int64_t seconds)
{
    int64_t before;
    char *copy = fuzz_copy(text);
    struct slice other = {copy, text.len};
    memcpy(copy + (leap - text.at), ":59", 3);
    CHECK(parse(other, now, &before) && seconds == before + 1);
    check_text(other, now);
    free(copy);
}

static void check_text(struct slice text, int64_t now)
{
    int64_t seconds;
    if (!parse(text, now, &seconds))
        return;
    const char *leap = memmem(text.at, text.len, ":60 ", 4);
    if (leap != NULL) {
        check_leap_second(text, leap, now, seconds);
        return;
    }
    struct spellings s = spell(seconds);
    bool is_short = is_spelling(text, s.rfc850, ',');
    CHECK(is_short || is_spelling(text, s.fixdate, ',') || is_spelling(text, s.asctime, ' ') ||
          is_spelling(text, s.padded, ' '));
    CHECK(!is_short || (seconds <= years_after(now, 50) && seconds >= years_after(now, -50)));
}

void fuzz(struct slice input)
{
    int64_t now = (int64_t)(fuzz_number(&input) % (uint64_t)(CIVIL_MAX - 51 * YEAR));
    int64_t seconds = (int64_t)fuzz_number(&input);
    check_formats(seconds);
    check_short_year(seconds, now);
    check_text(input, now);
}
