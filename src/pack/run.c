/*
 * One thread that starts programs and waits: for the end of one, for a signal that stops it all, or for the moment to
 * draw the bar anew. All three are told by sigtimedwait(2), so that no handler has anything to do and no end is missed.
 */
#include "pack/run.h"

#include "base/log.h"

#include <errno.h>
#include <sys/wait.h>

enum { TOLD_MAX = 20, LOOK_MS = 100 };

/* That a file fails is told once, and of many files some only. */
static void fail(struct pack_run *run, struct pack_job *job)
{
    pack_bar_clear(&run->bar);
    if (!job->file->failed && run->told < TOLD_MAX)
        log_line(LOG_LEVEL_ERROR, "pack %s: %s", job->file->path, job->reason);
    if (!job->file->failed && run->told++ == TOLD_MAX)
        log_line(LOG_LEVEL_ERROR, "pack: others fail too, and only their number will be told");
    job->file->failed = true;
}

/* The bytes to be read for those of these sidecars that are wanted. */
static uint64_t work_of(const struct pack_file *file, unsigned programs)
{
    return (uint64_t)file->size * (unsigned)__builtin_popcount(file->wanted & programs);
}

/* These sidecars of the file are dealt with. */
static void strike(struct pack_run *run, struct pack_file *file, unsigned programs)
{
    unsigned before = file->wanted;
    uint64_t work = work_of(file, programs);
    file->wanted &= ~programs;
    run->progress.files_done += before != 0 && file->wanted == 0;
    run->progress.work_done += work;
}

static void settle(struct pack_run *run, struct pack_job *job, enum pack_outcome outcome, off_t size)
{
    struct pack_gain *gain = &run->gains[job->program];
    unsigned bit = 1U << job->program;
    switch (outcome) {
    case PACK_WRITTEN:
        job->file->written |= bit;
        gain->sidecars++;
        gain->before += (uint64_t)job->original.st_size;
        gain->after += (uint64_t)size;
        run->progress.saved += job->original.st_size - size;
        break;
    case PACK_NOT_SMALLER:
        break;
    case PACK_FAILED:
        fail(run, job);
        bit = ~0U; /* the other programs would hardly fare better */
        break;
    }
    strike(run, job->file, bit);
}

/* The next sidecar that is wanted. */
static bool next(struct pack_run *run, struct pack_file **file, int *program)
{
    for (; run->next_file < run->files->count; run->next_file++, run->next_program = 0) {
        *file = &run->files->rows[run->next_file];
        while (run->next_program < PACK_PROGRAMS) {
            *program = run->next_program++;
            if (((*file)->wanted & 1U << *program) != 0)
                return true;
        }
    }
    return false;
}

/* As many as there may be; how many run now. */
static int start(struct pack_run *run)
{
    int running = 0;
    for (int i = 0; i < run->jobs_max; i++) {
        struct pack_job *job = &run->jobs[i];
        struct pack_file *file;
        int program;
        while (job->pid == 0 && next(run, &file, &program))
            if (pack_job_start(job, run->root, file, program, run->places->paths[program]) < 0)
                settle(run, job, PACK_FAILED, 0);
        running += job->pid != 0;
    }
    return running;
}

/* Whether we are about to be stopped. A terminal stops the programs with us: that they failed is no news then. */
static bool stop_waits(const struct pack_run *run)
{
    sigset_t waiting;
    sigpending(&waiting);
    sigdelset(&waiting, SIGCHLD);
    sigandset(&waiting, &waiting, &run->signals);
    return !sigisemptyset(&waiting);
}

static void reap(struct pack_run *run)
{
    for (int i = 0; i < run->jobs_max; i++) {
        struct pack_job *job = &run->jobs[i];
        int status;
        off_t size = 0;
        if (job->pid == 0 || waitpid(job->pid, &status, WNOHANG) != job->pid)
            continue;
        if (status != 0 && stop_waits(run)) {
            pack_job_forget(job);
            continue;
        }
        enum pack_outcome outcome = pack_job_finish(job, status, &size);
        settle(run, job, outcome, size);
    }
}

static void abandon(struct pack_run *run)
{
    for (int i = 0; i < run->jobs_max; i++) {
        struct pack_job *job = &run->jobs[i];
        if (job->pid == 0)
            continue;
        kill(job->pid, SIGKILL);
        waitpid(job->pid, NULL, 0);
        pack_job_forget(job);
    }
}

int pack_run(struct pack_run *run)
{
    const struct timespec look = {.tv_nsec = LOOK_MS * 1000000L};
    run->progress.files = run->files->count;
    for (size_t i = 0; i < run->files->count; i++)
        run->progress.work += work_of(&run->files->rows[i], ~0U);
    while (start(run) > 0) {
        pack_bar_draw(&run->bar, &run->progress);
        int signal = sigtimedwait(&run->signals, NULL, &look);
        if (signal > 0 && signal != SIGCHLD) {
            abandon(run);
            pack_bar_clear(&run->bar);
            return signal;
        }
        reap(run);
    }
    pack_bar_clear(&run->bar);
    return 0;
}
