/*
 * scenes of models: who hands connections to whom, and who gets which. Here is also the list of models that all scenes
 * of models go through, and what they have in common.
 */
#include "models.h"

#include <dirent.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- the models */

#define MODEL(...)                                                                                                     \
    {                                                                                                                  \
        "--model", __VA_ARGS__                                                                                         \
    }

const struct how hows[HOWS] = {
    {"staged", MODEL("staged", "--workers", "2", "--writers", "1"), "accept", "read", "block", 1, 0, 0, true, false,
     true},
    {"staged without writers", MODEL("staged", "--workers", "2", "--writers", "0"), "accept", "read", "block", 1, 0, 0,
     true, false, true},
    {"symmetric", MODEL("symmetric", "--workers", "2"), "worker", "worker", "block", 0, 0, 0, true, false, true},
    {"turns", MODEL("turns", "--workers", "2"), "turn", "turn", "block", 0, 0, 0, true, false, false},
    {"sped", MODEL("sped"), "all", "all", NULL, 0, 0, 0, true, true, true},
    {"balanced", MODEL("balanced", "--workers", "2"), "accept", "worker", "block", 1, 0, 0, true, false, false},
    {"amped", MODEL("amped"), "network", "network", "help", 0, 0, 0, true, false, true},
    {"seda", MODEL("seda", "--workers", "2"), "accept", "read", "block", 1, 2, 2, false, false, false},
    {"forked", MODEL("forked"), "accept", "conn", NULL, 1, 0, 0, false, false, false},
    {"forked into processes", MODEL("forked", "--processes"), "accept", "processes", NULL, 1, 0, 0, false, false,
     false},
};

const char *how_say(struct stage *stage, const struct how *how, const char *problem)
{
    char said[900];
    if (!problem || stage->skipped)
        return problem;
    snprintf(said, sizeof said, "%s", problem);
    return stage_say(stage, "%s: %s", how->name, said);
}

const char *how_each(struct stage *stage, const char *(*play)(struct stage *stage, const struct how *how))
{
    const char *problem = NULL;
    for (int i = 0; i < HOWS && !problem; i++)
        problem = how_say(stage, &hows[i], play(stage, &hows[i]));
    return problem;
}

static int add_options(const char **options, int count, const char *const *more)
{
    for (; more && *more && count < OPTIONS_MAX - 1; more++)
        options[count++] = *more;
    return count;
}

void how_options(const struct how *how, const char *const *more, const char **options)
{
    int count = add_options(options, 0, how->options);
    options[add_options(options, count, more)] = NULL;
}

static const char *start(struct stage *stage, const struct how *how, const char *const *more, bool listens_itself)
{
    char path[SITE_PATH_MAX];
    const char *reported[OPTIONS_MAX] = {"--report", path}, *options[OPTIONS_MAX];
    report_path(stage, path);
    add_options(reported, 2, more);
    how_options(how, reported, options);
    struct server_setup setup = {.options = options, .root = stage->site.root, .listens_itself = listens_itself};
    return stage_start_with(stage, &setup);
}

const char *how_start(struct stage *stage, const struct how *how, const char *const *more)
{
    return start(stage, how, more, false);
}

const char *how_start_listening(struct stage *stage, const struct how *how, const char *const *more)
{
    return start(stage, how, more, true);
}

/* ---- clients */

const char *client_asks(struct stage *stage, struct client *client, const char *path)
{
    int status = client_status(client, path, NULL);
    EXPECT(status == 200, "%s is answered %d", path, status);
    return NULL;
}

const char *crowd_open(struct stage *stage, struct client *clients, int count)
{
    for (int i = 0; i < count; i++)
        clients[i] = (struct client){.fd = -1};
    for (int i = 0; i < count; i++)
        EXPECT(client_open(&clients[i], stage->port), "could not connect");
    return NULL;
}

void crowd_close(struct client *clients, int count)
{
    for (int i = 0; i < count; i++)
        client_close(&clients[i]);
}

