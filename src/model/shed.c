#include "model/shed.h"

#include "base/clock.h"
#include "model/engine.h"

uint64_t shed_idle_ms(struct conn_due due, const struct conn_limits *limits, uint64_t now_ms)
{
    uint64_t ms = conn_idle_ms(due, limits, now_ms);
    bool shy = due.phase == PHASE_FRESH || due.phase == PHASE_LINGER;
    return shy && ms < SHED_SHY_MS ? 0 : ms;
}

static uint32_t age_of(uint64_t ms)
{
    return ms / 1000 < SHED_AGES ? (uint32_t)(ms / 1000) : SHED_AGES - 1;
}

void shed_count(struct shed_cut *cut, uint64_t idle_ms)
{
    if (idle_ms > 0)
        cut->number[age_of(idle_ms)]++;
}

void shed_cut(struct shed_cut *cut, uint32_t most)
{
    cut->age = SHED_AGES;
    while (cut->age > 0 && cut->number[cut->age - 1] <= most)
        most -= cut->number[--cut->age];
    cut->younger = most;
}

bool shed_takes(struct shed_cut *cut, uint64_t idle_ms)
{
    if (idle_ms == 0)
        return false;
    if (age_of(idle_ms) >= cut->age)
        return true;
    if (age_of(idle_ms) + 1 < cut->age || cut->younger == 0)
        return false;
    cut->younger--;
    return true;
}

/* The place where a connection idles; or NULL: it doesn't, or nobody there could close it. *idle_ms: for how long. */
static struct place *place_of(const struct engine *engine, int fd, uint64_t now_ms, uint64_t *idle_ms)
{
    uint32_t owner = atomic_load_explicit(&engine->table.slots[fd].owner, memory_order_relaxed);
    struct place *place = engine_owner(engine, owner);
    if (place == NULL || !place->crew->rests)
        return NULL;
    *idle_ms = shed_idle_ms(conn_table_due(&engine->table, fd), &engine->settings.limits, now_ms);
    return *idle_ms > 0 ? place : NULL;
}

/* Tells each place how many of the longest idle ones are its own. How many there are. */
static uint32_t share_out(struct engine *engine, uint32_t count)
{
    uint32_t found = 0;
    struct shed_cut cut = {0};
    struct place *place;
    uint64_t now_ms = clock_now_ms(), idle_ms;
    int top = atomic_load_explicit(&engine->table.top, memory_order_acquire);
    for (int fd = 0; fd < top; fd++)
        if (place_of(engine, fd, now_ms, &idle_ms) != NULL)
            shed_count(&cut, idle_ms);
    shed_cut(&cut, count);
    for (int fd = 0; fd < top; fd++)
        if ((place = place_of(engine, fd, now_ms, &idle_ms)) != NULL && shed_takes(&cut, idle_ms)) {
            atomic_fetch_add_explicit(&place->shed, 1, memory_order_relaxed);
            found++;
        }
    return found;
}

uint32_t shed_ask(struct engine *engine, uint32_t count)
{
    uint32_t found = share_out(engine, count);
    atomic_fetch_add_explicit(&engine->shared->shed_calls, 1, memory_order_release); /* what share_out() told is seen */
    for (int i = 0; i < engine->place_count; i++)
        if (engine->places[i].crew->rests)
            place_wake(&engine->places[i]);
    atomic_store_explicit(&engine->shared->shed, count, memory_order_relaxed);
    if (engine->settings.model->wake != NULL)
        engine->settings.model->wake(engine);
    return found;
}
