/*
 * cache: a worker's own table of entries by normalised path. One thread uses it, so it has no lock.
 *
 * It is bounded in entries, bytes and open files; the least recently used goes first. Failures are values like others:
 * a path that isn't there is remembered too. How long an entry may be believed is the docroot's affair (checked_ms).
 */
#ifndef SHUNT_FILES_CACHE_H
#define SHUNT_FILES_CACHE_H

#include "base/hash.h"
#include "files/entry.h"

struct cache_limits {
    uint32_t entries; /* at most so many, rounded up to a power of two */
    uint64_t bytes;   /* of images and paths */
    uint32_t files;   /* open descriptors */
};

/* Entries in the order of their last use. */
struct cache_uses {
    struct entry *newest, *oldest;
    uint32_t entries;
};

struct cache {
    struct cache_limits limits;
    struct entry **buckets; /* owned; a power of two of them */
    uint64_t mask;
    struct hash_key key;
    struct cache_uses uses[2]; /* [1]: those that hold an open file */
    uint64_t bytes;
    uint64_t clock; /* counts uses, so that the ages of two entries can be compared */
};

/* An empty cache. 0, or -1 with errno. */
int cache_open(struct cache *cache, const struct cache_limits *limits);

/* Drops all entries and gives the memory back. Safe on a zeroed cache. */
void cache_close(struct cache *cache);

/* The entry of this path, now the most recently used one, or NULL. The reference stays the cache's. */
struct entry *cache_find(struct cache *cache, struct slice path);

/* Puts an entry in, in the place of any other of the same path, and takes over the caller's reference. The entry is
 * valid until the next call. NULL, with the reference dropped and errno ENOMEM, when there is no memory for it. */
struct entry *cache_insert(struct cache *cache, struct slice path, struct entry *entry);

/* Takes an entry out and drops the cache's reference. */
void cache_remove(struct cache *cache, struct entry *entry);

/* Takes out all entries that hold an open file: somebody needs descriptors more. How many there were. */
uint32_t cache_shed_files(struct cache *cache);

#endif
