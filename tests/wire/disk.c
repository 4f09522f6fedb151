#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SOON_MS = 3000,
    HOUR_S = 3600,
    FIRST_FILE = FUSE_ROOT_ID + 1, /* the number of known0 */
    FILES = 10,
};

struct disk_request {
    struct fuse_in_header header;
    char rest[FUSE_MIN_READ_BUFFER];
};

/* ---- mounting */

static bool write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    close(fd);
    return written;
}

static bool map_id(const char *path, unsigned id)
{
    char line[64];
    snprintf(line, sizeof line, "%u %u 1\n", id, id);
    return write_text(path, line);
}

/* Mounts that nobody else sees. Only root has that without an own namespace of users. */
static bool have_mounts_of_our_own(void)
{
    unsigned user = getuid(), group = getgid();
    bool ours = unshare(CLONE_NEWNS) == 0 ||
                (unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 && write_text("/proc/self/setgroups", "deny") &&
                 map_id("/proc/self/uid_map", user) && map_id("/proc/self/gid_map", group));
    return ours && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

/* Waits until the kernel asks for something that wants an answer (fuse(4)): whether it did. */
static bool disk_hears(struct disk *disk, struct disk_request *request, int timeout_ms)
{
    for (long long until = now_ms() + timeout_ms; now_ms() < until;) {
        if (poll(&(struct pollfd){disk->device, POLLIN, 0}, 1, 10) != 1 ||
            read(disk->device, request, sizeof *request) < (ssize_t)sizeof request->header)
            continue;
        unsigned opcode = request->header.opcode;
        if (opcode == FUSE_FORGET || opcode == FUSE_BATCH_FORGET || opcode == FUSE_INTERRUPT)
            continue;
        disk->asked = request->header.unique;
        return true;
    }
    return false;
}

/* Answers what was asked: with `error`, which is negative, or with so many bytes. */
static bool disk_says(struct disk *disk, int error, const void *bytes, size_t len)
{
    struct {
        struct fuse_out_header header;
        char rest[256];
    } answer = {.header = {.len = (uint32_t)(sizeof answer.header + len), .error = error, .unique = disk->asked}};
    disk->asked = 0;
    if (len > 0)
        memcpy(answer.rest, bytes, len);
    return write(disk->device, &answer, answer.header.len) == (ssize_t)answer.header.len;
}

/* The kernel's first request. */
static bool disk_begins(struct disk *disk)
{
    struct disk_request request;
    const struct fuse_init_out init = {.major = 7, .minor = 31, .max_write = 4096};
    return disk_hears(disk, &request, SOON_MS) && request.header.opcode == FUSE_INIT &&
           disk_says(disk, 0, &init, sizeof init);
}

bool disk_mount(struct disk *disk, struct stage *stage)
{
    char path[SITE_PATH_MAX], options[128];
    site_path(&stage->site, "slow", path);
    if (mkdir(path, 0755) < 0 || !have_mounts_of_our_own())
        return false;
    *disk = (struct disk){.device = open("/dev/fuse", O_RDWR | O_CLOEXEC)};
    if (disk->device < 0)
        return false;
    snprintf(options, sizeof options, "fd=%d,rootmode=40755,user_id=%u,group_id=%u", disk->device, getuid(), getgid());
    return mount("slow", path, "fuse", MS_NOSUID | MS_NODEV, options) == 0 && disk_begins(disk);
}

bool disk_hangs(struct disk *disk)
{
    struct disk_request request;
    return disk_hears(disk, &request, SOON_MS);
}

bool disk_answers(struct disk *disk)
{
    return disk_says(disk, -ENOENT, NULL, 0);
}

/* ---- being kept */

/* In memory that the keeper and the scene share. */
struct disk_orders {
    atomic_bool stall;  /* the scene's: opens are to wait */
    atomic_bool stalls; /* the keeper's: one does */
};

static struct fuse_attr attributes_of(uint64_t node)
{
    struct fuse_attr attr = {
        .ino = node, .mtime = SITE_CHANGED, .ctime = SITE_CHANGED, .nlink = 1, .uid = getuid(), .gid = getgid()};
    attr.mode = node == FUSE_ROOT_ID ? S_IFDIR | 0755 : S_IFREG | 0444;
    attr.size = node == FUSE_ROOT_ID ? 0 : sizeof DISK_KNOWN_TEXT - 1;
    return attr;
}

/* The number of a file by its name; 0: there is none. */
static uint64_t node_of(const char *name)
{
    size_t len = sizeof DISK_KNOWN - 1;
    if (strncmp(name, DISK_KNOWN, len) != 0 || name[len] < '0' || name[len] > '9' || name[len + 1] != '\0')
        return 0;
    return FIRST_FILE + (uint64_t)(name[len] - '0');
}

static bool disk_looks_up(struct disk *disk, const char *name)
{
    uint64_t node = node_of(name);
    const struct fuse_entry_out entry = {
        .nodeid = node, .entry_valid = HOUR_S, .attr_valid = HOUR_S, .attr = attributes_of(node)};
    return node == 0 ? disk_says(disk, -ENOENT, NULL, 0) : disk_says(disk, 0, &entry, sizeof entry);
}

static bool disk_opens(struct disk *disk)
{
    struct disk_orders *orders = disk->orders;
    const struct fuse_open_out opened = {0};
    for (; atomic_load(&orders->stall); pause_ms(1))
        atomic_store(&orders->stalls, true);
    atomic_store(&orders->stalls, false);
    return disk_says(disk, 0, &opened, sizeof opened);
}

static bool disk_reads(struct disk *disk, const char *rest)
{
    static const char text[] = DISK_KNOWN_TEXT;
    struct fuse_read_in asked;
    memcpy(&asked, rest, sizeof asked);
    size_t size = sizeof text - 1, from = asked.offset < size ? asked.offset : size;
    size_t len = asked.size < size - from ? asked.size : size - from;
    return disk_says(disk, 0, text + from, len);
}

static bool disk_serves(struct disk *disk, const struct disk_request *request)
{
    const struct fuse_attr_out attr = {.attr_valid = HOUR_S, .attr = attributes_of(request->header.nodeid)};
    const struct fuse_statfs_out room = {0};
    switch (request->header.opcode) {
    case FUSE_LOOKUP:
        return disk_looks_up(disk, request->rest);
    case FUSE_GETATTR:
        return disk_says(disk, 0, &attr, sizeof attr);
    case FUSE_STATFS:
        return disk_says(disk, 0, &room, sizeof room);
    case FUSE_OPEN:
        return disk_opens(disk);
    case FUSE_READ:
        return disk_reads(disk, request->rest);
    case FUSE_RELEASE:
        return disk_says(disk, 0, NULL, 0);
    default:
        return disk_says(disk, -ENOSYS, NULL, 0);
    }
}

static void keep(struct disk *disk)
{
    struct disk_request request;
    for (;;)
        if (disk_hears(disk, &request, SOON_MS))
            disk_serves(disk, &request);
}

bool disk_keep(struct disk *disk)
{
    void *shared = mmap(NULL, sizeof *disk->orders, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return false;
    disk->orders = shared;
    pid_t scene = getpid(), keeper = fork();
    if (keeper == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* it goes when the scene does, */
        if (getppid() == scene)           /* which may be gone already */
            keep(disk);
        _exit(0);
    }
    return keeper > 0;
}

void disk_stall(struct disk *disk, bool stall)
{
    atomic_store(&disk->orders->stall, stall);
}

bool disk_stalls(struct disk *disk)
{
    for (long long until = now_ms() + SOON_MS; now_ms() < until; pause_ms(1))
        if (atomic_load(&disk->orders->stalls))
            return true;
    return false;
}
