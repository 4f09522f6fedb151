/*
 * clock: the two times that a server needs. Each thread reads them once a turn of its loop, not once a request.
 */
#ifndef SHUNT_BASE_CLOCK_H
#define SHUNT_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct clock {
    uint64_t now_ms; /* monotonic milliseconds: deadlines, the age of cache entries */
    time_t second;   /* wall clock, seconds since 1970: Date, the access log */
};

/* Monotonic milliseconds since an arbitrary start (CLOCK_MONOTONIC, clock_gettime(2)). */
uint64_t clock_now_ms(void);

/* The same in nanoseconds, to measure with. */
uint64_t clock_now_ns(void);

/* Reads both times. True when the wall clock shows another second than before: time to format it again. */
bool clock_tick(struct clock *clock);

#endif
