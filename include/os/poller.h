/*
 * poller: the kernel's readiness queue: epoll(7) here, kqueue(2) elsewhere, one whole file each.
 *
 * Level-triggered. A socket is registered once, with a key of the caller's that comes back with each of its events. Any
 * thread may add to any poller. Several may wait at one poller: what is registered with POLLER_ONCE then goes to one of
 * them, anything else to some.
 */
#ifndef SHUNT_OS_POLLER_H
#define SHUNT_OS_POLLER_H

#include <stdint.h>

enum {
    POLLER_IN = 1 << 0,       /* readable, or the peer closed */
    POLLER_OUT = 1 << 1,      /* writable */
    POLLER_GONE = 1 << 2,     /* error or hangup: reported, never asked for */
    POLLER_ONCE = 1 << 3,     /* asks for one event, then silence, POLLER_GONE too, until poller_modify() asks again */
    POLLER_EXCLUSIVE = 1 << 4 /* of several pollers that wait for one fd, one or some are told, not all */
};

/* The one key that no caller may use: the poller's own, for waking. */
#define POLLER_KEY_TAKEN UINT64_MAX

struct poller {
    int fd;
    int wake_fd; /* -1 where the kernel's queue can be woken without one */
};

/* One that isn't open, for initialising. */
#define POLLER_CLOSED ((struct poller){-1, -1})

struct poller_event {
    uint64_t key;
    uint32_t ready; /* of POLLER_… */
};

/* 0, or -1 with errno (EMFILE, ENFILE, ENOMEM). */
int poller_open(struct poller *poller);

/* Safe on one that was never opened, if both fds are -1. */
void poller_close(struct poller *poller);

/* Registers fd for `interest` (POLLER_IN, POLLER_OUT, both, or 0 for neither; with POLLER_ONCE or POLLER_EXCLUSIVE, if
 * wanted). 0, or -1 with errno (EEXIST, ENOMEM, ENOSPC; EINVAL for those two together). */
int poller_add(struct poller *poller, int fd, uint32_t interest, uint64_t key);

/* Another interest, or another key, for a registered fd. What was added with POLLER_EXCLUSIVE can't be modified, only
 * removed and added again. 0, or -1 with errno (ENOENT, EINVAL). */
int poller_modify(struct poller *poller, int fd, uint32_t interest, uint64_t key);

/* Forgets fd: no wait that begins later reports it. Closing an fd forgets it too. 0, or -1 with errno. */
int poller_remove(struct poller *poller, int fd);

/* Waits at most timeout_ms (-1: for ever) for at most `max` events. How many there are: 0 after a timeout, a signal or
 * poller_wake(); -1 with errno is a programming error. */
int poller_wait(struct poller *poller, struct poller_event *events, int max, int timeout_ms);

/* Makes a wait, a current one or the next one, return: where several threads wait, one of them. Wakes that nobody has
 * met yet count as one; to reach all, each thread that is woken wakes the next. From any thread. */
void poller_wake(struct poller *poller);

#endif
