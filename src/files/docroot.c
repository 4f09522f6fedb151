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
    root_drop(docroot->root);
    docroot->root = NULL;
}

void docroot_catch_up(const struct docroot *docroot)
{
    changes_catch_up(&docroot->site->source->changes);
}

uint32_t docroot_shed_files(struct docroot *docroot)
{
    uint32_t passing = docroot->passing != NULL && entry_files(docroot->passing) > 0;
    let_pass(docroot, NULL);
    return passing + cache_shed_files(&docroot->cache);
}

void docroot_tidy(struct docroot *docroot)
{
    struct source *source = docroot->site->source;
    if (docroot->root == NULL || !changes_are_told(&source->changes))
        return;
    docroot_catch_up(docroot);
    let_pass(docroot, NULL);
    if (root_is_untouched(&source->path, docroot->root))
        cache_shed_touched(&docroot->cache, &source->changes);
    else
        cache_shed_files(&docroot->cache);
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

/* ---- the directory that is served */

/* Whether it is known without sleeping. What was found in another one is forgotten. */
static bool take_root(struct docroot *docroot, const struct clock *now)
{
    struct root_path *path = &docroot->site->source->path;
    if (root_is_current(path, docroot->root, now))
        return true;
    struct root *root = root_take_now(path, now);
    if (root == NULL)
        return false;
    if (root != docroot->root)
        cache_clear(&docroot->cache);
    root_drop(docroot->root);
    docroot->root = root;
    return true;
}

/* ---- one path */

static struct look look_now(const struct docroot *docroot, struct slice path, const struct clock *now)
{
    return (struct look){docroot->site, docroot->root, path, BENEATH_NOW, now, NULL};
}

/* NULL with errno. */
static struct entry *open_patiently(struct docroot *docroot, const struct look *look)
{
    struct entry *entry = entry_open(look);
    if (entry != NULL || !made_room(docroot))
        return entry;
    if (look->trail != NULL)
        *look->trail = (struct trail){0};
    return entry_open(look);
}

/* Opens what is answered once. */
static enum docroot_outcome open_to_pass(struct docroot *docroot, struct slice path, const struct clock *now,
                                         struct entry **entry)
{
    struct look look = look_now(docroot, path, now);
    *entry = open_patiently(docroot, &look);
    let_pass(docroot, *entry);
    return *entry == NULL ? outcome_of_errno() : DOCROOT_FOUND;
}

/* Takes an entry into the cache, if it is good for more than one answer. */
static enum docroot_outcome take_in(struct docroot *docroot, struct entry *entry, bool keeps)
{
    struct slice path = {entry->path, entry->path_len};
    if (keeps && !entry->young && docroot->root != NULL && entry->root == docroot->root->number) {
        cache_insert(&docroot->cache, entry);
        return DOCROOT_FOUND;
    }
    struct entry *before = cache_find(&docroot->cache, path);
    if (before != NULL) /* it is older than this */
        cache_remove(&docroot->cache, before);
    let_pass(docroot, entry);
    return DOCROOT_FOUND;
}

/* Opens what is to be kept, whose trail is needed. Where nobody has found the way to it yet, who may sleep has to; but
 * not for what isn't there: anybody can ask for more of that than there are ways. */
static enum docroot_outcome open_to_keep(struct docroot *docroot, struct slice path, const struct clock *now,
                                         struct entry **entry)
{
    struct trail trail = {0};
    struct look look = look_now(docroot, path, now);
    look.trail = changes_are_told(&docroot->site->source->changes) ? &trail : NULL;
    *entry = open_patiently(docroot, &look);
    if (*entry != NULL)
        return take_in(docroot, *entry, true);
    if (errno != EAGAIN || look.trail == NULL)
        return outcome_of_errno();
    enum docroot_outcome outcome = open_to_pass(docroot, path, now, entry);
    return outcome == DOCROOT_FOUND && (*entry)->status == 200 ? DOCROOT_SLEEPS : outcome;
}

/* Where only who may sleep can tell whether an entry holds, one request goes to ask him, and those that come while he
 * looks get what was true a moment ago: else all would go, and ask a slow disk the same thing. A disk that takes too
 * long they wait for. */
static enum docroot_outcome ask(const struct docroot *docroot, struct entry *entry, const struct clock *now)
{
    uint32_t valid_ms = docroot->site->valid_ms;
    if (!entry->blind && entry->asked && now->now_ms - entry->checked_ms < 2 * (uint64_t)valid_ms)
        return DOCROOT_FOUND;
    entry->asked = true;
    return DOCROOT_SLEEPS;
}

/* An entry that is due, or of which nothing is told. */
static enum docroot_outcome check(struct docroot *docroot, struct slice path, const struct clock *now,
                                  struct entry **entry)
{
    struct look look = look_now(docroot, path, now);
    enum entry_check checked = entry_check(*entry, &look);
    switch (checked) {
    case ENTRY_HOLDS:
    case ENTRY_UNSURE:
        (*entry)->unsure = checked == ENTRY_UNSURE;
        (*entry)->checked_ms = now->now_ms;
        (*entry)->asked = false;
        return DOCROOT_FOUND;
    case ENTRY_CHANGED:
        if (!(*entry)->blind)
            open_forget(&look);
        cache_remove(&docroot->cache, *entry);
        return open_to_keep(docroot, path, now, entry);
    case ENTRY_UNKNOWN:
        if (errno == EAGAIN)
            return ask(docroot, *entry, now);
        break;
    }
    if (made_room(docroot)) /* this entry may have gone with the others */
        return open_to_keep(docroot, path, now, entry);
    return outcome_of_errno(); /* it stays, for when there are descriptors again */
}

static enum docroot_outcome find(struct docroot *docroot, struct slice path, const struct clock *now,
                                 struct entry **entry)
{
    *entry = cache_find(&docroot->cache, path);
    if (*entry == NULL)
        return cache_wants(&docroot->cache, path) ? open_to_keep(docroot, path, now, entry)
                                                  : open_to_pass(docroot, path, now, entry);
    if (!entry_is_untouched(*entry, &docroot->site->source->changes)) {
        cache_remove(&docroot->cache, *entry);
        return open_to_keep(docroot, path, now, entry);
    }
    if (!(*entry)->blind && now->now_ms - (*entry)->checked_ms < docroot->site->valid_ms)
        return DOCROOT_FOUND;
    return check(docroot, path, now, entry);
}

enum docroot_outcome docroot_find(struct docroot *docroot, struct slice path, struct entry *found, bool coded,
                                  const struct clock *now, struct entry **entry)
{
    bool rooted = take_root(docroot, now);
    let_pass(docroot, NULL);
    *entry = found;
    if (found != NULL) /* of what isn't there, anybody can ask for more than there is room for */
        return take_in(docroot, found, found->status == 200 || cache_wants(&docroot->cache, path));
    if (!rooted || docroot->assume_cold)
        return DOCROOT_SLEEPS;
    enum docroot_outcome outcome = find(docroot, path, now, entry);
    return outcome == DOCROOT_FOUND && coded && (*entry)->unsure ? DOCROOT_SLEEPS : outcome;
}

void docroot_prefetch(const struct docroot *docroot, const struct slice *paths, int count)
{
    cache_prefetch(&docroot->cache, paths, count);
}

struct entry *docroot_look_up(const struct docroot *docroot, struct slice path, const struct clock *now)
{
    struct source *source = docroot->site->source;
    struct trail trail = {0};
    struct root *root = root_take(&source->path, now);
    if (root == NULL)
        return NULL;
    struct entry *entry = entry_open(&(struct look){docroot->site, root, path, BENEATH_WAIT, now,
                                                    changes_are_told(&source->changes) ? &trail : NULL});
    int error = errno;
    root_drop(root);
    errno = error;
    return entry;
}
