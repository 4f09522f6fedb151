#include "files/entry.h"

#include "base/buffer.h"
#include "http/date.h"
#include "http/head.h"
#include "http/media.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    TORN_READS_MAX = 3,        /* a file that changes while it is read is read again so often, then sent from its fd */
    SAMPLE_EVERY = 128 * 1024, /* the kernel reads ahead in pieces of this size */
    WARM_CHUNK = 64 * 1024,
    HOT_VALID_MS = 1000,        /* bytes seen in the page cache are believed to be there for so long */
    MTIME_REPRODUCIBLE_MAX = 1, /* reproducible builds set 0 or 1: no date to tell anyone */
};

static const struct slice index_name = {"index.html", 10};

/* errno of an open → status of the reply; 0: not the path's fault, so no entry. */
static int status_of_errno(int error)
{
    switch (error) {
    case EAGAIN:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
        return 0;
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG:
    case ELOOP:
    case EXDEV: /* leads outside the root */
    case ENXIO: /* a socket, or a device without a driver */
    case ENODEV:
    case EINVAL:
        return 404;
    case EACCES:
    case EPERM:
        return 403;
    default:
        return 500;
    }
}

static struct entry_identity identity_of(const struct stat *st)
{
    return (struct entry_identity){
        .device = st->st_dev,
        .inode = st->st_ino,
        .size = (uint64_t)st->st_size,
        .modified = st->st_mtim,
        .changed = st->st_ctim,
    };
}

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool same_identity(const struct entry_identity *a, const struct entry_identity *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           same_time(a->modified, b->modified) && same_time(a->changed, b->changed);
}

/* What an entry is made of, and when. */
struct look {
    const struct site *site;
    struct slice path;
    enum beneath_mode mode;
    const struct clock *now;
};

static struct entry *new_entry(int status, const struct look *look)
{
    struct slice path = look->path;
    struct entry *entry = malloc(sizeof *entry + path.len + 1);
    if (entry == NULL)
        return NULL;
    char *behind = (char *)(entry + 1);
    memcpy(behind, path.at, path.len);
    behind[path.len] = '\0';
    *entry = (struct entry){
        .status = status,
        .fd = -1,
        .checked_ms = look->now->now_ms,
        .path = behind,
        .path_len = (uint32_t)path.len,
    };
    atomic_init(&entry->references, 1);
    return entry;
}

void entry_drop(struct entry *entry)
{
    if (entry == NULL || atomic_fetch_sub_explicit(&entry->references, 1, memory_order_acq_rel) != 1)
        return;
    if (entry->fd >= 0)
        close(entry->fd);
    free(entry->image);
    free(entry);
}

static bool is_directory(struct slice path)
{
    return path.at[path.len - 1] == '/';
}

/* Opens what the path stands for. The fd, or -1 with errno. */
static int open_path(const struct look *look)
{
    struct slice path = look->path;
    const char *relative = path.at + 1;
    if (!is_directory(path))
        return beneath_open(look->site->root, relative, look->mode);
    char name[PATH_MAX];
    if (path.len - 1 + index_name.len >= sizeof name) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(name, relative, path.len - 1);
    memcpy(name + path.len - 1, index_name.at, index_name.len + 1);
    return beneath_open(look->site->root, name, look->mode);
}

static ssize_t read_waiting(int fd, char *to, size_t len, off_t offset)
{
    ssize_t n;
    do
        n = pread(fd, to, len, offset);
    while (n < 0 && errno == EINTR);
    return n;
}

/* One read at an offset; in BENEATH_NOW one that doesn't sleep. Bytes, or -1 with errno, EAGAIN where it would have
 * slept. */
