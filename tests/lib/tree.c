#include "lib/tree.h"

#include "files/identity.h"
#include "os/file_time.h"

#include <errno.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void need(bool fine, const char *what, const char *on)
{
    if (fine)
        return;
    fprintf(stderr, "tree: %s %s: %s\n", what, on, strerror(errno));
    abort();
}

void tree_path(const struct tree *tree, const char *relative, char out[TREE_PATH_MAX])
{
    int len = snprintf(out, TREE_PATH_MAX, "%s/%s", tree->path, relative);
    need(len < TREE_PATH_MAX, "the path is too long:", relative);
}

static void make_parents(const struct tree *tree, char *path)
{
    for (char *slash = strchr(path + strlen(tree->path) + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        need(mkdir(path, 0777) == 0 || errno == EEXIST, "make directory", path);
        *slash = '/';
    }
}

/* Periods of tree_byte() at a time: files of megabytes are made again and again. */
static void write_bytes(FILE *stream, size_t size)
{
    enum { BLOCK = TREE_PERIOD * 64 };
    unsigned char block[BLOCK];
    for (size_t i = 0; i < BLOCK && i < size; i++)
        block[i] = tree_byte(i);
    for (size_t written = 0; written < size; written += BLOCK)
        fwrite(block, 1, size - written < BLOCK ? size - written : BLOCK, stream);
}

static void write_file(const char *path, const struct tree_row *row)
{
    unlink(path);
    FILE *stream = fopen(path, "wxe");
    need(stream != NULL, "make file", path);
    if (row->text != NULL)
        fputs(row->text, stream);
    else
        write_bytes(stream, row->size);
    need(fclose(stream) == 0, "write file", path);
}

/* None has a later time than this, and no whole second: those are said to last longer. */
void tree_settle(void)
{
    struct identity last = {.size = 0};
    need(clock_gettime(CLOCK_REALTIME, &last.changed) == 0, "read", "the clock");
    last.changed.tv_nsec |= 1;
    while (identity_is_young(&last, file_time_now()))
        nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
}

void tree_make(const struct tree *tree, const struct tree_row *row)
{
    char path[TREE_PATH_MAX];
    tree_path(tree, row->path, path);
    make_parents(tree, path);
    switch (row->kind) {
    case TREE_FILE:
        write_file(path, row);
        break;
    case TREE_DIRECTORY:
        need(mkdir(path, 0777) == 0 || errno == EEXIST, "make directory", path);
        break;
    case TREE_LINK:
        need(symlink(row->text, path) == 0, "make link", path);
        break;
    case TREE_FIFO:
        need(mkfifo(path, 0666) == 0, "make fifo", path);
        break;
    }
}

void tree_add(const struct tree *tree, const struct tree_row *row)
{
    tree_make(tree, row);
    if (row->kind == TREE_FILE)
        tree_settle();
}

void tree_open(struct tree *tree, const struct tree_row *rows, size_t count)
{
    char made[TREE_PATH_MAX];
    const char *parent = getenv("TMPDIR");
    int len = snprintf(made, sizeof made, "%s/shunt-test-XXXXXX", parent != NULL ? parent : "/tmp");
    need(len < TREE_PATH_MAX && mkdtemp(made) != NULL, "make directory", made);
    need(realpath(made, tree->path) != NULL, "resolve", made);
    for (size_t i = 0; i < count; i++)
        tree_make(tree, &rows[i]);
    tree_settle();
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    need(remove(path) == 0, "remove", path);
    return 0;
}

void tree_close(struct tree *tree)
{
    need(nftw(tree->path, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0, "remove", tree->path);
}
