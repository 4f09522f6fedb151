/* Finding out what a path is: its file, opened and if it is small read, with a head made ready, and its variants. */
#include "files/entry.h"

#include "base/buffer.h"
#include "base/hash.h"
#include "http/date.h"
#include "http/head.h"
#include "http/media.h"
#include "os/file_time.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

enum { TORN_READS_MAX = 3 }; /* a file that changes while it is read is read again so often, then sent from its fd */

static struct entry *new_entry(int status, const struct look *look)
{
    struct slice path = look->path;
    struct entry *entry = malloc(sizeof *entry + path.len + 1);
    if (entry == NULL)
        return NULL;
    *entry = (struct entry){
        .status = status,
        .fd = -1,
        .checked_ms = look->now->now_ms,
        .path_len = (uint32_t)path.len,
        .root = look->root->number,
        .blind = true,
    };
    atomic_init(&entry->references, 1);
    memcpy(entry->path, path.at, path.len);
    entry->path[path.len] = '\0';
    return entry;
}

/* What came of reading a file that may be changing. */
enum loaded {
    LOADED = 1,
    TORN,   /* it changed meanwhile */
    FAILED, /* errno says why */
};

/* Reads the whole body behind the head. The identity, by which it was made, is afterwards that of the file now: where
 * the two differ, the next look begins with it. */
static enum loaded read_body(struct entry *entry, enum beneath_mode mode)
{
    char *body = entry->image + entry->head_len;
    uint64_t len = 0;
    bool whole = true;
    while (len < entry->size && whole) {
        ssize_t n = open_read(entry->fd, body + len, entry->size - len, (off_t)len, mode);
        if (n < 0)
            return FAILED;
        len += (uint64_t)n;
        whole = n > 0;
    }
    struct stat st;
    if (fstat(entry->fd, &st) < 0)
        return FAILED;
    struct identity before = entry->identity;
    entry->identity = identity_of(&st);
    return whole && identity_same(&before, &entry->identity) ? LOADED : TORN;
}

/* The head of a plain 200. 0 or -1. */
static int put_head(const struct entry *entry, const struct head_rules *rules, struct buffer *head)
{
    char date[DATE_LEN];
    date_format(0, date); /* overwritten in each reply */
    if (head_begin(head, 200, date, rules) < 0 || head_type(head, entry->type, rules) < 0 ||
        entry_put_fields(entry, head) < 0 || head_number(head, SLICE("Content-Length"), entry->size) < 0)
        return -1;
    return head_end(head);
}

/* The head of a 304. 0 or -1. */
static int put_unmodified(const struct entry *entry, const struct head_rules *rules, struct buffer *head)
{
    char date[DATE_LEN];
    date_format(0, date);
    if (head_begin(head, 304, date, rules) < 0 || entry_put_cache_fields(entry, head) < 0)
        return -1;
    return head_end(head);
}

/* Makes the ready heads, with room between them for the body where that is to be in memory. What was there of a body
 * goes along. 0 or -1. */
static int make_image(struct entry *entry, const struct head_rules *rules, bool with_body)
{
    struct buffer heads;
    buffer_init(&heads);
    bool made = put_head(entry, rules, &heads) == 0;
    size_t head_len = buffer_length(&heads), body_len = with_body ? entry->size : 0;
    made = made && put_unmodified(entry, rules, &heads) == 0;
    char *image = made ? malloc(buffer_length(&heads) + body_len) : NULL;
    if (image != NULL) {
        struct slice all = buffer_bytes(&heads);
        memcpy(image, all.at, head_len);
        memcpy(image + head_len + body_len, all.at + head_len, all.len - head_len);
        if (entry->in_memory)
            memcpy(image + head_len, entry_body(entry), entry->size);
        free(entry->image);
        entry->image = image;
        entry->head_len = (uint32_t)head_len;
        entry->unmodified = (struct slice){image + head_len + body_len, all.len - head_len};
    }
    buffer_fini(&heads);
    return image == NULL ? -1 : 0;
}

/* Fills in all that a regular file's entry has, by its identity. */
static enum loaded load(struct entry *entry, const struct look *look, bool with_body)
{
    struct timespec begun = file_time_now(); /* each time: what was torn has an identity of just now */
    entry->size = entry->identity.size;
    entry->young = identity_is_young(&entry->identity, begun);
    entry->validators = identity_validators(&entry->identity, entry->coding, look->now, entry->tag);
    if (entry->young) { /* what comes of the next change may have the same size and times: it must not have these */
        entry->validators.etag.len = 0;
        entry->validators.last_modified--;
    }
    with_body = with_body && entry->size <= ENTRY_BODY_MAX;
    if (make_image(entry, &look->site->head, with_body) < 0)
        return FAILED;
    if (!with_body)
        return LOADED;
    enum loaded loaded = read_body(entry, look->mode);
    entry->in_memory = loaded == LOADED;
    return loaded;
}

/* A body in memory has a tag even where its file's times say nothing: that of the bytes, the same on each machine and
 * after each start. 0 or -1. */
static int tag_content(struct entry *entry, const struct head_rules *rules)
{
    uint64_t hash = hash_bytes((struct hash_key){0}, (struct slice){entry_body(entry), entry->size});
    size_t len = etag_format_content(hash, entry->size, entry->tag);
    if (entry->coding != CODING_IDENTITY)
        len = etag_mark(entry->tag, len, coding_name(entry->coding));
    entry->validators.etag = (struct slice){entry->tag, len};
    return make_image(entry, rules, true);
}

