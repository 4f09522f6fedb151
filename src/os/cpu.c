#include "os/cpu.h"

#include <string.h>

void cpu_reserve(struct cpu_set_list *list, int count)
{
    int dropped = count < list->count ? count : list->count - 1;
    if (dropped <= 0)
        return;
    list->count -= dropped;
    memmove(list->ids, list->ids + dropped, (size_t)list->count * sizeof list->ids[0]);
}
