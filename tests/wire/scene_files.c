/* scenes of files: the site changes while it is served. */
#include "scene.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SEEN_MS = 2500 };

/* Whether a GET brings this body within the time in which a change must be seen. */
static bool body_within(struct stage *stage, const char *path, const char *text)
{
    for (long long until = now_ms() + SEEN_MS; now_ms() < until; pause_ms(50)) {
        struct client client;
        struct answer answer;
        bool same = client_open(&client, stage->port) && client_get(&client, path, NULL) &&
                    client_answer(&client, false, &answer, 5000) && answer.status == 200 &&
                    answer.body_len == strlen(text) && memcmp(answer.body, text, answer.body_len) == 0;
        client_close(&client);
        if (same)
            return true;
    }
    return false;
}

static const char *written_again(struct stage *stage)
{
    char before[128] = "", after[128] = "";
    struct client client;
    struct answer answer;
    const char *problem = stage_start(stage, NULL);
    if (problem)
        return problem;
    site_write(&stage->site, "change.txt", "first\n");
    EXPECT(body_within(stage, "/change.txt", "first\n"), "a new file isn't served");
    EXPECT(client_open(&client, stage->port) && client_get(&client, "/change.txt", NULL), "could not ask");
    EXPECT(client_answer(&client, false, &answer, 5000) && answer_field(&answer, "ETag", before, sizeof before) == 1,
           "no tag");
    pause_ms(20);
    site_write(&stage->site, "change.txt", "other\n");
    EXPECT(body_within(stage, "/change.txt", "other\n"), "a change of the same length isn't seen");
    pause_ms(SEEN_MS); /* this connection's thread may have looked before the other's */
    EXPECT(client_get(&client, "/change.txt", NULL) && client_answer(&client, false, &answer, 5000), "no answer");
    EXPECT(answer.body_len == 6 && memcmp(answer.body, "other\n", 6) == 0, "an old connection gets old bytes");
    answer_field(&answer, "ETag", after, sizeof after);
    EXPECT(strcmp(before, after) != 0, "two contents with the same tag %s", before);
    site_write(&stage->site, "change.txt", "something longer\n");
    EXPECT(body_within(stage, "/change.txt", "something longer\n"), "a longer content isn't seen");
    client_close(&client);
    return stage_finish(stage);
}

static const char *replaced_and_removed(struct stage *stage)
{
    char from[SITE_PATH_MAX], to[SITE_PATH_MAX];
    const char *problem = stage_start(stage, NULL);
    if (problem)
        return problem;
    EXPECT(stage_get(stage, "/moved.txt") == 404, "a file that isn't there is served");
    site_write(&stage->site, "staged.txt", "moved\n");
    site_path(&stage->site, "staged.txt", from);
    site_path(&stage->site, "moved.txt", to);
    EXPECT(rename(from, to) == 0 && body_within(stage, "/moved.txt", "moved\n"), "a file that came isn't seen");
    site_write(&stage->site, "staged.txt", "again\n");
    EXPECT(rename(from, to) == 0 && body_within(stage, "/moved.txt", "again\n"), "a file that was replaced isn't seen");
    EXPECT(unlink(to) == 0 && stage_get_within(stage, "/moved.txt", 404, SEEN_MS), "a file that went is still served");
    EXPECT(mkdir(to, 0755) == 0 && stage_get_within(stage, "/moved.txt", 301, SEEN_MS),
           "a directory in its place isn't seen");
    return stage_finish(stage);
}

/* A client in the middle of a large body, the socket's buffers full. */
static const char *begin_slow_download(struct stage *stage, struct client *client, const char *path)
{
    const char *problem = stage_start(stage, OPTIONS("--send-buffer", "16384"));
    if (problem)
        return problem;
    EXPECT(client_open_narrow(client, stage->port, 8192) && client_get(client, path, NULL), "could not ask");
    EXPECT(client_get(client, "/hello.txt", NULL), "could not ask for more");
    EXPECT(client_take(client, 4096, 5000) > 0, "nothing comes");
    pause_ms(100);
    return NULL;
}

