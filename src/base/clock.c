#include "base/clock.h"

uint64_t clock_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

uint64_t clock_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

bool clock_tick(struct clock *clock)
{
    time_t second = time(NULL);
    bool changed = second != clock->second;
    clock->now_ms = clock_now_ms();
    clock->second = second;
    return changed;
}
