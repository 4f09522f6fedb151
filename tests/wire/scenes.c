/*
 * scenes: plays every scene, a few at once, each in a process of its own.
 *
 *     scenes SHUNT [-o WORD] [-- OPTION ...]      -o: only those whose sentence holds the word
 *
 * Ends with a line "N passed, N failed", and ", N skipped" where some can't be played here.
 */
#include "scene.h"

#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { AT_ONCE = 8, SCENE_SECONDS = 120, PASSED = 0, FAILED = 1, SKIPPED = 77 };

const char *stage_say(struct stage *stage, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(stage->verdict, sizeof stage->verdict, format, arguments);
    va_end(arguments);
    return stage->verdict;
}

const char *stage_skip(struct stage *stage, const char *reason)
{
    stage->skipped = true;
    return reason;
}

const char *stage_start_with(struct stage *stage, const struct server_setup *setup)
{
    EXPECT(server_start(&stage->server, stage->harness, setup), "the server did not start: %.900s", stage->server.said);
    stage->port = stage->server.ports[0];
    return NULL;
}

const char *stage_start(struct stage *stage, const char *const *options)
{
    return stage_start_with(stage, &(struct server_setup){.options = options, .root = stage->site.root});
}

const char *stage_finish(struct stage *stage)
{
    int status = server_stop(&stage->server, SIGTERM);
    EXPECT(status == 0, "the server ended with %d and said: %.800s", status, server_complaints(&stage->server));
    EXPECT(!*server_complaints(&stage->server), "the server said: %.900s", server_complaints(&stage->server));
    return NULL;
}

int stage_get(struct stage *stage, const char *path)
{
    struct client client;
    if (!client_open(&client, stage->port))
        return -1;
    int status = client_status(&client, path, "Connection: close\r\n");
    client_close(&client);
    return status;
}

bool stage_warm(struct stage *stage, const char *path)
{
    for (long i = 2 * sysconf(_SC_NPROCESSORS_ONLN); i > 0; i--) {
        if (stage_get(stage, path) < 0)
            return false;
    }
    return true;
}

bool stage_get_within(struct stage *stage, const char *path, int status, int timeout_ms)
{
    for (long long until = now_ms() + timeout_ms; now_ms() < until; pause_ms(20)) {
        if (stage_get(stage, path) == status)
            return true;
    }
    return false;
}

bool stage_fds_within(struct stage *stage, int fds, int timeout_ms)
{
    for (long long until = now_ms() + timeout_ms; now_ms() < until; pause_ms(10)) {
        if (server_fds(&stage->server) <= fds)
            return true;
    }
    return false;
}

bool stage_model_is(const struct stage *stage, const char *name)
{
    const char *model = "staged";
    for (char *const *option = stage->harness->options; *option; option++) {
        if (strcmp(*option, "--model") == 0 && option[1])
            model = option[1];
    }
    return strcmp(model, name) == 0;
}

bool stage_is_instrumented(struct stage *stage)
{
    char path[64], line[512];
    bool found = false;
    snprintf(path, sizeof path, "/proc/%d/maps", (int)stage->server.pid);
    FILE *maps = fopen(path, "re");
    while (maps && !found && fgets(line, sizeof line, maps))
        found = strstr(line, "libasan") || strstr(line, "libtsan") || strstr(line, "libubsan");
    if (maps)
        fclose(maps);
    return found;
}

/* ---- the processes */

struct running {
    pid_t pid; /* 0: nobody */
    int verdict_fd;
    const struct scene *scene;
    struct site site;
};

struct tally {
    int passed, failed, skipped;
};

static void play_here(const struct harness *harness, const struct scene *scene, const struct site *site, int verdict_fd)
{
    struct stage stage = {.harness = harness, .site = *site};
    alarm(SCENE_SECONDS);
    const char *verdict = scene->play(&stage);
    if (verdict)
        (void)!write(verdict_fd, verdict, strlen(verdict));
    _exit(!verdict ? PASSED : stage.skipped ? SKIPPED : FAILED);
}

