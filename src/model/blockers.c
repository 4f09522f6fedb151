#include "model/blockers.h"

#include "model/engine.h"

#include <stdio.h>
#include <stdlib.h>

static void loop(struct worker *worker)
{
    struct engine *engine = worker->engine;
    int fd;
    while ((fd = queue_take(&engine->blockers.queue)) >= 0) {
        conn_env_tick(&worker->env);
        worker_run(worker, &engine->table.conns[fd]);
        worker_tell_logger(worker);
    }
}

static int open_worker(struct blockers *pool, struct engine *engine, int i)
{
    struct worker *worker = &pool->workers[i];
    struct post post = {.cpu = -1};
    snprintf(post.role, sizeof post.role, "block %d", i);
    if (worker_open(worker, engine, &pool->place, &post) < 0)
        return -1;
    return worker_start(worker, loop);
}

int blockers_open(struct blockers *pool, struct engine *engine, int count, uint32_t id)
{
    pool->place = (struct place){.id = id, .queue = &pool->queue};
    pool->workers = worker_array(count);
    if (pool->workers == NULL || queue_open(&pool->queue, engine->table.size) < 0)
        return -1;
    while (pool->count < count)
        if (open_worker(pool, engine, pool->count++) < 0)
            return -1;
    return 0;
}

void blockers_stop(struct blockers *pool)
{
    queue_shut(&pool->queue);
}

void blockers_close(struct blockers *pool)
{
    for (int i = 0; i < pool->count; i++)
        worker_close(&pool->workers[i]);
    free(pool->workers);
    queue_close(&pool->queue);
    *pool = (struct blockers){0};
}
