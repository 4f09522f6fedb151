/*
 * The program reads the original on its standard input and writes to a file beside it, so that no name is ever an
 * argument and no shell is asked. Only when all is as it should be does that file get the sidecar's name, by rename(2);
 * until then its name begins with a dot, and is served to nobody.
 */
#include "pack/job.h"

#include "os/file_time.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { YOUNG_MS = 2, YOUNG_TRIES = 1500 }; /* the longest that a file is young is three seconds */

/* Writes the reason, and returns -1. */
__attribute__((format(printf, 2, 3))) static int fail(struct pack_job *job, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(job->reason, sizeof job->reason, format, arguments);
    va_end(arguments);
    return -1;
}

/* In its directory. */
static const char *original_name(const struct pack_job *job)
{
    const char *slash = strrchr(job->file->path, '/');
    return slash == NULL ? job->file->path : slash + 1;
}

static void sidecar_name(const struct pack_job *job, char name[NAME_MAX + 1])
{
    snprintf(name, NAME_MAX + 1, "%s%s", original_name(job), pack_program_suffix(job->program));
}

/* Whether the name still leads to what was opened, unchanged. */
static bool is_unchanged(const struct pack_job *job)
{
    struct stat st;
    if (fstatat(job->directory, original_name(job), &st, AT_SYMLINK_NOFOLLOW) < 0)
        return false;
    struct identity then = identity_of(&job->original), now = identity_of(&st);
    return identity_same(&now, &then);
}

/* What was changed a moment ago may change again and show it by no time: it is read a moment later, when
 * is_unchanged() can tell. */
static void wait_while_young(const struct stat *st)
{
    struct identity identity = identity_of(st);
    for (int tries = 0; identity_is_young(&identity, file_time_now()) && tries < YOUNG_TRIES; tries++)
        usleep(YOUNG_MS * 1000);
}

/* The original, open for reading; -1 after the reason was written. */
static int open_original(struct pack_job *job)
{
    int input = openat(job->directory, original_name(job), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (input < 0)
        return fail(job, "%s", strerror(errno));
    if (fstat(input, &job->original) == 0 && S_ISREG(job->original.st_mode)) {
        wait_while_young(&job->original);
        return input;
    }
    close(input);
    return fail(job, "it isn't a regular file any more");
}

static int open_temporary(struct pack_job *job)
{
    uint64_t chance;
    if (getentropy(&chance, sizeof chance) < 0)
        return fail(job, "random bytes: %s", strerror(errno));
    snprintf(job->temporary, sizeof job->temporary, ".pack-%016llx", (unsigned long long)chance);
    job->output = openat(job->directory, job->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return job->output < 0 ? fail(job, "make a file beside it: %s", strerror(errno)) : 0;
}

/* What it is called with; `size` has room for the option that tells the size. */
static void fill_arguments(const struct pack_job *job, const char *arguments[PACK_ARGUMENTS_MAX + 1],
                           char size[PACK_OPTION_MAX])
{
    const struct pack_program *program = &pack_programs[job->program];
    int count = 0;
    for (; program->arguments[count] != NULL; count++)
        arguments[count] = program->arguments[count];
    if (program->size_option != NULL) {
        snprintf(size, PACK_OPTION_MAX, "%s%lld", program->size_option, (long long)job->original.st_size);
        arguments[count++] = size;
    }
    arguments[count] = NULL;
}

/* With no signal blocked or ignored, whatever we do with ours. An error number. */
static int spawn(struct pack_job *job, const char *place, int input, int complaints)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none, usual;
    const char *arguments[PACK_ARGUMENTS_MAX + 1];
    char size[PACK_OPTION_MAX];
    fill_arguments(job, arguments, size);
    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &usual);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    int error = posix_spawn_file_actions_adddup2(&files, input, STDIN_FILENO);
    if (error == 0)
        error = posix_spawn_file_actions_adddup2(&files, job->output, STDOUT_FILENO);
    if (error == 0)
        error = posix_spawn_file_actions_adddup2(&files, complaints, STDERR_FILENO);
    if (error == 0)
        error = posix_spawn(&job->pid, place, &files, &attributes, (char *const *)(uintptr_t)arguments, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return error;
}

/* The program's complaints wait in a pipe, and those that don't fit are dropped: nobody reads while it runs. */
static int run(struct pack_job *job, const char *place, int input)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return fail(job, "make a pipe: %s", strerror(errno));
    int error = spawn(job, place, input, ends[1]);
    close(ends[1]);
    job->words = ends[0];
    return error != 0 ? fail(job, "run %s: %s", place, strerror(error)) : 0;
}

