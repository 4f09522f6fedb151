/* conditional: preconditions of a request against the representation selected (RFC 9110 13). Pure. */
#ifndef SHUNT_HTTP_CONDITIONAL_H
#define SHUNT_HTTP_CONDITIONAL_H

#include "http/request.h"

struct validators {
    struct slice etag;     /* strong, with its quotes; empty when there is none */
    int64_t last_modified; /* seconds since 1970 */
    bool has_last_modified;
};

/*
 * Evaluates If-Match, If-Unmodified-Since, If-None-Match and If-Modified-Since, in the order of RFC 9110 13.2.2, for
 * GET and HEAD. `now` in seconds since 1970: a date later than that is invalid in If-Modified-Since (13.1.3), and for
 * date_parse. A date that can't be read or is repeated is ignored. An If-Match or If-None-Match in several lines is one
 * list (5.3), and the request must then be complete; of a list that can't be read to its end, or that is empty, a tag
 * that isn't found proves nothing. A date is never looked at where the tag that outranks it is present, however it
 * reads.
 * 0: perform the method; else 304 or 412.
 */
int conditional_evaluate(const struct request *request, const struct validators *validators, int64_t now);

/*
 * Whether Range is to be looked at: true without If-Range, or where If-Range matches by strong comparison of the entity
 * tag or by an exact date (13.1.5). False for a weak entity tag, one that doesn't match, a repeated or unreadable one;
 * and for a date until its second is over by `now`: within it the file may still change, and keep that date (8.8.2.2).
 */
bool conditional_range_applies(const struct request *request, const struct validators *validators, int64_t now);

#endif
