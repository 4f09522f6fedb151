/*
 * The storm of changes: a thousand changes a second, of every kind, while 64 clients ask; nobody who asks after a
 * change has been made may be given what was before it.
 *
 * One thread makes the changes, and asks now and then itself, right after one. The other is all the clients. What has
 * been asked, and what it may be answered with, is looked up and judged under one lock.
 */
#include "storm.h"
#include "storm_judge.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    CLIENTS = 64,
    CHANGER = CLIENTS, /* the one more who asks: who makes the changes */
    BURST = 4,         /* requests at once */
    PAUSE_US = 1000,   /* between changes */
    LATE_US = 20000,   /* behind that, only one client in LATE_EVERY asks more */
    LATE_EVERY = 4,
    LATEST_US = 50000, /* what is later than that is given up */
    PROBE_EVERY = 8,   /* changes: the changer asks at once */
    TRIES = 64,        /* to find a change that is possible */
    ANSWER_MS = 30000,
    CHANGES_LEAST = 300, /* a second, of those asked for */
    KIND_LEAST = 5,
    PAGE_LEAST = 20,
    SORT_LEAST = 20,
};

struct asker {
    struct client client;
    struct question questions[BURST];
    int asked, heard;
    long long asked_ms;
    struct given given[PAGES];
};

struct gale {
    struct stage *stage;
    bool swaps; /* the root too */
    struct world world;
    pthread_mutex_t lock;
    bool over;                   /* all below here is under the lock */
    char broke[256];             /* "": nothing; else what ended it */
    uint64_t asked[CLIENTS + 1]; /* changes finished when each asked; UINT64_MAX: he has all answers */
    long kinds[KINDS];           /* changes of each */
    int turned;                  /* the page of the latest change */
    bool late;                   /* with the changes, as the answers take all the time there is */
    struct judge judge;
};

static uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void break_off(struct gale *gale, const char *what)
{
    pthread_mutex_lock(&gale->lock);
    if (!*gale->broke)
        snprintf(gale->broke, sizeof gale->broke, "%s: %s", what, strerror(errno));
    gale->over = true;
    pthread_mutex_unlock(&gale->lock);
}

static bool is_over(struct gale *gale)
{
    pthread_mutex_lock(&gale->lock);
    bool over = gale->over;
    pthread_mutex_unlock(&gale->lock);
    return over;
}

/* ---- questions */

static size_t write_question(const struct question *question, char *text, size_t room)
{
    char range[64] = "", last[16] = "", condition[TAG + 32] = "";
    if (question->to > 0)
        snprintf(last, sizeof last, "%u", question->to);
    if (question->ranged)
        snprintf(range, sizeof range, "Range: bytes=%u-%s\r\n", question->from, last);
    if (question->conditional)
        snprintf(condition, sizeof condition, "If-None-Match: %s\r\n", question->given.tag);
    return (size_t)snprintf(text, room, "%s %s HTTP/1.1\r\nHost: a\r\n%s%s%s\r\n", question->head ? "HEAD" : "GET",
                            pages[question->page].url, question->coded ? "Accept-Encoding: gzip, br\r\n" : "", range,
                            condition);
}

static void choose_range(struct question *question, unsigned *seed)
{
    question->ranged = true;
    question->from = (uint32_t)rand_r(seed) % (LENGTH_MIN / 2);
    question->to = rand_r(seed) % 2 == 0 ? 0 : question->from + RECORD + (uint32_t)rand_r(seed) % 1000;
}

/* Often of the page that has just changed. */
static void choose_question(struct question *question, const struct asker *asker, int turned, unsigned *seed)
{
    *question = (struct question){.page = rand_r(seed) % 2 == 0 ? turned : rand_r(seed) % PAGES};
    const struct given *given = &asker->given[question->page];
    question->coded = rand_r(seed) % 4 < (pages[question->page].traits & CODED ? 3 : 1);
    question->head = rand_r(seed) % 16 == 0;
    if (*given->tag && rand_r(seed) % 3 == 0) {
        question->conditional = true;
        question->given = *given;
    } else if (!question->head && rand_r(seed) % 6 == 0) {
        choose_range(question, seed);
    }
}

/* Sends them all at once. From here on only newer states will do. */
static bool ask(struct gale *gale, int who, struct asker *asker, int count)
{
    char text[BURST * 512];
    size_t len = 0;
    for (int i = 0; i < count; i++)
        len += write_question(&asker->questions[i], text + len, sizeof text - len);
    pthread_mutex_lock(&gale->lock);
    gale->asked[who] = gale->judge.history.changes;
    for (int i = 0; i < count; i++) {
        asker->questions[i].floor = history_floor(&gale->judge.history, asker->questions[i].page);
        asker->questions[i].sent_us = now_us();
    }
    pthread_mutex_unlock(&gale->lock);
    asker->asked = count;
    asker->heard = 0;
    asker->asked_ms = now_ms();
    return client_send(&asker->client, text, len);
}

