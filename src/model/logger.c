#include "model/logger.h"

#include "base/clock.h"
#include "os/cpu.h"

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

int logger_open(struct logger *logger, const char *path, int most)
{
    *logger = (struct logger){.fd = -1, .poller = POLLER_CLOSED};
    if (path == NULL)
        return 0;
    logger->path = path;
    logger->most = most;
    logger->fd = is_file(logger) ? open_file(path) : fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
    if (logger->fd < 0)
        return -1;
    logger->batch = malloc(BATCH);
    size_t size = (size_t)most * sizeof *logger->rings;
    logger->rings = aligned_alloc(_Alignof(struct ring), size);
    if (logger->batch == NULL || logger->rings == NULL)
        return -1;
    memset(logger->rings, 0, size);
    return poller_open(&logger->poller);
}

struct ring *logger_add_ring(struct logger *logger, bool small)
{
    int count = atomic_load_explicit(&logger->count, memory_order_relaxed);
    struct ring *ring = &logger->rings[count];
    if (count == logger->most) {
        errno = ENOMEM;
        return NULL;
    }
    if (ring_open(ring, small ? LOGGER_RING_SMALL : LOGGER_RING) < 0)
        return NULL;
    atomic_store_explicit(&logger->count, count + 1, memory_order_release);
    return ring;
}

static void complain(struct logger *logger, const char *what)
{
    if (!log_gate_opens(&logger->gate, clock_now_ms()))
        return;
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

/* Carries what one thread has put; whether there was anything. */
static bool drain(struct logger *logger, struct ring *ring)
{
    size_t len, total = 0;
    while (total < ring->size && (len = ring_take(ring, logger->batch, BATCH)) > 0) {
        active_leave(logger->active);
        write_all(logger, logger->batch, len);
        active_enter(logger->active);
        total += len;
    }
    return total > 0;
}

static void tell_lost(struct logger *logger)
{
    uint64_t lost = 0;
    int count = atomic_load_explicit(&logger->count, memory_order_acquire);
    for (int i = 0; i < count; i++)
        lost += atomic_load_explicit(&logger->rings[i].lost, memory_order_relaxed);
    if (lost == logger->lost_told || !log_gate_opens(&logger->gate, clock_now_ms()))
        return;
    log_line(LOG_LEVEL_WARNING, "access log: %llu lines lost: it can't be written as fast as requests come",
             (unsigned long long)(lost - logger->lost_told));
    logger->lost_told = lost;
}

/* Carries what there is; whether there was anything. */
static bool drain_all(struct logger *logger)
{
    bool any = false;
    int count = atomic_load_explicit(&logger->count, memory_order_acquire);
    for (int i = 0; i < count; i++)
        any |= drain(logger, &logger->rings[i]);
    tell_lost(logger);
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
    active_enter(logger->active);
    while (!atomic_load_explicit(&logger->stop, memory_order_acquire)) {
        uint64_t now_ms = clock_now_ms();
        if (now_ms >= look_ms) {
            active_leave(logger->active);
            follow_rename(logger);
            active_enter(logger->active);
            look_ms = now_ms + LOGGER_REOPEN_MS;
        }
        bool any = drain_all(logger);
        atomic_store_explicit(&logger->sleeping, !any, memory_order_relaxed);
        /* A line put between the look and the store wakes nobody, and waits for the next look at the file's name. */
        active_leave(logger->active);
        poller_wait(&logger->poller, &none, 1, any ? LOGGER_EVERY_MS : LOGGER_REOPEN_MS);
        active_enter(logger->active);
    }
    drain_all(logger);
    active_leave(logger->active);
    usage_of_thread(&logger->usage);
    atomic_store_explicit(&logger->ended, true, memory_order_release);
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

void logger_nudge(struct logger *logger, bool now)
{
    bool sleeping = atomic_load_explicit(&logger->sleeping, memory_order_relaxed) &&
                    atomic_exchange_explicit(&logger->sleeping, false, memory_order_relaxed);
    if (now || sleeping)
        poller_wake(&logger->poller);
}

bool logger_flush(struct logger *logger, uint32_t ms)
{
    if (!logger->started)
        return true;
    atomic_store_explicit(&logger->stop, true, memory_order_release);
    poller_wake(&logger->poller);
    uint64_t until_ms = clock_now_ms() + ms;
    while (!atomic_load_explicit(&logger->ended, memory_order_acquire) && clock_now_ms() < until_ms)
        usleep(1000);
    return atomic_load_explicit(&logger->ended, memory_order_acquire);
}

void logger_close(struct logger *logger)
{
    if (logger->path == NULL)
        return;
    if (logger->started)
        pthread_join(logger->thread, NULL);
    for (int i = 0; i < logger->count; i++)
        ring_close(&logger->rings[i]);
    if (logger->fd >= 0)
        close(logger->fd);
    free(logger->rings);
    free(logger->batch);
    poller_close(&logger->poller);
    logger->path = NULL;
}
