/*
 * The poller on Linux: an epoll descriptor, and an eventfd in it that wakes.
 *
 * The eventfd is registered with the one key that no caller may use. A wait that meets it leaves it out of the answer,
 * so that a wake looks like a timeout. It is the one edge-triggered fd here, and is never read: each write is an edge,
 * which goes to one of the threads that wait, or stays for the first that will. Were it level-triggered, several would
 * see it before the first has emptied it.
 */
#include "os/poller.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { BATCH = 256 }; /* events that one wait takes, 3 kB of stack */

static uint32_t asked(uint32_t interest)
{
    return (interest & POLLER_IN ? (uint32_t)EPOLLIN : 0) | (interest & POLLER_OUT ? (uint32_t)EPOLLOUT : 0) |
           (interest & POLLER_ONCE ? (uint32_t)EPOLLONESHOT : 0) |
           (interest & POLLER_EXCLUSIVE ? (uint32_t)EPOLLEXCLUSIVE : 0);
}

static uint32_t answered(uint32_t events)
{
    return (events & EPOLLIN ? (uint32_t)POLLER_IN : 0) | (events & EPOLLOUT ? (uint32_t)POLLER_OUT : 0) |
           (events & (EPOLLHUP | EPOLLERR) ? (uint32_t)POLLER_GONE : 0);
}

int poller_open(struct poller *poller)
{
    poller->wake_fd = -1;
    poller->fd = epoll_create1(EPOLL_CLOEXEC);
    if (poller->fd < 0)
        return -1;
    poller->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event wake = {.events = (uint32_t)EPOLLIN | (uint32_t)EPOLLET, .data.u64 = POLLER_KEY_TAKEN};
    if (poller->wake_fd < 0 || epoll_ctl(poller->fd, EPOLL_CTL_ADD, poller->wake_fd, &wake) != 0) {
        int error = errno;
        poller_close(poller);
        errno = error;
        return -1;
    }
    return 0;
}

void poller_close(struct poller *poller)
{
    if (poller->wake_fd >= 0)
        close(poller->wake_fd);
    if (poller->fd >= 0)
        close(poller->fd);
    poller->fd = poller->wake_fd = -1;
}

int poller_add(struct poller *poller, int fd, uint32_t interest, uint64_t key)
{
    struct epoll_event event = {.events = asked(interest), .data.u64 = key};
    return epoll_ctl(poller->fd, EPOLL_CTL_ADD, fd, &event);
}

int poller_modify(struct poller *poller, int fd, uint32_t interest, uint64_t key)
{
    struct epoll_event event = {.events = asked(interest), .data.u64 = key};
    return epoll_ctl(poller->fd, EPOLL_CTL_MOD, fd, &event);
}

int poller_remove(struct poller *poller, int fd)
{
    return epoll_ctl(poller->fd, EPOLL_CTL_DEL, fd, NULL);
}

int poller_wait(struct poller *poller, struct poller_event *events, int max, int timeout_ms)
{
    struct epoll_event batch[BATCH];
    int met = epoll_wait(poller->fd, batch, max < BATCH ? max : BATCH, timeout_ms);
    if (met < 0)
        return errno == EINTR ? 0 : -1;
    int count = 0;
    for (int i = 0; i < met; i++) {
        if (batch[i].data.u64 != POLLER_KEY_TAKEN)
            events[count++] = (struct poller_event){.key = batch[i].data.u64, .ready = answered(batch[i].events)};
    }
    return count;
}

void poller_wake(struct poller *poller)
{
    eventfd_write(poller->wake_fd, 1); /* fails only after 2^64 - 2 wakes: centuries */
}
