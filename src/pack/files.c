/*
 * A directory at a time is read to its end and closed, and those found in it wait their turn: however deep a tree is,
 * one of it is open. Paths are relative to the root and opened beneath it, so that who swaps a directory for a link
 * while a superuser packs gets nothing written elsewhere.
 */
#include "pack/files.h"

#include "base/log.h"
#include "http/media.h"
#include "http/path.h"
#include "os/beneath.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Less than that leaves with its head in one packet anyway, and the field that names the coding costs some of the gain.
 */
enum { SMALLEST = 256, ROOM_FIRST = 64 };

struct walk {
    struct pack_files *files;
    int root;
    unsigned programs;
    char **directories; /* that wait; paths, owned */
    size_t count, room;
};

/* Makes room for one more. */
static void *grown(void *rows, size_t count, size_t *room, size_t size)
{
    if (count < *room)
        return rows;
    size_t wider = *room == 0 ? ROOM_FIRST : *room * 2;
    void *more = realloc(rows, wider * size);
    if (more != NULL)
        *room = wider;
    return more;
}

/* To the nanosecond. */
static bool is_same_time(const struct stat *a, const struct stat *b)
{
    return a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

int pack_files_open_directory(int root, const char *path)
{
    char directory[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t len = slash == NULL ? 0 : (size_t)(slash - path);
    if (len >= sizeof directory) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(directory, path, len);
    directory[len] = '\0';
    return beneath_open(root, directory, BENEATH_LINKS_NONE, BENEATH_WAIT);
}

/* Whether the sidecar isn't there, or is of another version. */
static bool wants(int directory, const char *name, const char *suffix, const struct stat *original)
{
    char sidecar[NAME_MAX + 1];
    struct stat st;
    snprintf(sidecar, sizeof sidecar, "%s%s", name, suffix);
    bool current = fstatat(directory, sidecar, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
                   st.st_size > 0 && st.st_size < original->st_size && is_same_time(&st, original);
    return !current;
}

/* Whether it is worth a look; a name can be too long to get a suffix. */
static bool is_packable(const char *name, const struct stat *st)
{
    return S_ISREG(st->st_mode) && st->st_size >= SMALLEST && strlen(name) + PACK_SUFFIX_MAX <= NAME_MAX &&
           media_compresses(media_type(slice_of(name)));
}

static char *joined(const char *directory, const char *name)
{
    char *path = NULL;
    int len = asprintf(&path, "%s%s%s", directory, *directory == '\0' ? "" : "/", name);
    return len < 0 ? NULL : path;
}

static int add_directory(struct walk *walk, const char *parent, const char *name)
{
    char **rows = grown(walk->directories, walk->count, &walk->room, sizeof *rows);
    if (rows == NULL)
        return -1;
    walk->directories = rows;
    rows[walk->count] = joined(parent, name);
    return rows[walk->count++] == NULL ? -1 : 0;
}

static int add_file(struct walk *walk, int directory, const char *parent, const char *name, const struct stat *st)
{
    struct pack_files *files = walk->files;
    unsigned wanted = 0;
    for (unsigned i = 0; i < PACK_PROGRAMS; i++)
        if ((walk->programs & 1U << i) != 0 && wants(directory, name, pack_program_suffix((int)i), st))
            wanted |= 1U << i;
    if (wanted == 0) {
        files->up_to_date++;
        return 0;
    }
    struct pack_file *rows = grown(files->rows, files->count, &files->room, sizeof *rows);
    if (rows == NULL)
        return -1;
    files->rows = rows;
    rows[files->count] = (struct pack_file){.path = joined(parent, name), .size = st->st_size, .wanted = wanted};
    return rows[files->count++].path == NULL ? -1 : 0;
}

/* As the server will see it: what counts of the parent is whether there is one. */
static bool is_hidden(const char *parent, const char *name)
{
    char path[NAME_MAX + sizeof "/-/"];
    snprintf(path, sizeof path, "%s%s", *parent == '\0' ? "/" : "/-/", name);
    return path_is_hidden(slice_of(path));
}

/* What can't be looked at is told of, and passed over. */
static void complain(struct walk *walk, const char *parent, const char *name)
{
    log_errno(LOG_LEVEL_ERROR, "pack %s%s%s", parent, *parent == '\0' || *name == '\0' ? "" : "/", name);
    walk->files->failed++;
}

static int look_at(struct walk *walk, int directory, const char *parent, const char *name)
{
    struct stat st;
    if (is_hidden(parent, name))
        return 0;
    if (fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        if (errno != ENOENT)
            complain(walk, parent, name);
        return 0;
    }
    if (S_ISDIR(st.st_mode))
        return add_directory(walk, parent, name);
    return is_packable(name, &st) ? add_file(walk, directory, parent, name, &st) : 0;
}

/* 0, also where it can't be read; -1: no memory. */
static int read_directory(struct walk *walk, const char *path)
{
    int fd = beneath_open(walk->root, path, BENEATH_LINKS_NONE, BENEATH_WAIT);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    int result = 0;
    if (directory == NULL) {
        complain(walk, *path == '\0' ? "." : path, "");
        if (fd >= 0)
            close(fd);
        return 0;
    }
    while (result == 0 && (errno = 0, entry = readdir(directory)) != NULL)
        result = look_at(walk, fd, path, entry->d_name);
    if (result == 0 && errno != 0)
        complain(walk, *path == '\0' ? "." : path, "");
    closedir(directory);
    return result;
}

/* So that no large one is begun when all the others are done. */
static int compare(const void *left, const void *right)
{
    const struct pack_file *a = left, *b = right;
    return a->size != b->size ? (a->size < b->size) - (a->size > b->size) : strcmp(a->path, b->path);
}

int pack_files_find(struct pack_files *files, int root, unsigned programs)
{
    *files = (struct pack_files){0};
    struct walk walk = {.files = files, .root = root, .programs = programs};
    int result = add_directory(&walk, "", "");
    while (result == 0 && walk.count > 0) {
        char *path = walk.directories[--walk.count];
        result = read_directory(&walk, path);
        free(path);
    }
    while (walk.count > 0)
        free(walk.directories[--walk.count]);
    free(walk.directories);
    if (result == 0 && files->count > 0)
        qsort(files->rows, files->count, sizeof *files->rows, compare);
    return result;
}

void pack_files_close(struct pack_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        free(files->rows[i].path);
    free(files->rows);
}
