#include "files/identity.h"

enum {
    SECOND_NS = 1000000000,
    WRITE_NS = 20000000, /* write(2) dates the file first: it may be interrupted before the bytes are there */
    COARSE_GRAIN_S = 2,  /* of file systems that count seconds, or two at a time */
};

struct identity identity_of(const struct stat *st)
{
    return (struct identity){
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

bool identity_same(const struct identity *a, const struct identity *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           same_time(a->modified, b->modified) && same_time(a->changed, b->changed);
}

/* What tools set that want the same bytes to make the same archive: of one version and the next alike. */
static bool says_nothing(time_t modified)
{
    switch (modified) {
    case 0:         /* tar, containers' images */
    case 1:         /* Nix */
    case 315532800: /* zip: the first day that it knows */
    case 499162500: /* npm: 26 October 1985 */
        return true;
    default:
        return false;
    }
}

static size_t format_plain(const struct identity *identity, char *tag)
{
    struct timespec modified = identity->modified, changed = identity->changed;
    if (!says_nothing(modified.tv_sec))
        return etag_format(modified.tv_sec, (uint32_t)modified.tv_nsec, identity->size, tag);
    return etag_format_changed(changed.tv_sec, (uint32_t)changed.tv_nsec, identity->size, tag);
}

/* A time that lies well ahead is that of a clock that was set back: what is changed now gets another one. */
bool identity_is_young(const struct identity *identity, struct timespec then)
{
    struct timespec changed = identity->changed;
    time_t seconds = then.tv_sec - changed.tv_sec;
    long grain_ns = changed.tv_nsec == 0 ? COARSE_GRAIN_S * SECOND_NS : WRITE_NS;
    return seconds >= -1 && seconds <= COARSE_GRAIN_S &&
           seconds * SECOND_NS + then.tv_nsec - changed.tv_nsec <= grain_ns;
}

static size_t format_tag(const struct identity *identity, enum coding coding, char *tag)
{
    size_t len = format_plain(identity, tag);
    return coding == CODING_IDENTITY ? len : etag_mark(tag, len, coding_name(coding));
}

bool identity_has_date(const struct identity *identity, const struct clock *now)
{
    time_t modified = identity->modified.tv_sec;
    return modified > 0 && !says_nothing(modified) && modified <= now->second;
}

struct validators identity_validators(const struct identity *identity, enum coding coding, const struct clock *now,
                                      char *tag)
{
    return (struct validators){
        .etag = {tag, format_tag(identity, coding, tag)},
        .last_modified = identity->modified.tv_sec,
        .has_last_modified = identity_has_date(identity, now),
    };
}