static ssize_t read_some(int fd, char *to, size_t len, off_t offset, enum beneath_mode mode)
{
    if (mode == BENEATH_WAIT)
        return read_waiting(fd, to, len, offset);
    ssize_t n = beneath_read_now(fd, to, len, offset);
    if (n >= 0 || errno != EOPNOTSUPP)
        return n;
    if (beneath_in_memory(fd))
        return read_waiting(fd, to, len, offset);
    errno = EAGAIN; /* no way to tell: let a thread that may sleep find out */
    return -1;
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
        ssize_t n = read_some(entry->fd, body + len, entry->size - len, (off_t)len, mode);
        if (n < 0)
            return FAILED;
        len += (uint64_t)n;
        whole = n > 0;
    }
    struct stat st;
    if (fstat(entry->fd, &st) < 0)
        return FAILED;
    struct entry_identity before = entry->identity;
    entry->identity = identity_of(&st);
    return whole && same_identity(&before, &entry->identity) ? LOADED : TORN;
}

/* A date that lies ahead is nothing to tell anyone either (RFC 9110 8.8.2.1), until its time has come. */
static bool has_last_modified(struct timespec modified, time_t now)
{
    return modified.tv_sec > MTIME_REPRODUCIBLE_MAX && modified.tv_sec <= now;
}

static size_t format_tag(const struct entry_identity *identity, char *tag)
{
    struct timespec modified = identity->modified, changed = identity->changed;
    if (modified.tv_sec < 0 || modified.tv_sec > MTIME_REPRODUCIBLE_MAX)
        return etag_format(modified.tv_sec, (uint32_t)modified.tv_nsec, identity->size, tag);
    return etag_format_changed(changed.tv_sec, (uint32_t)changed.tv_nsec, identity->size, tag);
}

/* Type and validators of the file that was opened. */
static void describe(struct entry *entry, const struct look *look)
{
    if (is_directory(look->path))
        entry->location = index_name;
    entry->type = media_type(is_directory(look->path) ? index_name : look->path);
    entry->validators = (struct validators){
        .etag = {entry->tag, format_tag(&entry->identity, entry->tag)},
        .last_modified = entry->identity.modified.tv_sec,
        .has_last_modified = has_last_modified(entry->identity.modified, look->now->second),
    };
}

int entry_put_cache_fields(const struct entry *entry, struct buffer *head)
{
    struct slice etag = entry->validators.etag;
    if (etag.len > 0 && head_field(head, SLICE("ETag"), etag) < 0)
        return -1;
    return entry->location.len > 0 ? head_field(head, SLICE("Content-Location"), entry->location) : 0;
}

int entry_put_fields(const struct entry *entry, struct buffer *head)
{
    if (entry->validators.has_last_modified) {
        char modified[DATE_LEN];
        date_format(entry->validators.last_modified, modified);
        if (head_field(head, SLICE("Last-Modified"), (struct slice){modified, DATE_LEN}) < 0)
            return -1;
    }
    if (entry_put_cache_fields(entry, head) < 0)
        return -1;
    return head_field(head, SLICE("Accept-Ranges"), SLICE("bytes"));
}

/* The ready head of a plain 200, with room behind it for the body where that is to be in memory. 0 or -1. */
static int make_image(struct entry *entry, const struct head_rules *rules, bool with_body)
{
    struct buffer head;
    char date[DATE_LEN];
    buffer_init(&head);
    date_format(0, date); /* overwritten in each reply */
    bool made = head_begin(&head, 200, date, rules) == 0 && head_type(&head, entry->type, rules) == 0 &&
                entry_put_fields(entry, &head) == 0 && head_number(&head, SLICE("Content-Length"), entry->size) == 0 &&
                head_end(&head) == 0;
    free(entry->image);
    entry->image = made ? malloc(buffer_length(&head) + (with_body ? entry->size : 0)) : NULL;
    if (entry->image != NULL) {
        entry->head_len = (uint32_t)buffer_length(&head);
        memcpy(entry->image, buffer_bytes(&head).at, entry->head_len);
    }
    buffer_fini(&head);
    return entry->image == NULL ? -1 : 0;
}

/* Fills in all that a regular file's entry has, by its identity. */
static enum loaded load(struct entry *entry, const struct look *look, bool with_body)
{
    entry->size = entry->identity.size;
    describe(entry, look);
    with_body = with_body && entry->size <= ENTRY_BODY_MAX;
    if (make_image(entry, &look->site->head, with_body) < 0)
        return FAILED;
    if (!with_body)
        return LOADED;
    enum loaded loaded = read_body(entry, look->mode);
    entry->in_memory = loaded == LOADED;
    return loaded;
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
    } else if (loaded == LOADED) {
        entry->never_cold = beneath_in_memory(entry->fd);
    }
    return loaded == LOADED ? 0 : -1;
}

