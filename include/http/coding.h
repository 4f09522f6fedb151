/*
 * coding: which content coding a client wants, of those that we have (RFC 9110 8.4.1, 12.5.3). Pure.
 */
#ifndef SHUNT_HTTP_CODING_H
#define SHUNT_HTTP_CODING_H

#include "http/request.h"

/* In the order of our preference, the last one first, where the client weighs them alike: a variant is only there
 * because it is smaller. */
enum coding {
    CODING_IDENTITY = 0,
    CODING_GZIP, /* also asked for as x-gzip (RFC 9110 8.4.1.3) */
    CODING_ZSTD,
    CODING_BR,
    CODINGS,
};

enum { CODING_WEIGHT_MAX = 1000 }; /* "q=1": weights are counted in thousandths, so that there is no float to round */

struct coding_weights {
    uint16_t of[CODINGS]; /* 0: not acceptable */
};

/*
 * Reads all of a request's Accept-Encoding. Without such a field only identity is acceptable: a client that doesn't
 * ask may not understand. "*" stands for what isn't named, identity as well. A coding named twice has its last weight.
 * An element that can't be read (a weight above 1, of more than three decimals, not a number) counts as one that isn't
 * there. An unknown coding is skipped.
 */
struct coding_weights coding_read(const struct request *request);

/*
 * The one with the greatest weight among `available`, a set of 1 << CODING_…; identity is always available. Where
 * nothing is acceptable, identity: a client that forbids even that is served all the same (12.5.3 leaves the choice,
 * 406 would help nobody).
 */
enum coding coding_choose(const struct coding_weights *weights, uint32_t available);

/* "gzip": its name in Content-Encoding. Empty for identity, which is never named. */
struct slice coding_name(enum coding coding);

#endif
