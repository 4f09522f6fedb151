/* usage on Linux, which knows a thread's own. */
#include "os/usage.h"

#include <sys/resource.h>

/* getrusage(2) can't fail: we own the memory, and the kernel knows both. */
static void ask(int who, struct usage *usage)
{
    struct rusage counted = {0};
    getrusage(who, &counted);
    usage->voluntary = (uint64_t)counted.ru_nvcsw;
    usage->involuntary = (uint64_t)counted.ru_nivcsw;
}

void usage_of_thread(struct usage *usage)
{
    ask(RUSAGE_THREAD, usage);
}

void usage_of_children(struct usage *usage)
{
    ask(RUSAGE_CHILDREN, usage);
}
