/* scenes of files: the site changes while it is served. */
#include "scene.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Whether a GET with these fields brings this body, in this content coding ("": none): at once, whatever was there. */
static bool brings(struct stage *stage, const char *path, const char *fields, const char *coding, const char *text)
{
    struct client client;
    struct answer answer;
    char named[32] = "";
    bool same = client_open(&client, stage->port) && client_get(&client, path, fields) &&
                client_answer(&client, false, &answer, 5000) && answer.status == 200 &&
                answer_field(&answer, "Content-Encoding", named, sizeof named) == (*coding != '\0') &&
                strcmp(named, coding) == 0 && answer.body_len == strlen(text) &&
                memcmp(answer.body, text, answer.body_len) == 0;
    client_close(&client);
    return same;
}

static bool brings_plain(struct stage *stage, const char *path, const char *text)
{
    return brings(stage, path, NULL, "", text);
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
    EXPECT(brings_plain(stage, "/change.txt", "first\n"), "a new file isn't served");
    EXPECT(client_open(&client, stage->port) && client_get(&client, "/change.txt", NULL), "could not ask");
    EXPECT(client_answer(&client, false, &answer, 5000) && answer_field(&answer, "ETag", before, sizeof before) == 1,
           "no tag");
    pause_ms(20);
    site_write(&stage->site, "change.txt", "other\n");
    EXPECT(brings_plain(stage, "/change.txt", "other\n"), "a change of the same length isn't seen");
    EXPECT(client_get(&client, "/change.txt", NULL) && client_answer(&client, false, &answer, 5000), "no answer");
    EXPECT(answer.body_len == 6 && memcmp(answer.body, "other\n", 6) == 0, "an old connection gets old bytes");
    answer_field(&answer, "ETag", after, sizeof after);
    EXPECT(strcmp(before, after) != 0, "two contents with the same tag %s", before);
    site_write(&stage->site, "change.txt", "something longer\n");
    EXPECT(brings_plain(stage, "/change.txt", "something longer\n"), "a longer content isn't seen");
    client_close(&client);
    return stage_finish(stage);
}

/* Each time by another file, of the same length, in its place; asked by a connection that has asked before. */
static const char *seen_by_the_next_request(struct stage *stage)
{
    enum { CHANGES = 300, CLIENTS = 4 };
    char from[SITE_PATH_MAX], to[SITE_PATH_MAX], text[16];
    struct client clients[CLIENTS];
    struct answer answer;
    const char *problem = stage_start(stage, OPTIONS("--cache-valid", "0"));
    if (problem)
        return problem;
    site_path(&stage->site, "staged.txt", from);
    site_path(&stage->site, "change.txt", to);
    for (int i = 0; i < CLIENTS; i++)
        EXPECT(client_open(&clients[i], stage->port) && client_status(&clients[i], "/hello.txt", NULL) == 200,
               "could not ask");
    for (int i = 0; i < CHANGES; i++) {
        snprintf(text, sizeof text, "%06d\n", i);
        site_write(&stage->site, "staged.txt", text);
        EXPECT(rename(from, to) == 0, "could not replace");
        struct client *client = &clients[i % CLIENTS];
        EXPECT(client_get(client, "/change.txt", NULL) && client_answer(client, false, &answer, 5000), "no answer");
        EXPECT(answer.status == 200 && answer.body_len == 7 && memcmp(answer.body, text, 7) == 0,
               "change %d isn't seen: %.*s", i, (int)answer.body_len, answer.body);
    }
    for (int i = 0; i < CLIENTS; i++)
        client_close(&clients[i]);
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
    EXPECT(rename(from, to) == 0 && brings_plain(stage, "/moved.txt", "moved\n"), "a file that came isn't seen");
    site_write(&stage->site, "staged.txt", "again\n");
    EXPECT(rename(from, to) == 0 && brings_plain(stage, "/moved.txt", "again\n"),
           "a file that was replaced isn't seen");
    EXPECT(unlink(to) == 0 && stage_get(stage, "/moved.txt") == 404, "a file that went is still served");
    EXPECT(mkdir(to, 0755) == 0 && stage_get(stage, "/moved.txt") == 301, "a directory in its place isn't seen");
    return stage_finish(stage);
}

#define GZIP "Accept-Encoding: gzip\r\n"

