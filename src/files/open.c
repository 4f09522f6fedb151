#include "files/open.h"

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

/* The fd, or -1 with errno. */
static int open_path(const struct look *look)
{
    struct slice path = look->path;
    const char *relative = path.at + 1;
    if (!open_is_index(path))
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

int open_file(const struct look *look, int *fd, struct stat *st)
{
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
