#include "model/queue.h"

#include <stdlib.h>

int queue_open(struct queue *queue, int size)
{
    *queue = (struct queue){.size = size, .ring = malloc((size_t)size * sizeof *queue->ring)};
    if (queue->ring == NULL)
        return -1;
    pthread_mutex_init(&queue->lock, NULL);
    pthread_cond_init(&queue->filled, NULL);
    queue->open = true;
    return 0;
}

void queue_close(struct queue *queue)
{
    if (queue->ring == NULL)
        return;
    pthread_cond_destroy(&queue->filled);
    pthread_mutex_destroy(&queue->lock);
    free(queue->ring);
    queue->ring = NULL;
}

void queue_put(struct queue *queue, int fd)
{
    pthread_mutex_lock(&queue->lock);
    queue->ring[(queue->head + queue->count++) % queue->size] = fd;
    pthread_cond_signal(&queue->filled);
    pthread_mutex_unlock(&queue->lock);
}

int queue_take(struct queue *queue)
{
    int fd = -1;
    pthread_mutex_lock(&queue->lock);
    while (queue->open && queue->count == 0)
        pthread_cond_wait(&queue->filled, &queue->lock);
    if (queue->open) {
        fd = queue->ring[queue->head];
        queue->head = (queue->head + 1) % queue->size;
        queue->count--;
    }
    pthread_mutex_unlock(&queue->lock);
    return fd;
}

void queue_shut(struct queue *queue)
{
    if (queue->ring == NULL)
        return;
    pthread_mutex_lock(&queue->lock);
    queue->open = false;
    pthread_cond_broadcast(&queue->filled);
    pthread_mutex_unlock(&queue->lock);
}
