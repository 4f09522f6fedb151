/* scenes of what is stuck: neither a disk that is dead nor a log that nobody reads keeps a stopped server alive. */
#include "scene.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BATCHES = 40, BATCH = 100 };

/* ---- a log that nobody reads */

/* Takes the reading end of its standard output away from those who would read it. */
static void leave_output_unread(struct stage *stage)
{
    fcntl(stage->server.output_fd, F_SETPIPE_SZ, 4096);
    stage->server.output_fd = -1;
}

/* Whether its standard output takes nothing more. */
static bool output_is_full(struct stage *stage)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd/1", (int)stage->server.pid);
    int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    bool full = fd >= 0 && poll(&(struct pollfd){fd, POLLOUT, 0}, 1, 0) == 0;
    close(fd);
    return full;
}

static const char *fill_the_log(struct stage *stage)
{
    struct client client;
    struct answer answer;
    EXPECT(client_open(&client, stage->port), "could not connect");
    for (int i = 0; i < BATCHES; i++) {
        for (int j = 0; j < BATCH; j++)
            EXPECT(client_get(&client, "/hello.txt", NULL), "could not ask");
        for (int j = 0; j < BATCH; j++)
            EXPECT(client_answer(&client, false, &answer, 5000) && answer.status == 200, "a full log stops answers");
    }
    client_close(&client);
    for (int i = 0; i < 100 && !output_is_full(stage); i++)
        pause_ms(20);
    EXPECT(output_is_full(stage), "its standard output is not full");
    return NULL;
}

static const char *start_with_a_full_log(struct stage *stage)
{
    const char *problem = stage_start(stage, OPTIONS("--access-log", "-", "--send-buffer", "16384"));
    if (problem)
        return problem;
    leave_output_unread(stage);
    return fill_the_log(stage);
}

static const char *second_signal_beside_a_full_log(struct stage *stage)
{
    struct client slow;
    const char *problem = start_with_a_full_log(stage);
    if (problem)
        return problem;
    EXPECT(client_open_narrow(&slow, stage->port, 8192) && client_get(&slow, "/4m.bin", NULL), "could not ask");
    EXPECT(client_take(&slow, 1000, 5000) > 0, "nothing comes");
    kill(stage->server.pid, SIGTERM);
    EXPECT(server_wait(&stage->server, 500) == -1, "the first signal ended it though a response was running");
    kill(stage->server.pid, SIGTERM);
    int status = server_wait(&stage->server, 2000);
    EXPECT(status == 0, "it ended with %d", status);
    return NULL;
}

static const char *one_signal_beside_a_full_log(struct stage *stage)
{
    const char *problem = start_with_a_full_log(stage);
    if (problem)
        return problem;
    kill(stage->server.pid, SIGTERM);
    int status = server_wait(&stage->server, 4000);
    EXPECT(status == 0, "it ended with %d", status);
    return NULL;
}

/* ---- a disk that is dead: a file system in user space, whose user space is us, and we don't answer */

static bool write_file(const char *path, const char *format, unsigned id)
{
    char text[64];
    int len = snprintf(text, sizeof text, format, id, id);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool written = fd >= 0 && write(fd, text, (size_t)len) == len;
    close(fd);
    return written;
}

/* A mount namespace of this scene's own; for those who aren't root, one of users around it. */
static bool enter_namespace(void)
{
    unsigned user = getuid(), group = getgid();
    if (unshare(CLONE_NEWNS) < 0 &&
        (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0 || !write_file("/proc/self/setgroups", "deny", 0) ||
         !write_file("/proc/self/uid_map", "%u %u 1\n", user) || !write_file("/proc/self/gid_map", "%u %u 1\n", group)))
        return false;
    return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

/* The kernel's first request, fuse(4): only after it does it ask for files at all. */
static bool answer_init(int device)
{
    struct {
        struct fuse_in_header header;
        char rest[FUSE_MIN_READ_BUFFER];
    } asked;
    struct {
        struct fuse_out_header header;
        struct fuse_init_out init;
    } answer = {.header = {.len = sizeof answer}, .init = {.major = 7, .minor = 31, .max_write = 4096}};
    if (poll(&(struct pollfd){device, POLLIN, 0}, 1, 5000) != 1 || read(device, &asked, sizeof asked) < 0 ||
        asked.header.opcode != FUSE_INIT)
        return false;
    answer.header.unique = asked.header.unique;
    return write(device, &answer, sizeof answer) == sizeof answer;
}

/* Who can't wait for all its threads waits for none: the thread sanitizer would take that for a mistake. */
static void expect_unjoined_threads(void)
{
    char options[512];
    const char *given = getenv("TSAN_OPTIONS");
    snprintf(options, sizeof options, "%s:report_thread_leaks=0", given ? given : "");
    setenv("TSAN_OPTIONS", options, 1);
}

/* Mounts the dead disk as /dead of the site; ours as long as this process lives. */
static bool mount_dead_disk(struct stage *stage)
{
    char path[SITE_PATH_MAX], options[128];
    site_path(&stage->site, "dead", path);
    if (mkdir(path, 0755) < 0 || !enter_namespace())
        return false;
    int device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    if (device < 0)
        return false;
    snprintf(options, sizeof options, "fd=%d,rootmode=40755,user_id=%u,group_id=%u", device, getuid(), getgid());
    return mount("dead", path, "fuse", MS_NOSUID | MS_NODEV, options) == 0 && answer_init(device);
}

static const char *dead_disk(struct stage *stage)
{
    struct client client;
    if (stage_model_is(stage, "sped"))
        return stage_skip(stage, "a single thread waits for every disk: that is what sped is");
    if (!mount_dead_disk(stage))
        return stage_skip(stage, "no file system in user space can be mounted here");
    expect_unjoined_threads();
    const char *problem = stage_start(stage, OPTIONS("--stop-timeout", "1"));
    if (problem)
        return problem;
    EXPECT(client_open(&client, stage->port) && client_get(&client, "/dead/x.txt", NULL), "could not ask");
    EXPECT(client_take(&client, 1000, 500) == -1, "an answer came from a dead disk: %.*s", (int)client.len,
           client.bytes);
    EXPECT(stage_get(stage, "/hello.txt") == 200, "a dead disk holds up what isn't on it");
    kill(stage->server.pid, SIGTERM);
    int status = server_wait(&stage->server, 4000);
    EXPECT(status == 0, "it ended with %d", status);
    return NULL;
}

const struct scene scenes_of_the_stuck[] = {
    {"a second SIGTERM ends it though nobody reads its log", second_signal_beside_a_full_log},
    {"SIGTERM ends it though nobody reads its log", one_signal_beside_a_full_log},
    {"SIGTERM ends it though a disk is dead", dead_disk},
    {0},
};
