/*
 * change: what may happen to a directory of files, as rows spell it; see tree.h.
 *
 * A test can't go on without it, so that nothing here returns an error: it prints what failed and aborts.
 */
#ifndef SHUNT_TESTS_LIB_CHANGE_H
#define SHUNT_TESTS_LIB_CHANGE_H

#include "lib/tree.h"

enum change_kind {
    CHANGE_NOTHING = 0,
    CHANGE_READ,     /* somebody reads the file, or lists the directory */
    CHANGE_WRITE,    /* `text` over its first bytes */
    CHANGE_APPEND,   /* `text` behind its last */
    CHANGE_TRUNCATE, /* to a byte */
    CHANGE_MAP,      /* `text` over its first bytes, through a mapping */
    CHANGE_MODE,     /* it may be read by its owner alone */
    CHANGE_TIMES,
    CHANGE_CREATE,   /* a file of `text` */
    CHANGE_RENAME,   /* to the path `text` */
    CHANGE_EXCHANGE, /* with the path `text` */
    CHANGE_UNLINK,
    CHANGE_LINK,    /* another name of the file `text` */
    CHANGE_SYMLINK, /* leads to `text` */
    CHANGE_SWAP,    /* the same, in the place of what was there (ln -sfn) */
    CHANGE_MKDIR,
    CHANGE_RMDIR,
};

struct change {
    enum change_kind kind;
    const char *path, *text; /* paths are relative to the tree */
};

/* Makes it. What was changed may be young. */
void change_make(const struct tree *tree, const struct change *change);

/* Makes them, up to the first that is nothing or `max`. */
void change_make_all(const struct tree *tree, const struct change *changes, size_t max);

#endif
