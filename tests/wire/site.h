/* site: the directory that the wire tests serve, with everything in it that a server may trip over. */
#ifndef WIRE_SITE_H
#define WIRE_SITE_H

#include <stdbool.h>
#include <stddef.h>

enum { SITE_PATH_MAX = 512 };

struct site {
    char place[SITE_PATH_MAX]; /* a temporary directory of ours */
    char root[SITE_PATH_MAX];  /* the docroot in it; outside.txt stands beside */
};

/* When every file of the site was last changed, by its own account. */
#define SITE_CHANGED      1577934245
#define SITE_CHANGED_TEXT "Thu, 02 Jan 2020 03:04:05 GMT"

/* Builds it under $TMPDIR or /tmp; ends the program where that can't be done. */
void site_build(struct site *site);

/* Removes it with everything in it. */
void site_remove(struct site *site);

/* Writes a file of the root, with the given bytes or `size` bytes that differ everywhere, as of now. */
void site_write(const struct site *site, const char *name, const char *text);
void site_write_pattern(const struct site *site, const char *name, size_t size);

/* The whole file, to be freed; NULL if it can't be read. */
char *site_read(const struct site *site, const char *name, size_t *size);

/* "root/name" */
void site_path(const struct site *site, const char *name, char path[SITE_PATH_MAX]);

#endif
