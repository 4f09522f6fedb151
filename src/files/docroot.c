#include "files/docroot.h"

#include <errno.h>

int docroot_open(struct docroot *docroot, const struct site *site, const struct cache_limits *limits)
{
    *docroot = (struct docroot){.site = site};
    return limits == NULL ? 0 : cache_open(&docroot->cache, limits);
}

static void let_pass(struct docroot *docroot, struct entry *entry)
{
    entry_drop(docroot->passing);
    docroot->passing = entry;
}

void docroot_close(struct docroot *docroot)
{
    let_pass(docroot, NULL);
    cache_close(&docroot->cache);
}

uint32_t docroot_shed_files(struct docroot *docroot)
{
    uint32_t passing = docroot->passing != NULL && entry_files(docroot->passing) > 0;
    let_pass(docroot, NULL);
    return passing + cache_shed_files(&docroot->cache);
}

/* Whether something failed for want of a descriptor, and now has one. */
static bool made_room(struct docroot *docroot)
{
    return (errno == EMFILE || errno == ENFILE) && docroot_shed_files(docroot) > 0;
}

static enum docroot_outcome outcome_of_errno(void)
{
    return errno == EAGAIN ? DOCROOT_SLEEPS : DOCROOT_FULL;
}

static enum docroot_outcome open_now(struct docroot *docroot, struct slice path, bool keeps, const struct clock *now,
                                     struct entry **entry)
{
    struct look look = {docroot->site, path, BENEATH_NOW, now};
    *entry = entry_open(&look);
    if (*entry == NULL && made_room(docroot))
        *entry = entry_open(&look);
    if (*entry == NULL)
        return outcome_of_errno();
    if (keeps)
        cache_insert(&docroot->cache, *entry);
    else
        let_pass(docroot, *entry);
    return DOCROOT_FOUND;
}

static enum docroot_outcome find(struct docroot *docroot, struct slice path, struct entry *found,
                                 const struct clock *now, struct entry **entry);

/* An entry that has been believed long enough. */
static enum docroot_outcome check(struct docroot *docroot, struct slice path, const struct clock *now,
                                  struct entry **entry)
{
    enum entry_check checked = entry_check(*entry, &(struct look){docroot->site, path, BENEATH_NOW, now});
    switch (checked) {
    case ENTRY_HOLDS:
    case ENTRY_UNSURE:
        (*entry)->unsure = checked == ENTRY_UNSURE;
        (*entry)->checked_ms = now->now_ms;
        return DOCROOT_FOUND;
    case ENTRY_CHANGED:
        cache_remove(&docroot->cache, *entry);
        return open_now(docroot, path, true, now, entry);
    case ENTRY_UNKNOWN:
        break;
    }
    if (made_room(docroot)) /* this entry may have gone with the others; there is nothing to shed a second time */
        return find(docroot, path, NULL, now, entry);
    return outcome_of_errno(); /* it stays, for when there are descriptors again */
}

static enum docroot_outcome find(struct docroot *docroot, struct slice path, struct entry *found,
                                 const struct clock *now, struct entry **entry)
{
    let_pass(docroot, NULL);
    *entry = found;
    if (found != NULL) {
        cache_insert(&docroot->cache, found);
        return DOCROOT_FOUND;
    }
    if (docroot->assume_cold)
        return DOCROOT_SLEEPS;
    *entry = cache_find(&docroot->cache, path);
    if (*entry == NULL)
        return open_now(docroot, path, cache_wants(&docroot->cache, path), now, entry);
    if (now->now_ms - (*entry)->checked_ms < docroot->site->valid_ms)
        return DOCROOT_FOUND;
    return check(docroot, path, now, entry);
}

enum docroot_outcome docroot_find(struct docroot *docroot, struct slice path, struct entry *found, bool coded,
                                  const struct clock *now, struct entry **entry)
{
    enum docroot_outcome outcome = find(docroot, path, found, now, entry);
    return outcome == DOCROOT_FOUND && coded && (*entry)->unsure ? DOCROOT_SLEEPS : outcome;
}

struct entry *docroot_look_up(const struct docroot *docroot, struct slice path, const struct clock *now)
{
    return entry_open(&(struct look){docroot->site, path, BENEATH_WAIT, now});
}
