/*
 * queue: descriptors of connections that wait for a thread, whichever is free first. Bounded by what it was opened for:
 * it can't be full where that is the number of connections there can be.
 */
#ifndef SHUNT_MODEL_QUEUE_H
#define SHUNT_MODEL_QUEUE_H

#include <pthread.h>
#include <stdbool.h>

struct queue {
    pthread_mutex_t lock;
    pthread_cond_t filled;
    int *ring; /* owned */
    int size, head;
    _Atomic int count; /* changed under the lock; may be looked at without */
    int waiting;       /* threads that wait for one */
    bool open;
};

/* 0, or -1 with errno ENOMEM. */
int queue_open(struct queue *queue, int size);

/* Safe on a zeroed queue. No thread takes from it any more. */
void queue_close(struct queue *queue);

/* Puts a descriptor in, and wakes one thread that waits. At most `size` wait at once. Whether it was empty before. */
bool queue_put(struct queue *queue, int fd);

/* Waits until there is something, and takes up to `most` of it, oldest first. How many; 0 when the queue was shut. */
int queue_wait(struct queue *queue, int *fds, int most);

/* The same without waiting: 0 when there is nothing. */
int queue_take(struct queue *queue, int *fds, int most);

/* How many wait, as it was a moment ago. */
int queue_length(const struct queue *queue);

/* Whether more wait in it than threads wait for them. */
bool queue_is_behind(struct queue *queue);

/* From now on every wait, begun or to come, gets 0. */
void queue_shut(struct queue *queue);

#endif
