#include "model/blockers.h"

#include "model/engine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

void blockers_put(struct blockers *pool, const struct conn *c)
{
    pthread_mutex_lock(&pool->lock);
    pool->queue[pool->tail] = c->fd;
    pool->tail = pool->tail + 1 == pool->size ? 0 : pool->tail + 1;
    pthread_cond_signal(&pool->filled);
    pthread_mutex_unlock(&pool->lock);
}

/* The next connection, or NULL when the pool ends. */
static struct conn *take(struct blockers *pool)
{
    struct conn *c = NULL;
    pthread_mutex_lock(&pool->lock);
    while (!pool->stop && pool->head == pool->tail)
        pthread_cond_wait(&pool->filled, &pool->lock);
    if (!pool->stop) {
        c = &pool->engine->table.conns[pool->queue[pool->head]];
        pool->head = pool->head + 1 == pool->size ? 0 : pool->head + 1;
    }
    pthread_mutex_unlock(&pool->lock);
    return c;
}

static void *loop(void *arg)
{
    struct worker *worker = arg;
    struct conn *c;
    cpu_name_self(worker->role);
    while ((c = take(&worker->engine->blockers)) != NULL) {
        conn_env_tick(&worker->env);
        worker_run_unregistered(worker, c);
        if (worker->env.logged) {
            worker->env.logged = false;
            logger_nudge(&worker->engine->logger);
        }
    }
    return NULL;
}

/* Every thread of the pool owns by the same number: a connection is the pool's while one of them is at it. */
static int open_worker(struct blockers *pool, int i)
{
    struct worker *worker = &pool->workers[i];
    snprintf(worker->role, sizeof worker->role, "block %d", i);
    if (worker_open(worker, pool->engine, pool->face.id, NULL, pool->engine->logger.path != NULL) < 0)
        return -1;
    int error = pthread_create(&worker->thread, NULL, loop, worker);
    worker->started = error == 0;
    if (error != 0)
        errno = error;
    return error == 0 ? 0 : -1;
}

int blockers_open(struct blockers *pool, struct engine *engine, int count, uint32_t id)
{
    *pool = (struct blockers){.engine = engine, .size = (uint32_t)engine->table.size + 1};
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->filled, NULL);
    pool->face = (struct worker){.engine = engine, .id = id, .role = "blockers", .queue = pool, .poller = {-1, -1}};
    pool->queue = malloc(pool->size * sizeof *pool->queue);
    pool->workers = worker_array(count);
    if (pool->queue == NULL || pool->workers == NULL)
        return -1;
    for (; pool->count < count; pool->count++)
        if (open_worker(pool, pool->count) < 0) {
            pool->count++; /* to be closed too */
            return -1;
        }
    return 0;
}

void blockers_join(struct blockers *pool)
{
    if (pool->engine == NULL)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->stop = true;
    pthread_cond_broadcast(&pool->filled);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 0; i < pool->count; i++)
        worker_join(&pool->workers[i]);
}

void blockers_close(struct blockers *pool)
{
    if (pool->engine == NULL)
        return;
    for (int i = 0; i < pool->count; i++)
        worker_close(&pool->workers[i]);
    free(pool->workers);
    free(pool->queue);
    pthread_cond_destroy(&pool->filled);
    pthread_mutex_destroy(&pool->lock);
    pool->engine = NULL;
}
