#include "os/watch.h"

#include <errno.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { EVENTS_SIZE = 16384 };

int watch_open(void)
{
    return inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
}

/* IN_MASK_ADD: who is interested in less takes nothing from who is in more. */
int watch_add(int watch, int directory, enum watch_interest interest)
{
    uint32_t names = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF;
    uint32_t files = interest == WATCH_FILES ? IN_MODIFY : 0;
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", directory);
    return inotify_add_watch(watch, path, names | files | IN_ONLYDIR | IN_EXCL_UNLINK | IN_MASK_ADD);
}

void watch_remove(int watch, int number)
{
    inotify_rm_watch(watch, number);
}

size_t watch_pending(int watch)
{
    int bytes;
    return ioctl(watch, FIONREAD, &bytes) == 0 ? (size_t)bytes : 0;
}

static struct slice name_of(const struct inotify_event *event)
{
    return (struct slice){event->name, event->len == 0 ? 0 : strnlen(event->name, event->len)};
}

void watch_read(int watch, size_t pending, void (*tell)(void *context, int number, struct slice name), void *context)
{
    _Alignas(struct inotify_event) char events[EVENTS_SIZE];
    size_t done = 0;
    while (done < pending) {
        ssize_t n = read(watch, events, sizeof events);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) /* an event that equals the last in the queue is merged with it: there may be less than was said */
            return;
        for (char *at = events; at < events + n;) {
            const struct inotify_event *event = (const struct inotify_event *)(void *)at;
            tell(context, (event->mask & IN_Q_OVERFLOW) != 0 ? WATCH_ALL_LOST : event->wd, name_of(event));
            at += sizeof *event + event->len;
        }
        done += (size_t)n;
    }
}
