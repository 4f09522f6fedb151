/*
 * beneath on Linux: openat2(2), for which the C library has no function.
 *
 * Three things may be missing. RESOLVE_CACHED came with Linux 5.12, openat2 with 5.6, and a sandbox around us may
 * refuse openat2 with EPERM. Each is found out by the call itself and each time anew: there is nothing to remember, and
 * where all is present it costs nothing.
 *
 * RESOLVE_CACHED looks no further than the names. Behind a name that is in memory, open(2) still asks the server of a
 * network file system, or the process of one in user space, and sleeps until it has answered. So the mount that the
 * root lies in is never left without sleeping, and what that one is was found out before, by beneath_may_sleep().
 */
#include "os/beneath.h"

#include "os/beneath_walk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
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

static uint64_t resolve_of(enum beneath_links links)
{
    switch (links) {
    case BENEATH_LINKS_ALL:
        return RESOLVE_NO_MAGICLINKS;
    case BENEATH_LINKS_NONE:
        return RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
    case BENEATH_LINKS_INSIDE:
        break;
    }
    return RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
}

enum { FILE_FLAGS = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | O_LARGEFILE };

static int open_once(int root, const char *path, uint64_t flags, uint64_t resolve)
{
    struct open_how how = {.flags = flags, .resolve = resolve};
    return (int)syscall(SYS_openat2, root, path, &how, sizeof how);
}

/* EAGAIN means that something was renamed while a ".." was followed, so that the kernel couldn't be sure. */
static int open_patiently(int root, const char *path, uint64_t resolve)
{
    int fd;
    int tries = TRIES_MAX;
    do
        fd = open_once(root, path, FILE_FLAGS, resolve);
    while (fd < 0 && (errno == EAGAIN || errno == EINTR) && --tries > 0);
    return fd;
}

/* Whether an open that must not sleep could not be made as such, and says nothing of the path. */
static bool is_no_answer(int error)
{
    switch (error) {
    case EXDEV:  /* the root is left, or only its mount */
    case EINVAL: /* no RESOLVE_CACHED */
    case ENOSYS: /* no openat2, and a walk can't tell whether it will sleep */
    case EPERM:
        return true;
    default:
        return false;
    }
}

/* A loop of links on the way can't be told from a link at the end; who may sleep finds out. */
static int open_now(int root, const char *path, uint64_t resolve, bool straight)
{
    straight = straight && (resolve & RESOLVE_NO_SYMLINKS) == 0;
    int fd =
        open_once(root, path, FILE_FLAGS | (straight ? O_NOFOLLOW : 0), resolve | RESOLVE_CACHED | RESOLVE_NO_XDEV);
    if (fd < 0 && (is_no_answer(errno) || (straight && errno == ELOOP)))
        errno = EAGAIN;
    return fd;
}

int beneath_open(int root, const char *path, enum beneath_links links, enum beneath_mode mode)
{
    const char *opened = path[0] == '\0' ? "." : path;
    if (path[0] == '/') { /* else whoever may leave the root begins elsewhere */
        errno = EXDEV;
        return -1;
    }
    if (mode != BENEATH_WAIT)
        return open_now(root, opened, resolve_of(links), mode == BENEATH_NOW_NOFOLLOW);
    int fd = open_patiently(root, opened, resolve_of(links));
    if (fd >= 0 || (errno != ENOSYS && errno != EPERM))
        return fd;
    return beneath_walk(root, opened, links, O_PATH, NULL);
}

/* Where links may lead anywhere, they may lead by magic ones, which the walk takes for what their text spells. What it
 * had no means to see to its end isn't opened behind the visitor's back. */
int beneath_trace(int root, const char *path, enum beneath_links links, const struct beneath_visitor *visitor)
{
    int fd = beneath_walk(root, path, links, O_PATH, visitor);
    if (links != BENEATH_LINKS_ALL || (fd < 0 && !beneath_is_answer(errno)))
        return fd;
    if (fd >= 0)
        close(fd);
    return beneath_open(root, path, links, BENEATH_WAIT);
}

bool beneath_is_answer(int error)
{
    return error == ENOENT || error == ENOTDIR || error == ELOOP || error == EXDEV || error == EACCES;
}

int beneath_still_leads(const char *path, dev_t device, ino_t inode)
{
    struct statx st;
    int fd = open_once(AT_FDCWD, path, O_PATH | O_CLOEXEC, RESOLVE_CACHED);
    if (fd < 0) {
        if (is_no_answer(errno))
            errno = EAGAIN;
        return -1;
    }
    int failed = statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_INO, &st); /* asks no other machine */
    close(fd);
    return failed < 0 ? -1 : makedev(st.stx_dev_major, st.stx_dev_minor) == device && st.stx_ino == inode;
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

/* The file system's number (statfs(2)), or 0. */
static uint32_t magic_of(int fd)
{
    struct statfs fs;
    return fstatfs(fd, &fs) == 0 ? (uint32_t)fs.f_type : 0; /* it is signed, and as long as a word */
}

bool beneath_in_memory(int fd)
{
    uint32_t magic = magic_of(fd);
    return magic == TMPFS_MAGIC || magic == RAMFS_MAGIC;
}

/* A file system whose answers come from elsewhere is told by its number: nothing else in Linux says so. The numbers
 * are spelled out, as older headers lack some that newer kernels have, and no header has them all. */
bool beneath_may_sleep(int fd)
{
    static const uint32_t remote[] = {
        0x65735546, /* FUSE, virtiofs */
        0x00006969, /* NFS */
        0x0000517b, /* SMB, */
        0xfe534d42, /* its second version, */
        0xff534d42, /* CIFS */
        0x01021997, /* 9P */
        0x00c36400, /* Ceph */
        0x5346414f, /* AFS, OpenAFS's */
        0x6b414653, /* and the kernel's */
        0x73757245, /* Coda */
        0x01161970, /* GFS2 */
        0x7461636f, /* OCFS2 */
        0x0bd00bd0, /* Lustre */
        0x20030528, /* OrangeFS */
        0x47504653, /* GPFS */
        0x786f4256, /* VirtualBox's shared folders */
        0xbacbacbc, /* VMware's */
    };
    uint32_t magic = magic_of(fd);
    for (size_t i = 0; i < sizeof remote / sizeof *remote; i++)
        if (magic == remote[i])
            return true;
    return magic == 0; /* who doesn't answer this may not answer more */
}
