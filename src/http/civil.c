/*
 * Days are counted in years that begin in March, so that the leap day is a year's last: then a month begins
 * (153 m + 2) / 5 days into its year (March is 0), and the leap days before a year are y / 4 - y / 100 + y / 400.
 * All is counted from 1 March of the year 0 in the proleptic Gregorian calendar.
 */
#include "http/civil.h"

enum {
    DAY_SECONDS = 86400,
    ERA_YEARS = 400, /* after so many years the calendar repeats */
    ERA_DAYS = 146097,
    EPOCH_DAY = 719468, /* 1 January 1970 */
    FIRST_WEEKDAY = 3,  /* day 0 was a Wednesday */
};

static int64_t floor_divide(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* Days before `year`, which begins in March. */
static int64_t days_before_year(int64_t year)
{
    return 365 * year + floor_divide(year, 4) - floor_divide(year, 100) + floor_divide(year, 400);
}

static int days_before_month(int from_march)
{
    return (153 * from_march + 2) / 5;
}

/* The year that a day falls in: guessed from a year's mean length, and then put right by one where that is wrong. */
static int64_t year_of_day(int64_t day)
{
    int64_t year = floor_divide(day * ERA_YEARS, ERA_DAYS);
    if (days_before_year(year + 1) <= day)
        return year + 1;
    return days_before_year(year) > day ? year - 1 : year;
}

struct civil civil_of(int64_t seconds)
{
    seconds = seconds < CIVIL_MIN ? CIVIL_MIN : seconds > CIVIL_MAX ? CIVIL_MAX : seconds;
    int64_t day = floor_divide(seconds, DAY_SECONDS);
    int of_day = (int)(seconds - day * DAY_SECONDS);
    day += EPOCH_DAY;
    int64_t year = year_of_day(day);
    int of_year = (int)(day - days_before_year(year));
    int from_march = (5 * of_year + 2) / 153;
    return (struct civil){
        .year = year + (from_march >= 10),
        .month = (from_march + 2) % 12,
        .day = of_year - days_before_month(from_march) + 1,
        .hour = of_day / 3600,
        .minute = of_day / 60 % 60,
        .second = of_day % 60,
        .weekday = (int)((day % 7 + 7 + FIRST_WEEKDAY) % 7),
    };
}

int64_t civil_seconds(const struct civil *civil)
{
    int64_t year = civil->year - (civil->month < 2);
    int from_march = (civil->month + 10) % 12;
    int64_t day = days_before_year(year) + days_before_month(from_march) + civil->day - 1 - EPOCH_DAY;
    return day * DAY_SECONDS + civil->hour * 3600 + civil->minute * 60 + civil->second;
}

static int month_days(int64_t year, int month)
{
    struct civil first = {.year = year, .month = month, .day = 1};
    struct civil next = {.year = year + (month == 11), .month = (month + 1) % 12, .day = 1};
    return (int)((civil_seconds(&next) - civil_seconds(&first)) / DAY_SECONDS);
}

bool civil_exists(const struct civil *civil)
{
    return civil->day >= 1 && civil->day <= month_days(civil->year, civil->month) && civil->hour <= 23 &&
           civil->minute <= 59 && civil->second <= 60;
}
