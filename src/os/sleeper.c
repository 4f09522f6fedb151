#include "os/sleeper.h"

#include "os/poller.h"
#include "os/signals.h"

#include <errno.h>
#include <poll.h>
#include <time.h>

int sleeper_open(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGURG);
    int error = pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (error != 0) {
        errno = error;
        return -1;
    }
    return signals_interrupt(SIGURG);
}

void sleeper_init(struct sleeper *sleeper)
{
    pthread_sigmask(SIG_BLOCK, NULL, &sleeper->asleep);
    sigdelset(&sleeper->asleep, SIGURG);
}

uint32_t sleeper_wait(const struct sleeper *sleeper, int sock, uint32_t interest, int timeout_ms)
{
    struct pollfd asked = {.fd = sock};
    struct timespec timeout = {timeout_ms / 1000, (long)(timeout_ms % 1000) * 1000000};
    asked.events = (short)((interest & POLLER_IN ? POLLIN : 0) | (interest & POLLER_OUT ? POLLOUT : 0));
    if (ppoll(&asked, 1, &timeout, &sleeper->asleep) <= 0)
        return 0;
    return (asked.revents & POLLIN ? (uint32_t)POLLER_IN : 0) | (asked.revents & POLLOUT ? (uint32_t)POLLER_OUT : 0) |
           (asked.revents & (POLLHUP | POLLERR | POLLNVAL) ? (uint32_t)POLLER_GONE : 0);
}

void sleeper_wake(pthread_t thread)
{
    pthread_kill(thread, SIGURG);
}

void sleeper_wake_process(pid_t pid)
{
    kill(pid, SIGURG);
}
