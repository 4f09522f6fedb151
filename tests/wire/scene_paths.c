/* scenes of paths: what names may be made of, how many ways there are to spell them, and what answers tell of the disk.
 */
#include "scene.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

enum { TARGET_MAX = 512, AT_ONCE_MS = 5000 };

/* Percent-encodes a name: every byte of it, or those that could be taken for something else. */
static void encode(const char *name, bool all, char out[TARGET_MAX])
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._/";
    size_t len = 0;
    for (; *name != '\0' && len < TARGET_MAX - 4; name++) {
        if (*name == '/' || (!all && strchr(plain, *name) != NULL))
            out[len++] = *name;
        else
            len += (size_t)sprintf(out + len, "%%%02x", (unsigned char)*name);
    }
    out[len] = '\0';
}

static const char *any_byte(struct stage *stage)
{
    char name[16], text[16], encoded[TARGET_MAX], path[TARGET_MAX + 1];
    struct client client;
    struct answer answer;
    const char *problem = stage_start(stage, NULL);
    if (problem)
        return problem;
    for (int byte = 1; byte < 256; byte++) {
        snprintf(name, sizeof name, "a%cb.txt", byte);
        snprintf(text, sizeof text, "%d\n", byte);
        if (byte != '/')
            site_write(&stage->site, name, text);
    }
    EXPECT(client_open(&client, stage->port), "could not connect");
    for (int byte = 1; byte < 256; byte++) {
        snprintf(name, sizeof name, "a%cb.txt", byte);
        snprintf(text, sizeof text, "%d\n", byte);
        encode(name, true, encoded);
        snprintf(path, sizeof path, "/%s", encoded);
        if (byte == '/')
            continue;
        EXPECT(client_get(&client, path, NULL) && client_answer(&client, false, &answer, 5000), "no answer to %s",
               path);
        EXPECT(answer.status == 200 && answer.body_len == strlen(text) &&
                   memcmp(answer.body, text, answer.body_len) == 0,
               "%s: status %d, or another file", path, answer.status);
    }
    client_close(&client);
    return stage_finish(stage);
}

/* ---- redirects */

/* Directories, of which some have a page, and names that would lead elsewhere where they were taken for more than
 * names. */
static const char *const directories[] = {
    "dir",  "dir/sub",      "link-dir",         "noindex",      "sp ace", "a?b",       "a#b",
    "100%", "line\r\nX: y", "\\\\evil.example", "evil.example", "http:",  "latin\xe9", "%2e%2e",
};
enum { DIRECTORIES = sizeof directories / sizeof *directories };

/* Ways to begin the path of any of them. */
static const char *const beginnings[] = {
    "/",
    "//",
    "///",
    "/./",
    "/%2e/",
    "/missing/../",
    "/dir/%2E%2e/",
    "//evil.example/..//",
    "/%5cevil.example/../",
    "/;/../",
    "/http:/%2e./",
    "/a@b/.././",
};
enum { BEGINNINGS = sizeof beginnings / sizeof *beginnings };

static const char *const queries[] = {
    "", "?", "?a=b&c=%20", "?//evil.example/", "?http://evil.example/?x", "?/../..", "?%0d%0aX:y",
};
enum { QUERIES = sizeof queries / sizeof *queries, SPELLINGS = DIRECTORIES * BEGINNINGS * 2 };

static bool make_directories(struct stage *stage)
{
    char path[SITE_PATH_MAX];
    for (int i = 0; i < DIRECTORIES; i++) {
        site_path(&stage->site, directories[i], path);
        if (mkdir(path, 0755) < 0 && errno != EEXIST)
            return false;
    }
    site_write(&stage->site, "a?b/index.html", "the page of a directory with a question mark\n");
    return true;
}

/* What each spelling of a directory was redirected to first; the others must lead there as well. */
static char leads_to[DIRECTORIES][TARGET_MAX];

static const char *expect_location(struct stage *stage, const char *target, int directory, const char *query,
                                   const char *location)
{
    size_t len = strcspn(location, "?");
    EXPECT(location[0] == '/' && location[1] != '/' && location[1] != '\\', "%s leads to %s", target, location);
    EXPECT(len > 1 && location[len - 1] == '/', "%s leads to %s, which is no directory", target, location);
    EXPECT(strcmp(location + len, query) == 0, "%s leads to %s, without its query", target, location);
    if (leads_to[directory][0] == '\0')
        snprintf(leads_to[directory], TARGET_MAX, "%.*s", (int)len, location);
    EXPECT(strlen(leads_to[directory]) == len && memcmp(leads_to[directory], location, len) == 0,
           "%s leads to %s, where others lead to %s", target, location, leads_to[directory]);
    return NULL;
}

