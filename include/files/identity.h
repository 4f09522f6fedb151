/*
 * identity: what tells one state of a file from another, and what a client is told of it.
 */
#ifndef SHUNT_FILES_IDENTITY_H
#define SHUNT_FILES_IDENTITY_H

#include "base/clock.h"
#include "http/coding.h"
#include "http/conditional.h"
#include "http/etag.h"

#include <sys/stat.h>

struct identity {
    dev_t device;
    ino_t inode;
    uint64_t size; /* in bytes */
    struct timespec modified, changed;
};

struct identity identity_of(const struct stat *st);
bool identity_same(const struct identity *a, const struct identity *b);

/*
 * Its validators as of now, in this content coding; the tag is written to `tag` (room for ETAG_MAX bytes), and pointed
 * to.
 *
 * The tag is of size and time of modification; where that is one that packers give to all files (0, 1, and zip's and
 * npm's), of the time of change. Last-Modified is neither such a time nor one that lies ahead (RFC 9110 8.8.2.1).
 */
struct validators identity_validators(const struct identity *identity, enum coding coding, const struct clock *now,
                                      char *tag);

/* Whether the file was changed so shortly before `then`, which was read from file_time_now() before its bytes were,
 * that it may have been changed since and show it by no time: what was read of it is good for one answer. */
bool identity_is_young(const struct identity *identity, struct timespec then);

/* Whether its validators have a Last-Modified as of now. */
bool identity_has_date(const struct identity *identity, const struct clock *now);

#endif
