/*
 * beneath_walk: never leaves the root unasked, because it never lets the kernel follow anything.
 *
 * The path lies in one buffer: what was walked, then what is still ahead.
 *
 *     a/b/link/c        `at` is the directory a/b, `ahead` points to "link/c"
 *         ^ahead
 *
 * A link is replaced by its text, in place. What was walked thus holds real directories alone, and ".." can take the
 * last of them and itself out of the text, after which the walk begins again at the root: asking the kernel for ".."
 * instead would leave the root if somebody moved the directory meanwhile. The other way, an open fd for each level,
 * would cost a reader as many fds as its path is deep.
 *
 * Where links may lead anywhere there is nothing to leave: ".." is asked of the kernel after all, and an absolute link
 * goes on from "/".
 */
#include "os/beneath_walk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum {
    LINKS_MAX = 40, /* as many as Linux follows, path_resolution(7) */
    AGAIN_MAX = 4,
    TEXT_MAX = 2 * PATH_MAX,
    FILE_FLAGS = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
    STEPPED = -2 /* neither an fd nor a failure: there is more ahead */
};

struct walk {
    int root;
    int at;     /* the directory reached; closed by leave(), unless it is the root */
    int search; /* open(2)'s flag for directories on the way */
    enum beneath_links links;
    const struct beneath_visitor *visitor; /* or NULL */
    int followed;
    int again; /* steps that were tried once more */
    size_t ahead;
    char text[TEXT_MAX];
};

static int fail(int error)
{
    errno = error;
    return -1;
}

/* Goes to another directory, which the walk then owns. */
static void move(struct walk *walk, int to)
{
    int error = errno;
    if (walk->at != walk->root)
        close(walk->at);
    walk->at = to;
    errno = error;
}

/* Puts `len` bytes in the place of `old` bytes at the text's offset `where`. */
static int replace(struct walk *walk, size_t where, size_t old, const char *bytes, size_t len)
{
    size_t rest = strlen(walk->text + where + old) + 1;
    if (where + len + rest > sizeof walk->text)
        return fail(ENAMETOOLONG);
    memmove(walk->text + where + len, walk->text + where + old, rest);
    memcpy(walk->text + where, bytes, len);
    return STEPPED;
}

/* Takes ".." at `ahead`, `len` bytes with its slashes, and the component before it out of the text. */
static int climb(struct walk *walk, size_t len)
{
    size_t parent = walk->ahead;
    while (parent > 0 && walk->text[parent - 1] == '/')
        parent--;
    while (parent > 0 && walk->text[parent - 1] != '/')
        parent--;
    if (parent == walk->ahead)
        return fail(EXDEV);
    len += walk->ahead - parent;
    walk->ahead = 0;
    move(walk, walk->root);
    return replace(walk, parent, len, "", 0);
}

/* Goes to "/", for what an absolute link says, which now stands ahead. */
static int start_over(struct walk *walk)
{
    int top = open("/", walk->search | O_DIRECTORY | O_CLOEXEC);
    if (top < 0)
        return -1;
    move(walk, top);
    return replace(walk, walk->ahead, strspn(walk->text + walk->ahead, "/"), "", 0);
}

/* Whether what was a link a moment ago may be what is looked for now: then the step is made again. */
static bool is_no_link_now(struct walk *walk, const char *name, int error)
{
    struct stat st;
    bool may_be = error != ENOTDIR || (fstatat(walk->at, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode));
    return may_be && ++walk->again <= AGAIN_MAX;
}

/* `name`, at `ahead`, could not be opened: if that is because it is a link, puts what it says in its place. */
static int follow(struct walk *walk, const char *name)
{
    char target[PATH_MAX];
    int error = errno;
    ssize_t len = readlinkat(walk->at, name, target, sizeof target);
    if (len < 0)
        return errno == EINVAL && is_no_link_now(walk, name, error) ? STEPPED : fail(error);
    bool absolute = target[0] == '/';
    if (walk->links == BENEATH_LINKS_NONE || ++walk->followed > LINKS_MAX)
        return fail(ELOOP);
    if (absolute && walk->links != BENEATH_LINKS_ALL)
        return fail(EXDEV);
    if (len == sizeof target)
        return fail(ENAMETOOLONG);
    int outcome = replace(walk, walk->ahead, strlen(name), target, (size_t)len);
    return outcome == STEPPED && absolute ? start_over(walk) : outcome;
}

/* Opens `name`, which `slashes` follow, and perhaps more behind those. */
static int enter(struct walk *walk, const char *name, size_t slashes)
{
    size_t next = walk->ahead + strlen(name) + slashes;
    bool last = walk->text[next] == '\0';
    int flags = last ? FILE_FLAGS : walk->search | O_NOFOLLOW | O_CLOEXEC;
    if (walk->visitor != NULL)
        walk->visitor->pass(walk->visitor->context, walk->at, name, last);
    int fd = openat(walk->at, name, flags | (slashes > 0 ? O_DIRECTORY : 0));
    if (fd < 0)
        return errno == ELOOP || errno == EMLINK || errno == ENOTDIR ? follow(walk, name) : -1;
    if (last)
        return fd;
    move(walk, fd);
    walk->ahead = next;
    return STEPPED;
}

/* One component further: the fd, -1 with errno, or STEPPED. */
static int step(struct walk *walk)
{
    char name[NAME_MAX + 1];
    const char *ahead = walk->text + walk->ahead;
    size_t len = strcspn(ahead, "/");
    size_t slashes = strspn(ahead + len, "/");
    if (len > NAME_MAX)
        return fail(ENAMETOOLONG);
    if (len == 0)
        return openat(walk->at, ".", FILE_FLAGS);
    memcpy(name, ahead, len);
    name[len] = '\0';
    if (strcmp(name, ".") == 0)
        return replace(walk, walk->ahead, len + slashes, "", 0);
    if (strcmp(name, "..") == 0 && walk->links != BENEATH_LINKS_ALL)
        return climb(walk, len + slashes);
    return enter(walk, name, slashes);
}

int beneath_walk(int root, const char *path, enum beneath_links links, int search,
                 const struct beneath_visitor *visitor)
{
    struct walk walk = {.root = root, .at = root, .search = search, .links = links, .visitor = visitor};
    size_t len = strlen(path);
    if (path[0] == '/')
        return fail(EXDEV);
    if (len >= PATH_MAX)
        return fail(ENAMETOOLONG);
    memcpy(walk.text, path, len + 1);
    int fd;
    do
        fd = step(&walk);
    while (fd == STEPPED);
    move(&walk, root);
    return fd;
}
