#include "files/entry.h"

#include "base/buffer.h"
#include "http/date.h"
#include "http/head.h"
#include "http/media.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { TORN_READS_MAX = 3 }; /* a file that changes while it is read is read again so often, then sent from its fd */

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

/* Type and validators of the file that was opened. */
static void describe(struct entry *entry, const struct look *look)
{
    struct slice name = open_name(look->path);
    if (open_is_index(look->path))
        entry->location = name;
    entry->type = media_type(name);
    entry->validators = identity_validators(&entry->identity, look->now, entry->tag);
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

/* An entry for a file that could not be opened or read. */
static struct entry *refusal(int status, const struct look *look)
{
    return status == 0 ? NULL : new_entry(status, look);
}

struct entry *entry_open(const struct look *look)
{
    struct stat st;
    int fd, status = open_file(look, &fd, &st);
    if (status != 200)
        return refusal(status, look);
    struct entry *entry = new_entry(200, look);
    if (entry == NULL) {
        close(fd);
        return NULL;
    }
    entry->fd = fd;
    entry->identity = identity_of(&st);
    if (load_file(entry, look) == 0)
        return entry;
    int error = errno;
    entry_drop(entry);
    errno = error;
    return refusal(open_status_of_errno(error), look);
}

/* Whether the file is still the one that the entry was made of, and may still be told of as the entry does. */
static bool is_true(const struct entry *entry, const struct stat *st, const struct clock *now)
{
    struct identity identity = identity_of(st);
    char tag[ETAG_MAX];
    return identity_same(&identity, &entry->identity) &&
           identity_validators(&identity, now, tag).has_last_modified == entry->validators.has_last_modified;
}

enum entry_check entry_check(const struct entry *entry, const struct look *look)
{
    struct stat st;
    int fd, status = open_file(look, &fd, &st);
    if (status == 0)
        return ENTRY_UNKNOWN;
    bool holds = status == entry->status && (status != 200 || is_true(entry, &st, look->now));
    if (fd >= 0)
        close(fd);
    return holds ? ENTRY_HOLDS : ENTRY_CHANGED;
}