const char *crowd_get(struct stage *stage, struct client *clients, int count, const char *path)
{
    for (int i = 0; i < count; i++)
        EXPECT(client_get(&clients[i], path, NULL), "could not ask");
    return NULL;
}

const char *crowd_answered(struct stage *stage, struct client *clients, int count, const char *path)
{
    struct answer answer;
    for (int i = 0; i < count; i++)
        EXPECT(client_answer(&clients[i], false, &answer, ANSWER_MS) && answer.status == 200,
               "%s: client %d of %d gets nothing", path, i, count);
    return NULL;
}

const char *crowd_ask(struct stage *stage, struct client *clients, int count, const char *path)
{
    const char *problem = crowd_get(stage, clients, count, path);
    return problem ? problem : crowd_answered(stage, clients, count, path);
}

const char *crowd_visit(struct stage *stage, int connections, int requests, const char *path)
{
    struct client *clients = calloc((size_t)connections, sizeof *clients);
    EXPECT(clients, "no memory");
    const char *problem = crowd_open(stage, clients, connections);
    for (int i = 0; i < connections * requests && !problem; i++)
        problem = client_asks(stage, &clients[i % connections], path);
    crowd_close(clients, connections);
    free(clients);
    return problem;
}

/* ---- handoffs */

static const char *handoffs_under(struct stage *stage, const struct how *how)
{
    enum { CONNECTIONS = 8, EACH = 25, REQUESTED = CONNECTIONS * EACH };
    struct report report;
    const char *problem = how_start(stage, how, NULL);
    if (!problem)
        problem = crowd_visit(stage, CONNECTIONS, EACH, "/hello.txt");
    if (!problem)
        problem = report_finish(stage, &report);
    if (problem)
        return problem;
    long long least = CONNECTIONS * how->connection_handoffs + REQUESTED * how->request_handoffs;
    long long most = least + REQUESTED * how->more_handoffs + (how->helps ? FIRST_TOUCHES : 0);
    long long all = report_sum(&report, "", HANDOFFS), accept = report_sum(&report, "accept", HANDOFFS);
    EXPECT(all >= least && all <= most, "%lld handoffs, not %lld to %lld", all, least, most);
    EXPECT(accept == CONNECTIONS * how->connection_handoffs, "%lld connections of %d handed over", accept, CONNECTIONS);
    return NULL;
}

static const char *handoffs(struct stage *stage)
{
    return how_each(stage, handoffs_under);
}

/* ---- cohorts */

enum { HALT_MS = 20 }; /* for all threads to have stopped */

/* Whether the server stands still, or goes on. */
static bool halt(struct stage *stage)
{
    bool halted = kill(stage->server.pid, SIGSTOP) == 0;
    pause_ms(HALT_MS);
    return halted;
}

static bool go_on(struct stage *stage)
{
    return kill(stage->server.pid, SIGCONT) == 0;
}

/* All ask while the server stands still. */
static const char *ask_at_once(struct stage *stage, struct client *clients, int count, const char *path)
{
    bool halted = halt(stage);
    const char *problem = crowd_get(stage, clients, count, path);
    EXPECT(go_on(stage) && halted, "it can't be halted");
    return problem ? problem : crowd_answered(stage, clients, count, path);
}

static const char *together_under(struct stage *stage, const struct how *how)
{
    enum { CLIENTS = 40 };
    struct client clients[CLIENTS];
    struct report report;
    const char *problem = how_start(stage, how, NULL);
    if (problem)
        return problem;
    problem = crowd_open(stage, clients, CLIENTS);
    for (int i = 0; i < 3 && !problem; i++)
        problem = i == 0 ? crowd_ask(stage, clients, CLIENTS, "/hello.txt")
                         : ask_at_once(stage, clients, CLIENTS, i == 1 ? "/hello.txt" : "/1m.bin");
    crowd_close(clients, CLIENTS);
    if (!problem)
        problem = report_finish(stage, &report);
    if (problem)
        return problem;
    long long together = report_sum(&report, "", TOGETHER), by_readers = report_sum(&report, how->answers, TOGETHER);
    EXPECT(how->together ? together >= CLIENTS : together == 0, "%lld were read together", together);
    EXPECT(together == by_readers, "%lld were, by those who don't read", together - by_readers);
    return NULL;
}

