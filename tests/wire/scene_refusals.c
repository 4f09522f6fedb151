/* scenes of refusals: what the kernel doesn't do for us, or not any more: sendfile(2), and descriptors. */
#include "scene.h"

#include "lib/refuse.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    ANSWER_MS = 30000,
    RECOVERY_MS = 5000,
    DOWNLOADS = 12,
    CROWD = 100,
    WATCHED_MS = 2000,
    CPU_MS = 100, /* a twentieth of a processor in that time */
};

/* ---- sendfile */

static bool is_part(const struct answer *answer, const char *file, size_t first, size_t len)
{
    return answer->body_len == len && memcmp(answer->body, file + first, len) == 0;
}

/* By a reader who takes little at a time, so that a body is sent in many pieces, each from where the last one ended. */
static const char *come_whole(struct stage *stage, const char *file, size_t size)
{
    struct client client;
    struct answer answer;
    EXPECT(client_open_narrow(&client, stage->port, 8192), "could not connect");
    EXPECT(client_get(&client, "/4m.bin", NULL) && client_get(&client, "/4m.bin", "Range: bytes=1234567-3456789\r\n") &&
               client_get(&client, "/4m.bin", "Range: bytes=0-99999,2000000-2500000\r\n") &&
               client_get(&client, "/hello.txt", NULL),
           "could not ask");
    pause_ms(100);
    EXPECT(client_answer(&client, false, &answer, ANSWER_MS) && answer.status == 200 && is_part(&answer, file, 0, size),
           "other bytes than the file's");
    EXPECT(client_answer(&client, false, &answer, ANSWER_MS) && answer.status == 206 &&
               is_part(&answer, file, 1234567, 3456789 - 1234567 + 1),
           "other bytes than those of the range");
    struct answer parts[2];
    EXPECT(client_answer(&client, false, &answer, ANSWER_MS) && answer_parts(&answer, parts, 2) == 2 &&
               is_part(&parts[0], file, 0, 100000) && is_part(&parts[1], file, 2000000, 500001),
           "other bytes than those of the ranges");
    EXPECT(client_answer(&client, false, &answer, ANSWER_MS) && answer.status == 200 && answer.body_len == 13,
           "the next answer is off");
    client_close(&client);
    return NULL;
}

static const char *sendfile_refused(struct stage *stage)
{
    static const int errors[] = {EINVAL, ENOSYS, EOPNOTSUPP};
    size_t size;
    char *file = site_read(&stage->site, "4m.bin", &size);
    const char *problem = NULL;
    for (size_t i = 0; i < sizeof errors / sizeof *errors && !problem; i++) {
        if (!refuse_call(SYS_sendfile, errors[i]))
            return stage_skip(stage, "no system call can be refused here");
        problem = stage_start(stage, OPTIONS("--send-buffer", "16384"));
        if (!problem && (problem = come_whole(stage, file, size)) == NULL)
            problem = stage_finish(stage);
    }
    free(file);
    return problem;
}

/* The head is out, and then the disk can't be read: what follows must not be taken for the body. */
static const char *sendfile_fails(struct stage *stage)
{
    struct client client;
    struct answer answer;
    if (!refuse_call(SYS_sendfile, EIO))
        return stage_skip(stage, "no system call can be refused here");
    const char *problem = stage_start(stage, NULL);
    if (problem)
        return problem;
    for (int i = 0; i < 3; i++) {
        EXPECT(client_open(&client, stage->port) && client_get(&client, "/4m.bin", NULL), "could not ask");
        client_get(&client, "/hello.txt", NULL); /* it may be closed by now */
        EXPECT(!client_answer(&client, false, &answer, ANSWER_MS) && client.ended, "a whole answer, or no end");
        EXPECT(!memmem(client.bytes, client.len, "hello, world", 12), "the next answer stands within the body");
        client_close(&client);
        EXPECT(stage_get(stage, "/hello.txt") == 200, "can't serve what is in memory");
    }
    return stage_finish_but(stage, "");
}

/* ---- descriptors */

/* The lowest number below which so many are free, and no more. */
static int number_with_free(const struct server *server, int more)
{
    char path[64];
    struct stat st;
    for (int number = 0, free_ones = 0;; number++) {
        snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)server->pid, number);
        free_ones += lstat(path, &st) < 0;
        if (free_ones > more)
            return number;
    }
}

/* From now on the server can open so many descriptors more. */
static bool leave_descriptors(struct stage *stage, int more)
{
    struct rlimit limit;
    if (prlimit(stage->server.pid, RLIMIT_NOFILE, NULL, &limit) < 0)
        return false;
    limit.rlim_cur = (rlim_t)number_with_free(&stage->server, more);
    return prlimit(stage->server.pid, RLIMIT_NOFILE, &limit, NULL) == 0;
}

static bool has_processes(const struct stage *stage)
{
    for (char *const *option = stage->harness->options; *option; option++)
        if (strcmp(*option, "--processes") == 0)
            return true;
    return false;
}

