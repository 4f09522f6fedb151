#include "server/report.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct line {
    const char *role;
    int cpu;
    uint64_t requests;
    struct worker_counts counts;
};

static void put_line(FILE *out, bool first, const struct line *line)
{
    const struct worker_counts *counts = &line->counts;
    fprintf(out,
            "%s\n  {\"role\": \"%s\", \"cpu\": %d, \"accepted\": %" PRIu64 ", \"requests\": %" PRIu64
            ", \"handoffs\": %" PRIu64 ", \"steals\": %" PRIu64 ", \"together\": %" PRIu64
            ", \"voluntary_switches\": %" PRIu64 ", \"involuntary_switches\": %" PRIu64 "}",
            first ? "" : ",", line->role, line->cpu, counts->accepted, line->requests, counts->handoffs, counts->steals,
            counts->together, counts->usage.voluntary, counts->usage.involuntary);
}

static void put_workers(FILE *out, const struct engine *engine)
{
    bool accepts = engine->entrance.acceptor != NULL;
    put_line(out, true, &(struct line){accepts ? "accept" : "main", -1, 0, engine->main});
    for (int i = 0; i < engine->count; i++) {
        const struct worker *worker = &engine->workers[i];
        struct line line = {.role = worker->role, .cpu = worker->cpu};
        if (worker_is_finished(worker)) { /* else it sleeps on a dead disk, and may wake up */
            line.requests = worker->env.requests;
            line.counts = worker->counts;
        }
        put_line(out, false, &line);
    }
    if (engine->settings.processes)
        put_line(out, false,
                 &(struct line){
                     "processes", -1, atomic_load(&engine->shared->requests), {.usage = engine->processes.usage}});
    if (engine->logger.started)
        put_line(out, false, &(struct line){"log", -1, 0, {.usage = engine->logger.usage}});
}

static void put_load(FILE *out, const struct engine *engine)
{
    struct load_summary summary;
    int workers = engine->settings.crews[0].places;
    load_sum_up(&engine->load, &summary);
    fprintf(out,
            ",\n\"load\": {\"targets\": %d, \"requests\": %" PRIu64 ", \"median_handler_us\": %.3f, "
            "\"mean_handler_us\": %.3f, \"mean_wait_us\": %.3f, \"queue\": 1, \"duration_s\": 1, \"concurrency\": %d, "
            "\"capacity\": %.0f}",
            summary.targets, summary.requests, summary.median_ns / 1e3, summary.mean_ns / 1e3, summary.wait_ns / 1e3,
            workers, load_capacity(&summary, 1, 1, workers));
}

static int complain(const char *path)
{
    log_errno(LOG_LEVEL_ERROR, "write the report %s", path);
    return -1;
}

/* Never waits, not even for somebody to read a FIFO: that is ENXIO. */
static int open_now(const char *path, int flags)
{
    return open(path, O_WRONLY | O_CREAT | O_NONBLOCK | O_CLOEXEC | flags, 0666);
}

int report_check(const char *path)
{
    if (strcmp(path, "-") == 0)
        return 0;
    int fd = open_now(path, O_APPEND);
    if (fd < 0)
        return errno == ENXIO ? 0 : complain(path); /* its reader may come yet */
    close(fd);
    return 0;
}

static FILE *open_report(const char *path)
{
    if (strcmp(path, "-") == 0)
        return stdout;
    int fd = open_now(path, O_TRUNC);
    if (fd < 0)
        return NULL;
    fcntl(fd, F_SETFL, 0); /* who reads it may read slowly */
    FILE *out = fdopen(fd, "w");
    if (out == NULL)
        close(fd);
    return out;
}

int report_write(const struct engine *engine, const char *path)
{
    FILE *out = open_report(path);
    if (out == NULL)
        return complain(path);
    fprintf(out, "{\"model\": \"%s\", \"workers\": [", engine->settings.model->name);
    put_workers(out, engine);
    fputs("]", out);
    if (engine->load.rows != NULL)
        put_load(out, engine);
    fputs("}\n", out);
    bool failed = ferror(out) != 0;
    if ((out == stdout ? fflush(out) : fclose(out)) == 0 && !failed)
        return 0;
    return complain(path);
}