static void begin_scene(struct running *r, const struct harness *harness, const struct scene *scene)
{
    int verdict_pipe[2];
    site_build(&r->site);
    if (pipe(verdict_pipe) < 0)
        exit(2);
    fflush(stdout);
    r->scene = scene;
    r->pid = fork();
    if (r->pid == 0)
        play_here(harness, scene, &r->site, verdict_pipe[1]);
    close(verdict_pipe[1]);
    r->verdict_fd = verdict_pipe[0];
}

static void end_scene(struct running *r, int status, struct tally *tally)
{
    char verdict[2048] = "";
    ssize_t len = read(r->verdict_fd, verdict, sizeof verdict - 1);
    verdict[len > 0 ? len : 0] = '\0';
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (code == PASSED) {
        tally->passed++;
    } else if (code == SKIPPED) {
        tally->skipped++;
        printf("skipped %s: %s\n", r->scene->sentence, verdict);
    } else {
        tally->failed++;
        printf("FAILED %s\n   %s\n", r->scene->sentence,
               *verdict ? verdict : "the test itself broke, or ran out of time");
    }
    close(r->verdict_fd);
    site_remove(&r->site);
    r->pid = 0;
}

static void end_one(struct running *all, struct tally *tally)
{
    int status;
    pid_t pid = wait(&status);
    for (int i = 0; i < AT_ONCE; i++) {
        if (pid > 0 && all[i].pid == pid)
            end_scene(&all[i], status, tally);
    }
}

static void play_table(const struct harness *harness, const struct scene *table, const char *only, struct running *all,
                       struct tally *tally)
{
    for (const struct scene *scene = table; scene->play; scene++) {
        if (only && !strstr(scene->sentence, only))
            continue;
        int place = 0;
        while (place < AT_ONCE && all[place].pid)
            place++;
        if (place == AT_ONCE) {
            end_one(all, tally);
            for (place = 0; all[place].pid; place++) {
            }
        }
        begin_scene(&all[place], harness, scene);
    }
}

static bool any_running(const struct running *all)
{
    for (int i = 0; i < AT_ONCE; i++) {
        if (all[i].pid)
            return true;
    }
    return false;
}

int main(int argc, char **argv)
{
    static const struct scene *const tables[] = {
        scenes_of_stopping, scenes_of_limits,   scenes_of_files, scenes_of_streams,   scenes_of_listening,
        scenes_of_logging,  scenes_of_commands, scenes_of_tails, scenes_of_the_stuck, scenes_of_overload,
        scenes_of_ranges,   scenes_of_heads,    scenes_of_paths, scenes_of_changes,   scenes_of_refusals};
    /* These name their models themselves: they are played where nobody asks for another. */
    static const struct scene *const tables_of_models[] = {
        scenes_of_models, scenes_of_reports, scenes_of_the_balanced, scenes_of_the_forked,
        scenes_of_disks,  scenes_of_sockets, scenes_of_packing};
    struct running all[AT_ONCE] = {0};
    struct tally tally = {0};
    const char *only = NULL;
    int end = 2;
    signal(SIGPIPE, SIG_IGN);
    if (argc > 3 && strcmp(argv[2], "-o") == 0) {
        only = argv[3];
        end = 4;
    }
    if (argc < 2 || (end < argc && strcmp(argv[end], "--") != 0)) {
        fprintf(stderr, "usage: scenes SHUNT [-o WORD] [-- OPTION ...]\n");
        return 2;
    }
    struct harness harness = {argv[1], end < argc ? argv + end + 1 : argv + argc};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        play_table(&harness, tables[i], only, all, &tally);
    for (size_t i = 0; i < sizeof tables_of_models / sizeof *tables_of_models && !*harness.options; i++)
        play_table(&harness, tables_of_models[i], only, all, &tally);
    while (any_running(all))
        end_one(all, &tally);
    printf("%d passed, %d failed", tally.passed, tally.failed);
    printf(tally.skipped ? ", %d skipped\n" : "\n", tally.skipped);
    return tally.failed > 0;
}
