#include "files/changes.h"

#include "base/hash.h"
#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NOTE_TRIES = 4 };

int changes_open_blind(struct changes *changes)
{
    *changes = (struct changes){.watch = -1};
    pthread_mutex_init(&changes->lock, NULL);
    return 0;
}

int changes_open(struct changes *changes)
{
    changes_open_blind(changes);
    changes->counters = calloc(CHANGES_COUNTERS, sizeof *changes->counters);
    changes->watched = calloc(CHANGES_WATCHED, sizeof *changes->watched);
    if (changes->counters == NULL || changes->watched == NULL) {
        changes_close(changes);
        errno = ENOMEM;
        return -1;
    }
    changes->watch = watch_open();
    if (changes->watch < 0)
        log_line(LOG_LEVEL_WARNING, "watch files for changes: %s; each request asks the file system anew%s",
                 strerror(errno), errno == EMFILE ? " (sysctl fs.inotify.max_user_instances allows no more)" : "");
    return 0;
}

void changes_close(struct changes *changes)
{
    if (changes->counters != NULL && changes->watch >= 0)
        close(changes->watch);
    free(changes->counters);
    free(changes->watched);
    changes_open_blind(changes);
}

/* ---- events */

/* No secret: whoever chooses names has the disk, and two that share a counter cost a second look. */
static uint32_t counter_of(int number, struct slice name)
{
    return (uint32_t)hash_bytes((struct hash_key){(uint64_t)number, 0}, name) & (CHANGES_COUNTERS - 1);
}

static void raise_counter(struct changes *changes, uint32_t counter)
{
    atomic_fetch_add_explicit(&changes->counters[counter], 1, memory_order_relaxed);
}

static void take_in(void *context, int number, struct slice name)
{
    struct changes *changes = context;
    if (number != WATCH_ALL_LOST) {
        raise_counter(changes, counter_of(number, name));
        return;
    }
    for (uint32_t i = 0; i < CHANGES_COUNTERS; i++)
        raise_counter(changes, i);
}

/* Between these two the kernel's queue may say that nothing has happened, and the counters don't show it yet: who comes
 * by meanwhile waits for the lock. */
static void begin_applying(struct changes *changes)
{
    atomic_store(&changes->applying, true);
}

static void end_applying(struct changes *changes)
{
    atomic_fetch_add_explicit(&changes->epoch, 1, memory_order_release);
    atomic_store(&changes->applying, false);
}

void changes_catch_up(struct changes *changes)
{
    if (changes->watch < 0 || (watch_pending(changes->watch) == 0 && !atomic_load(&changes->applying)))
        return;
    pthread_mutex_lock(&changes->lock);
    size_t pending = watch_pending(changes->watch);
    if (pending > 0) {
        begin_applying(changes);
        watch_read(changes->watch, pending, take_in, changes);
        end_applying(changes);
    }
    pthread_mutex_unlock(&changes->lock);
}

/* ---- trails */

bool changes_none_since(const struct changes *changes, const struct mark *marks, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (atomic_load_explicit(&changes->counters[marks[i].counter], memory_order_relaxed) != marks[i].value)
            return false;
    return true;
}

void changes_note_name(const struct changes *changes, struct trail *trail, int number, struct slice name)
{
    uint32_t counter = counter_of(number, name);
    for (uint32_t i = 0; i < trail->count; i++)
        if (trail->marks[i].counter == counter)
            return; /* what it was when first looked at */
    if (trail->count == TRAIL_MAX) {
        trail->blind = true;
        return;
    }
    uint32_t value = atomic_load_explicit(&changes->counters[counter], memory_order_acquire);
    trail->marks[trail->count++] = (struct mark){counter, value};
}

/* Once, and not of a directory that we may only pass through. */
static void complain(struct changes *changes)
{
    if (errno == EACCES || atomic_exchange(&changes->complained, true))
        return;
    log_line(LOG_LEVEL_WARNING, "watch a directory for changes: %s; what is in it is looked at on each request%s",
             strerror(errno), errno == ENOSPC ? " (sysctl fs.inotify.max_user_watches allows no more)" : "");
}

static void forget(struct changes *changes, int number)
{
    begin_applying(changes);
    watch_remove(changes->watch, number);
    raise_counter(changes, counter_of(number, SLICE("")));
    end_applying(changes);
}

/* Numbers are given out in turn: the place of this one is that of the directory which came CHANGES_WATCHED before it.
 */
static void keep(struct changes *changes, int number)
{
    int *place = &changes->watched[number % CHANGES_WATCHED];
    pthread_mutex_lock(&changes->lock);
    if (*place != number && *place != 0)
        forget(changes, *place);
    *place = number;
    pthread_mutex_unlock(&changes->lock);
}

/* Another thread may forget the directory before its counter is noted, and what the kernel says of that be taken in:
 * then it has another number now. */
int changes_note_directory(struct changes *changes, struct trail *trail, int directory, enum watch_interest interest)
{
    int number = 0, confirmed = watch_add(changes->watch, directory, interest);
    for (int tries = 0; tries < NOTE_TRIES && confirmed >= 0 && confirmed != number; tries++) {
        number = confirmed;
        keep(changes, number);
        changes_note_name(changes, trail, number, SLICE(""));
        confirmed = watch_add(changes->watch, directory, interest);
    }
    if (confirmed == number)
        return number;
    if (confirmed < 0)
        complain(changes);
    trail->blind = true;
    return -1;
}
