/*
 * open: the one way to a file of the site. Containment, hidden names, kinds of file and permissions are looked at here
 * and nowhere else, whatever a file is opened for.
 */
#ifndef SHUNT_FILES_OPEN_H
#define SHUNT_FILES_OPEN_H

#include "base/clock.h"
#include "base/slice.h"
#include "files/site.h"
#include "os/beneath.h"

#include <sys/stat.h>

/* What is looked for, how, and when. */
struct look {
    const struct site *site;
    const struct root *root; /* the directory to look in */
    struct slice path; /* normalised, NUL-ended, begins with "/"; one that ends in "/" stands for its index.html */
    enum beneath_mode mode;
    const struct clock *now;
    struct trail *trail; /* what was found will depend on this, too; NULL: nobody wants to know, or nothing is told */
};

/* Whether the path is a directory's, and its index.html is looked for. */
bool open_is_index(struct slice path);

/* The name of what is looked for, by which its type is known: the path, or the index's name. */
struct slice open_name(struct slice path);

/* The file's descriptor and what fstat(2) says of it, with 200; or no descriptor and 301 (a directory asked for without
 * its slash), 403, 404, 500, as a reply. 0 for reasons that don't lie in the path, with errno: EAGAIN (BENEATH_NOW, and
 * this would have slept, or its trail isn't known), EMFILE, ENFILE, ENOMEM. */
int open_file(const struct look *look, int *fd, struct stat *st);

/* Forgets what is remembered of the way to the path: it has changed, and nobody told. */
void open_forget(const struct look *look);

/* The status for a file that could not be read, by errno: as above, and 0 where it doesn't lie in the file. */
int open_status_of_errno(int error);

/* One read at an offset; with BENEATH_NOW one that doesn't sleep. Bytes, or -1 with errno: EAGAIN where it would have
 * slept, or nobody can tell. */
ssize_t open_read(int fd, char *to, size_t len, off_t offset, enum beneath_mode mode);

#endif
