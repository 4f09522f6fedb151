#include "model/processes.h"

#include "base/log.h"
#include "model/engine.h"
#include "os/process.h"
#include "os/sleeper.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LOG_MS = 1000 }; /* for its last lines, where the log takes them */

/* The parent's log is one for all that come of it: what one says to its logger, another's would hear; and the file may
 * have been renamed since. */
static int open_log(struct engine *engine)
{
    logger_close(&engine->logger);
    return logger_open(&engine->logger, engine->settings.access_log, 1);
}

/* The child: one worker, with a log of its own, and one connection. Its memory the kernel takes back. */
static void live(struct engine *engine, struct conn *c, pid_t parent)
{
    struct worker *worker = engine->workers;
    bool opened = process_tie_to_parent() == 0 && getppid() == parent;
    for (int i = 0; i < engine->acceptor_count; i++)
        acceptor_close(&engine->acceptors[i]);
    if (opened && open_log(engine) == 0 && worker_open(worker, engine, CREW_HOME, 0) == 0 &&
        logger_start(&engine->logger) == 0) {
        worker_serve(worker, c);
        if (logger_flush(&engine->logger, LOG_MS))
            logger_close(&engine->logger);
    }
    atomic_fetch_add_explicit(&engine->shared->requests, worker->env.requests, memory_order_relaxed);
    _exit(0);
}

static bool has_room(struct processes *processes)
{
    if (processes->count < processes->size)
        return true;
    int size = processes->size == 0 ? 64 : 2 * processes->size;
    pid_t *children = realloc(processes->children, (size_t)size * sizeof *children);
    if (children == NULL)
        return false;
    processes->children = children;
    processes->size = size;
    return true;
}

void processes_admit(struct engine *engine, struct conn *c)
{
    struct processes *processes = &engine->processes;
    int fd = c->fd;
    pid_t parent = getpid(), child = has_room(processes) ? fork() : -1;
    if (child == 0)
        live(engine, c, parent);
    conn_table_release(&engine->table, fd);
    close(fd);
    if (child > 0) {
        processes->children[processes->count++] = child;
        return;
    }
    atomic_fetch_add_explicit(&engine->ended, 1, memory_order_relaxed);
    if (log_gate_opens(&engine->room.gate, clock_now_ms()))
        log_errno(LOG_LEVEL_ERROR, "make a process for a connection");
}

void processes_wake(struct engine *engine)
{
    for (int i = 0; i < engine->processes.count; i++)
        sleeper_wake_process(engine->processes.children[i]);
}

/* Whether it was one of ours: who started us by exec(2) may have left us others. */
static bool forget(struct processes *processes, pid_t child)
{
    int i = 0;
    while (i < processes->count && processes->children[i] != child)
        i++;
    if (i == processes->count)
        return false;
    processes->children[i] = processes->children[--processes->count];
    return true;
}

void processes_reap(struct engine *engine)
{
    pid_t child;
    while (engine->processes.count > 0 && (child = waitpid(-1, NULL, WNOHANG)) > 0) {
        if (forget(&engine->processes, child))
            atomic_fetch_add_explicit(&engine->ended, 1, memory_order_release);
    }
    if (engine->processes.count == 0)
        usage_of_children(&engine->processes.usage);
}

void processes_free(struct processes *processes)
{
    free(processes->children);
    *processes = (struct processes){0};
}
