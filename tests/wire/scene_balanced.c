/* scenes of the balanced model: what costs much doesn't hold up what costs little. */
#include "models.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Downloads a file again and again, in a process of its own, which ends with us. */
static pid_t start_downloads(struct stage *stage, const char *path)
{
    pid_t parent = getpid(), child = fork();
    if (child != 0)
        return child;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    alarm(60);
    struct client client;
    while (getppid() == parent && client_open(&client, stage->port) &&
           client_get(&client, path, "Connection: close\r\n")) {
        while (client_take(&client, 1 << 20, ANSWER_MS) > 0) {
        }
        client_close(&client);
    }
    _exit(0);
}

static void end_downloads(const pid_t *children, int count)
{
    for (int i = 0; i < count; i++) {
        kill(children[i], SIGKILL);
        waitpid(children[i], NULL, 0);
    }
}

/* How long the slowest of so many connections took, each for one small file; -1 when one got no answer. */
static long long worst_of_small_ones(struct stage *stage, int count)
{
    long long worst = 0;
    for (int i = 0; i < count; i++) {
        long long begin = now_ms();
        if (stage_get(stage, "/1k.bin") != 200)
            return -1;
        worst = now_ms() - begin > worst ? now_ms() - begin : worst;
        pause_ms(5);
    }
    return worst;
}

static bool make_huge(const struct stage *stage)
{
    char path[SITE_PATH_MAX];
    site_write(&stage->site, "huge.bin", "");
    site_path(&stage->site, "huge.bin", path);
    return truncate(path, 64 << 20) == 0;
}

static const char *large_beside_small(struct stage *stage)
{
    enum { DOWNLOADS = 4, SMALL = 100 };
    pid_t downloads[DOWNLOADS];
    struct report report;
    EXPECT(make_huge(stage), "no room for a large file");
    const char *problem = how_start(stage, &hows[BALANCED], NULL);
    if (problem)
        return problem;
    for (int i = 0; i < DOWNLOADS; i++)
        downloads[i] = start_downloads(stage, "/huge.bin");
    pause_ms(200);
    long long worst = worst_of_small_ones(stage, SMALL);
    end_downloads(downloads, DOWNLOADS);
    EXPECT(worst >= 0, "a small file isn't served beside large ones");
    EXPECT(worst < (stage_is_instrumented(stage) ? 3000 : 1000), "a small file took %lld ms beside large ones", worst);
    problem = report_finish(stage, &report);
    if (problem)
        return problem;
    EXPECT(report_sum(&report, "worker", REQUESTS) >= SMALL + DOWNLOADS, "%lld requests",
           report_sum(&report, "worker", REQUESTS));
    EXPECT(report.targets >= 2, "the load knows %.0f targets", report.targets);
    EXPECT(report.median_us > 0, "the median request takes %f us", report.median_us);
    return NULL;
}

/* Whoever has nothing to do takes from another's inbox; how often there is something in it is chance, so it is tried
 * again. */
static const char *idle_ones_steal(struct stage *stage)
{
    enum { BURST = 200, BURSTS = 5, TRIES = 10 };
    struct client *clients = calloc(BURST, sizeof *clients);
    struct report report = {.count = 0};
    EXPECT(clients, "no memory");
    for (int i = 0; i < TRIES && report_sum(&report, "worker", STEALS) == 0; i++) {
        const char *problem = how_start(stage, &hows[BALANCED], OPTIONS("--workers", "4"));
        if (problem)
            return problem;
        for (int j = 0; j < BURSTS && !problem; j++) {
            problem = crowd_open(stage, clients, BURST);
            problem = problem ? problem : crowd_ask(stage, clients, BURST, "/1k.bin");
            crowd_close(clients, BURST);
        }
        problem = problem ? problem : report_finish(stage, &report);
        if (problem)
            return problem;
        EXPECT(report_sum(&report, "worker", REQUESTS) == BURST * BURSTS, "%lld of %d requests",
               report_sum(&report, "worker", REQUESTS), BURST * BURSTS);
    }
    free(clients);
    EXPECT(report_sum(&report, "worker", STEALS) > 0, "in %d tries nobody steals", TRIES);
    return NULL;
}

const struct scene scenes_of_the_balanced[] = {
    {"while workers are busy with 64 MB, small files are served at once, and the load is in the report",
     large_beside_small},
    {"a worker with nothing to do steals connections", idle_ones_steal},
    {0},
};