static void has_all(struct gale *gale, int who, struct asker *asker)
{
    asker->asked = asker->heard = 0;
    pthread_mutex_lock(&gale->lock);
    gale->asked[who] = UINT64_MAX;
    pthread_mutex_unlock(&gale->lock);
}

static bool reconnect(struct gale *gale, struct asker *asker)
{
    client_close(&asker->client);
    if (client_open(&asker->client, gale->stage->port))
        return true;
    break_off(gale, "can't connect");
    return false;
}

/* Takes the answers that are there, or come within the time. False at the end of the connection. */
static bool hear(struct gale *gale, struct asker *asker, int timeout_ms)
{
    struct answer answer;
    while (asker->heard < asker->asked) {
        const struct question *question = &asker->questions[asker->heard];
        if (!client_answer(&asker->client, question->head, &answer, timeout_ms))
            return !asker->client.ended;
        pthread_mutex_lock(&gale->lock);
        judge_answer(&gale->judge, question, &answer, &asker->given[question->page]);
        pthread_mutex_unlock(&gale->lock);
        asker->heard++;
    }
    return true;
}

/* Whoever lost his connection may have lost it for a reason. */
static bool recover(struct gale *gale, int who, struct asker *asker)
{
    pthread_mutex_lock(&gale->lock);
    if (asker->heard < asker->asked)
        judge_broken_answer(&gale->judge, &asker->questions[asker->heard]);
    pthread_mutex_unlock(&gale->lock);
    has_all(gale, who, asker);
    return reconnect(gale, asker);
}

/* ---- the changer */

static bool nobody_since(const void *context, uint64_t changes)
{
    const struct gale *gale = context;
    for (int i = 0; i <= CLIENTS; i++) {
        if (gale->asked[i] < changes)
            return false;
    }
    return true;
}

static int choose_kind(struct gale *gale)
{
    int all = 0, kind = 0;
    for (int i = 0; i < KINDS; i++)
        all += gale->swaps || !kinds[i].swaps ? kinds[i].often : 0;
    int left = (int)world_random(&gale->world, (uint32_t)all);
    for (;; kind++) {
        int often = gale->swaps || !kinds[kind].swaps ? kinds[kind].often : 0;
        if (left < often)
            return kind;
        left -= often;
    }
}

static int choose_page(struct gale *gale, unsigned traits)
{
    for (;;) {
        int page = (int)world_random(&gale->world, PAGES);
        if (traits == 0 || pages[page].traits & traits)
            return page;
    }
}

/* The page that a change is about; of those that turn, the first that goes by it. */
static int page_of(const struct kind *kind, const struct change *change)
{
    int page = 0;
    if (kind->traits != 0)
        return change->page;
    while (page < PAGES - 1 && pages[page].turn != change->turn)
        page++;
    return change->turn == TURN_NONE ? change->page : page;
}

/* Makes one change, if it is possible now. */
static bool change_world(struct gale *gale, int number, struct change *change)
{
    const struct kind *kind = &kinds[number];
    struct world before = gale->world;
    pthread_mutex_lock(&gale->lock);
    bool possible = kind->plan(&gale->world, change);
    if (possible)
        history_begin(&gale->judge.history, &gale->world, number);
    pthread_mutex_unlock(&gale->lock);
    if (!possible)
        return false;
    if (kind->make(&before, change) < 0) {
        break_off(gale, kind->name);
        return false;
    }
    pthread_mutex_lock(&gale->lock);
    history_finish(&gale->judge.history);
    if (world_was_quick(change))
        history_part(&gale->judge.history, change->page, change->content.version);
    world_made(&gale->world, change, gale->judge.history.changes);
    gale->kinds[number]++;
    gale->turned = page_of(kind, change);
    pthread_mutex_unlock(&gale->lock);
    return true;
}

/* Asks for a page, and whether it changed where that can be asked, and waits for the answer. */
static void probe(struct gale *gale, struct asker *asker, int page)
{
    asker->questions[0] = (struct question){.page = page, .given = asker->given[page]};
    asker->questions[0].conditional = *asker->given[page].tag != '\0';
    bool well = ask(gale, CHANGER, asker, 1) && hear(gale, asker, ANSWER_MS) && asker->heard == asker->asked;
    if (well)
        has_all(gale, CHANGER, asker);
    else
        recover(gale, CHANGER, asker);
}

