#include "files/root.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RENEW_TRIES = 16 }; /* for a path that is changed while it is looked at */

/* ---- one directory */

/* NULL with errno. */
static struct root *new_root(const char *path)
{
    struct stat st;
    struct root *root = malloc(sizeof *root);
    int fd = root == NULL ? -1 : beneath_root(path);
    if (fd < 0 || fstat(fd, &st) < 0) {
        int error = errno;
        if (fd >= 0)
            close(fd);
        free(root);
        errno = error;
        return NULL;
    }
    *root = (struct root){
        .fd = fd,
        .may_sleep = beneath_may_sleep(fd),
        .device = st.st_dev,
        .inode = st.st_ino,
    };
    atomic_init(&root->references, 1);
    return root;
}

void root_drop(struct root *root)
{
    if (root == NULL || atomic_fetch_sub_explicit(&root->references, 1, memory_order_acq_rel) != 1)
        return;
    close(root->fd);
    free(root);
}

static bool is_same(const struct root *a, const struct root *b)
{
    return a->device == b->device && a->inode == b->inode;
}

static bool is_of(const struct root *root, const struct stat *st)
{
    return st->st_dev == root->device && st->st_ino == root->inode;
}

/* ---- the path to it */

/* One walk along it. */
struct tracing {
    struct changes *changes;
    struct trail *trail;
};

static void pass(void *context, int directory, const char *name, bool last)
{
    const struct tracing *tracing = context;
    int number = changes_note_directory(tracing->changes, tracing->trail, directory, WATCH_NAMES);
    (void)last;
    if (number >= 0)
        changes_note_name(tracing->changes, tracing->trail, number, slice_of(name));
}

