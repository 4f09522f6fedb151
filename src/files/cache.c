#include "files/cache.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

/* What an entry costs beside its bytes, roughly. */
enum { ENTRY_OVERHEAD = sizeof(struct entry) + 64 };

enum {
    CACHE_LINE = 64,       /* bytes, of most processors */
    PREFETCH_PATH = 32,    /* bytes of an entry's path that are fetched, */
    PREFETCH_IMAGE = 8192, /* and of its image, at most */
};

enum { CHANCES_MAX = 64 }; /* that are given at a time: one who makes room doesn't go round the whole cache */

static uint64_t cost(const struct entry *entry)
{
    return ENTRY_OVERHEAD + entry->path_len + entry_bytes(entry);
}

int cache_open(struct cache *cache, const struct cache_limits *limits)
{
    uint64_t buckets = 64;
    while (buckets < limits->entries)
        buckets *= 2;
    *cache = (struct cache){.limits = *limits, .mask = buckets - 1};
    if (getentropy(&cache->key, sizeof cache->key) < 0)
        return -1;
    cache->buckets = calloc(buckets, sizeof *cache->buckets);
    cache->door = calloc(buckets, CACHE_DOOR);
    if (cache->buckets != NULL && cache->door != NULL)
        return 0;
    cache_close(cache);
    return -1;
}

void cache_clear(struct cache *cache)
{
    for (int i = 0; i < 2; i++)
        while (cache->uses[i].oldest != NULL)
            cache_remove(cache, cache->uses[i].oldest);
}

void cache_close(struct cache *cache)
{
    cache_clear(cache);
    free(cache->buckets);
    free(cache->door);
    cache->buckets = NULL;
    cache->door = NULL;
}

/* Entries with an open file and those without are two lists, so that each limit finds its oldest at once. */
static struct cache_uses *uses_of(struct cache *cache, const struct entry *entry)
{
    return &cache->uses[entry_files(entry) > 0];
}

static void unlink_use(struct cache_uses *uses, struct entry *entry)
{
    *(entry->newer ? &entry->newer->older : &uses->newest) = entry->older;
    *(entry->older ? &entry->older->newer : &uses->oldest) = entry->newer;
}

static void link_newest(struct cache_uses *uses, struct entry *entry)
{
    entry->older = uses->newest;
    entry->newer = NULL;
    *(uses->newest ? &uses->newest->newer : &uses->oldest) = entry;
    uses->newest = entry;
}

static struct slice path_of(const struct entry *entry)
{
    return (struct slice){entry->path, entry->path_len};
}

static bool is_path_of(const struct entry *entry, uint64_t hash, struct slice path)
{
    return entry->hash == hash && slice_equal(path_of(entry), path);
}

static void prefetch(const void *from, size_t len)
{
    uintptr_t end = (uintptr_t)from + len;
    for (uintptr_t line = (uintptr_t)from & ~(uintptr_t)(CACHE_LINE - 1); line < end; line += CACHE_LINE)
        __builtin_prefetch((const void *)line);
}

/* What each request looks at. */
static void prefetch_entry(const struct entry *entry)
{
    prefetch(&entry->status, sizeof *entry - offsetof(struct entry, status) + PREFETCH_PATH);
}

/* Some of what is sent: where that is more, the processor sees by itself how it goes on. */
static void prefetch_image(const struct entry *entry)
{
    uint64_t len = entry->head_len + (entry->in_memory ? entry->size : 0);
    if (entry->image != NULL)
        prefetch(entry->image, len < PREFETCH_IMAGE ? len : PREFETCH_IMAGE);
}

/* In three rounds, each of which follows pointers that the one before has fetched. Of those that share a bucket it is
 * the first. */
void cache_prefetch(const struct cache *cache, const struct slice *paths, int count)
{
    struct entry **buckets[CACHE_PREFETCH_MAX];
    for (int i = 0; i < count; i++) {
        buckets[i] = &cache->buckets[hash_bytes(cache->key, paths[i]) & cache->mask];
        prefetch(buckets[i], sizeof *buckets[i]);
    }
    for (int i = 0; i < count; i++)
        if (*buckets[i] != NULL)
            prefetch_entry(*buckets[i]);
    for (int i = 0; i < count; i++)
        if (*buckets[i] != NULL)
            prefetch_image(*buckets[i]);
}

