/* civil: seconds since 1970 and the calendar's fields, in UTC, without leap seconds. Pure: no time zone, no libc time.
 */
#ifndef SHUNT_HTTP_CIVIL_H
#define SHUNT_HTTP_CIVIL_H

#include <stdbool.h>
#include <stdint.h>

/* The first second of the year 0, and the last one of 9999: what four digits can tell. */
#define CIVIL_MIN INT64_C(-62167219200)
#define CIVIL_MAX INT64_C(253402300799)

struct civil {
    int64_t year;
    int month, day; /* 0 to 11, 1 to 31 */
    int hour, minute, second;
    int weekday; /* 0 is Sunday */
};

/* The fields of a second; one before CIVIL_MIN or after CIVIL_MAX is taken for the nearest that isn't. */
struct civil civil_of(int64_t seconds);

/* The second that the fields name, weekday ignored. The month is within its bounds; the others may be beyond theirs. */
int64_t civil_seconds(const struct civil *civil);

/* Whether there is such a day in the calendar, and such a time on it; the second may be a leap second, 60. */
bool civil_exists(const struct civil *civil);

#endif