/* Each in the middle of a large file of its own, which nobody can close for want of descriptors. */
static const char *hold_files(struct stage *stage, struct client *clients)
{
    char path[64];
    for (int i = 0; i < DOWNLOADS; i++) {
        snprintf(path, sizeof path, "/many/%d.bin", i);
        EXPECT(client_open_narrow(&clients[i], stage->port, 8192) && client_get(&clients[i], path, NULL) &&
                   client_take(&clients[i], 1000, 5000) > 0,
               "nothing comes of %s", path);
    }
    return NULL;
}

static const char *no_descriptors_for_files(struct stage *stage)
{
    struct client clients[DOWNLOADS], asks;
    struct answer answer;
    char name[64];
    if (has_processes(stage))
        return stage_skip(stage, "each connection's process has descriptors of its own");
    for (int i = 0; i < 2 * DOWNLOADS; i++) {
        snprintf(name, sizeof name, "many/%d.bin", i);
        site_write_pattern(&stage->site, name, 1000000);
    }
    const char *problem = stage_start(stage, OPTIONS("--send-buffer", "16384"));
    if (problem)
        return problem;
    EXPECT(client_open(&asks, stage->port), "could not connect");
    EXPECT(client_status(&asks, "/hello.txt", NULL) == 200, "no answer");
    if ((problem = hold_files(stage, clients)) != NULL)
        return problem;
    EXPECT(leave_descriptors(stage, 0), "can't take its descriptors away: %s", strerror(errno));
    for (int i = 0; i < 3; i++) {
        EXPECT(client_get(&asks, "/many/20.bin", NULL) && client_answer(&asks, false, &answer, ANSWER_MS), "no answer");
        EXPECT(answer.status == 503, "%d for a file that no descriptor is left for", answer.status);
        EXPECT(!answer_broken_law(&answer), "broken: %s", answer_broken_law(&answer));
    }
    for (int i = 0; i < DOWNLOADS; i++)
        client_close(&clients[i]);
    for (int i = DOWNLOADS; i < 2 * DOWNLOADS; i++) { /* more than there are descriptors: the cache gives its own up */
        snprintf(name, sizeof name, "/many/%d.bin", i);
        EXPECT(stage_get_within(stage, name, 200, RECOVERY_MS), "no recovery for %s", name);
    }
    client_close(&asks);
    return stage_finish_but(stage, "");
}

/* Half a head each, so that none of them is idle; then, for as long as is watched, newcomers as well. */
static const char *watch_it_full(struct stage *stage, struct client *crowd)
{
    for (int i = 0; i < CROWD; i++) {
        EXPECT(client_open(&crowd[i], stage->port), "could not connect");
        client_send(&crowd[i], "GET /hello.txt HTTP/1.1\r\nHost:", 30);
    }
    pause_ms(300);
    long cpu = server_cpu_ms(&stage->server);
    pause_ms(WATCHED_MS);
    cpu = server_cpu_ms(&stage->server) - cpu;
    EXPECT(cpu >= 0, "it died: %.800s", server_complaints(&stage->server));
    EXPECT(stage_is_instrumented(stage) || cpu < CPU_MS, "%ld ms of processor time in %d ms", cpu, WATCHED_MS);
    for (long long until = now_ms() + WATCHED_MS; now_ms() < until; pause_ms(10)) {
        struct client late;
        EXPECT(client_open(&late, stage->port), "could not connect");
        client_get(&late, "/hello.txt", NULL);
        client_close(&late);
    }
    return NULL;
}

static const char *no_descriptors_for_connections(struct stage *stage)
{
    static struct client crowd[CROWD];
    if (has_processes(stage))
        return stage_skip(stage, "each connection's process has descriptors of its own");
    const char *problem = stage_start(stage, NULL);
    if (problem)
        return problem;
    EXPECT(stage_warm(stage, "/hello.txt"), "no answer");
    long long begun = now_ms();
    EXPECT(leave_descriptors(stage, 4), "can't take its descriptors away: %s", strerror(errno));
    if ((problem = watch_it_full(stage, crowd)) != NULL)
        return problem;
    int lines = text_lines(server_complaints(&stage->server)), seconds = (int)((now_ms() - begun) / 1000);
    EXPECT(lines >= 1 && lines <= seconds + 1, "%d lines in %d seconds: %.800s", lines, seconds,
           server_complaints(&stage->server));
    for (int i = 0; i < CROWD; i++)
        client_close(&crowd[i]);
    EXPECT(stage_get_within(stage, "/hello.txt", 200, RECOVERY_MS), "no recovery");
    EXPECT(stage_get_within(stage, "/1m.bin", 200, RECOVERY_MS), "no recovery for files");
    return stage_finish_but(stage, "");
}

const struct scene scenes_of_refusals[] = {
    {"where sendfile is refused, bodies and parts of them come whole, and the connection goes on", sendfile_refused},
    {"a file that can't be read when its head is out ends the connection", sendfile_fails},
    {"without descriptors for files it answers 503, goes on, and recovers", no_descriptors_for_files},
    {"without descriptors for connections it takes a twentieth of a processor and a line a second at most",
     no_descriptors_for_connections},
    {0},
};
