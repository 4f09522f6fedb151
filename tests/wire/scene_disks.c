/* scenes of disks that take their time: who waits for them, and who doesn't. */
#include "disk.h"
#include "models.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- a disk that hangs */

/* While one client waits for the disk: others are served, or, where everybody waits, one isn't. */
static const char *ask_beside_the_disk(struct stage *stage, const struct how *how, struct client *others, int count)
{
    struct answer answer;
    const char *problem = crowd_open(stage, others, count);
    if (problem)
        return problem;
    if (!how->waits)
        return crowd_ask(stage, others, count, "/hello.txt");
    EXPECT(client_get(&others[0], "/hello.txt", NULL), "could not ask");
    EXPECT(!client_answer(&others[0], false, &answer, SILENCE_MS), "a single thread serves though its disk hangs");
    return NULL;
}

/* And once the disk has answered, so are those who waited. */
static const char *ask_the_disk(struct stage *stage, const struct how *how, struct disk *disk, const char *path)
{
    enum { OTHERS = 6 };
    struct client client, others[OTHERS];
    struct answer answer;
    EXPECT(client_open(&client, stage->port) && client_get(&client, path, NULL), "could not ask");
    EXPECT(disk_hangs(disk), "the disk isn't asked for %s", path);
    const char *problem = ask_beside_the_disk(stage, how, others, OTHERS);
    if (problem)
        return problem;
    EXPECT(!client_answer(&client, false, &answer, 0), "an answer came before the disk's");
    EXPECT(disk_answers(disk), "the disk can't answer");
    EXPECT(client_answer(&client, false, &answer, ANSWER_MS) && answer.status == 404, "no 404 once the disk answers");
    EXPECT(!how->waits || (client_answer(&others[0], false, &answer, ANSWER_MS) && answer.status == 200),
           "who waited isn't served once the disk answers");
    crowd_close(others, OTHERS);
    client_close(&client);
    return NULL;
}

static int count_in(const char *path, const char *word)
{
    char line[1024];
    int count = 0;
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file))
        count += strstr(line, word) != NULL;
    if (file)
        fclose(file);
    return count;
}

static const char *disk_hangs_under(struct stage *stage, const struct how *how, struct disk *disk, const char *limit)
{
    char log[SITE_PATH_MAX], path[64];
    struct report report;
    snprintf(log, sizeof log, "%.480s/%s.log", stage->site.place, how->name);
    snprintf(path, sizeof path, "/slow/%d.txt", (int)(how - hows));
    const char *problem =
        how_start(stage, how, OPTIONS("--access-log", log, "--active-limit", limit, "--blockers", "1"));
    problem = problem ? problem : crowd_visit(stage, 4, 3, "/1m.bin");
    problem = problem ? problem : ask_the_disk(stage, how, disk, path);
    problem = problem ? problem : report_finish(stage, &report);
    if (problem)
        return problem;
    int lines = count_in(log, " 200 "), expected = 12 + (how->waits ? 1 : 6);
    EXPECT(lines == expected, "%d lines of %d in the log", lines, expected);
    EXPECT(count_in(log, path) == 1, "the slow one isn't in the log");
    EXPECT(!how->helps || report_sum(&report, how->helps, HANDOFFS) >= 1, "no helper waited for the disk");
    unlink(log);
    return NULL;
}

static const char *disk_hangs_under_every(struct stage *stage, const char *limit)
{
    struct disk disk;
    const char *problem = NULL;
    if (!disk_mount(&disk, stage))
        return stage_skip(stage, "no file system in user space can be mounted here");
    for (int i = 0; i < HOWS && !problem; i++) {
        bool refused = i == PROCESSES && strcmp(limit, "0") != 0; /* it is for threads */
        problem = refused ? NULL : how_say(stage, &hows[i], disk_hangs_under(stage, &hows[i], &disk, limit));
    }
    return problem;
}

static const char *disk_that_hangs(struct stage *stage)
{
    return disk_hangs_under_every(stage, "0");
}

static const char *disk_that_hangs_at_the_limit(struct stage *stage)
{
    return disk_hangs_under_every(stage, "1");
}

/* ---- names that are known, on a disk that is asked at every open */

/* The kernel learns a name from us, so that looking it up needs nobody any more: the open does. */
static bool kernel_learns(const struct stage *stage, const char *name)
{
    char path[SITE_PATH_MAX];
    struct stat st;
    site_path(&stage->site, name, path);
    return stat(path, &st) == 0;
}

