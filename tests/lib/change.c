#include "lib/change.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static void need(bool fine, const char *what, const char *on)
{
    if (fine)
        return;
    fprintf(stderr, "change: %s %s: %s\n", what, on, strerror(errno));
    abort();
}

static void read_one(const char *path)
{
    char byte;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    need(fd >= 0 && (read(fd, &byte, 1) >= 0 || errno == EISDIR), "read", path);
    close(fd);
    DIR *listed = opendir(path);
    need(listed != NULL || errno == ENOTDIR, "list", path);
    if (listed == NULL)
        return;
    need(readdir(listed) != NULL, "list", path);
    closedir(listed);
}

static void write_one(const char *path, int flags, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC | flags, 0666);
    need(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && close(fd) == 0, "write", path);
}

static void map_one(const char *path, const char *text)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    void *at = fd < 0 ? MAP_FAILED : mmap(NULL, strlen(text), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    need(at != MAP_FAILED, "map", path);
    memcpy(at, text, strlen(text));
    munmap(at, strlen(text));
    close(fd);
}

static void swap_link(const char *path, const char *text)
{
    char beside[TREE_PATH_MAX];
    need(snprintf(beside, sizeof beside, "%s.new", path) < TREE_PATH_MAX, "name a link beside", path);
    need(symlink(text, beside) == 0 && rename(beside, path) == 0, "swap", path);
}

void change_make(const struct tree *tree, const struct change *change)
{
    char path[TREE_PATH_MAX], other[TREE_PATH_MAX];
    tree_path(tree, change->path, path);
    tree_path(tree, change->text == NULL ? "" : change->text, other);
    switch (change->kind) {
    case CHANGE_NOTHING:
        break;
    case CHANGE_READ:
        read_one(path);
        break;
    case CHANGE_WRITE:
        write_one(path, 0, change->text);
        break;
    case CHANGE_APPEND:
        write_one(path, O_APPEND, change->text);
        break;
    case CHANGE_TRUNCATE:
        need(truncate(path, 1) == 0, "truncate", path);
        break;
    case CHANGE_MAP:
        map_one(path, change->text);
        break;
    case CHANGE_MODE:
        need(chmod(path, 0700) == 0, "change the mode of", path);
        break;
    case CHANGE_TIMES:
        need(utimensat(AT_FDCWD, path, NULL, 0) == 0, "touch", path);
        break;
    case CHANGE_CREATE:
        write_one(path, O_CREAT | O_EXCL, change->text);
        break;
    case CHANGE_RENAME:
        need(rename(path, other) == 0, "rename", path);
        break;
    case CHANGE_EXCHANGE:
        need(renameat2(AT_FDCWD, path, AT_FDCWD, other, RENAME_EXCHANGE) == 0, "exchange", path);
        break;
    case CHANGE_UNLINK:
        need(unlink(path) == 0, "unlink", path);
        break;
    case CHANGE_LINK:
        need(link(other, path) == 0, "link", path);
        break;
    case CHANGE_SYMLINK:
        need(symlink(change->text, path) == 0, "make link", path);
        break;
    case CHANGE_SWAP:
        swap_link(path, change->text);
        break;
    case CHANGE_MKDIR:
        need(mkdir(path, 0777) == 0, "make directory", path);
        break;
    case CHANGE_RMDIR:
        need(rmdir(path) == 0, "remove directory", path);
        break;
    }
}

void change_make_all(const struct tree *tree, const struct change *changes, size_t max)
{
    for (size_t i = 0; i < max && changes[i].kind != CHANGE_NOTHING; i++)
        change_make(tree, &changes[i]);
}
