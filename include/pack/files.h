/* pack_files: which files of a tree want which sidecars. */
#ifndef SHUNT_PACK_FILES_H
#define SHUNT_PACK_FILES_H

#include "pack/programs.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

struct pack_file {
    char *path;               /* relative to the tree's root; owned */
    off_t size;               /* when it was found */
    unsigned wanted, written; /* sidecars, a bit for each program */
    bool failed;
};

struct pack_files {
    struct pack_file *rows; /* those that want something, the largest first; owned */
    size_t count, room;
    size_t up_to_date; /* files that want nothing, since they have it */
    size_t failed;     /* directories and files that could not be looked at; a line told of each */
};

/* Walks the tree beneath a directory. What it passes over: links, what isn't a regular file, names that aren't served
 * (with a dot before them, `.well-known` excepted), files too small to gain from it, types that don't compress,
 * sidecars among them. `programs`: those that there are, a bit for each. 0, or -1 with errno: no memory. */
int pack_files_find(struct pack_files *files, int root, unsigned programs);

void pack_files_close(struct pack_files *files);

/* Opens the directory that a file is in, beneath the root whatever has happened to the tree since. The fd, or -1 with
 * errno. */
int pack_files_open_directory(int root, const char *path);

#endif
