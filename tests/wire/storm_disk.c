#include "storm_disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

void disk_path(struct disk_path *path, uint32_t number, const char *format, ...)
{
    va_list arguments;
    size_t len = (size_t)snprintf(path->text, DISK_PATH, "release-%u/", number);
    va_start(arguments, format);
    vsnprintf(path->text + len, DISK_PATH - len, format, arguments);
    va_end(arguments);
}

void disk_path_add(struct disk_path *path, const char *ending)
{
    size_t len = strlen(path->text);
    snprintf(path->text + len, DISK_PATH - len, "%s", ending);
}

void disk_path_release(struct disk_path *path, uint32_t number)
{
    snprintf(path->text, DISK_PATH, "release-%u", number);
}

void disk_path_root(struct disk_path *path)
{
    *path = (struct disk_path){"served"};
}

void disk_path_spare(struct disk_path *path)
{
    *path = (struct disk_path){DISK_SPARES "/spare"};
}

static int close_after(int fd, bool good)
{
    int error = errno;
    close(fd);
    errno = error;
    return good ? 0 : -1;
}

int disk_write(int place, const struct disk_path *path, int flags, int page, enum form form, struct content content)
{
    char bytes[LENGTH_MAX];
    content_write(page, form, content, bytes);
    int fd = openat(place, path->text, O_WRONLY | O_CLOEXEC | flags, 0644);
    return fd < 0 ? -1 : close_after(fd, write(fd, bytes, content.length) == (ssize_t)content.length);
}

int disk_truncate(int place, const struct disk_path *path, uint32_t length)
{
    int fd = openat(place, path->text, O_WRONLY | O_CLOEXEC);
    return fd < 0 ? -1 : close_after(fd, ftruncate(fd, length) == 0);
}

int disk_rename(int place, const struct disk_path *from, const struct disk_path *to)
{
    return renameat(place, from->text, place, to->text);
}

int disk_exchange(int place, const struct disk_path *a, const struct disk_path *b)
{
    return renameat2(place, a->text, place, b->text, RENAME_EXCHANGE);
}

static int64_t in_ns(struct timespec t)
{
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Only early in the tick: it must not end before the newer file is in its place. */
int disk_share_tick(int place, const struct disk_path *older, const struct disk_path *newer)
{
    struct stat st;
    struct timespec now, tick_began, tick;
    if (fstatat(place, older->text, &st, 0) < 0)
        return -1;
    clock_getres(CLOCK_REALTIME_COARSE, &tick);
    clock_gettime(CLOCK_REALTIME_COARSE, &tick_began);
    clock_gettime(CLOCK_REALTIME, &now);
    if (in_ns(st.st_mtim) < in_ns(tick_began) || in_ns(now) - in_ns(tick_began) > in_ns(tick) / 2)
        return 0;
    struct timespec times[2] = {st.st_atim, st.st_mtim};
    return utimensat(place, newer->text, times, 0);
}

int disk_link(int place, const char *text, const struct disk_path *path)
{
    struct disk_path spare;
    disk_path_spare(&spare);
    return symlinkat(text, place, spare.text) < 0 ? -1 : disk_rename(place, &spare, path);
}

static void remove_all(int directory)
{
    DIR *all = fdopendir(directory);
    if (!all) {
        close(directory);
        return;
    }
    for (struct dirent *entry; (entry = readdir(all));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            unlinkat(directory, entry->d_name, 0) == 0)
            continue;
        fchmodat(directory, entry->d_name, 0755, 0);
        int inner = openat(directory, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (inner >= 0)
            remove_all(inner);
        unlinkat(directory, entry->d_name, AT_REMOVEDIR);
    }
    closedir(all);
}

void disk_remove(int place, const struct disk_path *path)
{
    int directory = openat(place, path->text, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (directory >= 0)
        remove_all(directory);
    unlinkat(place, path->text, AT_REMOVEDIR);
}
