/* usage: what the kernel counts of us (getrusage(2)). */
#ifndef SHUNT_OS_USAGE_H
#define SHUNT_OS_USAGE_H

#include <stdint.h>

/* Context switches so far. */
struct usage {
    uint64_t voluntary;   /* it waited for something */
    uint64_t involuntary; /* its time was up, or somebody more urgent came */
};

/* Those of the calling thread. */
void usage_of_thread(struct usage *usage);

/* Those of all child processes that have ended and were waited for (waitpid(2)), and of theirs. */
void usage_of_children(struct usage *usage);

#endif
