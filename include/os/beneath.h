/*
 * beneath: opens that can't leave a directory (openat2(2), RESOLVE_BENEATH).
 *
 * Symbolic links are followed as long as they stay beneath the root; absolute ones, and magic links, are refused.
 */
#ifndef SHUNT_OS_BENEATH_H
#define SHUNT_OS_BENEATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

enum beneath_mode {
    BENEATH_NOW =
        1, /* only if it needs no disk: else EAGAIN (RESOLVE_CACHED, Linux 5.12; without openat2: always EAGAIN) */
    BENEATH_WAIT, /* may sleep */
};

/* Opens a directory to be such a root. The fd, or -1 with errno. */
int beneath_root(const char *directory);

/* Opens `path` (relative, NUL-ended; "" is the root itself) read-only beneath `root`, never blocking on a FIFO, never
 * becoming a controlling terminal. The fd, or -1 with errno: EAGAIN (BENEATH_NOW would have slept, or the tree was
 * moved meanwhile: ask with BENEATH_WAIT), EXDEV (it leads outside), ELOOP, ENOENT, ENOTDIR, EACCES, ENXIO (a socket),
 * ENAMETOOLONG, EMFILE, ENFILE … EAGAIN with BENEATH_WAIT is final: somebody holds a lease on the file (fcntl(2)), or
 * the tree never stands still. */
int beneath_open(int root, const char *path, enum beneath_mode mode);

/* Reads at an offset without sleeping (preadv2(2), RWF_NOWAIT). Bytes read, 0 at the end, or -1 with errno: EAGAIN (it
 * isn't in memory), EOPNOTSUPP (this file system can't tell). */
ssize_t beneath_read_now(int fd, void *to, size_t len, off_t offset);

/* Whether the file lies in a file system that is memory (tmpfs, ramfs). One fstatfs(2). */
bool beneath_in_memory(int fd);

#endif
