/*
 * entry: what one normalised path turned out to be: a file ready to be sent, a directory to be redirected to, a
 * refusal.
 *
 * An entry never changes once it is made, but for the words marked as its cache's. So any thread may send from it, and
 * whoever drops the last reference frees it, on whatever thread that is: a connection may end anywhere.
 *
 * A small file is in memory, whole, right behind its ready-made head; of a larger one the entry keeps an open
 * descriptor. Docroot files are never mapped: a file that shrinks under a mapping is a SIGBUS.
 */
#ifndef SHUNT_FILES_ENTRY_H
#define SHUNT_FILES_ENTRY_H

#include "base/buffer.h"
#include "files/identity.h"
#include "files/open.h"
#include "files/sidecar.h"

#include <stdatomic.h>
#include <stdint.h>

enum {
    ENTRY_CLOSE_MAX = 4 << 20, /* bytes: the close of a larger file, should it be removed, may take a while */
    ENTRY_BODY_MAX = 65536, /* bytes: a larger body stays in its file (one send of 64 kB costs what sendfile costs) */
};

struct entry {
    int fd;                /* the open file of a body that isn't in memory, else -1 */
    struct closer *closer; /* whose affair its close is; NULL: that of whoever drops the last reference */
    bool never_cold;       /* it lies in a file system that is memory */
    bool elsewhere;        /* it lies in one whose every answer may be slow, whatever is in memory: see hot_fetch() */
    bool young; /* its file, or a variant's, may have changed since it was read, or failed: good for one answer */
    uint32_t mark_count; /* what it depends on: */
    struct mark *marks;  /* owned */
    uint64_t root;       /* number of the directory that it was looked for in */
    struct identity identity;
    enum coding coding;              /* of the body */
    struct entry *variants[CODINGS]; /* references, or NULL; none of CODING_IDENTITY, which is the entry itself */
    struct slice type;               /* static text */
    struct slice location; /* static text: the name, within its directory, of a file that was not asked for by it */
    struct validators validators; /* the tag points into `tag` */
    char tag[ETAG_MAX];
    struct slice unmodified; /* the head of a plain 304, in `image` */

    _Atomic uint32_t references;

    /* What each request looks at comes last, beside the path, so that it lies in few cache lines. */
    int status;        /* 200; 301: a directory asked for without its slash; 403, 404, 500: why there is nothing */
    char *image;       /* the head of a plain 200, behind it the body where that is in memory, and a 304; owned */
    uint64_t size;     /* of the body, in bytes */
    uint32_t head_len; /* bytes of image that are head */
    bool in_memory;    /* the body is in image */
    bool varies;       /* there are variants: of this one, or this is one */
    bool blind;        /* it depends on more than `marks`, of which nothing is told */

    /* Once it is made, touched by its cache's thread only. */
    bool unsure;                 /* whether there are variants couldn't be told without sleeping */
    uint64_t hot_ms, hot_upto;   /* when the file's first hot_upto bytes were last known to be in the page cache */
    uint64_t checked_ms;         /* when the file was last looked at */
    uint32_t epoch;              /* as of when its marks are known to stand, see changes_epoch() */
    bool asked;                  /* somebody who may sleep looks at the file now */
    bool used;                   /* it was found since its cache last gave it a chance */
    struct entry *older, *newer; /* in the order of their turns */
    uint64_t turn;
    uint64_t hash;
    struct entry *chain;
    uint32_t path_len;
    char path[]; /* NUL-ended */
};

/* Finds out what look->path is: a file that is there for all to read, or why there is none. The entry, with one
 * reference, which is the caller's; it is never NULL for reasons that lie in the path. NULL with errno: as of
 * open_file(), where that returns 0. look->trail is empty to begin with, if it is given; the entry takes it over. */
struct entry *entry_open(const struct look *look);

/* The codings in which there are variants, a bit for each. */
uint32_t entry_codings(const struct entry *entry);

/* Which of the entry and its variants a request is answered with. The reference stays the entry's. */
struct entry *entry_choose(struct entry *entry, const struct request *request);

/* Appends what the entry has to say in a head, but for its type. A 304 repeats of it what a cache goes by (RFC 9110
 * 15.4.5): ETag, Content-Location, Vary. A 200 and a 206 have Last-Modified, Content-Encoding and Accept-Ranges
 * besides. 0, or -1 with errno ENOMEM. */
int entry_put_cache_fields(const struct entry *entry, struct buffer *head);
int entry_put_fields(const struct entry *entry, struct buffer *head);

/* Whether what the kernel told by now leaves the entry untouched; not whether more may have happened, see ->blind. By
 * the thread whose cache it is in. */
bool entry_is_untouched(struct entry *entry, const struct changes *changes);

enum entry_check {
    ENTRY_HOLDS = 1, /* the path still leads to what the entry was made of, byte by byte where that is in memory */
    ENTRY_UNSURE,    /* it does; of its variants that can't be told without sleeping, or couldn't when last asked */
    ENTRY_CHANGED,
    ENTRY_UNKNOWN, /* errno says why it can't be told: as for entry_open */
};

/* `look` is for the entry's own path. */
enum entry_check entry_check(const struct entry *entry, const struct look *look);

/* Bytes of memory that its images take, and open files, with those of its variants. */
uint64_t entry_bytes(const struct entry *entry);
uint32_t entry_files(const struct entry *entry);

/* The body, where it is in memory. */
static inline const char *entry_body(const struct entry *entry)
{
    return entry->image + entry->head_len;
}

/* One more reference. */
static inline struct entry *entry_hold(struct entry *entry)
{
    atomic_fetch_add_explicit(&entry->references, 1, memory_order_relaxed);
    return entry;
}

/* One reference less; the last one frees the entry and closes its file. NULL is fine. */
void entry_drop(struct entry *entry);

#endif
