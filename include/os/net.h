/* net: what the network cards do with packets (Linux: /sys/class/net, Documentation/networking/scaling.rst). */
#ifndef SHUNT_OS_NET_H
#define SHUNT_OS_NET_H

#include <stdbool.h>

/* Whether packets arrive on at least so many processors: each card that is up has as many receive queues, or spreads
 * them by software (RPS). Where that can't be told, they don't. */
bool net_spreads_over(int cpus);

/* The same for any folder like /sys/class/net. */
bool net_spreads_beneath(const char *interfaces, int cpus);

#endif