static int load_file(struct entry *entry, const struct look *look)
{
    enum loaded loaded = TORN;
    for (int i = 0; i < TORN_READS_MAX && loaded == TORN; i++)
        loaded = load(entry, look, true);
    if (loaded == TORN) /* somebody writes and writes: send from the descriptor, exactly what the head announces */
        loaded = load(entry, look, false);
    if (entry->in_memory) {
        close(entry->fd);
        entry->fd = -1;
        if (entry->validators.etag.len == 0)
            return tag_content(entry, &look->site->head);
    } else if (loaded == LOADED) {
        /* BENEATH_NOW opens nothing there; so only who may sleep asks, which is a question to that file system, too. */
        entry->elsewhere = look->mode == BENEATH_WAIT && beneath_may_sleep(entry->fd);
        entry->never_cold = !entry->elsewhere && beneath_in_memory(entry->fd);
        if (look->site->source != NULL && (entry->elsewhere || entry->size > ENTRY_CLOSE_MAX))
            entry->closer = &look->site->source->closer;
    }
    return loaded == LOADED ? 0 : -1;
}

/* An entry for a file that could not be opened or read. */
static struct entry *refusal(int status, const struct look *look)
{
    struct entry *entry = status == 0 ? NULL : new_entry(status, look);
    if (entry != NULL)
        /* What has failed once may not fail again, and who may read a file is decided by more than the file: nobody is
         * told of either. */
        entry->young = status == 500 || status == 403;
    return entry;
}

/* An entry for a file that is open: the descriptor is its, be it loaded or not. NULL with errno. */
static struct entry *new_file(const struct look *look, int fd, const struct identity *identity)
{
    struct entry *entry = new_entry(200, look);
    if (entry == NULL) {
        close(fd);
        errno = ENOMEM;
        return NULL;
    }
    entry->fd = fd;
    entry->identity = *identity;
    return entry;
}

/* Makes a variant of an open sidecar, which is its from here on. 0, or -1 with errno. */
static int load_variant(struct entry *entry, const struct look *look, enum coding coding, struct sidecar *sidecar)
{
    char path[PATH_MAX];
    struct look beside = *look;
    int fd = sidecar->fd;
    sidecar->fd = -1;
    beside.path = sidecar_path(look->path, coding, path);
    struct entry *variant = new_file(&beside, fd, &sidecar->identity);
    if (variant == NULL)
        return -1;
    variant->type = entry->type;
    variant->location = entry->location;
    variant->coding = coding;
    variant->varies = true;
    int failed = load_file(variant, &beside);
    if (failed == 0 && sidecar_serves(&variant->identity, &entry->identity)) {
        entry->variants[coding] = variant;
        entry->young |= variant->young;
        return 0;
    }
    int error = errno;
    entry_drop(variant);
    errno = error;
    return failed < 0 && open_status_of_errno(error) == 0 ? -1 : 0; /* can't be read: as if it weren't there */
}

/* Looks for the variants of an entry that is loaded, and tells in its head that there are some. Where that would sleep,
 * there may be: who wants none needn't wait. 0, or -1 with errno. */
static int load_variants(struct entry *entry, const struct look *look)
{
    struct sidecars sidecars;
    int failed = 0;
    if (sidecars_open(look, &entry->identity, SIDECARS_ALL, &sidecars) < 0) {
        if (errno != EAGAIN)
            return -1;
        entry->unsure = look->mode == BENEATH_NOW; /* else somebody has a lease on it: as if it weren't there */
    }
    entry->varies = sidecars.some;
    for (int coding = 0; coding < CODINGS && failed == 0; coding++) {
        if (sidecars.of[coding].fd >= 0)
            failed = load_variant(entry, look, (enum coding)coding, &sidecars.of[coding]);
    }
    int error = errno;
    sidecars_close(&sidecars);
    errno = error;
    return failed < 0 || !entry->varies ? failed : make_image(entry, &look->site->head, entry->in_memory);
}

/* What look->path turned out to be. */
static struct entry *open_entry(const struct look *look)
{
    struct stat st;
    int fd, status = open_file(look, &fd, &st);
    if (status != 200)
        return refusal(status, look);
    struct identity identity = identity_of(&st);
    struct entry *entry = new_file(look, fd, &identity);
    if (entry == NULL)
        return NULL;
    entry->type = media_type(open_name(look->path));
    if (open_is_index(look->path))
        entry->location = open_name(look->path);
    if (load_file(entry, look) == 0 && (!media_compresses(entry->type) || load_variants(entry, look) == 0))
        return entry;
    int error = errno;
    entry_drop(entry);
    errno = error;
    return refusal(open_status_of_errno(error), look);
}

/* The entry takes over what was noted on the way. 0, or -1 with errno. */
static int keep_trail(struct entry *entry, const struct trail *trail)
{
    entry->marks = malloc((trail->count + 1) * sizeof *entry->marks);
    if (entry->marks == NULL)
        return -1;
    memcpy(entry->marks, trail->marks, trail->count * sizeof *entry->marks);
    entry->mark_count = trail->count;
    entry->blind = trail->blind;
    return 0;
}

struct entry *entry_open(const struct look *look)
{
    struct entry *entry = open_entry(look);
    if (entry == NULL || look->trail == NULL || keep_trail(entry, look->trail) == 0)
        return entry;
    entry_drop(entry);
    errno = ENOMEM;
    return NULL;
}
