/*
 * logger: one thread that carries the workers' access log lines to a file, so that a slow disk never holds up a
 * request.
 *
 * Each worker puts whole lines into a ring of its own; a full ring costs lines, which are counted and told. The logger
 * sleeps while all rings are empty, and the worker that first has a line then wakes it. A file that was renamed or
 * removed (logrotate) is opened anew within a second.
 */
#ifndef SHUNT_MODEL_LOGGER_H
#define SHUNT_MODEL_LOGGER_H

#include "base/active.h"
#include "base/log.h"
#include "base/ring.h"
#include "os/poller.h"
#include "os/usage.h"

#include <pthread.h>

enum {
    LOGGER_RING = 1 << 22,       /* bytes of a worker's ring */
    LOGGER_RING_SMALL = 1 << 20, /* where there may be a worker for every connection */
    LOGGER_EVERY_MS = 50,        /* how often a busy log is written */
    LOGGER_REOPEN_MS = 1000      /* how often the file's name is looked at */
};

struct logger {
    const char *path; /* NULL: no log, and nothing below is in use */
    int fd;
    struct ring *rings; /* owned; `count` in use, room for `most` */
    int most;
    _Atomic int count;
    pthread_t thread;
    bool started;
    struct active *active; /* held while it works, not while it waits or writes; NULL: no limit */
    struct poller poller;  /* only ever woken */
    _Atomic bool sleeping;
    _Atomic bool stop, ended;
    char *batch; /* scratch for one write */
    struct log_gate gate;
    uint64_t lost_told;
    struct usage usage; /* of the thread, when it has ended */
};

/* Opens the log ("-": standard output, NULL: none), for at most `most` rings. 0, or -1 with errno; logger_close() is
 * owed either way. */
int logger_open(struct logger *logger, const char *path, int most);

/* A ring for one more thread to put lines into. The main thread's to call, also while the logger runs. NULL with errno
 * ENOMEM. */
struct ring *logger_add_ring(struct logger *logger, bool small);

/* Starts the thread. 0, or -1 with errno. */
int logger_start(struct logger *logger);

/* Called by a thread that has put lines into its ring. `now`: the ring is filling, don't wait for the next look. */
void logger_nudge(struct logger *logger, bool now);

/* Asks the thread to write what there is and to end, and waits for that, but not for longer than `ms`: a log may lie on
 * a disk that is dead. Whether it has ended. True at once where none runs. */
bool logger_flush(struct logger *logger, uint32_t ms);

/* Gives everything back; logger_flush has said that the thread has ended. Safe on a zeroed logger, and to repeat. */
void logger_close(struct logger *logger);

#endif
