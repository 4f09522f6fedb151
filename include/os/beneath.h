/*
 * beneath: opens that can't leave a directory (openat2(2), RESOLVE_BENEATH), unless its links are let to; and what can
 * be known without sleeping.
 */
#ifndef SHUNT_OS_BENEATH_H
#define SHUNT_OS_BENEATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

/* What symbolic links are good for. Magic ones, proc(5), are never followed. */
enum beneath_links {
    BENEATH_LINKS_INSIDE = 1, /* they are followed while they stay beneath the root; an absolute one doesn't, wherever
                                 it leads */
    BENEATH_LINKS_NONE,       /* a path with one in it is refused: ELOOP */
    BENEATH_LINKS_ALL,        /* they may lead anywhere */
};

/* BENEATH_NOW opens only what needs no disk and no answer from anybody, else EAGAIN. That is told of what lies in the
 * root's own mount alone, by Linux since 5.12 (RESOLVE_CACHED, RESOLVE_NO_XDEV). Another mount may be a network's or a
 * process's, which are asked at each open(2) and fstat(2), however well the name is known: see also
 * beneath_may_sleep(). */
enum beneath_mode {
    BENEATH_NOW = 1,
    BENEATH_NOW_NOFOLLOW, /* the same, and EAGAIN where the last name is a link's */
    BENEATH_WAIT,         /* may sleep */
};

/* Opens a directory to be such a root. The fd, or -1 with errno. */
int beneath_root(const char *directory);

/* Whether even what was just seen beneath the root, or read from the file, can't be opened or read again without asking
 * somebody who may take his time: its file system is a network's or another process's. BENEATH_NOW means nothing there.
 * One fstatfs(2), which may sleep. */
bool beneath_may_sleep(int fd);

/* Opens `path` (relative, NUL-ended; "" is the root itself) read-only beneath `root`, never blocking on a FIFO, never
 * becoming a controlling terminal. The fd, or -1 with errno: EAGAIN (BENEATH_NOW would have slept, or the tree was
 * moved meanwhile: ask with BENEATH_WAIT), EXDEV (it leads outside), ELOOP, ENOENT, ENOTDIR, EACCES, ENXIO (a socket),
 * ENAMETOOLONG, EMFILE, ENFILE … EAGAIN with BENEATH_WAIT is final: somebody holds a lease on the file (fcntl(2)), or
 * the tree never stands still.
 *
 * Where links may lead anywhere, so does "..", as it stands behind one: a path that is to stay inside has none of its
 * own (path_normalise()). An absolute path is EXDEV even then. */
int beneath_open(int root, const char *path, enum beneath_links links, enum beneath_mode mode);

/* Who is told of each name that an open comes by, links' and missing ones included, before it is looked at; `last`:
 * none follows it. The directory's fd, in which it is looked for, is not the visitor's. */
struct beneath_visitor {
    void (*pass)(void *context, int directory, const char *name, bool last);
    void *context;
};

/* The same as beneath_open() with BENEATH_WAIT, step by step, with a visitor. To him, what proc(5) calls a magic link
 * is the link that its text spells. */
int beneath_trace(int root, const char *path, enum beneath_links links, const struct beneath_visitor *visitor);

/* Whether this error of an open is an answer, given by names that a visitor was told of: another comes when one of them
 * changes, though who may enter a directory (EACCES) can change untold. Else we lack something (EMFILE, ENOMEM …), the
 * disk fails, or a name is too long to be looked for, which says nothing of what lies there. */
bool beneath_is_answer(int error);

/* Whether `path`, of any kind, still leads to this very file or directory: 1 or 0; -1 with errno: EAGAIN where that
 * can't be told without sleeping, or why it leads nowhere. */
int beneath_still_leads(const char *path, dev_t device, ino_t inode);

/* Reads at an offset without sleeping (preadv2(2), RWF_NOWAIT). Bytes read, 0 at the end, or -1 with errno: EAGAIN (it
 * isn't in memory), EOPNOTSUPP (this file system can't tell). */
ssize_t beneath_read_now(int fd, void *to, size_t len, off_t offset);

/* Whether the file lies in a file system that is memory (tmpfs, ramfs). One fstatfs(2). */
bool beneath_in_memory(int fd);

#endif
