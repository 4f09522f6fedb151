#include "files/ways.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How a directory is reached, or how far one gets towards it. In one piece of memory: its marks, and the path. */
struct way {
    uint64_t root;
    uint64_t made_ms;
    int number; /* the directory's; -1: it isn't reached, or can't be watched */
    bool blind;
    uint32_t count;
    size_t len; /* of the path */
    struct mark marks[];
};

int ways_open(struct ways *ways, struct changes *changes)
{
    *ways = (struct ways){.changes = changes, .table = calloc(WAYS, sizeof *ways->table)};
    pthread_mutex_init(&ways->lock, NULL);
    if (ways->table == NULL)
        return -1;
    return getentropy(&ways->key, sizeof ways->key);
}

void ways_close(struct ways *ways)
{
    for (int i = 0; ways->table != NULL && i < WAYS; i++)
        free(ways->table[i]);
    free(ways->table);
    ways->table = NULL;
}

/* ---- the table */

/* The path up to its last name, which may be empty. */
static struct slice directory_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return (struct slice){path, slash == NULL ? 0 : (size_t)(slash - path)};
}

static struct slice last_name_of(const char *path)
{
    struct slice directory = directory_of(path);
    return slice_of(path + directory.len + (path[directory.len] == '/'));
}

static struct way **place_of(struct ways *ways, uint64_t root, struct slice directory)
{
    struct hash_key key = {ways->key.a ^ root, ways->key.b};
    return &ways->table[hash_bytes(key, directory) & (WAYS - 1)];
}

static char *path_of(struct way *way)
{
    return (char *)&way->marks[way->count];
}

static bool leads_to(struct way *way, uint64_t root, struct slice directory)
{
    return way != NULL && way->root == root && slice_equal((struct slice){path_of(way), way->len}, directory);
}

static bool holds(const struct ways *ways, const struct way *way, const struct clock *now)
{
    return !(way->blind && now->now_ms - way->made_ms >= CHANGES_RETRY_MS) &&
           changes_none_since(ways->changes, way->marks, way->count);
}

/* The trail may have marks of another name in the same directory: a way's marks are its first. */
static void follow(const struct ways *ways, const struct way *way, struct slice name, struct trail *trail)
{
    if (trail->count == 0) {
        memcpy(trail->marks, way->marks, way->count * sizeof *way->marks);
        trail->count = way->count;
    }
    trail->blind |= way->blind;
    if (way->number >= 0)
        changes_note_name(ways->changes, trail, way->number, name);
}

bool ways_recall(struct ways *ways, struct ways_path path, const struct clock *now, struct trail *trail)
{
    struct slice directory = directory_of(path.path);
    pthread_mutex_lock(&ways->lock);
    struct way *way = *place_of(ways, path.root, directory);
    bool known = leads_to(way, path.root, directory) && holds(ways, way, now);
    if (known)
        follow(ways, way, last_name_of(path.path), trail);
    pthread_mutex_unlock(&ways->lock);
    return known;
}

static void put(struct ways *ways, uint64_t root, struct slice directory, struct way *way)
{
    pthread_mutex_lock(&ways->lock);
    struct way **place = place_of(ways, root, directory);
    if (way != NULL || leads_to(*place, root, directory)) {
        free(*place);
        *place = way;
    }
    pthread_mutex_unlock(&ways->lock);
}

void ways_forget(struct ways *ways, struct ways_path path)
{
    put(ways, path.root, directory_of(path.path), NULL);
}

/* ---- finding out */

/* One walk. */
struct walk {
    struct ways *ways;
    struct ways_path path;
    const struct clock *now;
    struct trail *trail;
    bool remembered;
};

static void remember(struct walk *walk, int number, uint32_t count)
{
    struct slice directory = directory_of(walk->path.path);
    struct way *way = malloc(sizeof *way + count * sizeof *way->marks + directory.len);
    walk->remembered = true;
    if (way == NULL)
        return; /* the next one finds out again */
    *way = (struct way){walk->path.root, walk->now->now_ms, number, walk->trail->blind, count, directory.len};
    memcpy(way->marks, walk->trail->marks, count * sizeof *way->marks);
    memcpy(path_of(way), directory.at, directory.len);
    put(walk->ways, walk->path.root, directory, way);
}

/* Before anything is looked at in a directory. */
static void pass(void *context, int directory, const char *name, bool last)
{
    struct walk *walk = context;
    int number = changes_note_directory(walk->ways->changes, walk->trail, directory, WATCH_FILES);
    if (last && !walk->remembered)
        remember(walk, number, walk->trail->count);
    if (number >= 0)
        changes_note_name(walk->ways->changes, walk->trail, number, slice_of(name));
}

int ways_open_file(struct ways *ways, struct ways_path path, int root, enum beneath_links links,
                   const struct clock *now, struct trail *trail)
{
    struct walk walk = {.ways = ways, .path = path, .now = now, .trail = trail, .remembered = trail->count > 0};
    int fd = beneath_trace(root, path.path, links, &(struct beneath_visitor){pass, &walk});
    int error = errno;
    /* Else the trail ends before its time; and a refusal may end, and nobody tell. */
    if (fd < 0 && !walk.remembered && beneath_is_answer(error) && error != EACCES)
        remember(&walk, -1, trail->count);
    errno = error;
    return fd;
}
