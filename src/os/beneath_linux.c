/*
 * beneath on Linux: openat2(2), for which the C library has no function.
 *
 * Three things may be missing. RESOLVE_CACHED came with Linux 5.12, openat2 with 5.6, and a sandbox around us may
 * refuse openat2 with EPERM. Each is found out by the call itself and each time anew: there is nothing to remember, and
 * where all is present it costs nothing.
 */
#include "os/beneath.h"

#include "os/beneath_walk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#ifndef RESOLVE_CACHED
#define RESOLVE_CACHED 0x20
#endif

enum { TRIES_MAX = 32 };

int beneath_root(const char *directory)
{
    struct stat st;
    int root = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root >= 0 && fstatat(root, ".", &st, 0) < 0) { /* it is there, but nothing in it can be reached */
        int error = errno;
        close(root);
        errno = error;
        return -1;
    }
    return root;
}

static int open_once(int root, const char *path, uint64_t resolve)
{
    struct open_how how = {
        .flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | O_LARGEFILE,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | resolve,
    };
    return (int)syscall(SYS_openat2, root, path, &how, sizeof how);
}

/* EAGAIN means that something was renamed while a ".." was followed, so that the kernel couldn't be sure. */
static int open_patiently(int root, const char *path)
{
    int fd;
    int tries = TRIES_MAX;
    do
        fd = open_once(root, path, 0);
    while (fd < 0 && (errno == EAGAIN || errno == EINTR) && --tries > 0);
    return fd;
}

int beneath_open(int root, const char *path, enum beneath_mode mode)
{
    const char *opened = path[0] == '\0' ? "." : path;
    int fd = -1;
    if (mode == BENEATH_NOW)
        fd = open_once(root, opened, RESOLVE_CACHED);
    if (mode == BENEATH_WAIT || (fd < 0 && errno == EINVAL))
        fd = open_patiently(root, opened);
    if (fd >= 0 || (errno != ENOSYS && errno != EPERM))
        return fd;
    if (mode == BENEATH_WAIT)
        return beneath_walk(root, opened, O_PATH);
    errno = EAGAIN; /* a walk can't tell whether it will sleep */
    return -1;
}

ssize_t beneath_read_now(int fd, void *to, size_t len, off_t offset)
{
    struct iovec piece = {.iov_base = to, .iov_len = len};
    ssize_t n;
    do
        n = preadv2(fd, &piece, 1, offset, RWF_NOWAIT);
    while (n < 0 && errno == EINTR);
    return n;
}

bool beneath_in_memory(int fd)
{
    struct statfs fs;
    if (fstatfs(fd, &fs) != 0)
        return false;
    unsigned long magic = (unsigned long)fs.f_type;
    return magic == TMPFS_MAGIC || magic == RAMFS_MAGIC;
}
