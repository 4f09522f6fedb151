#include "pack/pack.h"

#include "base/log.h"
#include "os/beneath.h"
#include "os/cpu.h"
#include "os/signals.h"
#include "pack/run.h"
#include "server/usage.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct command {
    const char *directory;
    int jobs; /* 0: one per usable core */
    bool quiet;
};

struct packing {
    struct pack_places places;
    struct pack_files files;
    struct pack_run run;
};

/* ---- the command line */

static bool read_jobs(struct command *command, const char *text)
{
    char *end;
    errno = 0;
    long jobs = strtol(text, &end, 10);
    command->jobs = (int)jobs;
    if (errno == 0 && end != text && *end == '\0' && jobs >= 1 && jobs <= PACK_JOBS_MAX)
        return true;
    log_line(LOG_LEVEL_ERROR, "pack --jobs %s: must be a number from 1 to %d", text, PACK_JOBS_MAX);
    return false;
}

static bool take_directory(struct command *command, int argc, char **argv)
{
    if (optind == argc)
        log_line(LOG_LEVEL_ERROR, "which directory is to be packed? For the one you are in: shunt pack . (a directory "
                                  "of the name pack is served as ./pack)");
    else if (optind + 1 < argc)
        log_line(LOG_LEVEL_ERROR, "%s: one directory can be packed, and it is %s already (see shunt --help)",
                 argv[optind + 1], argv[optind]);
    else
        command->directory = argv[optind];
    return command->directory != NULL;
}

