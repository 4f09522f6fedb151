#include "base/active.h"

#include <errno.h>
#include <stddef.h>

int active_open(struct active *active, unsigned limit)
{
    return sem_init(&active->places, 0, limit);
}

void active_close(struct active *active)
{
    sem_destroy(&active->places);
}

void active_enter(struct active *active)
{
    if (active == NULL)
        return;
    while (sem_wait(&active->places) < 0 && errno == EINTR)
        ;
}

void active_leave(struct active *active)
{
    if (active != NULL)
        sem_post(&active->places);
}
