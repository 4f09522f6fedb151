/* storm_disk: what a storm does to its files; paths are those of its place. Each of it returns 0, or -1 with errno. */
#ifndef WIRE_STORM_DISK_H
#define WIRE_STORM_DISK_H

#include "storm_content.h"

enum { DISK_PATH = 128 };

#define DISK_SPARES "spares" /* a directory of the place, for files that are to be renamed */

struct disk_path {
    char text[DISK_PATH];
};

/* A path in a release, by the release's number; more behind it; the release itself; the root's link; a spare file. */
void disk_path(struct disk_path *path, uint32_t number, const char *format, ...) __attribute__((format(printf, 3, 4)));
void disk_path_add(struct disk_path *path, const char *ending);
void disk_path_release(struct disk_path *path, uint32_t number);
void disk_path_root(struct disk_path *path);
void disk_path_spare(struct disk_path *path);

/* Writes the content in one write(2), where open(2) with these flags begins. */
int disk_write(int place, const struct disk_path *path, int flags, int page, enum form form, struct content content);
int disk_truncate(int place, const struct disk_path *path, uint32_t length);
int disk_rename(int place, const struct disk_path *from, const struct disk_path *to);
int disk_exchange(int place, const struct disk_path *a, const struct disk_path *b);

/* Gives the newer file the older one's time, if that is of this tick of the clock. */
int disk_share_tick(int place, const struct disk_path *older, const struct disk_path *newer);

/* A link with this text, in the place of whatever was there. */
int disk_link(int place, const char *text, const struct disk_path *path);

/* With everything in it; what can't be removed stays. */
void disk_remove(int place, const struct disk_path *path);

#endif
