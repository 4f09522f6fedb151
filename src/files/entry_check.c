/* Finding out whether an entry is still true. */
#include "files/entry.h"

#include "http/media.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { COMPARE_SIZE = 16384 }; /* bytes of a body that are compared at a time */

/* Whether the file is still the one that the entry was made of, and may still be told of as the entry does. */
static bool is_true(const struct entry *entry, const struct identity *identity, const struct clock *now)
{
    return !entry->young && identity_same(identity, &entry->identity) &&
           identity_has_date(identity, now) == entry->validators.has_last_modified;
}

/* Whether the open file holds what the entry has in memory: who writes through a mapping may change it without a time's
 * telling of it. */
static enum entry_check compare_body(const struct entry *entry, int fd, enum beneath_mode mode)
{
    char piece[COMPARE_SIZE];
    uint64_t len = 0;
    while (entry->in_memory && len < entry->size) {
        size_t wanted = entry->size - len < sizeof piece ? entry->size - len : sizeof piece;
        ssize_t n = open_read(fd, piece, wanted, (off_t)len, mode);
        if (n < 0 && errno == EAGAIN)
            return ENTRY_UNKNOWN;
        if (n <= 0 || memcmp(entry_body(entry) + len, piece, (size_t)n) != 0)
            return ENTRY_CHANGED;
        len += (uint64_t)n;
    }
    return ENTRY_HOLDS;
}

static enum entry_check check_file(const struct entry *entry, const struct identity *identity, int fd,
                                   const struct look *look)
{
    return is_true(entry, identity, look->now) ? compare_body(entry, fd, look->mode) : ENTRY_CHANGED;
}

/* Which sidecars are to be looked for. A new one beside a file that can be opened without sleeping would have been told
 * of: such a file is on no other machine. Where it couldn't be told whether there are any, that is not asked again
 * until somebody wants one, which sends him to where it may take its time: names that aren't there don't come into the
 * kernel's memory by themselves. */
static uint32_t codings_to_check(const struct entry *entry, enum beneath_mode mode)
{
    if (!media_compresses(entry->type))
        return 0;
    return entry->blind || mode == BENEATH_WAIT ? SIDECARS_ALL : entry_codings(entry);
}

/* The same of its variants. */
static enum entry_check check_variants(const struct entry *entry, const struct look *look)
{
    struct sidecars sidecars;
    enum entry_check checked = ENTRY_HOLDS;
    uint32_t wanted = codings_to_check(entry, look->mode);
    if (wanted == 0)
        return entry->unsure ? ENTRY_UNSURE : ENTRY_HOLDS;
    if (sidecars_open(look, &entry->identity, wanted, &sidecars) < 0)
        return errno == EAGAIN ? ENTRY_UNSURE : ENTRY_UNKNOWN;
    for (int coding = 0; coding < CODINGS && checked == ENTRY_HOLDS; coding++) {
        const struct entry *variant = entry->variants[coding];
        const struct sidecar *sidecar = &sidecars.of[coding];
        if ((variant != NULL) != (sidecar->fd >= 0))
            checked = ENTRY_CHANGED;
        else if (variant != NULL)
            checked = check_file(variant, &sidecar->identity, sidecar->fd, look);
    }
    int error = errno;
    sidecars_close(&sidecars);
    errno = error;
    return checked;
}

enum entry_check entry_check(const struct entry *entry, const struct look *look)
{
    struct stat st;
    int fd, status = open_file(look, &fd, &st);
    if (status == 0)
        return ENTRY_UNKNOWN;
    if (status != entry->status) {
        if (fd >= 0)
            close(fd);
        return ENTRY_CHANGED;
    }
    if (status != 200)
        return ENTRY_HOLDS;
    struct identity identity = identity_of(&st);
    enum entry_check checked = check_file(entry, &identity, fd, look);
    int error = errno;
    close(fd);
    errno = error;
    return checked == ENTRY_HOLDS ? check_variants(entry, look) : checked;
}
