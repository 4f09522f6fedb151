/*
 * disk: a disk that answers when the test does, since the test is its file system (fuse(4)).
 *
 * It is mounted as /slow of the site, in mounts that nobody else sees, and lasts as long as the scene's process. First
 * the scene plays the file system itself, and it knows no file. After disk_keep() a process of its own does, and it
 * knows ten.
 */
#ifndef WIRE_DISK_H
#define WIRE_DISK_H

#include "scene.h"

#include <stdint.h>

struct disk_orders;

struct disk {
    int device;
    uint64_t asked;             /* what the kernel waits for; 0: nothing */
    struct disk_orders *orders; /* what its keeper goes by */
};

/* Mounts it. False where that isn't possible here. */
bool disk_mount(struct disk *disk, struct stage *stage);

/* Whether a request of the kernel's hangs, soon. And to answer it: there is no such file. */
bool disk_hangs(struct disk *disk);
bool disk_answers(struct disk *disk);

#define DISK_KNOWN      "known" /* the names of its files: known0 to known9 */
#define DISK_KNOWN_TEXT "what the disk knows\n"

/* From here on somebody keeps it, who answers whatever the kernel asks. What the kernel learns of names it may believe
 * for an hour, but it asks at every open(2). */
bool disk_keep(struct disk *disk);

/* From now on its opens hang, or those that hang are answered. */
void disk_stall(struct disk *disk, bool stall);

/* Whether an open hangs, soon. */
bool disk_stalls(struct disk *disk);

#endif
