/*
 * active: how many threads may work at once: a counting semaphore (sem_overview(7)) that each holds while it does real
 * work, and not while it waits for a socket, a disk or a queue. With as many places as there are processors, the kernel
 * never has to take one from a thread to give it to another (Darcy, "High-Performance Server Architecture", on context
 * switches).
 *
 * NULL stands for no limit: then nothing is done, and costs nothing.
 */
#ifndef SHUNT_BASE_ACTIVE_H
#define SHUNT_BASE_ACTIVE_H

#include <semaphore.h>

struct active {
    sem_t places;
};

/* At most `limit` threads, at least 1. 0, or -1 with errno. */
int active_open(struct active *active, unsigned limit);
void active_close(struct active *active);

/* Waits for a place, and gives it up. A thread holds one at most. */
void active_enter(struct active *active);
void active_leave(struct active *active);

#endif