static const char *follow(struct stage *stage, struct client *client, const char *target, int directory,
                          const char *query)
{
    char location[TARGET_MAX] = "";
    struct answer answer;
    EXPECT(client_get(client, target, NULL) && client_answer(client, false, &answer, 5000), "no answer to %s", target);
    EXPECT(answer.status == 301 && answer_field(&answer, "Location", location, sizeof location) == 1,
           "%s: status %d, or no Location", target, answer.status);
    EXPECT(!answer_broken_law(&answer), "%s: broken: %s", target, answer_broken_law(&answer));
    const char *problem = expect_location(stage, target, directory, query, location);
    if (problem)
        return problem;
    int status = client_status(client, location, NULL);
    EXPECT(status == 200 || status == 404, "%s leads to %s, which is %d", target, location, status);
    return NULL;
}

static const char *redirected_once(struct stage *stage)
{
    char name[TARGET_MAX], target[2 * TARGET_MAX];
    struct client client;
    _Static_assert(SPELLINGS >= 200, "two hundred spellings");
    EXPECT(make_directories(stage), "can't make a directory");
    const char *problem = stage_start(stage, NULL);
    if (problem)
        return problem;
    EXPECT(client_open(&client, stage->port), "could not connect");
    for (int i = 0; i < SPELLINGS && !problem; i++) {
        int directory = i / 2 % DIRECTORIES;
        const char *query = queries[i % QUERIES];
        encode(directories[directory], i % 2 != 0, name);
        snprintf(target, sizeof target, "%s%s%s", beginnings[i / 2 / DIRECTORIES], name, query);
        problem = follow(stage, &client, target, directory, query);
    }
    client_close(&client);
    return problem ? problem : stage_finish(stage);
}

/* ---- what answers tell */

/* Asks on a connection of its own for something with a name that no page needs to repeat. */
static const struct question {
    int status;
    const char *request;
} questions[] = {
    {301, "GET /dir HTTP/1.1\r\nHost: a\r\n\r\n"},
    {301, "GET /link-dir HTTP/1.1\r\nHost: a\r\n\r\n"},
    {400, "GET /../private HTTP/1.1\r\nHost: a\r\n\r\n"},
    {400, "GET /private%00 HTTP/1.1\r\nHost: a\r\n\r\n"},
    {400, "GET /private HTTP/1.1\r\n\r\n"},
    {400, "private\r\n\r\n"},
    {403, "GET /unreadable.txt HTTP/1.1\r\nHost: a\r\n\r\n"},
    {403, "GET /closed/private HTTP/1.1\r\nHost: a\r\n\r\n"},
    {404, "GET /private HTTP/1.1\r\nHost: a\r\n\r\n"},
    {404, "GET /dir/private/ HTTP/1.1\r\nHost: a\r\n\r\n"},
    {404, "GET /noindex/ HTTP/1.1\r\nHost: a\r\n\r\n"},
    {404, "GET /.git/private HTTP/1.1\r\nHost: a\r\n\r\n"},
    {404, "GET /link-out.txt HTTP/1.1\r\nHost: a\r\n\r\n"},
    {404, "GET /link-absolute.txt HTTP/1.1\r\nHost: a\r\n\r\n"},
    {404, "GET /link-nowhere HTTP/1.1\r\nHost: a\r\n\r\n"},
    {404, "GET /link-loop HTTP/1.1\r\nHost: a\r\n\r\n"},
    {404, "GET /fifo HTTP/1.1\r\nHost: a\r\n\r\n"},
    {405, "POST /private HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"},
    {412, "GET /hello.txt HTTP/1.1\r\nHost: a\r\nIf-Match: \"private\"\r\n\r\n"},
    {413, "POST /private HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n"},
    {416, "GET /hello.txt HTTP/1.1\r\nHost: a\r\nRange: bytes=1000-\r\n\r\n"},
    {417, "GET /private HTTP/1.1\r\nHost: a\r\nExpect: private\r\n\r\n"},
    {421, "GET https://a/private HTTP/1.1\r\nHost: a\r\n\r\n"},
    {501, "PRIVATE /private HTTP/1.1\r\nHost: a\r\n\r\n"},
    {505, "GET /private HTTP/2.0\r\nHost: a\r\n\r\n"},
};

static bool tells(const struct answer *answer, const char *word)
{
    return memmem(answer->head, answer->head_len + answer->body_len, word, strlen(word)) != NULL;
}

