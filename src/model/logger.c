#include "model/logger.h"

#include "base/clock.h"
#include "model/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BATCH = 1 << 16 };

static bool is_file(const struct logger *logger)
{
    return strcmp(logger->path, "-") != 0;
}

static int open_file(const char *path)
{
    return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
}

int logger_open(struct logger *logger, struct engine *engine, const char *path)
{
    *logger = (struct logger){.engine = engine, .path = path, .fd = -1, .poller = {-1, -1}};
    if (path == NULL)
        return 0;
    logger->fd = is_file(logger) ? open_file(path) : fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
    logger->batch = malloc(BATCH);
    if (logger->fd < 0 || logger->batch == NULL)
        return -1;
    return poller_open(&logger->poller);
}

static void complain(struct logger *logger, const char *what)
{
    uint64_t held;
    int error = errno;
    if (!log_gate_opens(&logger->gate, clock_now_ms(), &held))
        return;
    errno = error;
    log_errno(LOG_LEVEL_ERROR, "%s access log %s", what, is_file(logger) ? logger->path : "on standard output");
}

static void write_all(struct logger *logger, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(logger->fd, bytes, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) { /* a full disk costs these lines; the next batch is tried again */
            complain(logger, "write to");
            return;
        }
        bytes += n;
        len -= (size_t)n;
    }
}

/* Carries what one worker has put; whether there was anything. Its lost lines are added to *lost. */
static bool drain(struct logger *logger, struct worker *worker, uint64_t *lost)
{
    size_t len, total = 0;
    while ((len = ring_take(&worker->access, logger->batch, BATCH)) > 0) {
        write_all(logger, logger->batch, len);
        total += len;
    }
    *lost += atomic_load_explicit(&worker->access.lost, memory_order_relaxed);
    return total > 0;
}

/* Carries what there is from all workers; whether there was anything. */
static bool drain_all(struct logger *logger)
{
    struct engine *engine = logger->engine;
    bool any = false;
    uint64_t lost = 0, held;
    for (int i = 0; i < engine->count; i++)
        any |= drain(logger, &engine->workers[i], &lost);
    for (int i = 0; i < engine->blockers.count; i++)
        any |= drain(logger, &engine->blockers.workers[i], &lost);
    if (lost > logger->lost_told && log_gate_opens(&logger->gate, clock_now_ms(), &held)) {
        log_line(LOG_LEVEL_WARNING, "access log: %llu lines lost: its disk is slower than the traffic",
                 (unsigned long long)(lost - logger->lost_told));
        logger->lost_told = lost;
    }
    return any;
}

/* Whether the name no longer leads to the open file. */
static bool was_moved(const struct logger *logger)
{
    struct stat named, opened;
    if (stat(logger->path, &named) < 0)
        return errno == ENOENT;
    return fstat(logger->fd, &opened) == 0 && (named.st_dev != opened.st_dev || named.st_ino != opened.st_ino);
}

static void follow_rename(struct logger *logger)
{
    if (!is_file(logger) || !was_moved(logger))
        return;
    int fd = open_file(logger->path);
    if (fd < 0) {
        complain(logger, "reopen");
        return;
    }
    close(logger->fd);
    logger->fd = fd;
}

static void *loop(void *arg)
{
    struct logger *logger = arg;
    struct poller_event none;
    uint64_t look_ms = 0;
    cpu_name_self("log");
    while (!atomic_load_explicit(&logger->stop, memory_order_acquire)) {
        uint64_t now_ms = clock_now_ms();
        if (now_ms >= look_ms) {
            follow_rename(logger);
            look_ms = now_ms + LOGGER_REOPEN_MS;
        }
        bool any = drain_all(logger);
        atomic_store_explicit(&logger->sleeping, !any, memory_order_relaxed);
        /* A line put between the look and the store wakes nobody, and waits for the next look at the file's name. */
        poller_wait(&logger->poller, &none, 1, any ? LOGGER_EVERY_MS : LOGGER_REOPEN_MS);
    }
    return NULL;
}

int logger_start(struct logger *logger)
{
    if (logger->path == NULL)
        return 0;
    int error = pthread_create(&logger->thread, NULL, loop, logger);
    logger->started = error == 0;
    if (error != 0)
        errno = error;
    return error == 0 ? 0 : -1;
}

void logger_nudge(struct logger *logger)
{
    if (atomic_load_explicit(&logger->sleeping, memory_order_relaxed) &&
        atomic_exchange_explicit(&logger->sleeping, false, memory_order_relaxed))
        poller_wake(&logger->poller);
}

void logger_close(struct logger *logger)
{
    if (logger->engine == NULL)
        return;
    if (logger->started) {
        atomic_store_explicit(&logger->stop, true, memory_order_release);
        poller_wake(&logger->poller);
        pthread_join(logger->thread, NULL);
        drain_all(logger);
    }
    if (logger->fd >= 0)
        close(logger->fd);
    free(logger->batch);
    poller_close(&logger->poller);
    logger->engine = NULL;
}
