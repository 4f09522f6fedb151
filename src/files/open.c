#include "files/open.h"

#include "http/path.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

static const struct slice index_name = {"index.html", 10};

bool open_is_index(struct slice path)
{
    return path.at[path.len - 1] == '/';
}

struct slice open_name(struct slice path)
{
    return open_is_index(path) ? index_name : path;
}

int open_status_of_errno(int error)
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

static int status_of_kind(const struct stat *st, struct slice path)
{
    if (S_ISREG(st->st_mode))
        return 200;
    return S_ISDIR(st->st_mode) && !open_is_index(path) ? 301 : 404;
}

/* The path beneath the root, NUL-ended: the look's own, or in `name` (room for PATH_MAX bytes). NULL: it is too long.
 */
static const char *relative_path(const struct look *look, char *name)
{
    struct slice path = look->path;
    if (!open_is_index(path))
        return path.at + 1;
    if (path.len - 1 + index_name.len >= PATH_MAX)
        return NULL;
    memcpy(name, path.at + 1, path.len - 1);
    memcpy(name + path.len - 1, index_name.at, index_name.len + 1);
    return name;
}

/* A directory of which nothing can be known without sleeping is not even asked. */
static int open_now(const struct look *look, const char *relative)
{
    const struct site *site = look->site;
    bool known = !look->root->may_sleep;
    if (known && look->trail != NULL)
        known =
            ways_recall(&site->source->ways, (struct ways_path){look->root->number, relative}, look->now, look->trail);
    if (known) /* a way ends at its last directory: were the last name a link, the trail would lack where that leads */
        return beneath_open(look->root->fd, relative, site->links,
                            look->trail == NULL ? BENEATH_NOW : BENEATH_NOW_NOFOLLOW);
    errno = EAGAIN;
    return -1;
}

static int open_waiting(const struct look *look, const char *relative)
{
    const struct site *site = look->site;
    if (look->trail == NULL)
        return beneath_open(look->root->fd, relative, site->links, BENEATH_WAIT);
    return ways_open_file(&site->source->ways, (struct ways_path){look->root->number, relative}, look->root->fd,
                          site->links, look->now, look->trail);
}

/* The fd, or -1 with errno. */
static int open_path(const struct look *look)
{
    char name[PATH_MAX];
    const char *relative = relative_path(look, name);
    if (relative != NULL)
        return look->mode == BENEATH_WAIT ? open_waiting(look, relative) : open_now(look, relative);
    errno = ENAMETOOLONG;
    return -1;
}

void open_forget(const struct look *look)
{
    char name[PATH_MAX];
    const char *relative = relative_path(look, name);
    if (relative != NULL)
        ways_forget(&look->site->source->ways, (struct ways_path){look->root->number, relative});
}

/* What is hidden is told by its name alone, and a name means the same for as long as we run: so this could be asked
 * before the cache, too, at the price of a look at each hot request's path. Here it costs them nothing, and a hidden
 * path takes no more of the cache than one that leads nowhere: one that nobody asks for again isn't kept at all. */
static bool is_hidden(const struct look *look)
{
    return !look->site->dotfiles && path_is_hidden(look->path);
}

int open_file(const struct look *look, int *fd, struct stat *st)
{
    *fd = -1;
    if (is_hidden(look))
        return 404;
    *fd = open_path(look);
    if (*fd < 0)
        return open_status_of_errno(errno);
    int status = fstat(*fd, st) < 0 ? 500 : status_of_kind(st, look->path);
    if (status != 200) {
        close(*fd);
        *fd = -1;
    }
    return status;
}

static ssize_t read_waiting(int fd, char *to, size_t len, off_t offset)
{
    ssize_t n;
    do
        n = pread(fd, to, len, offset);
    while (n < 0 && errno == EINTR);
    return n;
}

ssize_t open_read(int fd, char *to, size_t len, off_t offset, enum beneath_mode mode)
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
