/*
 * What one thread sees of a connection that is passed between places, step by step and without an engine; and at the
 * end two threads that watch one place.
 */
#include "model/place.h"

#include "model/crew.h"

#include "base/clock.h"
#include "lib/refuse.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

enum { SIZE = 256, SELF = 100, HERE = 1, THERE = 2, PATIENCE_MS = 10000 };

static const struct conn_due soon = {12345, PHASE_REPLY};

/* Two places, and a connection that is the caller's. */
struct world {
    struct conn_table table;
    struct place here, there;
    struct conn *c;
    uint64_t key;
    int peer;
};

/* One for each kind, alike but for that. */
static const struct crew crews[] = {
    [PLACE_POLLER] = {.kind = PLACE_POLLER},
    [PLACE_SHARED] = {.kind = PLACE_SHARED},
    [PLACE_QUEUE] = {.kind = PLACE_QUEUE},
    [PLACE_INBOX] = {.kind = PLACE_INBOX},
};

static void open_place(struct place *place, enum place_kind kind, uint32_t id)
{
    *place = (struct place){.poller = POLLER_CLOSED};
    assert_int_equal(place_open(place, &crews[kind], id, SIZE), 0);
}

static void open_world(struct world *w, enum place_kind here, enum place_kind there)
{
    int ends[2];
    assert_int_equal(conn_table_open(&w->table, SIZE), 0);
    open_place(&w->here, here, HERE);
    open_place(&w->there, there, THERE);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    w->peer = ends[1];
    w->c = conn_table_claim(&w->table, ends[0]);
    conn_open(w->c, ends[0], &(struct socket_peer){.family = AF_UNIX}, 0, false);
    w->key = conn_table_key(&w->table, ends[0]);
}

static void close_world(struct world *w)
{
    close(w->c->fd);
    close(w->peer);
    place_close(&w->here);
    place_close(&w->there);
    conn_table_close(&w->table);
}

static void peer_says(const struct world *w)
{
    assert_int_equal(send(w->peer, "x", 1, MSG_NOSIGNAL), 1);
}

/* The key of the event at a place; 0 when there is none. */
static uint64_t event_at(struct place *place)
{
    struct poller_event event;
    return poller_wait(&place->poller, &event, 1, 0) == 1 ? event.key : 0;
}

/* Whether whoever waits there is woken. */
static bool is_woken(const struct place *place)
{
    struct pollfd ready = {place->poller.fd, POLLIN, 0};
    return poll(&ready, 1, 0) == 1;
}

static bool owns(const struct world *w, uint32_t owner)
{
    return conn_table_owns(&w->table, w->c->fd, owner);
}

static void give(struct world *w, struct place *to)
{
    if (to->kind == PLACE_SHARED)
        assert_int_equal(place_share(&w->table, SELF, to, w->c, STAGE_READ, soon), PLACE_GIVEN);
    else
        place_pass(&w->table, NULL, to, w->c, STAGE_READ, soon);
}

/* As a worker of that place would get hold of it. */
static void take(struct world *w, struct place *from)
{
    int fd;
    if (from->kind == PLACE_SHARED)
        assert_true(conn_table_seize(&w->table, w->c->fd, from->id, SELF));
    else if (from->kind != PLACE_POLLER)
        assert_int_equal(queue_take(&from->queue, &fd, 1), 1);
}

static void expect_at_poller(struct world *w, struct place *at)
{
    peer_says(w);
    assert_int_equal(event_at(at), w->key);
    assert_int_equal(conn_table_due(&w->table, w->c->fd).ms, soon.ms);
    assert_int_equal(conn_table_due(&w->table, w->c->fd).phase, soon.phase);
}

static void expect_in_queue(struct world *w, struct place *at)
{
    int fd;
    assert_int_equal(is_woken(at), at->kind == PLACE_INBOX);
    assert_int_equal(queue_take(&at->queue, &fd, 1), 1);
    assert_int_equal(fd, w->c->fd);
    assert_int_equal(w->c->interest, 0);
    assert_int_equal(conn_table_due(&w->table, fd).ms, soon.ms);
    assert_int_equal(conn_table_due(&w->table, fd).phase, PHASE_QUEUED); /* no sweep is to touch it */
    peer_says(w);
    while (event_at(at) != 0)
        fail_msg("it stands in a poller");
}

static const enum place_kind kinds[] = {PLACE_POLLER, PLACE_SHARED, PLACE_QUEUE, PLACE_INBOX};
static const char *const names[] = {"a poller", "a shared place", "a queue", "an inbox"};
enum { KINDS = sizeof kinds / sizeof *kinds };

