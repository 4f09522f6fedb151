/* date: HTTP-date (RFC 9110 5.6.7). Pure: no locale, no time zone. */
#ifndef SHUNT_HTTP_DATE_H
#define SHUNT_HTTP_DATE_H

#include "base/slice.h"

#include <stdint.h>

enum { DATE_LEN = 29 }; /* "Sun, 06 Nov 1994 08:49:37 GMT" */

/* Writes DATE_LEN bytes, no NUL. `seconds` since 1970; what lies before year 0 or after year 9999 is clamped. */
void date_format(int64_t seconds, char *out);

/*
 * Reads IMF-fixdate, RFC 850 date or asctime date. For RFC 850's two-digit year, `now` (seconds since 1970) decides: a
 * date that appears to be more than 50 years in the future is in the past (RFC 9110 5.6.7). False for anything else: a
 * wrong weekday name is not checked against the date, but it must be one.
 */
bool date_parse(struct slice text, int64_t now, int64_t *seconds);

enum { LOG_DATE_LEN = 26 }; /* "10/Oct/2000:13:55:36 +0000" */

/* The access log's date, in UTC. Writes LOG_DATE_LEN bytes, no NUL. Clamped as above. */
void date_format_log(int64_t seconds, char *out);

#endif
