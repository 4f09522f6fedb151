/*
 * The storm of links: a name on the path is now a directory or a file, now a link that leads outside, in a loop, while
 * eight clients ask for what is behind it. They may be given what is inside, or nothing; not a byte, and not the size,
 * of what is outside.
 */
#include "lib/refuse.h"
#include "storm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define INSIDE  "this lies inside, and may be served to whoever asks for it, as often as he likes\n"
#define CODED   "this lies inside, by gzip\n"
#define OUTSIDE "SECRET" /* what lies outside is this, again and again */

enum {
    CLIENTS = 8,
    OUTSIDE_LENGTH = 7919, /* of nothing else */
    TURNS_AT_ONCE = 50,    /* of one trick, before the next one's */
    TURNS_LEAST = 100,     /* of each */
    SERVED_LEAST = 20,     /* what is inside, of each */
    TRICKS = 12,
    ANSWER_MS = 20000,
};

enum manner {
    EXCHANGED = 1, /* at once */
    UNLINKED,      /* moved away, a link made; the link removed, moved back */
    MOVED_OUT,     /* no link, but the directory itself is outside for a while */
};

struct trick {
    const char *name; /* in the root: of what turns */
    const char *url, *fields;
    bool by_links;    /* it takes a link that is followed */
    bool absolute;    /* the link; else it climbs */
    const char *text; /* where the link leads: from its directory, or from the place */
    enum manner manner;
};

static const struct trick tricks[TRICKS] = {
    {"d0", "/d0/in/f.txt", "", false, true, "/outside", EXCHANGED},
    {"d1", "/d1/in/f.txt", "", false, false, "../outside", EXCHANGED},
    {"a/b/d2", "/a/b/d2/in/f.txt", "", false, false, "../../../outside", EXCHANGED},
    {"d3/in", "/d3/in/f.txt", "", false, true, "/outside/in", UNLINKED},
    {"d4", "/d4/in/f.txt", "", false, false, "../outside", UNLINKED},
    {"f0.txt", "/f0.txt", "", false, true, "/outside/f.txt", EXCHANGED},
    {"a/b/f1.txt", "/a/b/f1.txt", "", false, false, "../../../outside/f.txt", EXCHANGED},
    {"f2.txt", "/f2.txt", "", false, false, "../outside/f.txt", UNLINKED},
    {"index/index.html", "/index/", "", false, false, "../../outside/f.txt", EXCHANGED},
    {"coded.js.gz", "/coded.js", "Accept-Encoding: gzip\r\n", false, false, "../outside/f.gz", EXCHANGED},
    {"d5", "/via/f.txt", "", true, false, "../outside", EXCHANGED},
    {"m/deep", "/climbs.txt", "", true, false, "", MOVED_OUT},
};

static const char *const directories[] = {"outside",        "outside/in", "root",       "root/a",     "root/a/b",
                                          "root/d0",        "root/d0/in", "root/d1",    "root/d1/in", "root/a/b/d2",
                                          "root/a/b/d2/in", "root/d3",    "root/d3/in", "root/d4",    "root/d4/in",
                                          "root/index",     "root/d5",    "root/d5/in", "root/m",     "root/m/deep"};

static const struct {
    const char *path, *text; /* NULL: what is outside */
} files[] = {
    {"outside/f.txt", NULL},      {"outside/in/f.txt", NULL},   {"outside/f.gz", OUTSIDE},
    {"root/d0/in/f.txt", INSIDE}, {"root/d1/in/f.txt", INSIDE}, {"root/a/b/d2/in/f.txt", INSIDE},
    {"root/d3/in/f.txt", INSIDE}, {"root/d4/in/f.txt", INSIDE}, {"root/f0.txt", INSIDE},
    {"root/a/b/f1.txt", INSIDE},  {"root/f2.txt", INSIDE},      {"root/index/index.html", INSIDE},
    {"root/coded.js", INSIDE},    {"root/coded.js.gz", CODED},  {"root/d5/in/f.txt", INSIDE},
    {"root/m/f.txt", INSIDE},
};

