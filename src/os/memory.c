#include "os/memory.h"

#include <sys/mman.h>

static void *map(size_t size, int sharing)
{
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, sharing | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return at == MAP_FAILED ? NULL : at;
}

void *memory_map(size_t size)
{
    return map(size, MAP_PRIVATE);
}

void *memory_map_shared(size_t size)
{
    return map(size, MAP_SHARED);
}

void memory_unmap(void *at, size_t size)
{
    if (at != NULL)
        munmap(at, size);
}
