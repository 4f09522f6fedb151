#include "os/process.h"

#include "os/signals.h"

#include <signal.h>
#include <sys/prctl.h>

int process_heed_children(void)
{
    return signals_interrupt(SIGCHLD);
}

int process_tie_to_parent(void)
{
    return prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
}
