#include "pool.h"

#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static void hand_on(int said)
{
    char bytes[4096];
    ssize_t got;
    lseek(said, sizeof(struct tally), SEEK_SET);
    while ((got = read(said, bytes, sizeof bytes)) > 0)
        fwrite(bytes, 1, (size_t)got, stdout);
}

static void end(struct pool *pool, struct pool_place *place, int status)
{
    struct tally tally;
    hand_on(place->said);
    if (status != 0 || pread(place->said, &tally, sizeof tally, 0) != sizeof tally) {
        printf("FAILED %s\n   the test itself broke, or ran out of time\n", place->name);
        tally = (struct tally){.failed = 1};
    }
    tally_add(&pool->tally, &tally);
    close(place->said);
    if (!pool->site)
        site_remove(&place->site);
    place->pid = 0;
}

static void end_one(struct pool *pool)
{
    int status;
    pid_t pid = wait(&status);
    for (int i = 0; i < pool->at_once; i++) {
        if (pid > 0 && pool->places[i].pid == pid)
            end(pool, &pool->places[i], status);
    }
}

static struct pool_place *free_place(struct pool *pool)
{
    for (;; end_one(pool)) {
        for (int i = 0; i < pool->at_once; i++) {
            if (pool->places[i].pid == 0)
                return &pool->places[i];
        }
    }
}

static void play_here(const struct pool_place *place,
                      struct tally (*play)(const void *context, const struct site *site), const void *context)
{
    signal(SIGPIPE, SIG_IGN);
    lseek(place->said, sizeof(struct tally), SEEK_SET);
    dup2(place->said, STDOUT_FILENO);
    struct tally tally = play(context, &place->site);
    fflush(stdout);
    _exit(pwrite(place->said, &tally, sizeof tally, 0) != sizeof tally);
}

void pool_play(struct pool *pool, const char *name, struct tally (*play)(const void *context, const struct site *site),
               const void *context)
{
    struct pool_place *place = free_place(pool);
    place->name = name;
    if (pool->site)
        place->site = *pool->site;
    else
        site_build(&place->site);
    fflush(stdout);
    place->said = memfd_create("said", MFD_CLOEXEC);
    place->pid = place->said < 0 ? -1 : fork();
    if (place->pid < 0) {
        perror("a process for a test");
        end(pool, place, -1);
    } else if (place->pid == 0) {
        play_here(place, play, context);
    }
}

int pool_finish(struct pool *pool)
{
    for (int i = 0; i < pool->at_once; i++) {
        while (pool->places[i].pid != 0)
            end_one(pool);
    }
    return tally_tell(&pool->tally);
}