static const char *together(struct stage *stage)
{
    return how_each(stage, together_under);
}

/* Some of those who wait leave and others come, while the server stands still: there is room for all of them. */
static const char *leave_and_come(struct stage *stage, struct client *waiting, int leave, int come)
{
    bool halted = halt(stage);
    crowd_close(waiting, leave);
    const char *problem = crowd_open(stage, waiting, come);
    if (!problem)
        problem = crowd_get(stage, waiting, come, "/hello.txt");
    EXPECT(go_on(stage) && halted, "it can't be halted");
    return problem ? problem : crowd_answered(stage, waiting, come, "/hello.txt");
}

static const char *room_for_who_comes(struct stage *stage, const struct how *how)
{
    enum { MOST = 20, LEAVE = 10, COME = 8, SHY_MS = 1500 }; /* who has waited for less is asked to close last */
    struct client waiting[MOST];
    char byte;
    const char *problem = how_start(stage, how, OPTIONS("--max-connections", "20"));
    if (problem)
        return problem;
    problem = crowd_open(stage, waiting, MOST);
    if (!problem)
        problem = crowd_ask(stage, waiting, MOST, "/hello.txt");
    pause_ms(SHY_MS);
    if (!problem)
        problem = leave_and_come(stage, waiting, LEAVE, COME);
    pause_ms(SILENCE_MS);
    for (int i = LEAVE; i < MOST && !problem; i++)
        if (recv(waiting[i].fd, &byte, 1, MSG_DONTWAIT) == 0)
            problem = stage_say(stage, "who waited was closed");
    crowd_close(waiting, MOST);
    return problem ? problem : stage_finish(stage);
}

/* Where one thread reads and accepts: of two, one may see who comes before the other sees who leaves. */
static const char *who_leaves_makes_room(struct stage *stage)
{
    static const int accepting[] = {SPED, AMPED};
    const char *problem = NULL;
    for (size_t i = 0; i < sizeof accepting / sizeof *accepting && !problem; i++)
        problem = how_say(stage, &hows[accepting[i]], room_for_who_comes(stage, &hows[accepting[i]]));
    return problem;
}

/* Clients who ask for more than their socket takes, and then read it all. */
static const char *ask_for_large_ones(struct stage *stage, int count)
{
    struct client client;
    struct answer answer;
    for (int i = 0; i < count; i++) {
        EXPECT(client_open_narrow(&client, stage->port, 8192) && client_get(&client, "/1m.bin", NULL), "could not ask");
        pause_ms(30);
        EXPECT(client_answer(&client, false, &answer, ANSWER_MS) && answer.status == 200 && answer.body_len == LARGE,
               "no large answer");
        client_close(&client);
    }
    return NULL;
}

static const char *large_handoffs(struct stage *stage, const struct how *how, struct report *report)
{
    const char *problem = how_start(stage, how, OPTIONS("--send-buffer", "16384"));
    if (!problem)
        problem = ask_for_large_ones(stage, 4);
    return problem ? problem : report_finish(stage, report);
}

static const char *writers(struct stage *stage)
{
    struct report report;
    const char *problem = large_handoffs(stage, &hows[STAGED], &report);
    if (problem)
        return problem;
    EXPECT(report_sum(&report, "accept", HANDOFFS) == 4, "accept made %lld handoffs",
           report_sum(&report, "accept", HANDOFFS));
    EXPECT(report_count(&report, "write") == 1, "%d writers", report_count(&report, "write"));
    EXPECT(report_sum(&report, "read", HANDOFFS) >= 4, "%lld went to the writer",
           report_sum(&report, "read", HANDOFFS));
    EXPECT(report_sum(&report, "write", HANDOFFS) >= 4, "%lld came back", report_sum(&report, "write", HANDOFFS));
    problem = large_handoffs(stage, &hows[STAGED_ALONE], &report);
    if (problem)
        return problem;
    EXPECT(report_count(&report, "write") == 0, "--writers 0: %d writers", report_count(&report, "write"));
    EXPECT(report_sum(&report, "read", HANDOFFS) <= FIRST_TOUCHES, "--writers 0: %lld handoffs by readers",
           report_sum(&report, "read", HANDOFFS));
    return NULL;
}