/* `other` needs no disk: whether it is answered so by each of several connections. */
static const char *others_get(struct stage *stage, struct client *others, int count, const char *other, int status)
{
    struct answer answer;
    for (int i = 0; i < count; i++)
        EXPECT(client_get(&others[i], other, NULL), "could not ask");
    for (int i = 0; i < count; i++)
        EXPECT(client_answer(&others[i], false, &answer, ANSWER_MS) && answer.status == status,
               "%s: client %d of %d gets nothing", other, i, count);
    return NULL;
}

/* Asks for a file whose open hangs, and meanwhile for `other`. */
static const char *ask_a_stalled_disk(struct stage *stage, struct disk *disk, const char *path, const char *other,
                                      int status)
{
    enum { OTHERS = 6 };
    struct client client, others[OTHERS];
    struct answer answer;
    disk_stall(disk, true);
    EXPECT(client_open(&client, stage->port) && client_get(&client, path, NULL), "could not ask");
    EXPECT(disk_stalls(disk), "the disk isn't asked for %s", path);
    const char *problem = crowd_open(stage, others, OTHERS);
    problem = problem ? problem : others_get(stage, others, OTHERS, other, status);
    if (problem)
        return problem;
    EXPECT(!client_answer(&client, false, &answer, 0), "an answer came before the disk's");
    disk_stall(disk, false);
    EXPECT(client_answer(&client, false, &answer, ANSWER_MS) && answer.status == 200, "no 200 once the disk answers");
    crowd_close(others, OTHERS);
    client_close(&client);
    return NULL;
}

/* `root`: what is served, the site or the disk alone. */
static const char *known_name_under(struct stage *stage, const struct how *how, struct disk *disk, const char *root)
{
    char path[SITE_PATH_MAX], name[64];
    const char *options[OPTIONS_MAX];
    bool alone = strcmp(root, "slow") == 0;
    snprintf(name, sizeof name, "/slow/" DISK_KNOWN "%d", (int)(how - hows));
    EXPECT(kernel_learns(stage, name), "the disk doesn't know %s", name);
    site_path(&stage->site, root, path);
    how_options(how, NULL, options);
    const char *problem = stage_start_with(stage, &(struct server_setup){.options = options, .root = path});
    if (!problem && alone) /* what is hidden is so by its name: no disk is asked */
        problem = ask_a_stalled_disk(stage, disk, name + strlen("/slow"), "/.hidden", 404);
    else if (!problem)
        problem = ask_a_stalled_disk(stage, disk, name, "/hello.txt", 200);
    return problem ? problem : stage_finish(stage);
}

static const char *known_names_of(struct stage *stage, const char *root)
{
    struct disk disk;
    const char *problem = NULL;
    if (!disk_mount(&disk, stage) || !disk_keep(&disk))
        return stage_skip(stage, "no file system in user space can be mounted here");
    for (int i = 0; i < HOWS && !problem; i++)
        problem = hows[i].waits ? NULL : how_say(stage, &hows[i], known_name_under(stage, &hows[i], &disk, root));
    return problem;
}

static const char *known_name_on_another_mount(struct stage *stage)
{
    return known_names_of(stage, ".");
}

static const char *known_name_on_the_only_mount(struct stage *stage)
{
    return known_names_of(stage, "slow");
}

/* What is held in the cache is checked after a second. */
static const char *held_file_is_checked(struct stage *stage)
{
    enum { HELD_MS = 1100 };
    struct disk disk;
    if (!disk_mount(&disk, stage) || !disk_keep(&disk))
        return stage_skip(stage, "no file system in user space can be mounted here");
    const char *problem = stage_start(stage, hows[STAGED_ALONE].options);
    if (problem)
        return problem;
    EXPECT(stage_get(stage, "/slow/" DISK_KNOWN "0") == 200, "the disk's file isn't served");
    stage_warm(stage, "/slow/" DISK_KNOWN "0");
    pause_ms(HELD_MS);
    problem = ask_a_stalled_disk(stage, &disk, "/slow/" DISK_KNOWN "0", "/hello.txt", 200);
    return problem ? problem : stage_finish(stage);
}

/* ---- a log that nobody reads */

/* Whether its standard output takes nothing more, soon. */
static bool output_fills(const struct stage *stage)
{
    char path[64];
    bool full = false;
    snprintf(path, sizeof path, "/proc/%d/fd/1", (int)stage->server.pid);
    int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    for (long long until = now_ms() + SOON_MS; fd >= 0 && !full && now_ms() < until; pause_ms(10))
        full = poll(&(struct pollfd){fd, POLLOUT, 0}, 1, 0) == 0;
    close(fd);
    return full;
}