/* Both within a tick: who is asked between them must not give the second the first one's tag. */
static void change_twice(struct gale *gale, struct asker *asker, int number, const struct change *first)
{
    struct change second = {.page = first->page};
    probe(gale, asker, first->page);
    change_world(gale, number, &second);
    probe(gale, asker, first->page);
}

static void change_something(struct gale *gale, struct asker *asker)
{
    for (int i = 0; i < TRIES && !is_over(gale); i++) {
        int number = choose_kind(gale);
        struct change change = {.page = choose_page(gale, kinds[number].traits)};
        if (!change_world(gale, number, &change))
            continue;
        if (kinds[number].twice)
            change_twice(gale, asker, number, &change);
        else if (world_random(&gale->world, PROBE_EVERY) == 0)
            probe(gale, asker, gale->turned);
        return;
    }
}

/* Waits for the next change's time, and says whether that has passed long ago. */
static uint64_t wait_for_next(struct gale *gale, uint64_t next)
{
    uint64_t now = now_us();
    pthread_mutex_lock(&gale->lock);
    gale->late = now > next + LATE_US;
    pthread_mutex_unlock(&gale->lock);
    if (now < next)
        nanosleep(&(struct timespec){0, (long)(next - now) * 1000}, NULL);
    return (now > next + LATEST_US ? now - LATEST_US : next) + PAUSE_US;
}

static void *make_changes(void *context)
{
    struct gale *gale = context;
    struct asker asker = {.client = {.fd = -1}};
    uint64_t next = now_us();
    if (!reconnect(gale, &asker))
        return NULL;
    while (!is_over(gale)) {
        change_something(gale, &asker);
        next = wait_for_next(gale, next);
    }
    client_close(&asker.client);
    return NULL;
}

/* ---- the clients */

/* Unless the changes are late, and it isn't one of the few who then go on. */
static void ask_more(struct gale *gale, int who, struct asker *asker, unsigned *seed)
{
    int count = rand_r(seed) % 2 == 0 ? 1 : 1 + rand_r(seed) % BURST;
    has_all(gale, who, asker);
    pthread_mutex_lock(&gale->lock);
    bool late = gale->late;
    int turned = gale->turned;
    pthread_mutex_unlock(&gale->lock);
    if (late && who % LATE_EVERY != 0)
        return;
    for (int i = 0; i < count; i++)
        choose_question(&asker->questions[i], asker, turned, seed);
    ask(gale, who, asker, count); /* a connection that broke is seen when its answers should come */
}

/* What one client does when something came for it, or nothing has for long. False when all is over. */
static bool attend(struct gale *gale, int who, struct asker *asker, bool came, unsigned *seed)
{
    if (came && !hear(gale, asker, 0) && !recover(gale, who, asker))
        return false;
    if (asker->heard == asker->asked)
        ask_more(gale, who, asker, seed);
    if (asker->heard == asker->asked || now_ms() - asker->asked_ms < ANSWER_MS)
        return true;
    pthread_mutex_lock(&gale->lock);
    judge_complain(&gale->judge, &asker->questions[asker->heard], "no answer");
    gale->over = true;
    pthread_mutex_unlock(&gale->lock);
    return false;
}

/* What there must be enough of. NULL, or what there is too little of. */
static const char *lacking(const struct gale *gale)
{
    long changes = 0;
    for (int kind = 0; kind < KINDS; kind++) {
        changes += gale->kinds[kind];
        if ((gale->swaps || !kinds[kind].swaps) && gale->kinds[kind] < KIND_LEAST)
            return kinds[kind].name;
    }
    for (int page = 0; page < PAGES; page++) {
        if (gale->judge.pages[page] < PAGE_LEAST)
            return pages[page].url;
    }
    for (int sort = 0; sort < SORTS; sort++) {
        if (sort != SORT_MIXED && gale->judge.sorts[sort] < SORT_LEAST)
            return sort_names[sort];
    }
    return changes < (long)CHANGES_LEAST * gale->stage->seconds ? "changes" : NULL;
}

static bool goes_on(struct gale *gale, long long begun_ms)
{
    long long seconds = (now_ms() - begun_ms) / 1000, wanted = gale->stage->seconds;
    pthread_mutex_lock(&gale->lock);
    bool enough = seconds >= wanted && (!lacking(gale) || gale->judge.fault_count > 0);
    gale->over |= enough || seconds >= wanted * STORM_LONGER;
    bool over = gale->over;
    pthread_mutex_unlock(&gale->lock);
    return !over;
}