/* ---- who gets what */

/* Whoever sleeps may be woken too late to find anything left; so it is tried again. */
static const char *all_take_turns(struct stage *stage)
{
    enum { CLIENTS = 24, ROUNDS = 40, TRIES = 5 };
    struct client clients[CLIENTS];
    struct report report = {.count = 0};
    for (int i = 0; i < TRIES && report_busy(&report, "turn", REQUESTS) < 2; i++) {
        const char *problem = how_start(stage, &hows[TURNS], NULL);
        if (problem)
            return problem;
        problem = crowd_open(stage, clients, CLIENTS);
        for (int j = 0; j < ROUNDS && !problem; j++)
            problem = crowd_ask(stage, clients, CLIENTS, "/hello.txt");
        crowd_close(clients, CLIENTS);
        problem = problem ? problem : report_finish(stage, &report);
        if (problem)
            return problem;
        EXPECT(report_sum(&report, "turn", REQUESTS) == CLIENTS * ROUNDS, "%lld of %d requests",
               report_sum(&report, "turn", REQUESTS), CLIENTS * ROUNDS);
    }
    EXPECT(report_busy(&report, "turn", REQUESTS) == 2, "in %d tries one thread has all the turns", TRIES);
    return NULL;
}

static const char *weights(struct stage *stage)
{
    struct report report;
    const char *problem = how_start(stage, &hows[STAGED], OPTIONS("--weights", "3,1"));
    if (!problem)
        problem = crowd_visit(stage, 40, 1, "/hello.txt");
    if (!problem)
        problem = report_finish(stage, &report);
    if (problem)
        return problem;
    long long first = report_sum(&report, "read 0", REQUESTS), second = report_sum(&report, "read 1", REQUESTS);
    EXPECT(first == 30 && second == 10, "of 40 connections %lld and %lld", first, second);
    return NULL;
}

/* ---- cores */

enum { THREADS_MAX = 64 };

struct thread {
    char name[32];
    cpu_set_t cores;
};

/* The server's threads, with the cores that each may be on; how many. */
static int list_threads(const struct stage *stage, struct thread *threads)
{
    char path[64 + 256];
    int count = 0;
    snprintf(path, sizeof path, "/proc/%d/task", (int)stage->server.pid);
    DIR *directory = opendir(path);
    for (struct dirent *entry; directory && count < THREADS_MAX && (entry = readdir(directory));) {
        pid_t id = (pid_t)strtol(entry->d_name, NULL, 10);
        snprintf(path, sizeof path, "/proc/%d/task/%s/comm", (int)stage->server.pid, entry->d_name);
        FILE *file = id > 0 ? fopen(path, "re") : NULL;
        struct thread *thread = &threads[count];
        count += file && fscanf(file, "%31[^\n]", thread->name) == 1 &&
                 sched_getaffinity(id, sizeof thread->cores, &thread->cores) == 0;
        if (file)
            fclose(file);
    }
    if (directory)
        closedir(directory);
    return count;
}

/* All but the main thread take their names first, and then to their cores. */
static int list_settled_threads(const struct stage *stage, struct thread *threads)
{
    int count = 0, named = -1;
    for (long long until = now_ms() + SOON_MS; named < count - 1 && now_ms() < until; pause_ms(50)) {
        count = list_threads(stage, threads);
        named = 0;
        for (int i = 0; i < count; i++)
            named += strchr(threads[i].name, ' ') != NULL || strcmp(threads[i].name, "log") == 0;
    }
    pause_ms(50);
    return list_threads(stage, threads);
}

