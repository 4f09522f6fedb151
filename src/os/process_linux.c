#include "os/process.h"

#include <signal.h>
#include <sys/prctl.h>

static void do_nothing(int signal)
{
    (void)signal;
}

int process_heed_children(void)
{
    return sigaction(SIGCHLD, &(struct sigaction){.sa_handler = do_nothing, .sa_flags = SA_NOCLDSTOP}, NULL);
}

int process_tie_to_parent(void)
{
    return prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
}