int pack_job_start(struct pack_job *job, int root, struct pack_file *file, int program, const char *place)
{
    *job = (struct pack_job){.file = file, .program = program, .directory = -1, .output = -1, .words = -1};
    job->directory = pack_files_open_directory(root, file->path);
    if (job->directory < 0)
        return fail(job, "open its directory: %s", strerror(errno));
    int input = open_original(job);
    int result = input < 0 || open_temporary(job) < 0 || run(job, place, input) < 0 ? -1 : 0;
    if (input >= 0)
        close(input);
    if (result < 0)
        pack_job_forget(job);
    return result;
}

void pack_job_forget(struct pack_job *job)
{
    if (job->output >= 0) {
        close(job->output);
        if (*job->temporary != '\0')
            unlinkat(job->directory, job->temporary, 0);
    }
    if (job->words >= 0)
        close(job->words);
    if (job->directory >= 0)
        close(job->directory);
    job->pid = 0;
    job->directory = job->output = job->words = -1;
}

/* How it ended, and the first line of what it said. */
static int tell_of_the_program(struct pack_job *job, int status)
{
    const char *name = pack_programs[job->program].arguments[0];
    char words[128];
    ssize_t len = read(job->words, words, sizeof words - 1);
    words[len > 0 ? len : 0] = '\0';
    words[strcspn(words, "\n")] = '\0';
    if (WIFSIGNALED(status))
        return fail(job, "%s was ended by signal %d", name, WTERMSIG(status));
    return fail(job, "%s failed with %d%s%s", name, WEXITSTATUS(status), *words == '\0' ? "" : ": ", words);
}

/* Whoever may read the original may read the sidecar, and nobody else: where it can't have the same group, that group's
 * rights go. */
static int dress(const struct pack_job *job)
{
    const struct stat *as = &job->original;
    mode_t mode = as->st_mode & 0666;
    if (fchown(job->output, as->st_uid, as->st_gid) < 0 && fchown(job->output, (uid_t)-1, as->st_gid) < 0)
        mode &= ~(mode_t)0060;
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, as->st_mtim};
    return fchmod(job->output, mode) < 0 || futimens(job->output, times) < 0 ? -1 : 0;
}

/* Gives the sidecar its name. */
static int publish(struct pack_job *job)
{
    char name[NAME_MAX + 1];
    sidecar_name(job, name);
    if (dress(job) < 0 || renameat(job->directory, job->temporary, job->directory, name) < 0)
        return fail(job, "write its %s: %s", pack_program_suffix(job->program), strerror(errno));
    *job->temporary = '\0';
    return 0;
}

/* What has the sidecar's name now is of another version of the original, or not smaller: it goes. */
static int withdraw(struct pack_job *job)
{
    char name[NAME_MAX + 1];
    sidecar_name(job, name);
    if (unlinkat(job->directory, name, 0) == 0 || errno == ENOENT)
        return 0;
    return fail(job, "remove its %s, which isn't smaller: %s", pack_program_suffix(job->program), strerror(errno));
}

static enum pack_outcome conclude(struct pack_job *job, int status, off_t *size)
{
    struct stat made;
    if (!is_unchanged(job))
        fail(job, "it was changed meanwhile: pack again when that is done");
    else if (status != 0)
        tell_of_the_program(job, status);
    else if (fstat(job->output, &made) < 0 || made.st_size == 0)
        fail(job, "%s made nothing of it", pack_programs[job->program].arguments[0]);
    else if (made.st_size < job->original.st_size) {
        *size = made.st_size;
        return publish(job) == 0 ? PACK_WRITTEN : PACK_FAILED;
    } else
        return withdraw(job) == 0 ? PACK_NOT_SMALLER : PACK_FAILED;
    return PACK_FAILED;
}

enum pack_outcome pack_job_finish(struct pack_job *job, int status, off_t *size)
{
    enum pack_outcome outcome = conclude(job, status, size);
    pack_job_forget(job);
    return outcome;
}
