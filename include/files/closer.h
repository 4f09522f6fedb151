/*
 * closer: a thread that closes files, for threads that must not wait for it.
 *
 * The last close(2) of a removed file gives its blocks back, which took 130 µs a megabyte where it was measured; and a
 * network's or a process's file system may be asked something at each.
 */
#ifndef SHUNT_FILES_CLOSER_H
#define SHUNT_FILES_CLOSER_H

#include <pthread.h>
#include <stdbool.h>

enum {
    CLOSER_ROOM = 256, /* files that may wait; who brings one more closes it himself */
    CLOSER_END_MS = 1000,
};

struct closer {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    int fds[CLOSER_ROOM];
    int count;
    bool runs, ends;
};

/* Starts the thread. Best effort: without it, whoever brings a file closes it himself. */
void closer_start(struct closer *closer);

/* Ends it, when all is closed; or leaves it to the process's end, where a dead disk keeps it. Safe on a zeroed one. */
void closer_stop(struct closer *closer);

/* Closes a file, now or soon. `closer`: NULL closes it now. */
void closer_close(struct closer *closer, int fd);

#endif
