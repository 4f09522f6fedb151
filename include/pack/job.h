/* pack_job: one program that makes one sidecar. */
#ifndef SHUNT_PACK_JOB_H
#define SHUNT_PACK_JOB_H

#include "pack/files.h"

#include <sys/types.h>

enum { PACK_TEMPORARY_MAX = 32, PACK_REASON_MAX = 256 };

struct pack_job {
    pid_t pid; /* 0: none runs */
    struct pack_file *file;
    int program;                        /* its number */
    int directory, output, words;       /* the file's directory, the sidecar to be, what the program complains of */
    struct stat original;               /* as it was opened */
    char temporary[PACK_TEMPORARY_MAX]; /* the sidecar's name until it is done: one that isn't served */
    char reason[PACK_REASON_MAX];       /* why it failed */
};

enum pack_outcome {
    PACK_WRITTEN = 1,
    PACK_NOT_SMALLER, /* and there is no sidecar */
    PACK_FAILED,      /* job->reason says why; a sidecar from before is as it was */
};

/* Starts the program at `place`. 0, or -1 after the reason was written. */
int pack_job_start(struct pack_job *job, int root, struct pack_file *file, int program, const char *place);

/* When the program has ended, as waitpid(2) tells. `size`: of what it made. */
enum pack_outcome pack_job_finish(struct pack_job *job, int status, off_t *size);

/* Cleans up after a program that has ended, as if it had never run. */
void pack_job_forget(struct pack_job *job);

#endif
