/* A slow file system: files that nobody has in memory, of which every read, open or look takes a while.
 *
 *   cold_fs FOLDER FILES BYTES READ_MS OPEN_MS LOOK_MS [forgetful]
 *
 * Mounts itself on FOLDER, and says "ready". It has the files 0.html to (FILES - 1).html, of BYTES each. It speaks to
 * the kernel itself (fuse(4), linux/fuse.h), so that nothing but libc is needed; mounting takes root, or a namespace of
 * one's own (unshare -rm).
 *
 * A slow answer keeps no other one waiting, as of a far server with many disks: each has its own time, and is sent when
 * that has come. What the kernel has been told of names and attributes is good for nothing a moment later, and what it
 * has read of a file goes when the file is opened again: so is the default of FUSE, and of network file systems. When
 * it is forgetful, that goes every few milliseconds, mapped or not, as if memory were always short.
 *
 * It ends with the file system's last mount, or by a signal: then, if it is forgetful, unmount it by force (umount -f).
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum {
    FIRST_FILE = FUSE_ROOT_ID + 1, /* the node of 0.html */
    READ_MAX = 1 << 20,
    WAITING_MAX = 4096,
    FORGET_MS = 10,
};

struct request {
    struct fuse_in_header header;
    char rest[FUSE_MIN_READ_BUFFER + 4096];
};

/* An answer that has its time. */
struct waiting {
    bool taken;
    long long due_ms;
    uint64_t unique, node;
    uint32_t opcode, bytes; /* of a read: how many */
};

struct disk {
    int device;
    unsigned long files, bytes;
    long long read_ms, open_ms, look_ms;
    struct waiting waiting[WAITING_MAX];
};

static char text[READ_MAX];

static long long now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* ENOENT: who asked doesn't wait any more. */
static void answer(struct disk *disk, uint64_t unique, int error, const void *bytes, size_t len)
{
    struct fuse_out_header header = {.len = (uint32_t)(sizeof header + len), .error = error, .unique = unique};
    struct iovec pieces[] = {{&header, sizeof header}, {(void *)(uintptr_t)bytes, len}};
    if (writev(disk->device, pieces, len > 0 ? 2 : 1) < 0 && errno != ENOENT)
        err(1, "an answer to the kernel");
}

static struct fuse_attr attributes_of(const struct disk *disk, uint64_t node)
{
    bool root = node == FUSE_ROOT_ID;
    return (struct fuse_attr){
        .ino = node,
        .size = root ? 0 : disk->bytes,
        .mtime = 1000000000,
        .ctime = 1000000000,
        .mode = root ? S_IFDIR | 0755 : S_IFREG | 0444,
        .nlink = 1,
        .uid = getuid(),
        .gid = getgid(),
    };
}

/* The node of a name, or 0. */
static uint64_t node_of(const struct disk *disk, const char *name)
{
    char *end;
    unsigned long number = strtoul(name, &end, 10);
    bool known = end != name && strcmp(end, ".html") == 0 && number < disk->files;
    return known ? FIRST_FILE + number : 0;
}

static void answer_look(struct disk *disk, uint64_t unique, uint64_t node)
{
    const struct fuse_entry_out entry = {.nodeid = node, .generation = 1, .attr = attributes_of(disk, node)};
    answer(disk, unique, node == 0 ? -ENOENT : 0, &entry, node == 0 ? 0 : sizeof entry);
}

static void answer_late(struct disk *disk, const struct waiting *late)
{
    const struct fuse_attr_out attr = {.attr = attributes_of(disk, late->node)};
    const struct fuse_open_out opened = {0};
    switch (late->opcode) {
    case FUSE_LOOKUP:
        answer_look(disk, late->unique, late->node);
        break;
    case FUSE_GETATTR:
        answer(disk, late->unique, 0, &attr, sizeof attr);
        break;
    case FUSE_OPEN:
        answer(disk, late->unique, 0, &opened, sizeof opened);
        break;
    default:
        answer(disk, late->unique, 0, text, late->bytes);
    }
}

static void wait_for(struct disk *disk, struct waiting late, long long ms)
{
    size_t i = 0;
    late.taken = true;
    late.due_ms = now_ms() + ms;
    while (i < WAITING_MAX && disk->waiting[i].taken)
        i++;
    if (ms == 0 || i == WAITING_MAX)
        answer_late(disk, &late);
    else
        disk->waiting[i] = late;
}

static uint32_t bytes_of(const struct disk *disk, const struct request *request)
{
    struct fuse_read_in asked;
    memcpy(&asked, request->rest, sizeof asked);
    uint64_t left = asked.offset < disk->bytes ? disk->bytes - asked.offset : 0;
    uint64_t most = left < asked.size ? left : asked.size;
    return (uint32_t)(most < READ_MAX ? most : READ_MAX);
}

static void answer_first(struct disk *disk, uint64_t unique)
{
    const struct fuse_init_out init = {
        .major = FUSE_KERNEL_VERSION,
        .minor = 31,
        .max_readahead = READ_MAX,
        .flags = FUSE_ASYNC_READ,
        .max_background = 256,
        .congestion_threshold = 256,
        .max_write = 4096,
    };
    answer(disk, unique, 0, &init, sizeof init);
}