static const char *variant_comes_and_goes(struct stage *stage)
{
    static const char original[] = "the original, longer than all\n", rewritten[] = "the original, written again!!\n";
    char path[SITE_PATH_MAX];
    const char *problem = stage_start(stage, NULL);
    if (problem)
        return problem;
    site_write(&stage->site, "plain.js", original);
    site_path(&stage->site, "plain.js.gz", path);
    EXPECT(brings(stage, "/plain.js", GZIP, "", original), "a new file isn't served");
    EXPECT(stage_warm(stage, "/plain.js"), "can't ask often");
    site_write(&stage->site, "plain.js.gz", "first\n");
    EXPECT(brings(stage, "/plain.js", GZIP, "gzip", "first\n"), "a variant that came isn't seen");
    EXPECT(brings(stage, "/plain.js", NULL, "", original), "the original isn't served any more");
    pause_ms(20);
    site_write(&stage->site, "plain.js.gz", "other\n");
    EXPECT(brings(stage, "/plain.js", GZIP, "gzip", "other\n"), "a variant that changed isn't seen");
    EXPECT(unlink(path) == 0 && brings(stage, "/plain.js", GZIP, "", original), "a variant that went is still served");
    site_write(&stage->site, "plain.js.gz", "again\n");
    EXPECT(brings(stage, "/plain.js", GZIP, "gzip", "again\n"), "a variant that came back isn't seen");
    pause_ms(20);
    site_write(&stage->site, "plain.js", rewritten);
    EXPECT(brings(stage, "/plain.js", GZIP, "", rewritten), "a variant that is outdated is still served");
    site_write(&stage->site, "plain.js.gz", "third\n");
    EXPECT(brings(stage, "/plain.js", GZIP, "gzip", "third\n"), "a variant made again isn't seen");
    return stage_finish(stage);
}

/*
 * Pairs of an original and its variant, each replaced by later versions while it is asked for. Every line of a version
 * tells what it is of, and which; how many there are depends on both. A pair is asked for the first time while it
 * changes, so that it is opened at that moment.
 */
enum { PAIRS = 30, VERSIONS = 4, PAIRS_MS = 3000, PAIR_CLIENTS = 6, PAIR_LINE = 16, PAIR_LINES_MAX = 5100 };

/* A later version's variant is smaller than an earlier original: only its time may say whose it is. */
static void write_version(char text[PAIR_LINES_MAX * PAIR_LINE + 1], int pair, int version, bool coded)
{
    int lines = (pair % 2 == 0 ? 40 : 5000) - (coded ? 20 : 0) + 3 * version; /* in memory, or not */
    char line[64];
    snprintf(line, sizeof line, "%-6s %02d %05d\n", coded ? "gzip" : "plain", version, pair);
    for (int i = 0; i < lines; i++)
        memcpy(text + PAIR_LINE * i, line, PAIR_LINE + 1);
}

static const char *expect_version(struct stage *stage, const struct answer *answer, int pair, bool asked, bool *coded)
{
    char coding[32] = "", text[PAIR_LINES_MAX * PAIR_LINE + 1];
    *coded = answer_field(answer, "Content-Encoding", coding, sizeof coding) > 0;
    EXPECT(answer->status == 200 && answer->body_len >= PAIR_LINE, "status %d", answer->status);
    EXPECT(asked || !*coded, "%s for who didn't ask for it", coding);
    EXPECT(!*coded || strcmp(coding, "gzip") == 0, "%s, and nothing is", coding);
    write_version(text, pair, atoi(answer->body + 7), *coded);
    EXPECT(answer->body_len == strlen(text) && memcmp(answer->body, text, answer->body_len) == 0,
           "%zu bytes %s, which begin with %.16s", answer->body_len, *coded ? "by gzip" : "as they are", answer->body);
    return NULL;
}

struct pairs {
    struct client clients[PAIR_CLIENTS]; /* every second one takes gzip */
    int asked;                           /* times, each of them */
    long coded;                          /* answers by gzip */
};

static bool ask_for_pair(struct pairs *pairs, int pair)
{
    char path[64];
    bool sent = true;
    snprintf(path, sizeof path, "/pair-%d.js", pair);
    for (int i = 0; i < PAIR_CLIENTS; i++)
        sent &= client_get(&pairs->clients[i], path, i % 2 == 0 ? NULL : GZIP);
    pairs->asked++;
    return sent;
}

