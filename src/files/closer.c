#include "files/closer.h"

#include "os/cpu.h"

#include <time.h>
#include <unistd.h>

/* The next file, or -1: there is none, and there will be none. */
static int wait_for_one(struct closer *closer)
{
    pthread_mutex_lock(&closer->lock);
    while (closer->count == 0 && !closer->ends)
        pthread_cond_wait(&closer->wake, &closer->lock);
    int fd = closer->count > 0 ? closer->fds[--closer->count] : -1;
    pthread_mutex_unlock(&closer->lock);
    return fd;
}

static void *run(void *arg)
{
    struct closer *closer = arg;
    int fd;
    cpu_name_self("close");
    while ((fd = wait_for_one(closer)) >= 0)
        close(fd);
    return NULL;
}

void closer_start(struct closer *closer)
{
    *closer = (struct closer){0};
    pthread_mutex_init(&closer->lock, NULL);
    pthread_cond_init(&closer->wake, NULL);
    closer->runs = pthread_create(&closer->thread, NULL, run, closer) == 0;
}

void closer_stop(struct closer *closer)
{
    if (!closer->runs)
        return;
    pthread_mutex_lock(&closer->lock);
    closer->ends = true;
    pthread_cond_signal(&closer->wake);
    pthread_mutex_unlock(&closer->lock);
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += CLOSER_END_MS / 1000;
    closer->runs = pthread_timedjoin_np(closer->thread, NULL, &until) != 0;
}

void closer_close(struct closer *closer, int fd)
{
    bool taken = false;
    if (closer != NULL && closer->runs) {
        pthread_mutex_lock(&closer->lock);
        taken = closer->count < CLOSER_ROOM && !closer->ends;
        if (taken) {
            closer->fds[closer->count++] = fd;
            pthread_cond_signal(&closer->wake);
        }
        pthread_mutex_unlock(&closer->lock);
    }
    if (!taken)
        close(fd);
}
