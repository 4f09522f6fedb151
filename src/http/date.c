/* The three spellings of a date in HTTP (RFC 9110 5.6.7), and the access log's. The calendar itself is civil's. */
#include "http/date.h"

#include "http/civil.h"

enum { FAR_FUTURE_YEARS = 50 }; /* RFC 9110 5.6.7 */

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
static const char weekdays[] = "SunMonTueWedThuFriSat";

/* Writing: each function returns where the next byte goes. */

static char *put_digits(char *out, int64_t number, int digits)
{
    for (int i = digits - 1; i >= 0; i--, number /= 10)
        out[i] = (char)('0' + number % 10);
    return out + digits;
}

static char *put_text(char *out, const char *text, size_t len)
{
    memcpy(out, text, len);
    return out + len;
}

static char *put_time(char *out, const struct civil *c)
{
    out = put_digits(out, c->hour, 2);
    out = put_text(out, ":", 1);
    out = put_digits(out, c->minute, 2);
    out = put_text(out, ":", 1);
    return put_digits(out, c->second, 2);
}

static char *put_day(char *out, const struct civil *c, const char *separator)
{
    out = put_digits(out, c->day, 2);
    out = put_text(out, separator, 1);
    out = put_text(out, months + 3 * c->month, 3);
    out = put_text(out, separator, 1);
    return put_digits(out, c->year, 4);
}

void date_format(int64_t seconds, char *out)
{
    struct civil c = civil_of(seconds);
    out = put_text(out, weekdays + 3 * c.weekday, 3);
    out = put_text(out, ", ", 2);
    out = put_day(out, &c, " ");
    out = put_text(out, " ", 1);
    out = put_time(out, &c);
    put_text(out, " GMT", 4);
}

void date_format_log(int64_t seconds, char *out)
{
    struct civil c = civil_of(seconds);
    out = put_day(out, &c, "/");
    out = put_text(out, ":", 1);
    out = put_time(out, &c);
    put_text(out, " +0000", 6);
}

/* Reading: each function cuts what it reads off the front of *text, and is false when something else stands there. */

static bool cut_text(struct slice *text, const char *expected)
{
    struct slice start = slice_of(expected);
    if (!slice_starts_with(*text, start))
        return false;
    *text = (struct slice){text->at + start.len, text->len - start.len};
    return true;
}

static bool cut_number(struct slice *text, size_t digits, int *number)
{
    if (text->len < digits)
        return false;
    *number = 0;
    for (size_t i = 0; i < digits; i++) {
        if (text->at[i] < '0' || text->at[i] > '9')
            return false;
        *number = *number * 10 + (text->at[i] - '0');
    }
    *text = (struct slice){text->at + digits, text->len - digits};
    return true;
}

static bool cut_two(struct slice *text, int *number)
{
    return cut_number(text, 2, number);
}

/* Two digits, or a space and one. */
static bool cut_padded(struct slice *text, int *number)
{
    return cut_text(text, " ") ? cut_number(text, 1, number) : cut_two(text, number);
}

static bool cut_year(struct slice *text, size_t digits, struct civil *c)
{
    int year;
    bool cut = cut_number(text, digits, &year);
    if (cut)
        c->year = year;
    return cut;
}

/* One of the three-letter names. */
static bool cut_name(struct slice *text, const char *names, int *index)
{
    if (text->len < 3)
        return false;
    for (*index = 0; *names != '\0'; names += 3, ++*index) {
        if (memcmp(text->at, names, 3) == 0) {
            *text = (struct slice){text->at + 3, text->len - 3};
            return true;
        }
    }
    return false;
}

static bool cut_time(struct slice *text, struct civil *c)
{
    return cut_two(text, &c->hour) && cut_text(text, ":") && cut_two(text, &c->minute) && cut_text(text, ":") &&
           cut_two(text, &c->second);
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" */
static bool read_fixdate(struct slice text, struct civil *c)
{
    return cut_name(&text, weekdays, &c->weekday) && cut_text(&text, ", ") && cut_two(&text, &c->day) &&
           cut_text(&text, " ") && cut_name(&text, months, &c->month) && cut_text(&text, " ") &&
           cut_year(&text, 4, c) && cut_text(&text, " ") && cut_time(&text, c) && cut_text(&text, " GMT") &&
           text.len == 0;
}

/* "Sun Nov  6 08:49:37 1994" */
static bool read_asctime(struct slice text, struct civil *c)
{
    return cut_name(&text, weekdays, &c->weekday) && cut_text(&text, " ") && cut_name(&text, months, &c->month) &&
           cut_text(&text, " ") && cut_padded(&text, &c->day) && cut_text(&text, " ") && cut_time(&text, c) &&
           cut_text(&text, " ") && cut_year(&text, 4, c) && text.len == 0;
}

static bool cut_long_weekday(struct slice *text)
{
    static const char *const names[] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (cut_text(text, names[i]))
            return true;
    return false;
}

/* Of the years that end in these two digits, the latest that is no more than 50 years after now. */
static int64_t full_year(struct civil c, int64_t now)
{
    struct civil far = civil_of(now);
    far.year += FAR_FUTURE_YEARS;
    int64_t behind = (far.year - c.year) % 100;
    c.year = far.year - behind;
    return civil_seconds(&c) > civil_seconds(&far) ? c.year - 100 : c.year;
}

/* "Sunday, 06-Nov-94 08:49:37 GMT" */
static bool read_rfc850(struct slice text, int64_t now, struct civil *c)
{
    if (!cut_long_weekday(&text) || !cut_text(&text, ", ") || !cut_two(&text, &c->day) || !cut_text(&text, "-") ||
        !cut_name(&text, months, &c->month) || !cut_text(&text, "-") || !cut_year(&text, 2, c) ||
        !cut_text(&text, " ") || !cut_time(&text, c) || !cut_text(&text, " GMT") || text.len != 0)
        return false;
    c->year = full_year(*c, now);
    return true;
}

bool date_parse(struct slice text, int64_t now, int64_t *seconds)
{
    struct civil c;
    if (!read_fixdate(text, &c) && !read_asctime(text, &c) && !read_rfc850(text, now, &c))
        return false;
    if (!civil_exists(&c))
        return false;
    *seconds = civil_seconds(&c);
    return true;
}