static const struct {
    const char *path, *text;
} links[] = {{"root/via", "d5/in"}, {"root/climbs.txt", "m/deep/../f.txt"}};

struct way {
    const char *links; /* which the server follows */
    const char *valid; /* so long the cache is believed */
    bool walks;        /* the kernel has no openat2(2) */
};

struct race {
    struct stage *stage;
    struct way way;
    char place[SITE_PATH_MAX]; /* of root and outside */
    _Atomic int trick;         /* that is turned just now */
    _Atomic bool over;
    _Atomic long served[TRICKS], refused[TRICKS], escapes;
    long turns[TRICKS];
    pthread_mutex_t lock;
    char first[512]; /* complaint, under the lock */
};

/* ---- the tree */

static bool is_played(const struct race *race, int trick)
{
    return !tricks[trick].by_links || strcmp(race->way.links, "none") != 0;
}

static bool write_file(int place, const char *path, const char *text)
{
    int fd = openat(place, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    size_t len = text ? strlen(text) : OUTSIDE_LENGTH, done = 0;
    while (fd >= 0 && done < len) {
        const char *from = text ? text + done : OUTSIDE;
        size_t more = text ? len : sizeof OUTSIDE - 1 < len - done ? sizeof OUTSIDE - 1 : len - done;
        if (write(fd, from, more) != (ssize_t)more)
            break;
        done += more;
    }
    if (fd >= 0)
        close(fd);
    return done == len;
}

static void link_text(const struct race *race, const struct trick *trick, char text[SITE_PATH_MAX])
{
    snprintf(text, SITE_PATH_MAX, "%.480s%.31s", trick->absolute ? race->place : "", trick->text);
}

/* Beside each name that is exchanged stands the link. */
static bool build_links(const struct race *race, int place)
{
    bool well = true;
    for (size_t i = 0; i < sizeof links / sizeof *links; i++)
        well &= symlinkat(links[i].text, place, links[i].path) == 0;
    for (int i = 0; i < TRICKS; i++) {
        char text[SITE_PATH_MAX], path[64];
        if (tricks[i].manner != EXCHANGED)
            continue;
        link_text(race, &tricks[i], text);
        snprintf(path, sizeof path, "root/%s.other", tricks[i].name);
        well &= symlinkat(text, place, path) == 0;
    }
    return well;
}

static bool build(struct race *race)
{
    bool well = mkdir(race->place, 0755) == 0;
    int place = open(race->place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; i < sizeof directories / sizeof *directories; i++)
        well &= mkdirat(place, directories[i], 0755) == 0;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        well &= write_file(place, files[i].path, files[i].text);
    well &= build_links(race, place);
    close(place);
    return well;
}

/* ---- turns */

static int turn_exchanged(const struct race *race, const struct trick *trick, int root)
{
    char other[64];
    (void)race;
    snprintf(other, sizeof other, "%s.other", trick->name);
    return renameat2(root, trick->name, root, other, RENAME_EXCHANGE);
}

static int turn_unlinked(const struct race *race, const struct trick *trick, int root)
{
    char away[64], text[SITE_PATH_MAX];
    link_text(race, trick, text);
    snprintf(away, sizeof away, "%s.away", trick->name);
    if (renameat(root, trick->name, root, away) < 0 || symlinkat(text, root, trick->name) < 0)
        return -1;
    return unlinkat(root, trick->name, 0) < 0 ? -1 : renameat(root, away, root, trick->name);
}

static int turn_moved(const struct race *race, const struct trick *trick, int root)
{
    static const char outside[] = "../outside/deep";
    (void)race;
    return renameat(root, trick->name, root, outside) < 0 ? -1 : renameat(root, outside, root, trick->name);
}

/* There and back. 0, or -1 with errno. */
static int turn(const struct race *race, const struct trick *trick, int root)
{
    switch (trick->manner) {
    case EXCHANGED:
        return turn_exchanged(race, trick, root) < 0 ? -1 : turn_exchanged(race, trick, root);
    case UNLINKED:
        return turn_unlinked(race, trick, root);
    case MOVED_OUT:
        break;
    }
    return turn_moved(race, trick, root);
}

/* ---- clients */

static void complain(struct race *race, const struct trick *trick, const struct answer *answer, const char *what)
{
    race->escapes++;
    race->over = true;
    pthread_mutex_lock(&race->lock);
    if (!*race->first)
        snprintf(race->first, sizeof race->first, "GET %s, while %s turned: %s: %d, %zu bytes that begin with %.40s",
                 trick->url, trick->name, what, answer->status, answer->body_len,
                 answer->bodiless || !answer->body ? "" : answer->body);
    pthread_mutex_unlock(&race->lock);
}

static bool tells_of_outside(const struct answer *answer)
{
    char length[32] = "", outside[32];
    snprintf(outside, sizeof outside, "%d", OUTSIDE_LENGTH);
    answer_field(answer, "Content-Length", length, sizeof length);
    return strcmp(length, outside) == 0 || memmem(answer->body, answer->body_len, OUTSIDE, sizeof OUTSIDE - 1);
}

static bool is_inside(const struct answer *answer)
{
    static const char *const texts[] = {INSIDE, CODED};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (answer->body_len == strlen(texts[i]) && memcmp(answer->body, texts[i], answer->body_len) == 0)
            return true;
    }
    return false;
}