static int status_of_kind(const struct stat *st, struct slice path)
{
    if (S_ISREG(st->st_mode))
        return 200;
    return S_ISDIR(st->st_mode) && !is_directory(path) ? 301 : 404;
}

/* An entry for a path that could not be opened or read, by errno. */
static struct entry *refusal(int error, const struct look *look)
{
    int status = status_of_errno(error);
    errno = error;
    return status == 0 ? NULL : new_entry(status, look);
}

struct entry *entry_open(const struct site *site, struct slice path, enum beneath_mode mode, const struct clock *now)
{
    struct look look = {site, path, mode, now};
    int fd = open_path(&look);
    if (fd < 0)
        return refusal(errno, &look);
    struct stat st;
    int status = fstat(fd, &st) < 0 ? 500 : status_of_kind(&st, path);
    struct entry *entry = new_entry(status, &look);
    if (entry == NULL || status != 200) {
        close(fd);
        return entry;
    }
    entry->fd = fd;
    entry->identity = identity_of(&st);
    if (load_file(entry, &look) == 0)
        return entry;
    int error = errno;
    entry_drop(entry);
    return refusal(error, &look);
}

/* Whether the file is still the one that the entry was made of, and may still be told of as the entry does. */
static bool is_true(const struct entry *entry, const struct stat *st, const struct clock *now)
{
    struct entry_identity identity = identity_of(st);
    return same_identity(&identity, &entry->identity) &&
           has_last_modified(identity.modified, now->second) == entry->validators.has_last_modified;
}

enum entry_check entry_check(const struct entry *entry, const struct site *site, struct slice path,
                             enum beneath_mode mode, const struct clock *now)
{
    int fd = open_path(&(struct look){site, path, mode, now});
    if (fd < 0) {
        int status = status_of_errno(errno);
        return status == 0 ? ENTRY_UNKNOWN : status == entry->status ? ENTRY_HOLDS : ENTRY_CHANGED;
    }
    struct stat st;
    bool holds = fstat(fd, &st) == 0 && status_of_kind(&st, path) == entry->status;
    if (holds && entry->status == 200)
        holds = is_true(entry, &st, now);
    close(fd);
    return holds ? ENTRY_HOLDS : ENTRY_CHANGED;
}

static bool byte_is_hot(const struct entry *entry, uint64_t offset)
{
    char byte;
    return beneath_read_now(entry->fd, &byte, 1, (off_t)offset) >= 0;
}

bool entry_is_hot(const struct entry *entry, uint64_t offset, uint64_t length)
{
    if (entry->never_cold || length == 0)
        return true;
    for (uint64_t at = offset; at < offset + length; at += SAMPLE_EVERY)
        if (!byte_is_hot(entry, at))
            return false;
    return byte_is_hot(entry, offset + length - 1);
}

uint64_t entry_known_hot(const struct entry *entry, uint64_t offset, uint64_t now_ms)
{
    return now_ms - entry->hot_ms < HOT_VALID_MS && offset <= entry->hot_upto ? entry->hot_upto : 0;
}

void entry_note_hot(struct entry *entry, uint64_t offset, uint64_t upto, uint64_t now_ms)
{
    bool known = now_ms - entry->hot_ms < HOT_VALID_MS;
    uint64_t known_upto = known ? entry->hot_upto : 0;
    if (offset > known_upto || upto <= known_upto)
        return;
    entry->hot_upto = upto;
    if (!known)
        entry->hot_ms = now_ms;
}

int entry_warm(const struct entry *entry, uint64_t offset, uint64_t length)
{
    char chunk[WARM_CHUNK];
    while (length > 0) {
        ssize_t n = pread(entry->fd, chunk, length < sizeof chunk ? length : sizeof chunk, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) /* 0: the file shrank, which whoever sends from it will see */
            return (int)n;
        offset += (uint64_t)n;
        length -= (uint64_t)n;
    }
    return 0;
}