/* Each thread of the report must be on the one core that the report names, or on any. */
static const char *expect_cores(struct stage *stage, const struct report *report, const struct thread *threads,
                                int count)
{
    cpu_set_t all;
    sched_getaffinity(0, sizeof all, &all);
    for (int i = 0; i < report->count * count; i++) {
        const struct line *line = &report->lines[i / count];
        const struct thread *thread = &threads[i % count];
        long long cpu = line->values[CPU];
        if (strcmp(thread->name, line->role) != 0)
            continue;
        EXPECT(CPU_COUNT(&thread->cores) == (cpu < 0 ? CPU_COUNT(&all) : 1), "'%s' may be on %d cores", line->role,
               CPU_COUNT(&thread->cores));
        EXPECT(cpu < 0 || CPU_ISSET((size_t)cpu, &thread->cores), "'%s' isn't on core %lld", line->role, cpu);
    }
    return NULL;
}

static const char *play_on_cores(struct stage *stage, const struct how *how, const char *const *more,
                                 struct report *report)
{
    static struct thread threads[THREADS_MAX];
    const char *problem = how_start(stage, how, more);
    problem = problem ? problem : crowd_visit(stage, 4, 2, "/hello.txt");
    if (problem)
        return problem;
    int count = list_settled_threads(stage, threads);
    problem = report_finish(stage, report);
    return problem ? problem : expect_cores(stage, report, threads, count);
}

/* How many of those who answer are on this core; -1: on any. */
static int count_on(const struct report *report, const char *role, long long cpu)
{
    int count = 0;
    for (int i = 0; i < report->count; i++)
        count += text_begins(report->lines[i].role, role) && report->lines[i].values[CPU] == cpu;
    return count;
}

static const char *pinned_under(struct stage *stage, const struct how *how)
{
    struct report report;
    const char *problem = play_on_cores(stage, how, NULL, &report);
    if (problem)
        return problem;
    int free_ones = count_on(&report, how->answers, -1);
    EXPECT(free_ones == (how->pinned ? 0 : report_count(&report, how->answers)), "--pin on: %d have no core",
           free_ones);
    problem = play_on_cores(stage, how, OPTIONS("--pin", "off"), &report);
    if (problem)
        return problem;
    EXPECT(count_on(&report, "", -1) == report.count, "--pin off: somebody has a core");
    return NULL;
}

static const char *pinned(struct stage *stage)
{
    return how_each(stage, pinned_under);
}

static int first_core(void)
{
    cpu_set_t all;
    int cpu = 0;
    sched_getaffinity(0, sizeof all, &all);
    while (cpu < CPU_SETSIZE - 1 && !CPU_ISSET((size_t)cpu, &all))
        cpu++;
    return cpu;
}

static const char *reserved_under(struct stage *stage, const struct how *how)
{
    struct report report;
    const char *problem = play_on_cores(stage, how, OPTIONS("--reserve-cores", "1"), &report);
    if (problem)
        return problem;
    EXPECT(count_on(&report, "", first_core()) == 0, "%d are on the core that was left free",
           count_on(&report, "", first_core()));
    EXPECT(!how->pinned || count_on(&report, how->answers, -1) == 0, "somebody has no core");
    return NULL;
}

static const char *reserved(struct stage *stage)
{
    if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
        return stage_skip(stage, "there is one core, which can't be left free");
    return how_each(stage, reserved_under);
}

const struct scene scenes_of_models[] = {
    {"connections are handed over as the model says, and not more often", handoffs},
    {"requests that come together are read together, where a thread has its connections to itself", together},
    {"who has left makes room for who comes at the same moment, and nobody else has to", who_leaves_makes_room},
    {"a large body goes to the writer and comes back, and without writers it stays", writers},
    {"under turns every thread has its turn", all_take_turns},
    {"--weights 3,1 gives one reader three connections of four", weights},
    {"threads are on the cores that the report names, and with --pin off on any", pinned},
    {"--reserve-cores 1 leaves the first core free", reserved},
    {0},
};
