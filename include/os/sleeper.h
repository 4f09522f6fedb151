/*
 * sleeper: a thread that sleeps on one socket, and can be woken before it is ready (ppoll(2), signal(7)). Where each
 * connection has a thread or a process of its own, they wait by this, not at a poller.
 *
 * The signal is SIGURG, which does nothing to who doesn't expect it. It is blocked at all times but while a thread
 * sleeps, so that no wake is lost between a look and the sleep, and no other system call is interrupted.
 */
#ifndef SHUNT_OS_SLEEPER_H
#define SHUNT_OS_SLEEPER_H

#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/types.h>

struct sleeper {
    sigset_t asleep; /* what is blocked while the thread sleeps: all that is otherwise, but for the one */
};

/* To be called by the main thread before there are others. 0, or -1 with errno. */
int sleeper_open(void);

/* For the calling thread. */
void sleeper_init(struct sleeper *sleeper);

/* Sleeps until the socket is ready for `interest` (POLLER_IN, POLLER_OUT), broken, timeout_ms have passed, or somebody
 * wakes the thread. What it is ready for, POLLER_…; 0 for the other two. */
uint32_t sleeper_wait(const struct sleeper *sleeper, int sock, uint32_t interest, int timeout_ms);

/* Wakes a thread of ours, or a child's only thread that sleeps; now, or as soon as it wants to sleep. */
void sleeper_wake(pthread_t thread);
void sleeper_wake_process(pid_t pid);

#endif