static const char *nothing_of_the_disk(struct stage *stage)
{
    const char *place = strrchr(stage->site.place, '/') + 1;
    const char *problem = stage_start(stage, NULL);
    if (problem)
        return problem;
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++) {
        const struct question *question = &questions[i];
        struct client client;
        struct answer answer;
        EXPECT(client_open(&client, stage->port) &&
                   client_send(&client, question->request, strlen(question->request)) &&
                   client_answer(&client, false, &answer, 5000),
               "no answer to %s", question->request);
        EXPECT(answer.status == question->status, "status %d to %s", answer.status, question->request);
        EXPECT(!tells(&answer, place) && !tells(&answer, stage->site.root), "where the site lies is told to %s",
               question->request);
        EXPECT(!tells(&answer, "private") && !tells(&answer, "outside"), "a name is told to %s", question->request);
        client_close(&client);
    }
    return stage_finish(stage);
}

/* ---- what is no file */

/* A FIFO is there already; beside it a socket, devices, and a directory whose page is a FIFO. */
static bool make_specials(struct stage *stage)
{
    char path[SITE_PATH_MAX];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    site_path(&stage->site, "socket", path);
    snprintf(address.sun_path, sizeof address.sun_path, "%.100s", path);
    bool made = strlen(path) < sizeof address.sun_path && fd >= 0 &&
                bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 1) == 0;
    static const struct {
        const char *name, *to;
    } devices[] = {{"null", "/dev/null"}, {"zero", "/dev/zero"}, {"tty", "/dev/tty"}, {"random", "/dev/urandom"}};
    for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) {
        site_path(&stage->site, devices[i].name, path);
        made = symlink(devices[i].to, path) == 0 && made;
    }
    site_path(&stage->site, "own-zero", path);
    if (mknod(path, S_IFCHR | 0644, makedev(1, 5)) < 0) /* takes privileges: else a link must do */
        made = symlink("zero", path) == 0 && made;
    site_path(&stage->site, "piped", path);
    made = mkdir(path, 0755) == 0 && made;
    site_path(&stage->site, "piped/index.html", path);
    return mkfifo(path, 0644) == 0 && made;
}

static const char *ask_for_specials(struct stage *stage, struct client *client)
{
    static const char *const paths[] = {"/fifo", "/socket", "/null",     "/zero",
                                        "/tty",  "/random", "/own-zero", "/piped/"};
    long long until = now_ms() + AT_ONCE_MS;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        EXPECT(client_get(client, paths[i], NULL) && client_get(client, "/hello.txt", NULL), "could not ask");
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct answer answer;
        EXPECT(client_answer(client, false, &answer, (int)(until - now_ms())), "no answer to %s in time", paths[i]);
        EXPECT(answer.status == 404, "%s is %d", paths[i], answer.status);
        EXPECT(client_answer(client, false, &answer, (int)(until - now_ms())) && answer.status == 200,
               "%s holds up what comes behind it", paths[i]);
    }
    return NULL;
}

/* One thread for each thing there is to do: who waited for a FIFO's writer would be missed. Links may lead to devices.
 */
static const char *no_files(struct stage *stage)
{
    char path[SITE_PATH_MAX], byte;
    struct client client;
    EXPECT(make_specials(stage), "can't make what is no file: %s", strerror(errno));
    const char *problem = stage_start(stage, OPTIONS("--symlinks", "all", "--workers", "1", "--blockers", "1"));
    if (problem)
        return problem;
    EXPECT(client_open(&client, stage->port), "could not connect");
    for (int i = 0; i < 20; i++)
        if ((problem = ask_for_specials(stage, &client)) != NULL)
            return problem;
    site_path(&stage->site, "fifo", path);
    int fifo = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    EXPECT(fifo >= 0 && write(fifo, "x", 1) == 1, "can't write to the FIFO");
    if ((problem = ask_for_specials(stage, &client)) != NULL)
        return problem;
    EXPECT(read(fifo, &byte, 1) == 1 && byte == 'x', "the FIFO's byte was taken");
    close(fifo);
    client_close(&client);
    return stage_finish(stage);
}

const struct scene scenes_of_paths[] = {
    {"a file whose name has any byte in it is served by it", any_byte},
    {"two hundred spellings of directories lead to this host, keep their query, and lead no further", redirected_once},
    {"no answer tells where the site lies, nor what was asked for", nothing_of_the_disk},
    {"what is no file is 404 at once, and keeps nobody waiting", no_files},
    {0},
};
