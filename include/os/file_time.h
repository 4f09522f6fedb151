/*
 * file_time: the clock by which files are dated.
 */
#ifndef SHUNT_OS_FILE_TIME_H
#define SHUNT_OS_FILE_TIME_H

#include <time.h>

/* The time of change that a file gets which is changed now (CLOCK_REALTIME_COARSE, clock_gettime(2)): it moves on by
 * ticks of some milliseconds. */
struct timespec file_time_now(void);

#endif