static const char *ask_often(struct stage *stage, struct client *clients, int count, int rounds)
{
    const char *problem = NULL;
    for (int i = 0; i < rounds && !problem; i++)
        problem = crowd_ask(stage, clients, count, "/hello.txt");
    return problem;
}

/* Until its standard output is full; until the log's thread waits for that, with more to write; and then on. */
static const char *ask_beside_a_full_log(struct stage *stage, struct client *clients, int count, int rounds)
{
    const char *problem = crowd_open(stage, clients, count);
    problem = problem ? problem : ask_often(stage, clients, count, rounds);
    if (problem)
        return problem;
    EXPECT(output_fills(stage), "its standard output doesn't fill");
    problem = ask_often(stage, clients, count, rounds);
    pause_ms(150);
    problem = problem ? problem : ask_often(stage, clients, count, rounds);
    crowd_close(clients, count);
    return problem;
}

/* Ours is the reading end of its standard output: we read nothing for a while. */
static const char *unread_log_under(struct stage *stage, const struct how *how)
{
    enum { CLIENTS = 8, ROUNDS = 20 };
    struct client clients[CLIENTS];
    struct report report;
    if (how == &hows[PROCESSES])
        return NULL; /* --active-limit is for threads */
    const char *problem = how_start(stage, how, OPTIONS("--access-log", "-", "--active-limit", "1"));
    if (problem)
        return problem;
    int output = stage->server.output_fd;
    fcntl(output, F_SETPIPE_SZ, 4096);
    stage->server.output_fd = -1;
    problem = ask_beside_a_full_log(stage, clients, CLIENTS, ROUNDS);
    stage->server.output_fd = output;
    problem = problem ? problem : report_finish(stage, &report);
    if (problem)
        return problem;
    long long requests = report_sum(&report, "", REQUESTS), asked = 3 * CLIENTS * ROUNDS;
    EXPECT(requests == asked, "%lld of %lld requests", requests, asked);
    return NULL;
}

static const char *unread_log_at_the_limit(struct stage *stage)
{
    return how_each(stage, unread_log_under);
}

/* ---- files that aren't in memory */

/* Puts a file out of memory; whether it went. */
static bool make_cold(const char *path)
{
    unsigned char resident = 1;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool dropped = fsync(fd) == 0 && posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0;
    void *at = mmap(NULL, 1, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (at == MAP_FAILED)
        return false;
    bool seen = mincore(at, 1, &resident) == 0;
    munmap(at, 1);
    return dropped && seen && !(resident & 1);
}

/* Handoffs by helpers when one large file is asked for. */
static const char *helpers_handoffs(struct stage *stage, const struct how *how, long long *count)
{
    struct report report;
    const char *problem = how_start(stage, how, NULL);
    if (!problem)
        problem = crowd_visit(stage, 1, 1, "/cold.bin");
    if (!problem)
        problem = report_finish(stage, &report);
    *count = problem ? 0 : report_sum(&report, how->helps, HANDOFFS);
    return problem;
}

static const char *cold_file_under(struct stage *stage, const struct how *how)
{
    char path[SITE_PATH_MAX];
    long long cold, hot;
    if (!how->helps)
        return NULL;
    site_write_pattern(&stage->site, "cold.bin", LARGE);
    site_path(&stage->site, "cold.bin", path);
    if (!make_cold(path))
        return stage_skip(stage, "no file can be put out of memory here");
    const char *problem = helpers_handoffs(stage, how, &cold);
    hot = cold;
    for (int tries = 0; tries < 3 && !problem && hot >= cold; tries++) /* a mount somewhere may cross an open */
        problem = helpers_handoffs(stage, how, &hot);
    if (problem)
        return problem;
    EXPECT(cold > hot, "helpers hand back %lld times for a cold file, and %lld for a hot one", cold, hot);
    return NULL;
}

static const char *cold_file(struct stage *stage)
{
    return how_each(stage, cold_file_under);
}

const struct scene scenes_of_disks[] = {
    {"while a disk hangs others are served, but by sped", disk_that_hangs},
    {"--active-limit 1: while a disk hangs others are served, but by sped", disk_that_hangs_at_the_limit},
    {"while an open hangs on another mount, whose names are known, others are served", known_name_on_another_mount},
    {"while an open hangs on the only mount, whose names are known, others are served", known_name_on_the_only_mount},
    {"while a file that is held is checked, and its disk hangs, others are served", held_file_is_checked},
    {"--active-limit 1: a log that nobody reads stops nobody", unread_log_at_the_limit},
    {"a file that isn't in memory goes through the helpers", cold_file},
    {0},
};
