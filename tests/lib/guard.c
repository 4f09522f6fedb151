#include "lib/guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static void die(const char *what)
{
    perror(what);
    abort();
}

static size_t page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

void guard_open(struct guard *guard, size_t room)
{
    size_t page = page_size();
    guard->room = (room + page - 1) / page * page;
    guard->pages = mmap(NULL, guard->room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (guard->pages == MAP_FAILED)
        die("guard: mmap");
    if (mprotect(guard->pages + guard->room, page, PROT_NONE) < 0)
        die("guard: mprotect");
}

struct slice guard_lay(const struct guard *guard, struct slice text)
{
    if (text.len > guard->room) {
        fprintf(stderr, "guard: %zu bytes laid where there is room for %zu\n", text.len, guard->room);
        abort();
    }
    char *at = guard->pages + guard->room - text.len;
    if (text.len > 0)
        memcpy(at, text.at, text.len);
    return (struct slice){at, text.len};
}

void guard_close(struct guard *guard)
{
    munmap(guard->pages, guard->room + page_size());
    guard->pages = NULL;
}