/* Whether to go on; else *status is the exit status. */
static bool read_command(struct command *command, int argc, char **argv, int *status)
{
    static const struct option words[] = {{"jobs", required_argument, NULL, 'j'},
                                          {"quiet", no_argument, NULL, 'q'},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
    int value;
    *command = (struct command){0};
    *status = 2;
    opterr = 0;
    while ((value = getopt_long(argc, argv, ":j:qh", words, NULL)) != -1) {
        if (value == 'h') {
            *status = fputs(usage_text, stdout) < 0 ? 1 : 0;
            return false;
        }
        if (value == '?' || value == ':') {
            log_line(LOG_LEVEL_ERROR, "pack %s: %s (see shunt --help)", argv[optind - 1],
                     value == ':' ? "needs a value" : "unknown option");
            return false;
        }
        if (value == 'q')
            command->quiet = true;
        else if (!read_jobs(command, optarg))
            return false;
    }
    return take_directory(command, argc, argv);
}

/* ---- before and after */

static void wait_for_signals(struct packing *packing)
{
    static const int stops[] = {SIGHUP, SIGINT, SIGTERM};
    struct sigaction now;
    signals_interrupt(SIGCHLD); /* it may have been ignored, and would be lost then */
    sigemptyset(&packing->run.signals);
    sigaddset(&packing->run.signals, SIGCHLD);
    for (size_t i = 0; i < sizeof stops / sizeof *stops; i++)
        if (sigaction(stops[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN) /* nohup(1) */
            sigaddset(&packing->run.signals, stops[i]);
    sigprocmask(SIG_BLOCK, &packing->run.signals, NULL);
}

/* So that who waits for us sees what we ended of. */
static void end_by(int signal)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signal);
    raise(signal);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* Which programs there are, a bit for each; what is missing is told. */
static unsigned find_programs(struct packing *packing, bool quiet)
{
    unsigned programs = 0;
    if (pack_programs_find(&packing->places) == 0) {
        log_line(LOG_LEVEL_ERROR, "pack: none of gzip, brotli and zstd is in PATH: install one of them, or all");
        return 0;
    }
    for (int i = 0; i < PACK_PROGRAMS; i++) {
        if (*packing->places.paths[i] != '\0')
            programs |= 1U << i;
        else if (!quiet)
            log_line(LOG_LEVEL_WARNING, "pack: %s is not installed, and no %s is made", pack_programs[i].arguments[0],
                     pack_program_suffix(i));
    }
    return programs;
}

static int cores(void)
{
    struct cpu_set_list usable;
    cpu_usable(&usable);
    int count = cpu_count(&usable);
    return count < PACK_JOBS_MAX ? count : PACK_JOBS_MAX;
}

static bool open_packing(struct packing *packing, const struct command *command)
{
    packing->run.places = &packing->places;
    packing->run.files = &packing->files;
    pack_bar_init(&packing->run.bar, command->quiet);
    packing->run.jobs_max = command->jobs > 0 ? command->jobs : cores();
    packing->run.root = beneath_root(command->directory);
    if (packing->run.root < 0) {
        log_errno(LOG_LEVEL_ERROR, "pack %s", command->directory);
        return false;
    }
    unsigned programs = find_programs(packing, command->quiet);
    if (programs == 0)
        return false;
    if (pack_files_find(&packing->files, packing->run.root, programs) < 0) {
        log_line(LOG_LEVEL_ERROR, "pack %s: no memory for the names of its files", command->directory);
        return false;
    }
    return true;
}

static void close_packing(struct packing *packing)
{
    pack_files_close(&packing->files);
    if (packing->run.root >= 0)
        close(packing->run.root);
    free(packing);
}

/* ---- the last word */

/* ": gzip 4.1 MB to 1.1 MB, ...", of those that made something. */
static void put_gains(const struct packing *packing)
{
    const char *between = ": ";
    for (int i = 0; i < PACK_PROGRAMS; i++) {
        const struct pack_gain *gain = &packing->run.gains[i];
        char before[PACK_SIZE_MAX], after[PACK_SIZE_MAX];
        if (gain->sidecars == 0)
            continue;
        pack_size_format(before, gain->before);
        pack_size_format(after, gain->after);
        printf("%s%s %s to %s", between, pack_programs[i].arguments[0], before, after);
        between = ", ";
    }
}

/* False after a line, if that can't be written. */
static bool sum_up(const struct packing *packing, size_t failed)
{
    const struct pack_files *files = &packing->files;
    size_t packed = 0, stubborn = 0;
    for (size_t i = 0; i < files->count; i++) {
        const struct pack_file *file = &files->rows[i];
        packed += file->written != 0;
        stubborn += file->written == 0 && !file->failed && file->wanted == 0;
    }
    printf("packed %zu %s", packed, packed == 1 ? "file" : "files");
    put_gains(packing);
    const struct {
        size_t count;
        const char *one, *more;
    } rest[] = {{files->up_to_date, "was up to date", "were up to date"},
                {stubborn, "would not get smaller", "would not get smaller"},
                {failed, "failed", "failed"}};
    const char *between = "; ";
    for (size_t i = 0; i < sizeof rest / sizeof *rest; i++) {
        if (rest[i].count == 0)
            continue;
        printf("%s%zu %s", between, rest[i].count, rest[i].count == 1 ? rest[i].one : rest[i].more);
        between = ", ";
    }
    putchar('\n');
    if (fflush(stdout) == 0)
        return true;
    log_errno(LOG_LEVEL_ERROR, "pack: write to standard output what was saved");
    return false;
}

static size_t count_failed(const struct pack_files *files)
{
    size_t failed = files->failed;
    for (size_t i = 0; i < files->count; i++)
        failed += files->rows[i].failed;
    return failed;
}

int pack(int argc, char **argv)
{
    struct command command;
    int status;
    if (!read_command(&command, argc, argv, &status))
        return status;
    struct packing *packing = calloc(1, sizeof *packing);
    if (packing == NULL) {
        log_errno(LOG_LEVEL_ERROR, "pack %s", command.directory);
        return 1;
    }
    int signal = 0;
    status = 1;
    if (open_packing(packing, &command)) {
        wait_for_signals(packing);
        signal = pack_run(&packing->run);
        size_t failed = count_failed(&packing->files);
        status = (command.quiet || sum_up(packing, failed)) && failed == 0 ? 0 : 1;
    }
    close_packing(packing);
    if (signal != 0)
        end_by(signal);
    return status;
}
