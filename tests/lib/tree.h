/*
 * tree: a directory of a test's own, filled from rows and removed with all that is in it.
 *
 * A test can't go on without it, so that nothing here returns an error: it prints what failed and aborts.
 */
#ifndef SHUNT_TESTS_LIB_TREE_H
#define SHUNT_TESTS_LIB_TREE_H

#include <stddef.h>

enum tree_kind {
    TREE_FILE = 1,
    TREE_DIRECTORY,
    TREE_LINK, /* symbolic */
    TREE_FIFO,
};

struct tree_row {
    enum tree_kind kind;
    const char *path; /* relative; directories on the way are made */
    const char *text; /* what the file holds, or where the link points */
    size_t size;      /* of a file without text: so many bytes of tree_byte() */
};

enum { TREE_PATH_MAX = 4096 };

struct tree {
    char path[TREE_PATH_MAX]; /* absolute, and free of links */
};

/* Makes a new directory under $TMPDIR, or /tmp, with the rows in it; none of its files is young then, see
 * identity_is_young(). */
void tree_open(struct tree *tree, const struct tree_row *rows, size_t count);

/* Adds one row; a file that is there is replaced by a new one. It is not young then. */
void tree_add(const struct tree *tree, const struct tree_row *row);

/* The same, at once: the file is young. */
void tree_make(const struct tree *tree, const struct tree_row *row);

/* Waits until no file is young that was changed before. */
void tree_settle(void);

/* The absolute path of something in it. */
void tree_path(const struct tree *tree, const char *relative, char out[TREE_PATH_MAX]);

/* Removes it all. Links are removed, not followed. */
void tree_close(struct tree *tree);

enum { TREE_PERIOD = 251 }; /* a prime, so that a shifted copy differs */

/* The byte at an offset of every file that was made by size. */
static inline unsigned char tree_byte(size_t offset)
{
    return (unsigned char)(offset % TREE_PERIOD);
}

#endif