/* Who was found is marked, and not put in order: that would touch its neighbours, which lie anywhere in memory. */
struct entry *cache_find(struct cache *cache, struct slice path)
{
    uint64_t hash = hash_bytes(cache->key, path);
    struct entry *entry = cache->buckets[hash & cache->mask];
    while (entry != NULL && !is_path_of(entry, hash, path))
        entry = entry->chain;
    if (entry != NULL)
        entry->used = true;
    return entry;
}

void cache_remove(struct cache *cache, struct entry *entry)
{
    struct entry **at = &cache->buckets[entry->hash & cache->mask];
    while (*at != entry)
        at = &(*at)->chain;
    *at = entry->chain;
    struct cache_uses *uses = uses_of(cache, entry);
    unlink_use(uses, entry);
    uses->entries--;
    cache->files -= entry_files(entry);
    cache->bytes -= cost(entry);
    entry_drop(entry);
}

/* The one of a list to go next. Those that were found since they came, or were last here, get a second chance. */
static struct entry *next_to_go(struct cache *cache, struct cache_uses *uses)
{
    for (int passed = 0; passed < CHANCES_MAX && uses->oldest != NULL && uses->oldest->used; passed++) {
        struct entry *entry = uses->oldest;
        entry->used = false;
        entry->turn = ++cache->clock;
        unlink_use(uses, entry);
        link_newest(uses, entry);
    }
    return uses->oldest;
}

static struct entry *older(struct entry *a, struct entry *b)
{
    return a == NULL || (b != NULL && b->turn < a->turn) ? b : a;
}

/* Makes room for one more. */
static void evict(struct cache *cache, const struct entry *entry)
{
    struct cache_uses *plain = &cache->uses[0], *files = &cache->uses[1];
    const struct cache_limits *limits = &cache->limits;
    uint32_t more_files = entry_files(entry);
    while (more_files > 0 && files->oldest != NULL && cache->files + more_files > limits->files)
        cache_remove(cache, next_to_go(cache, files));
    while (plain->entries + files->entries > 0 &&
           (plain->entries + files->entries >= limits->entries || cache->bytes + cost(entry) > limits->bytes)) {
        struct entry *without = next_to_go(cache, plain), *with = next_to_go(cache, files);
        cache_remove(cache, older(without, with));
    }
}

bool cache_wants(struct cache *cache, struct slice path)
{
    uint64_t hash = hash_bytes(cache->key, path);
    uint8_t piece = (uint8_t)(hash >> 56), *at = &cache->door[hash & (CACHE_DOOR * (cache->mask + 1) - 1)];
    bool wants = *at == piece;
    *at = piece;
    return wants;
}

void cache_insert(struct cache *cache, struct entry *entry)
{
    struct entry *other = cache_find(cache, path_of(entry));
    if (other != NULL)
        cache_remove(cache, other);
    evict(cache, entry);
    entry->hash = hash_bytes(cache->key, path_of(entry));
    entry->chain = cache->buckets[entry->hash & cache->mask];
    cache->buckets[entry->hash & cache->mask] = entry;
    entry->turn = ++cache->clock;
    link_newest(uses_of(cache, entry), entry);
    uses_of(cache, entry)->entries++;
    cache->files += entry_files(entry);
    cache->bytes += cost(entry);
}

uint32_t cache_shed_files(struct cache *cache)
{
    uint32_t shed = 0;
    for (; cache->uses[1].oldest != NULL; shed++)
        cache_remove(cache, cache->uses[1].oldest);
    return shed;
}

void cache_shed_touched(struct cache *cache, const struct changes *changes)
{
    struct entry *newer;
    for (struct entry *entry = cache->uses[1].oldest; entry != NULL; entry = newer) {
        newer = entry->newer;
        if (!entry_is_untouched(entry, changes))
            cache_remove(cache, entry);
    }
}