static void a_connection_passed_from_any_kind_of_place_is_at_the_next_and_nowhere_else(void **state)
{
    (void)state;
    for (int from = 0; from < KINDS; from++)
        for (int to = 0; to < KINDS; to++) {
            struct world w;
            if ((kinds[from] == PLACE_POLLER || kinds[from] == PLACE_SHARED) && kinds[to] == PLACE_SHARED)
                continue; /* a shared place has no other beside it that watches sockets */
            print_message("from %s to %s\n", names[from], names[to]);
            open_world(&w, kinds[from], kinds[to]);
            give(&w, &w.here);
            take(&w, &w.here);
            if (kinds[to] == PLACE_SHARED)
                assert_int_equal(place_share(&w.table, SELF, &w.there, w.c, STAGE_READ, soon), PLACE_GIVEN);
            else
                place_pass(&w.table, &w.here, &w.there, w.c, STAGE_READ, soon);
            assert_true(owns(&w, THERE));
            assert_int_equal(w.c->stage, STAGE_READ);
            if (kinds[to] == PLACE_QUEUE || kinds[to] == PLACE_INBOX)
                expect_in_queue(&w, &w.there);
            else
                expect_at_poller(&w, &w.there);
            if (kinds[from] == PLACE_POLLER)
                assert_int_equal(event_at(&w.here), 0);
            close_world(&w);
        }
}

static void the_next_stage_decides_what_is_watched_for(void **state)
{
    static const struct {
        enum stage next;
        bool pending, says, event;
    } rows[] = {
        {STAGE_READ, false, false, false}, {STAGE_READ, false, true, true},  {STAGE_READ, true, false, true},
        {STAGE_WRITE, false, false, true}, {STAGE_WRITE, false, true, true},
    };
    (void)state;
    for (size_t i = 0; i < 2 * sizeof rows / sizeof *rows; i++) {
        struct world w;
        size_t row = i / 2;
        open_world(&w, PLACE_QUEUE, i % 2 == 0 ? PLACE_POLLER : PLACE_SHARED);
        w.c->pending = rows[row].pending;
        if (rows[row].says)
            peer_says(&w);
        if (i % 2 == 0)
            place_pass(&w.table, NULL, &w.there, w.c, rows[row].next, soon);
        else
            assert_int_equal(place_share(&w.table, SELF, &w.there, w.c, rows[row].next, soon), PLACE_GIVEN);
        assert_int_equal(event_at(&w.there) == w.key, rows[row].event);
        assert_int_equal(w.c->stage, rows[row].next);
        close_world(&w);
    }
}

static void only_the_first_into_an_empty_inbox_wakes_its_thread(void **state)
{
    (void)state;
    struct world w, other;
    open_world(&w, PLACE_QUEUE, PLACE_INBOX);
    open_world(&other, PLACE_QUEUE, PLACE_QUEUE);
    give(&w, &w.there);
    assert_true(is_woken(&w.there));
    assert_int_equal(event_at(&w.there), 0); /* which takes the wake */
    place_pass(&other.table, NULL, &w.there, other.c, STAGE_READ, soon);
    assert_false(is_woken(&w.there));
    close_world(&w);
    close_world(&other);
}

static void an_inbox_for_the_unread_has_others_at_its_poller_at_once(void **state)
{
    static const struct crew unread = {.kind = PLACE_INBOX, .only_unread = true};
    (void)state;
    for (int fresh = 0; fresh < 2; fresh++) {
        struct world w;
        open_world(&w, PLACE_QUEUE, PLACE_INBOX);
        w.there.crew = &unread;
        w.c->phase = fresh ? PHASE_FRESH : PHASE_REPLY;
        give(&w, &w.there);
        assert_true(owns(&w, THERE));
        if (fresh)
            expect_in_queue(&w, &w.there);
        else
            expect_at_poller(&w, &w.there);
        close_world(&w);
    }
}

static void a_shared_place_tells_of_a_connection_once_until_it_is_armed_again(void **state)
{
    (void)state;
    struct world w;
    open_world(&w, PLACE_QUEUE, PLACE_SHARED);
    for (int round = 0; round < 3; round++) {
        peer_says(&w); /* and nobody reads it: it is ready again as soon as it is armed */
        assert_int_equal(place_share(&w.table, SELF, &w.there, w.c, STAGE_READ, soon), PLACE_GIVEN);
        assert_true(w.c->parked);
        assert_int_equal(event_at(&w.there), w.key);
        assert_int_equal(event_at(&w.there), 0);
        assert_ptr_equal(conn_table_answer(&w.table, w.key, THERE, SELF), w.c);
        assert_true(owns(&w, SELF));
    }
    close_world(&w);
}

/* ---- two threads watch one place; a lost event ends the game */

enum { SAYINGS = 20000 };

