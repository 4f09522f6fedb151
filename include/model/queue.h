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
    int size, head, count;
    bool open;
};

/* 0, or -1 with errno ENOMEM. */
int queue_open(struct queue *queue, int size);

/* Safe on a zeroed queue. No thread takes from it any more. */
void queue_close(struct queue *queue);

/* Puts a descriptor in, and wakes one thread. At most `size` wait at once. */
void queue_put(struct queue *queue, int fd);

/* Waits for one; -1 when the queue was shut. */
int queue_take(struct queue *queue);

/* From now on every take, waiting or to come, gets -1. */
void queue_shut(struct queue *queue);

#endif