static void judge(struct race *race, int number, bool head, const struct answer *answer)
{
    const struct trick *trick = &tricks[number];
    if (tells_of_outside(answer))
        complain(race, trick, answer, "it tells of what is outside");
    else if (answer->status == 404 || answer->status == 403)
        race->refused[number]++;
    else if (answer->status != 200)
        complain(race, trick, answer, "neither served nor refused");
    else if (!head && !is_inside(answer))
        complain(race, trick, answer, "not what is inside");
    else
        race->served[number]++;
}

static bool ask(struct client *client, const struct trick *trick, bool head)
{
    char text[256];
    int len = snprintf(text, sizeof text, "%s %s HTTP/1.1\r\nHost: a\r\n%s\r\n", head ? "HEAD" : "GET", trick->url,
                       trick->fields);
    return client_send(client, text, (size_t)len);
}

static void *ask_and_ask(void *context)
{
    struct race *race = context;
    struct client client;
    struct answer answer = {0};
    unsigned seed = (unsigned)(size_t)&client;
    bool well = client_open(&client, race->stage->port);
    while (well && !race->over) {
        int number = rand_r(&seed) % 4 == 0 ? rand_r(&seed) % TRICKS : race->trick;
        bool head = rand_r(&seed) % 8 == 0;
        if (!is_played(race, number))
            continue;
        well = ask(&client, &tricks[number], head) && client_answer(&client, head, &answer, ANSWER_MS);
        if (well)
            judge(race, number, head, &answer);
    }
    if (!well)
        complain(race, &tricks[0], &(struct answer){0}, "no answer");
    client_close(&client);
    return NULL;
}

/* ---- the storm */

static const struct trick *lacking(const struct race *race)
{
    for (int i = 0; i < TRICKS; i++) {
        if (is_played(race, i) && (race->turns[i] < TURNS_LEAST || race->served[i] < SERVED_LEAST))
            return &tricks[i];
    }
    return NULL;
}

static bool goes_on(const struct race *race, long long begun_ms)
{
    long long seconds = (now_ms() - begun_ms) / 1000, wanted = race->stage->seconds;
    return !race->over && seconds < wanted * STORM_LONGER && (seconds < wanted || lacking(race));
}

