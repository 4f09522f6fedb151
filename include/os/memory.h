/* memory: zeroed pages that are committed as they are touched (mmap(2)): for tables of which little may be needed. */
#ifndef SHUNT_OS_MEMORY_H
#define SHUNT_OS_MEMORY_H

#include <stddef.h>

/* NULL with errno ENOMEM. */
void *memory_map(size_t size);

/* The same, of which this process's later children see what it sees. */
void *memory_map_shared(size_t size);

/* Safe on NULL. */
void memory_unmap(void *at, size_t size);

#endif
