/*
 * docroot: one thread's view of the files that are served: a root that nothing leaves, and a cache of what was found
 * beneath it, which holds nothing that has changed.
 *
 * What is asked for the first time is opened, given to who asked, and let go with the next call, so that one file after
 * the other passes through the same memory. From the second time on it is kept, and so is from the first what could not
 * be found without sleeping.
 */
#ifndef SHUNT_FILES_DOCROOT_H
#define SHUNT_FILES_DOCROOT_H

#include "files/cache.h"

struct docroot {
    const struct site *site;
    struct root *root; /* the directory that all of the cache was found in; a reference, NULL at first */
    struct cache cache;
    struct entry *passing; /* the last entry found, where the cache doesn't keep it */
    bool assume_cold;      /* nothing can be opened without sleeping, as far as we know: for tests of that way */
};

enum docroot_outcome {
    DOCROOT_FOUND = 1, /* *entry is what the path is, be it a refusal */
    DOCROOT_SLEEPS,    /* that can't be told without sleeping: see docroot_look_up */
    DOCROOT_FULL,      /* no descriptor, or no memory, is left */
};

/* 0, or -1 with errno. `limits`: NULL for a thread that only ever looks up. */
int docroot_open(struct docroot *docroot, const struct site *site, const struct cache_limits *limits);

/* Drops the cache. Safe on a docroot that was never opened, but zeroed. */
void docroot_close(struct docroot *docroot);

/* Takes in what was changed until now. Whoever has received requests calls it before he answers any. */
void docroot_catch_up(const struct docroot *docroot);

/*
 * What `path` is (normalised, NUL-ended): from the cache while nothing is told of changes, and less than
 * site->valid_ms has passed since it was looked at; else by opening it, if that needs no disk. `found`: what
 * docroot_look_up() made of it, or NULL; its reference is taken over. `coded`: a variant in a content coding would do,
 * so that it must be known whether there are any. The entry is valid until the next call; hold it to keep it.
 */
enum docroot_outcome docroot_find(struct docroot *docroot, struct slice path, struct entry *found, bool coded,
                                  const struct clock *now, struct entry **entry);

/* These may be the paths that are asked for next: see cache_prefetch(). By a docroot with a cache. */
void docroot_prefetch(const struct docroot *docroot, const struct slice *paths, int count);

/* Opens what `path` is, and may sleep. The entry, whose one reference is the caller's, or NULL when no descriptor or
 * memory is left. */
struct entry *docroot_look_up(const struct docroot *docroot, struct slice path, const struct clock *now);

/* Gives up open files that were changed or removed, or whose directory is served no more: they may take room on a disk
 * that somebody wants to be free, and nobody may ask for them again. Now and then. */
void docroot_tidy(struct docroot *docroot);

/* Gives up the descriptors that are held for later: somebody needs them more. How many there were. */
uint32_t docroot_shed_files(struct docroot *docroot);

#endif