static void ask_and_ask(struct gale *gale, struct asker *askers)
{
    struct pollfd polls[CLIENTS];
    unsigned seed = 1;
    bool well = true;
    for (int i = 0; i < CLIENTS && well; i++)
        well = reconnect(gale, &askers[i]);
    for (long long begun_ms = now_ms(); well && goes_on(gale, begun_ms);) {
        for (int i = 0; i < CLIENTS; i++)
            polls[i] = (struct pollfd){askers[i].client.fd, POLLIN, 0};
        poll(polls, CLIENTS, 1);
        for (int i = 0; i < CLIENTS && well; i++)
            well = attend(gale, i, &askers[i], polls[i].revents != 0, &seed);
    }
    for (int i = 0; i < CLIENTS; i++)
        client_close(&askers[i].client);
}

/* ---- the storm */

static void add(char *text, size_t room, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void add(char *text, size_t room, const char *format, ...)
{
    va_list arguments;
    size_t len = strlen(text);
    va_start(arguments, format);
    vsnprintf(text + len, room - len, format, arguments);
    va_end(arguments);
}

static void summarise(const struct gale *gale)
{
    char *text = gale->stage->summary;
    long changes = 0, answers = 0;
    for (int kind = 0; kind < KINDS; kind++)
        changes += gale->kinds[kind];
    for (int sort = 0; sort < SORTS; sort++)
        answers += gale->judge.sorts[sort];
    add(text, STAGE_SAID, "%ld changes; %ld right answers, ", changes, answers);
    for (int sort = 0; sort < SORTS; sort++)
        add(text, STAGE_SAID, "%ld %s, ", gale->judge.sorts[sort], sort_names[sort]);
    add(text, STAGE_SAID, "%ld that nobody could judge", gale->judge.unjudged);
}

static const char *verdict_of(const struct gale *gale)
{
    char *text = gale->stage->verdict;
    const char *lacks = lacking(gale);
    for (int i = 0; i < gale->judge.fault_count; i++) {
        const struct fault *fault = &gale->judge.faults[i];
        add(text, STAGE_SAID, "%s (%ld of them): %s, %ld times; first %s\n", kinds[fault->kind].name,
            gale->kinds[fault->kind], fault->what, fault->count, fault->first);
    }
    if (*gale->broke)
        add(text, STAGE_SAID, "%s\n", gale->broke);
    if (!*text && lacks)
        add(text, STAGE_SAID, "too little of: %s\n", lacks);
    return *text ? text : NULL;
}

static const char *blow(struct gale *gale)
{
    struct asker *askers = calloc(CLIENTS, sizeof *askers);
    pthread_t changer;
    if (!askers || pthread_create(&changer, NULL, make_changes, gale) != 0)
        return "no memory, or no thread";
    for (int i = 0; i < CLIENTS; i++)
        askers[i].client.fd = -1;
    ask_and_ask(gale, askers);
    pthread_mutex_lock(&gale->lock);
    gale->over = true;
    pthread_mutex_unlock(&gale->lock);
    pthread_join(changer, NULL);
    free(askers);
    summarise(gale);
    const char *verdict = verdict_of(gale);
    return verdict ? verdict : stage_finish_but(gale->stage, "while it was sent");
}

static const char *play_with(struct stage *stage, bool swaps)
{
    char root[SITE_PATH_MAX];
    struct gale *gale = calloc(1, sizeof *gale);
    if (!gale)
        return "no memory";
    gale->stage = stage;
    gale->swaps = swaps;
    pthread_mutex_init(&gale->lock, NULL);
    memset(gale->asked, 0xff, sizeof gale->asked);
    if (world_build(&gale->world, stage->site.place) < 0)
        return stage_say(stage, "can't build the releases: %s", strerror(errno));
    gale->world.quiet = (struct quiet){gale, nobody_since};
    history_begin(&gale->judge.history, &gale->world, 0);
    history_finish(&gale->judge.history);
    snprintf(root, sizeof root, "%.490s/served", stage->site.place);
    const char *problem = stage_start_with(stage, &(struct server_setup){.root = root});
    if (!problem)
        problem = blow(gale);
    free(gale);
    return problem;
}

static const char *all_but_swaps(struct stage *stage)
{
    return play_with(stage, false);
}

static const char *with_swaps(struct stage *stage)
{
    return play_with(stage, true);
}

const struct scene storms_of_changes[] = {
    {"64 clients, a thousand changes a second: who asks after a change is given what is there", all_but_swaps},
    {"64 clients, a thousand changes a second, and swaps of the root: each release comes whole, and no older one",
     with_swaps},
    {0},
};
