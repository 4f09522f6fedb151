/* pack_run: all the jobs of one packing, some at a time. */
#ifndef SHUNT_PACK_RUN_H
#define SHUNT_PACK_RUN_H

#include "pack/bar.h"
#include "pack/job.h"

#include <signal.h>

enum { PACK_JOBS_MAX = 256 };

/* What one program has made. */
struct pack_gain {
    size_t sidecars;
    uint64_t before, after; /* bytes */
};

struct pack_run {
    const struct pack_places *places;
    struct pack_files *files; /* what is written, and what fails, is noted there */
    int root;                 /* of the tree */
    int jobs_max;
    sigset_t signals; /* that are waited for, SIGCHLD among them; blocked */
    struct pack_bar bar;
    struct pack_gain gains[PACK_PROGRAMS];
    /* From here on its own; 0 at first. */
    struct pack_progress progress;
    struct pack_job jobs[PACK_JOBS_MAX];
    size_t next_file; /* where the next job is looked for */
    int next_program;
    size_t told; /* failures */
};

/* Makes what is wanted, as far as it can be; what fails is told in a line each. 0 when all is done, or the signal that
 * stopped it: then no program runs any more, and what it was at is as before. */
int pack_run(struct pack_run *run);

#endif
