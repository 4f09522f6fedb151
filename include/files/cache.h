/*
 * cache: a worker's own table of entries by normalised path. One thread uses it, so it has no lock.
 *
 * It is bounded in entries, bytes and open files; who came long ago and wasn't asked for since goes first (second
 * chance, or CLOCK: Corbato, "A paging experiment with the Multics system", 1968). Failures are values like others: a
 * path that isn't there is remembered too. How long an entry may be believed is the docroot's affair (checked_ms).
 *
 * At its door stands a guess of which paths were asked for before: eight bytes for each bucket, each a piece of the
 * hash of the last path that came by. A path that is asked for once, and never again, is not worth the memory that
 * keeping it takes: fresh pages cost more than the file's open and read together, and what it pushes out may have been
 * of use.
 */
#ifndef SHUNT_FILES_CACHE_H
#define SHUNT_FILES_CACHE_H

#include "base/hash.h"
#include "files/entry.h"

struct cache_limits {
    uint32_t entries; /* at most so many, rounded up to a power of two */
    uint64_t bytes;   /* of entries, with all that they own */
    uint32_t files;   /* open descriptors */
};

/* Entries in the order in which they came, or were last given another chance. */
struct cache_uses {
    struct entry *newest, *oldest;
    uint32_t entries;
};

enum { CACHE_DOOR = 8 }; /* bytes for each bucket: how well is remembered who was at the door */

struct cache {
    struct cache_limits limits;
    struct entry **buckets; /* owned; a power of two of them */
    uint64_t mask;
    uint8_t *door; /* owned; see above */
    struct hash_key key;
    struct cache_uses uses[2]; /* [1]: those that hold an open file */
    uint64_t bytes;
    uint32_t files; /* open */
    uint64_t clock; /* counts turns, so that the ages of two entries can be compared */
};

/* An empty cache. 0, or -1 with errno. */
int cache_open(struct cache *cache, const struct cache_limits *limits);

/* Drops all entries and gives the memory back. Safe on a zeroed cache. */
void cache_close(struct cache *cache);

enum { CACHE_PREFETCH_MAX = 16 };

/* Has the processor fetch what cache_find() touches for these paths, and of what it finds the first bytes to be sent.
 * At most CACHE_PREFETCH_MAX paths, which side by side take little longer than one. Nothing is changed. (Chen,
 * Ailamaki, Gibbons and Mowry, "Improving Hash Join Performance through Prefetching", ICDE 2004: group prefetching.) */
void cache_prefetch(const struct cache *cache, const struct slice *paths, int count);

/* The entry of this path, or NULL. The reference stays the cache's. */
struct entry *cache_find(struct cache *cache, struct slice path);

/* Whether this path is worth a place: it was asked for before, as far as is remembered. Remembers it. */
bool cache_wants(struct cache *cache, struct slice path);

/* Puts an entry in, in the place of any other of the same path, and takes over the caller's reference. The entry is
 * valid until the next call. */
void cache_insert(struct cache *cache, struct entry *entry);

/* Takes an entry out and drops the cache's reference. */
void cache_remove(struct cache *cache, struct entry *entry);

/* Takes out all entries. */
void cache_clear(struct cache *cache);

/* Takes out all entries that hold an open file: somebody needs descriptors more. How many there were. */
uint32_t cache_shed_files(struct cache *cache);

/* Takes out those that hold an open file and of which changes were told. */
void cache_shed_touched(struct cache *cache, const struct changes *changes);

#endif