struct watcher {
    struct world *w;
    uint32_t self;
    _Atomic bool *over;
    int answered, called;
    bool broken;
};

/* What has come goes back, as long as events of it come to us. */
static void answer(struct watcher *watcher, struct conn *c)
{
    enum place_outcome shared;
    do {
        char bytes[64];
        ssize_t n = recv(c->fd, bytes, sizeof bytes, MSG_DONTWAIT);
        c->rest.offset += n > 0 ? (uint64_t)n : 0; /* a plain word of the connection's: the next owner must see it */
        if (n > 0)
            (void)!send(c->fd, bytes, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);
        shared = place_share(&watcher->w->table, watcher->self, &watcher->w->there, c, STAGE_READ, soon);
        watcher->called += shared == PLACE_CALLED;
        watcher->answered++;
    } while (shared == PLACE_CALLED);
    watcher->broken |= shared == PLACE_BROKEN;
}

/* It doesn't sleep, so that it is there in the moment in which the other arms a socket that is ready already. */
static void *watch(void *arg)
{
    struct watcher *watcher = arg;
    struct world *w = watcher->w;
    struct poller_event event;
    while (!atomic_load(watcher->over)) {
        if (poller_wait(&w->there.poller, &event, 1, 0) != 1)
            continue;
        struct conn *c = conn_table_answer(&w->table, event.key, THERE, watcher->self);
        if (c != NULL)
            answer(watcher, c);
    }
    return NULL;
}

/* One more byte is said before the last has come back, so that events come while a thread is at it. */
static int talk(const struct world *w)
{
    int said = 0, heard = 0;
    while (heard < SAYINGS) {
        char bytes[64];
        struct pollfd ready = {w->peer, POLLIN, 0};
        for (; said < SAYINGS && said < heard + 2; said++)
            peer_says(w);
        if (poll(&ready, 1, PATIENCE_MS) != 1)
            break;
        ssize_t n = recv(w->peer, bytes, sizeof bytes, 0);
        heard += n > 0 ? (int)n : 0;
    }
    return heard;
}

static void two_threads_that_watch_one_place_lose_no_event(void **state)
{
    (void)state;
    struct world w;
    pthread_t threads[2];
    open_world(&w, PLACE_QUEUE, PLACE_SHARED);
    _Atomic bool over = false;
    struct watcher watchers[2] = {{&w, SELF, &over, 0, 0, false}, {&w, SELF + 1, &over, 0, 0, false}};
    give(&w, &w.there);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, watch, &watchers[i]), 0);
    int heard = talk(&w);
    atomic_store(&over, true);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(heard, SAYINGS);
    assert_false(watchers[0].broken || watchers[1].broken);
    assert_true(watchers[0].answered > 0 && watchers[1].answered > 0);
    assert_int_equal(w.c->rest.offset, SAYINGS);
    close_world(&w);
}

/* ---- a kernel that has no room for one more watch; nothing can be watched after this, so these come last */

static void what_cannot_be_watched_is_stranded_or_stays_with_who_has_it(void **state)
{
    (void)state;
    struct world w, shared, parked;
    open_world(&w, PLACE_QUEUE, PLACE_POLLER);
    open_world(&shared, PLACE_QUEUE, PLACE_SHARED);
    open_world(&parked, PLACE_QUEUE, PLACE_SHARED);
    give(&parked, &parked.there);
    take(&parked, &parked.there);
    assert_true(refuse_call(SYS_epoll_ctl, ENOSPC));
    place_pass(&w.table, NULL, &w.there, w.c, STAGE_READ, soon);
    assert_true(owns(&w, THERE | OWNER_STRANDED));
    assert_int_equal(place_share(&shared.table, SELF, &shared.there, shared.c, STAGE_READ, soon), PLACE_BROKEN);
    assert_true(owns(&shared, SELF));
    assert_false(shared.c->parked);
    assert_int_equal(place_share(&parked.table, SELF, &parked.there, parked.c, STAGE_READ, soon), PLACE_BROKEN);
    assert_true(owns(&parked, SELF));
    close_world(&w);
    close_world(&shared);
    close_world(&parked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_passed_from_any_kind_of_place_is_at_the_next_and_nowhere_else),
        cmocka_unit_test(the_next_stage_decides_what_is_watched_for),
        cmocka_unit_test(only_the_first_into_an_empty_inbox_wakes_its_thread),
        cmocka_unit_test(an_inbox_for_the_unread_has_others_at_its_poller_at_once),
        cmocka_unit_test(a_shared_place_tells_of_a_connection_once_until_it_is_armed_again),
        cmocka_unit_test(two_threads_that_watch_one_place_lose_no_event),
        cmocka_unit_test(what_cannot_be_watched_is_stranded_or_stays_with_who_has_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