static long take_all(struct client *client, char *last, size_t room)
{
    long total = 0, got;
    while ((got = client_take(client, 65536, 10000)) > 0) {
        size_t kept = (size_t)got < room - 1 ? (size_t)got : room - 1;
        memcpy(last, client->bytes + got - kept, kept);
        last[kept] = '\0';
        total += got;
    }
    return got < 0 ? -1 : total;
}

static const char *truncated_under_a_download(struct stage *stage)
{
    struct client client;
    char path[SITE_PATH_MAX], last[4096] = "";
    const char *problem = begin_slow_download(stage, &client, "/4m.bin");
    if (problem)
        return problem;
    site_path(&stage->site, "4m.bin", path);
    EXPECT(truncate(path, 100000) == 0, "could not truncate");
    long cpu = server_cpu_ms(&stage->server);
    long total = take_all(&client, last, sizeof last);
    EXPECT(total >= 0, "the connection isn't closed when the body can't be completed");
    EXPECT(total < 4000000, "%ld bytes of a file that was truncated", total);
    EXPECT(!strstr(last, "HTTP/1.1 200"), "the next response stands within the body of the first");
    EXPECT(server_cpu_ms(&stage->server) - cpu < 500, "it span");
    EXPECT(stage_get(stage, "/hello.txt") == 200, "can't serve afterwards");
    int status = server_stop(&stage->server, SIGTERM);
    EXPECT(status == 0, "the server ended with %d and said: %.800s", status, server_complaints(&stage->server));
    return NULL;
}

static const char *growing_under_a_download(struct stage *stage)
{
    struct client client;
    struct answer answer;
    char path[SITE_PATH_MAX];
    const char *problem = stage_start(stage, OPTIONS("--send-buffer", "16384"));
    if (problem)
        return problem;
    EXPECT(client_open_narrow(&client, stage->port, 8192) && client_get(&client, "/1m.bin", NULL), "could not ask");
    EXPECT(client_get(&client, "/hello.txt", NULL), "could not ask for more");
    pause_ms(100);
    site_path(&stage->site, "1m.bin", path);
    FILE *file = fopen(path, "ae");
    EXPECT(file && fwrite(path, 1, 400, file) == 400 && fclose(file) == 0, "could not append");
    EXPECT(client_answer(&client, false, &answer, 30000), "no answer");
    EXPECT(answer.status == 200 && answer.body_len == 1048576, "status %d, %zu bytes", answer.status, answer.body_len);
    EXPECT(client_answer(&client, false, &answer, 10000) && answer.status == 200 && answer.body_len == 13,
           "the next answer is off");
    client_close(&client);
    return stage_finish(stage);
}

static const char *beyond_four_gigabytes(struct stage *stage)
{
    struct client client;
    struct answer answer;
    char path[SITE_PATH_MAX], range[128] = "";
    site_path(&stage->site, "sparse.bin", path);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    EXPECT(fd >= 0 && ftruncate(fd, 5LL << 30) == 0 && pwrite(fd, "needle", 6, (5LL << 30) - 100) == 6,
           "can't make a large file");
    close(fd);
    const char *problem = stage_start(stage, NULL);
    if (problem)
        return problem;
    EXPECT(client_open(&client, stage->port) &&
               client_get(&client, "/sparse.bin", "Range: bytes=5368709020-5368709025\r\n"),
           "no");
    EXPECT(client_answer(&client, false, &answer, 10000), "no answer");
    EXPECT(answer.status == 206 && answer.body_len == 6 && memcmp(answer.body, "needle", 6) == 0, "status %d",
           answer.status);
    answer_field(&answer, "Content-Range", range, sizeof range);
    EXPECT(strcmp(range, "bytes 5368709020-5368709025/5368709120") == 0, "Content-Range: %s", range);
    client_close(&client);
    return stage_finish(stage);
}

