#include "model/queue.h"

#include <stdatomic.h>
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

bool queue_put(struct queue *queue, int fd)
{
    pthread_mutex_lock(&queue->lock);
    int count = atomic_fetch_add(&queue->count, 1);
    queue->ring[(queue->head + count) % queue->size] = fd;
    if (queue->waiting > 0)
        pthread_cond_signal(&queue->filled);
    pthread_mutex_unlock(&queue->lock);
    return count == 0;
}

/* Under the lock. */
static int take(struct queue *queue, int *fds, int most)
{
    int taken = 0;
    for (int count = queue->count; taken < count && taken < most; taken++) {
        fds[taken] = queue->ring[queue->head];
        queue->head = (queue->head + 1) % queue->size;
    }
    atomic_fetch_sub(&queue->count, taken);
    return taken;
}

int queue_wait(struct queue *queue, int *fds, int most)
{
    pthread_mutex_lock(&queue->lock);
    queue->waiting++;
    while (queue->open && queue->count == 0)
        pthread_cond_wait(&queue->filled, &queue->lock);
    queue->waiting--;
    int taken = queue->open ? take(queue, fds, most) : 0;
    pthread_mutex_unlock(&queue->lock);
    return taken;
}

int queue_take(struct queue *queue, int *fds, int most)
{
    if (queue_length(queue) == 0)
        return 0;
    pthread_mutex_lock(&queue->lock);
    int taken = queue->open ? take(queue, fds, most) : 0;
    pthread_mutex_unlock(&queue->lock);
    return taken;
}

int queue_length(const struct queue *queue)
{
    return atomic_load(&queue->count);
}

bool queue_is_behind(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    bool behind = queue->count > queue->waiting;
    pthread_mutex_unlock(&queue->lock);
    return behind;
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