/* The directory that a walk arrives at, or -1 with errno. */
static int walk(const struct root_path *path, struct trail *trail)
{
    struct tracing tracing = {path->changes, trail};
    const char *ahead = path->path + strspn(path->path, "/");
    int start = open(ahead == path->path ? "." : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (start < 0)
        return -1;
    int fd = beneath_trace(start, ahead, BENEATH_LINKS_ALL, &(struct beneath_visitor){pass, &tracing});
    int error = errno;
    close(start);
    errno = error;
    return fd;
}

/* Whether a walk that arrived at `fd`, or failed with `error`, passed all that led to the root, or to where it ends. It
 * may be unable to read what it arrives at, which doesn't matter; or arrive elsewhere, as it follows no magic links. */
static bool has_passed_all(int fd, int error, const struct root *root)
{
    struct stat st;
    if (root == NULL)
        return fd >= 0 || beneath_is_answer(error);
    if (fd < 0)
        return error == EACCES;
    return fstat(fd, &st) == 0 && is_of(root, &st);
}

/* What one look at the path found out. */
struct view {
    struct trail trail;
    uint32_t epoch;  /* in which it began */
    uint64_t number; /* of the root at that time; 0: there was none */
    uint64_t now_ms;
};

static uint64_t number_of(const struct root *root)
{
    return root == NULL ? 0 : root->number;
}

static uint64_t current_number(struct root_path *path)
{
    pthread_mutex_lock(&path->lock);
    uint64_t number = number_of(atomic_load(&path->root));
    pthread_mutex_unlock(&path->lock);
    return number;
}

/* Whether nothing was changed since the view began. Where that isn't told, somebody else may have found another root,
 * and only he or we can have looked last. */
static bool holds(const struct root_path *path, const struct view *view, bool is_other)
{
    if (view->trail.blind)
        return !is_other || number_of(atomic_load(&path->root)) == view->number;
    return changes_none_since(path->changes, view->trail.marks, view->trail.count);
}

/* Takes over what was found out, unless it was changed meanwhile; and `root`, NULL where the path leads nowhere. */
static bool settle(struct root_path *path, struct root *root, const struct view *view)
{
    pthread_mutex_lock(&path->lock);
    struct root *before = atomic_load(&path->root);
    bool is_other = root != NULL && (before == NULL || !is_same(root, before));
    bool settles = holds(path, view, is_other);
    if (settles) {
        if (is_other) {
            root->number = number_of(before) + 1;
            atomic_store(&path->root, root); /* before the epoch, with which others believe what they see here */
            root = before;
        }
        path->trail = view->trail;
        atomic_store(&path->blind, view->trail.blind);
        atomic_store(&path->epoch, view->epoch);
        atomic_store(&path->checked_ms, view->now_ms);
    }
    pthread_mutex_unlock(&path->lock);
    root_drop(root);
    return settles;
}

enum renewal {
    RENEWED = 1,
    RENEWAL_CROSSED, /* it was changed meanwhile */
    RENEWAL_FAILED,  /* it leads nowhere, or we lack what it takes to see; errno says why */
};

/* Finds out where the path leads. `last`: what the walk has not seen is not looked for again. */
static enum renewal renew(struct root_path *path, uint64_t now_ms, bool last)
{
    struct view view = {
        {.blind = !changes_are_told(path->changes)}, changes_epoch(path->changes), current_number(path), now_ms};
    bool told = !view.trail.blind;
    int walked = told ? walk(path, &view.trail) : -1, walk_error = errno;
    struct root *root = new_root(path->path);
    int error = errno;
    bool failed = root == NULL, passed_all = !told || has_passed_all(walked, walk_error, root);
    if (walked >= 0)
        close(walked);
    errno = error;
    if (failed && !beneath_is_answer(error))
        return RENEWAL_FAILED;
    if (!passed_all && !last) {
        root_drop(root);
        return RENEWAL_CROSSED;
    }
    view.trail.blind = view.trail.blind || !passed_all;
    bool settles = settle(path, root, &view);
    errno = error;
    return failed ? RENEWAL_FAILED : settles ? RENEWED : RENEWAL_CROSSED;
}

/* The same, until it was looked at in peace. */
static enum renewal renew_patiently(struct root_path *path, uint64_t now_ms)
{
    enum renewal renewal = RENEWAL_CROSSED;
    for (int tries = 1; tries <= RENEW_TRIES && renewal == RENEWAL_CROSSED; tries++)
        renewal = renew(path, now_ms, tries == RENEW_TRIES);
    return renewal;
}

int root_path_open(struct root_path *path, const char *directory, struct changes *changes, uint32_t valid_ms)
{
    *path = (struct root_path){.path = directory, .valid_ms = valid_ms, .changes = changes};
    pthread_mutex_init(&path->lock, NULL);
    if (renew_patiently(path, clock_now_ms()) == RENEWAL_CROSSED)
        errno = EAGAIN;
    return atomic_load(&path->root) == NULL ? -1 : 0;
}

void root_path_close(struct root_path *path)
{
    root_drop(atomic_exchange(&path->root, NULL));
}

bool root_path_leads_to(const struct root_path *path, const char *directory)
{
    struct stat st;
    return stat(directory, &st) == 0 && is_of(atomic_load(&path->root), &st);
}

/* ---- the directory to be served now */

/* Whether nothing was told of the path since the epoch in which it was settled. */
static bool is_untouched(struct root_path *path, uint32_t epoch)
{
    if (epoch == atomic_load(&path->epoch))
        return true;
    pthread_mutex_lock(&path->lock);
    bool untouched = changes_none_since(path->changes, path->trail.marks, path->trail.count);
    if (untouched)
        atomic_store(&path->epoch, epoch);
    pthread_mutex_unlock(&path->lock);
    return untouched;
}

/* Where it leads nowhere, what it led to goes on being served. */
static bool leads_to(const struct root_path *path, const struct root *root)
{
    int leads = beneath_still_leads(path->path, root->device, root->inode);
    return leads == 1 || (leads < 0 && beneath_is_answer(errno));
}

static uint64_t age_of(const struct root_path *path, uint64_t now_ms)
{
    uint64_t checked_ms = atomic_load(&path->checked_ms);
    return now_ms > checked_ms ? now_ms - checked_ms : 0;
}

/* Of a path that couldn't be watched whole, by those who may not try to. */
static bool is_current_unseen(const struct root_path *path, const struct root *root, uint64_t now_ms)
{
    bool again = changes_are_told(path->changes) && age_of(path, now_ms) >= CHANGES_RETRY_MS;
    return !again && leads_to(path, root) && root == atomic_load(&path->root);
}

bool root_is_current(struct root_path *path, const struct root *root, const struct clock *now)
{
    uint32_t epoch = changes_epoch(path->changes);
    if (root == NULL)
        return false;
    if (atomic_load(&path->blind))
        return is_current_unseen(path, root, now->now_ms);
    if (!is_untouched(path, epoch) || root != atomic_load(&path->root)) /* in this order: see settle() */
        return false;
    if (age_of(path, now->now_ms) < path->valid_ms)
        return true;
    if (!leads_to(path, root))
        return false;
    atomic_store(&path->checked_ms, now->now_ms);
    return true;
}

bool root_is_untouched(struct root_path *path, const struct root *root)
{
    return atomic_load(&path->blind) ||
           (is_untouched(path, changes_epoch(path->changes)) && root == atomic_load(&path->root));
}

static struct root *hold(struct root_path *path)
{
    pthread_mutex_lock(&path->lock);
    struct root *root = atomic_load(&path->root);
    atomic_fetch_add_explicit(&root->references, 1, memory_order_relaxed);
    pthread_mutex_unlock(&path->lock);
    return root;
}

struct root *root_take_now(struct root_path *path, const struct clock *now)
{
    struct root *root = hold(path);
    if (root_is_current(path, root, now))
        return root;
    root_drop(root);
    return NULL;
}

static bool we_lack(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOMEM;
}

struct root *root_take(struct root_path *path, const struct clock *now)
{
    struct root *root = root_take_now(path, now);
    if (root != NULL)
        return root;
    if (renew_patiently(path, now->now_ms) == RENEWAL_FAILED && we_lack(errno))
        return NULL;
    return hold(path);
}