/* NULL, or what could not be turned. */
static const struct trick *turn_and_turn(struct race *race, int root)
{
    for (long long begun_ms = now_ms(); goes_on(race, begun_ms); race->trick = (race->trick + 1) % TRICKS) {
        const struct trick *trick = &tricks[race->trick];
        for (int i = 0; i < TURNS_AT_ONCE && is_played(race, race->trick) && !race->over; i++) {
            if (turn(race, trick, root) < 0)
                return trick;
            race->turns[race->trick]++;
        }
    }
    return NULL;
}

static void summarise(struct race *race)
{
    long turns = 0, served = 0, refused = 0;
    for (int i = 0; i < TRICKS; i++) {
        turns += race->turns[i];
        served += race->served[i];
        refused += race->refused[i];
    }
    snprintf(race->stage->summary, STAGE_SAID, "turned %ld times, there and back; served %ld times, refused %ld times",
             turns, served, refused);
}

static const char *verdict_of(struct race *race, const struct trick *stuck, const char *why)
{
    const struct trick *lacks = lacking(race);
    if (*race->first)
        return stage_say(race->stage, "%s", race->first);
    if (stuck)
        return stage_say(race->stage, "%s can't be turned: %s", stuck->name, why);
    if (lacks)
        return stage_say(race->stage, "too little of %s: turned %ld times, served %ld times", lacks->name,
                         race->turns[lacks - tricks], race->served[lacks - tricks]);
    return stage_finish(race->stage);
}

static const char *blow(struct race *race, int root)
{
    pthread_t clients[CLIENTS];
    int count = 0;
    while (count < CLIENTS && pthread_create(&clients[count], NULL, ask_and_ask, race) == 0)
        count++;
    const struct trick *stuck = count == CLIENTS ? turn_and_turn(race, root) : NULL;
    const char *why = strerror(errno);
    race->over = true;
    for (int i = 0; i < count; i++)
        pthread_join(clients[i], NULL);
    summarise(race);
    return count == CLIENTS ? verdict_of(race, stuck, why) : "can't make threads";
}

/* From here on the kernel has no openat2(2) for us, and for the server that we start. */
static bool forget_openat2(void)
{
    return refuse_call(SYS_openat2, ENOSYS) && syscall(SYS_openat2, -1, "", NULL, 0) < 0 && errno == ENOSYS;
}

static const char *play(struct stage *stage, struct way way)
{
    struct race *race = calloc(1, sizeof *race);
    char root[SITE_PATH_MAX];
    if (!race)
        return "no memory";
    race->stage = stage;
    race->way = way;
    pthread_mutex_init(&race->lock, NULL);
    snprintf(race->place, sizeof race->place, "%.480s/race", stage->site.place);
    snprintf(root, sizeof root, "%.500s/root", race->place);
    if (!build(race))
        return stage_say(stage, "can't build the tree: %s", strerror(errno));
    if (way.walks && !forget_openat2())
        return "can't do without openat2";
    const char *const options[] = {"--symlinks", way.links, "--cache-valid", way.valid, NULL};
    const char *problem = stage_start_with(stage, &(struct server_setup){.options = options, .root = root});
    int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (!problem)
        problem = blow(race, fd);
    close(fd);
    free(race);
    return problem;
}

static const char *inside(struct stage *stage)
{
    return play(stage, (struct way){"inside", "0", false});
}

static const char *none(struct stage *stage)
{
    return play(stage, (struct way){"none", "0", false});
}

static const char *inside_walking(struct stage *stage)
{
    return play(stage, (struct way){"inside", "0", true});
}

static const char *none_walking(struct stage *stage)
{
    return play(stage, (struct way){"none", "0", true});
}

static const char *remembered(struct stage *stage)
{
    return play(stage, (struct way){"inside", "1", false});
}

const struct scene storms_of_links[] = {
    {"8 clients, a directory or file that is a link to the outside now and then: no escape", inside},
    {"the same with --symlinks none", none},
    {"the same without openat2", inside_walking},
    {"the same without openat2, with --symlinks none", none_walking},
    {"the same with what is remembered", remembered},
    {0},
};