static const char *hear_of_pair(struct stage *stage, struct pairs *pairs, int pair)
{
    for (; pairs->asked > 0; pairs->asked--)
        for (int i = 0; i < PAIR_CLIENTS; i++) {
            struct answer answer;
            bool coded;
            EXPECT(client_answer(&pairs->clients[i], false, &answer, 10000), "no answer, or none that is whole");
            const char *problem = expect_version(stage, &answer, pair, i % 2 != 0, &coded);
            if (problem)
                return problem;
            pairs->coded += coded;
        }
    return NULL;
}

/* Writes a version of one of a pair, aside, and puts it in its place. */
static void put_aside(struct stage *stage, int pair, int version, bool coded)
{
    char text[PAIR_LINES_MAX * PAIR_LINE + 1];
    write_version(text, pair, version, coded);
    site_write(&stage->site, coded ? "aside.gz" : "aside", text);
}

static bool put_in_place(struct stage *stage, int pair, bool coded)
{
    char name[64], from[SITE_PATH_MAX], to[SITE_PATH_MAX];
    snprintf(name, sizeof name, "pair-%d.js%s", pair, coded ? ".gz" : "");
    site_path(&stage->site, coded ? "aside.gz" : "aside", from);
    site_path(&stage->site, name, to);
    return rename(from, to) == 0;
}

static const char *play_pair(struct stage *stage, struct pairs *pairs, int pair)
{
    bool variant_first = pair / 2 % 2 != 0;
    for (int version = 1; version <= VERSIONS; version++) {
        put_aside(stage, pair, version, false);
        put_aside(stage, pair, version, true);
        EXPECT(version == 1 || ask_for_pair(pairs, pair), "could not ask");
        EXPECT(put_in_place(stage, pair, variant_first && version > 1), "can't rename");
        EXPECT(version == 1 || ask_for_pair(pairs, pair), "could not ask");
        EXPECT(put_in_place(stage, pair, !variant_first || version == 1), "can't rename");
        EXPECT(ask_for_pair(pairs, pair), "could not ask");
        const char *problem = hear_of_pair(stage, pairs, pair);
        if (problem)
            return problem;
    }
    return NULL;
}

static const char *pairs_that_change(struct stage *stage)
{
    char path[64], text[PAIR_LINES_MAX * PAIR_LINE + 1];
    struct pairs pairs = {0};
    int pair = 0;
    const char *problem = stage_start(stage, NULL);
    for (int i = 0; i < PAIR_CLIENTS && !problem; i++)
        EXPECT(client_open(&pairs.clients[i], stage->port), "can't connect");
    for (long long until = now_ms() + PAIRS_MS; pair < PAIRS && now_ms() < until && !problem; pair++)
        problem = play_pair(stage, &pairs, pair);
    if (problem)
        return problem;
    for (int i = 0; i < PAIR_CLIENTS; i++)
        client_close(&pairs.clients[i]);
    EXPECT(pairs.coded > 0, "no answer was by gzip");
    snprintf(path, sizeof path, "/pair-%d.js", pair - 1);
    write_version(text, pair - 1, VERSIONS, false);
    EXPECT(brings(stage, path, NULL, "", text), "the last original isn't seen");
    write_version(text, pair - 1, VERSIONS, true);
    EXPECT(brings(stage, path, GZIP, "gzip", text), "the last variant isn't seen");
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
    return stage_finish_but(stage, "");
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
    EXPECT(poll(&(struct pollfd){client.fd, POLLIN, 0}, 1, 30000) == 1, "nothing comes of it");
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
    {"a file written again is seen at once, with another tag", written_again},
    {"--cache-valid 0: whatever changes is seen by the next request", seen_by_the_next_request},
    {"files that come, are replaced and go are seen", replaced_and_removed},
    {"a variant that comes, changes and goes is seen at once", variant_comes_and_goes},
    {"originals and variants that are replaced come whole, each with its own coding", pairs_that_change},
    {"a file truncated under a download ends the connection", truncated_under_a_download},
    {"a file that grows under a download comes as it was announced", growing_under_a_download},
    {"a range beyond four gigabytes", beyond_four_gigabytes},
    {"a site in an overlay", in_an_overlay},
    {"a directory swapped for a link never shows the outside", swapped_for_a_link},
    {0},
};