static void serve(struct disk *disk, const struct request *request)
{
    struct waiting late = {
        .unique = request->header.unique, .node = request->header.nodeid, .opcode = request->header.opcode};
    const struct fuse_statfs_out room = {.st = {.bsize = 4096, .namelen = 255}};
    switch (request->header.opcode) {
    case FUSE_INIT:
        answer_first(disk, late.unique);
        break;
    case FUSE_LOOKUP:
        late.node = node_of(disk, request->rest);
        wait_for(disk, late, disk->look_ms);
        break;
    case FUSE_GETATTR:
        wait_for(disk, late, late.node == FUSE_ROOT_ID ? 0 : disk->look_ms);
        break;
    case FUSE_OPEN:
        wait_for(disk, late, disk->open_ms);
        break;
    case FUSE_READ:
        late.bytes = bytes_of(disk, request);
        wait_for(disk, late, disk->read_ms);
        break;
    case FUSE_STATFS:
        answer(disk, late.unique, 0, &room, sizeof room);
        break;
    case FUSE_RELEASE:
        answer(disk, late.unique, 0, NULL, 0);
        break;
    case FUSE_FORGET:
    case FUSE_BATCH_FORGET:
    case FUSE_INTERRUPT:
        break;
    default:
        answer(disk, late.unique, -ENOSYS, NULL, 0);
    }
}

/* Sends what is due. Milliseconds until the next one is, or -1. */
static int answer_due(struct disk *disk)
{
    long long now = now_ms(), next = -1;
    for (size_t i = 0; i < WAITING_MAX; i++) {
        struct waiting *late = &disk->waiting[i];
        if (!late->taken)
            continue;
        if (late->due_ms <= now) {
            late->taken = false;
            answer_late(disk, late);
        } else if (next < 0 || late->due_ms - now < next) {
            next = late->due_ms - now;
        }
    }
    return (int)next;
}

static void disk_run(struct disk *disk)
{
    struct request request;
    for (;;) {
        int ms = answer_due(disk);
        if (poll(&(struct pollfd){disk->device, POLLIN, 0}, 1, ms) == 0)
            continue;
        ssize_t n = read(disk->device, &request, sizeof request - 1);
        if (n < 0 && errno == ENODEV)
            return;
        if (n < (ssize_t)sizeof request.header) /* who asked has gone, or a signal came */
            continue;
        ((char *)&request)[n] = '\0';
        serve(disk, &request);
    }
}

/* Tells the kernel to drop what it has read of each file. It waits for reads that are under way, and so must not be
 * told by who answers them. */
static void *forget(void *arg)
{
    const struct disk *disk = arg;
    for (;;) {
        for (unsigned long i = 0; i < disk->files; i++) {
            const struct fuse_notify_inval_inode_out of = {.ino = FIRST_FILE + i};
            const struct fuse_out_header header = {.len = sizeof header + sizeof of, .error = FUSE_NOTIFY_INVAL_INODE};
            const struct iovec pieces[] = {{(void *)(uintptr_t)&header, sizeof header},
                                           {(void *)(uintptr_t)&of, sizeof of}};
            if (writev(disk->device, pieces, 2) < 0 && errno != ENOENT) /* ENOENT: nobody has asked for it yet */
                err(1, "what is to be forgotten");
        }
        nanosleep(&(struct timespec){.tv_nsec = FORGET_MS * 1000000L}, NULL);
    }
}

static void disk_mount(struct disk *disk, const char *folder)
{
    char options[160];
    disk->device = open("/dev/fuse", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (disk->device < 0)
        err(1, "/dev/fuse");
    snprintf(options, sizeof options, "fd=%d,rootmode=40755,user_id=%u,group_id=%u,allow_other,max_read=131072",
             disk->device, getuid(), getgid());
    if (mount("cold_fs", folder, "fuse", MS_NOSUID | MS_NODEV | MS_RDONLY, options) < 0)
        err(1, "mount on %s", folder);
}

int main(int argc, char **argv)
{
    static struct disk disk;
    bool forgetful = argc == 8 && strcmp(argv[7], "forgetful") == 0;
    if (argc != 7 && !forgetful)
        errx(2, "usage: cold_fs FOLDER FILES BYTES READ_MS OPEN_MS LOOK_MS [forgetful]");
    disk.files = strtoul(argv[2], NULL, 10);
    disk.bytes = strtoul(argv[3], NULL, 10);
    disk.read_ms = atoll(argv[4]);
    disk.open_ms = atoll(argv[5]);
    disk.look_ms = atoll(argv[6]);
    memset(text, 'c', sizeof text);
    disk_mount(&disk, argv[1]);
    puts("ready");
    fflush(stdout);
    if (forgetful && (errno = pthread_create(&(pthread_t){0}, NULL, forget, &disk)) != 0)
        err(1, "a thread");
    disk_run(&disk);
    return 0;
}