/* A directory that is swapped for a link to the outside again and again must never show the outside. */
static const char *swapped_for_a_link(struct stage *stage)
{
    char plain[SITE_PATH_MAX], link[SITE_PATH_MAX], spare[SITE_PATH_MAX];
    const char *problem = stage_start(stage, NULL);
    if (problem)
        return problem;
    site_path(&stage->site, "swap", plain);
    site_path(&stage->site, "swap-link", link);
    site_path(&stage->site, "swap-spare", spare);
    EXPECT(mkdir(plain, 0755) == 0 && symlink("..", link) == 0, "can't make a directory and a link");
    site_write(&stage->site, "swap/outside.txt", "inside\n");
    for (int i = 0; i < 1500; i++) {
        struct client client;
        struct answer answer;
        EXPECT(rename(plain, spare) == 0 && rename(link, plain) == 0, "can't swap");
        EXPECT(client_open(&client, stage->port) && client_get(&client, "/swap/outside.txt", NULL), "could not ask");
        EXPECT(rename(plain, link) == 0 && rename(spare, plain) == 0, "can't swap back");
        EXPECT(client_answer(&client, false, &answer, 5000), "no answer");
        EXPECT(answer.status == 404 || (answer.body_len == 7 && memcmp(answer.body, "inside\n", 7) == 0),
               "status %d: %.*s", answer.status, (int)answer.body_len, answer.body);
        client_close(&client);
    }
    return stage_finish(stage);
}

/* The site in an overlay, in a mount namespace of this scene's own: a file system that can't say what it has in memory.
 */
static bool mount_overlay(struct stage *stage, char root[SITE_PATH_MAX])
{
    char layers[SITE_PATH_MAX], options[4 * SITE_PATH_MAX];
    snprintf(layers, sizeof layers, "%.480s/layers", stage->site.place);
    snprintf(root, SITE_PATH_MAX, "%.480s/layers/root", stage->site.place);
    if (mkdir(layers, 0755) < 0 || unshare(CLONE_NEWNS) < 0 ||
        mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || mount("tmpfs", layers, "tmpfs", 0, NULL) < 0)
        return false;
    static const char *const directories[] = {"root", "upper", "work"};
    for (int i = 0; i < 3; i++) {
        snprintf(options, sizeof options, "%s/%s", layers, directories[i]);
        if (mkdir(options, 0755) < 0)
            return false;
    }
    snprintf(options, sizeof options, "lowerdir=%s,upperdir=%s/upper,workdir=%s/work", stage->site.root, layers,
             layers);
    return mount("overlay", root, "overlay", 0, options) == 0;
}

static const char *in_an_overlay(struct stage *stage)
{
    char root[SITE_PATH_MAX];
    size_t size;
    if (!mount_overlay(stage, root))
        return stage_skip(stage, "no overlay can be mounted here (it takes root)");
    char *file = site_read(&stage->site, "4m.bin", &size);
    const char *problem = stage_start_with(stage, &(struct server_setup){.root = root});
    if (problem)
        return problem;
    for (int i = 0; i < 20; i++) {
        struct client client;
        struct answer answer;
        EXPECT(client_open(&client, stage->port) && client_get(&client, "/4m.bin", NULL), "could not ask");
        EXPECT(client_get(&client, "/hello.txt", NULL), "could not ask for more");
        EXPECT(client_answer(&client, false, &answer, 10000), "no answer");
        EXPECT(answer.body_len == size && memcmp(answer.body, file, size) == 0, "status %d, other bytes",
               answer.status);
        EXPECT(client_answer(&client, false, &answer, 10000) && answer.body_len == 13, "the next answer is off");
        client_close(&client);
    }
    free(file);
    return stage_finish(stage);
}

const struct scene scenes_of_files[] = {
    {"a file written again is seen within a second or two, with another tag", written_again},
    {"files that come, are replaced and go are seen", replaced_and_removed},
    {"a file truncated under a download ends the connection", truncated_under_a_download},
    {"a file that grows under a download comes as it was announced", growing_under_a_download},
    {"a range beyond four gigabytes", beyond_four_gigabytes},
    {"a site in an overlay", in_an_overlay},
    {"a directory swapped for a link never shows the outside", swapped_for_a_link},
    {0},
};
