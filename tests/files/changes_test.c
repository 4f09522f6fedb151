#include "files/changes.h"

#include "lib/change.h"
#include "lib/refuse.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

enum { STEPS = 3 };

static const struct tree_row files[] = {
    {TREE_FILE, "d/file", "a file", 0},
    {TREE_FILE, "d/other", "another", 0},
    {TREE_FILE, "e/file", "a file", 0},
    {TREE_DIRECTORY, "d/sub", NULL, 0},
};

struct world {
    struct tree tree;
    struct changes changes;
};

static void open_world(struct world *w)
{
    tree_open(&w->tree, files, sizeof files / sizeof *files);
    assert_int_equal(changes_open(&w->changes), 0);
    assert_true(changes_are_told(&w->changes));
}

static void close_world(struct world *w)
{
    changes_close(&w->changes);
    changes_close(&w->changes);
    tree_close(&w->tree);
}

static int open_directory(const struct world *w, const char *relative)
{
    char path[TREE_PATH_MAX];
    tree_path(&w->tree, relative, path);
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static int note_directory(struct world *w, struct trail *trail, const char *relative, enum watch_interest interest)
{
    int fd = open_directory(w, relative);
    int number = changes_note_directory(&w->changes, trail, fd, interest);
    close(fd);
    return number;
}

/* Notes a name in a directory, as whoever is about to look at it. */
static void note(struct world *w, struct trail *trail, const char *directory, const char *name)
{
    int number = note_directory(w, trail, directory, WATCH_FILES);
    assert_true(number > 0);
    changes_note_name(&w->changes, trail, number, slice_of(name));
}

static bool holds(const struct world *w, const struct trail *trail)
{
    return changes_none_since(&w->changes, trail->marks, trail->count);
}

static void look(struct world *w)
{
    changes_catch_up(&w->changes);
}

static void change(const struct world *w, enum change_kind kind, const char *path, const char *text)
{
    change_make(&w->tree, &(struct change){kind, path, text});
}

/* ---- what breaks a trail */

/* That of d/file, and that of d/missing. */
static const struct row {
    const char *sentence;
    struct change changes[STEPS];
    bool file_holds, missing_holds;
} rows[] = {
    {"nothing", {{CHANGE_NOTHING, NULL, NULL}}, true, true},
    {"a read", {{CHANGE_READ, "d/file", NULL}, {CHANGE_READ, "d", NULL}}, true, true},
    {"a write", {{CHANGE_WRITE, "d/file", "x"}}, false, true},
    {"a write at the end", {{CHANGE_APPEND, "d/file", "x"}}, false, true},
    {"a file cut off", {{CHANGE_TRUNCATE, "d/file", NULL}}, false, true},
    {"its mode", {{CHANGE_MODE, "d/file", NULL}}, false, true},
    {"its time", {{CHANGE_TIMES, "d/file", NULL}}, false, true},
    {"its name", {{CHANGE_RENAME, "d/file", "d/new"}}, false, true},
    {"another's name", {{CHANGE_RENAME, "d/other", "d/file"}}, false, true},
    {"its end", {{CHANGE_UNLINK, "d/file", NULL}}, false, true},
    {"its end, and another's beginning",
     {{CHANGE_UNLINK, "d/file", NULL}, {CHANGE_SYMLINK, "d/file", "x"}},
     false,
     true},
    {"what was missing comes", {{CHANGE_CREATE, "d/missing", "x"}}, true, false},
    {"what was missing comes as a link", {{CHANGE_SYMLINK, "d/missing", "x"}}, true, false},
    {"what was missing comes as a directory", {{CHANGE_MKDIR, "d/missing", NULL}}, true, false},
    {"what was missing comes and goes",
     {{CHANGE_MKDIR, "d/missing", NULL}, {CHANGE_RMDIR, "d/missing", NULL}},
     true,
     false},
    {"the file gets the name that was missing", {{CHANGE_RENAME, "d/file", "d/missing"}}, false, false},
    {"its neighbour is written", {{CHANGE_WRITE, "d/other", "x"}}, true, true},
    {"its neighbour goes", {{CHANGE_RMDIR, "d/sub", NULL}}, true, true},
    {"a neighbour comes", {{CHANGE_CREATE, "d/new", "x"}}, true, true},
    {"one of its name elsewhere is written", {{CHANGE_WRITE, "e/file", "x"}}, true, true},
    {"the directory's mode", {{CHANGE_MODE, "d", NULL}}, false, false},
    {"the directory's name", {{CHANGE_RENAME, "d", "f"}}, false, false},
    {"another directory's name", {{CHANGE_RENAME, "e", "f"}}, true, true},
};

static void a_trail_holds_until_something_on_it_changes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct world w;
        struct trail file = {0}, missing = {0};
        open_world(&w);
        note(&w, &file, "d", "file");
        note(&w, &missing, "d", "missing");
        note_directory(&w, &(struct trail){0}, "e", WATCH_FILES);
        uint32_t epoch = changes_epoch(&w.changes);
        change_make_all(&w.tree, rows[i].changes, STEPS);
        assert_true(holds(&w, &file) && holds(&w, &missing)); /* nobody has looked yet */
        assert_int_equal(changes_epoch(&w.changes), epoch);
        look(&w);
        if (holds(&w, &file) != rows[i].file_holds || holds(&w, &missing) != rows[i].missing_holds)
            fail_msg("%s: the file's %s, the missing one's %s", rows[i].sentence, holds(&w, &file) ? "holds" : "breaks",
                     holds(&w, &missing) ? "holds" : "breaks");
        if (!rows[i].file_holds || !rows[i].missing_holds)
            assert_int_not_equal(changes_epoch(&w.changes), epoch);
        assert_false(file.blind || missing.blind);
        close_world(&w);
    }
}

static void what_is_noted_anew_holds_again(void **state)
{
    (void)state;
    struct world w;
    open_world(&w);
    for (int round = 0; round < 3; round++) {
        struct trail trail = {0};
        note(&w, &trail, "d", "file");
        uint32_t epoch = changes_epoch(&w.changes);
        look(&w);
        assert_true(holds(&w, &trail));
        assert_int_equal(changes_epoch(&w.changes), epoch);
        change(&w, CHANGE_WRITE, "d/file", "x");
        look(&w);
        assert_false(holds(&w, &trail));
    }
    close_world(&w);
}

/* Who notes a name and then looks at it may see the change, or its event later; never neither. */
static void what_changed_before_it_was_noted_and_is_told_of_later_breaks_the_trail(void **state)
{
    (void)state;
    struct world w;
    struct trail trail = {0};
    open_world(&w);
    note_directory(&w, &(struct trail){0}, "d", WATCH_FILES);
    change(&w, CHANGE_WRITE, "d/file", "x");
    note(&w, &trail, "d", "file");
    look(&w);
    assert_false(holds(&w, &trail));
    close_world(&w);
}

/* The first look counts: what changed between two of them is a change. */
static void a_name_that_is_noted_twice_is_as_it_was_first(void **state)
{
    (void)state;
    struct world w;
    struct trail trail = {0};
    open_world(&w);
    note(&w, &trail, "d", "file");
    uint32_t count = trail.count;
    change(&w, CHANGE_WRITE, "d/file", "x");
    look(&w);
    note(&w, &trail, "d", "file");
    assert_int_equal(trail.count, count);
    assert_false(holds(&w, &trail));
    close_world(&w);
}

static void a_trail_of_several_directories_breaks_in_any_of_them(void **state)
{
    static const char *const written[] = {"d/file", "d/other", "e/file"};
    (void)state;
    for (size_t i = 0; i < sizeof written / sizeof *written; i++) {
        struct world w;
        struct trail trail = {0};
        open_world(&w);
        note(&w, &trail, "d", "file");
        note(&w, &trail, "d", "other");
        note(&w, &trail, "e", "file");
        assert_int_equal(trail.count, 5);
        change(&w, CHANGE_WRITE, written[i], "x");
        look(&w);
        assert_false(holds(&w, &trail));
        close_world(&w);
    }
}

static void who_is_interested_in_names_is_not_disturbed_by_writes(void **state)
{
    (void)state;
    struct world w;
    struct trail trail = {0};
    open_world(&w);
    int number = note_directory(&w, &trail, "d", WATCH_NAMES);
    changes_note_name(&w.changes, &trail, number, SLICE("file"));
    change(&w, CHANGE_WRITE, "d/file", "x");
    look(&w);
    assert_true(holds(&w, &trail));
    change(&w, CHANGE_RENAME, "d/other", "d/file");
    look(&w);
    assert_false(holds(&w, &trail));
    close_world(&w);
}

/* Where a directory was, another may be: it has its own number. */
static void a_directory_in_the_place_of_another_is_another(void **state)
{
    (void)state;
    struct world w;
    struct trail old = {0}, new = {0};
    open_world(&w);
    note(&w, &old, "d/sub", "file");
    change(&w, CHANGE_RMDIR, "d/sub", NULL);
    change(&w, CHANGE_MKDIR, "d/sub", NULL);
    look(&w);
    assert_false(holds(&w, &old));
    note(&w, &new, "d/sub", "file");
    change(&w, CHANGE_CREATE, "d/sub/file", "x");
    look(&w);
    assert_false(holds(&w, &new));
    close_world(&w);
}

static void a_trail_too_long_is_blind(void **state)
{
    (void)state;
    struct world w;
    struct trail trail = {0};
    open_world(&w);
    int number = note_directory(&w, &trail, "d", WATCH_FILES);
    for (int i = 0; !trail.blind; i++) {
        char name[16];
        assert_true(i <= TRAIL_MAX);
        assert_true(trail.count <= TRAIL_MAX);
        snprintf(name, sizeof name, "%d", i);
        changes_note_name(&w.changes, &trail, number, slice_of(name));
    }
    assert_int_equal(trail.count, TRAIL_MAX);
    change(&w, CHANGE_CREATE, "d/0", "");
    look(&w);
    assert_false(holds(&w, &trail)); /* what it does have is as good as ever */
    close_world(&w);
}

/* ---- more than can be told */

static void when_nobody_knows_what_changed_all_trails_break(void **state)
{
    enum { ROUNDS_MAX = 200000 };
    (void)state;
    struct world w;
    struct trail trails[3] = {{0}};
    open_world(&w);
    note(&w, &trails[0], "d", "file");
    note(&w, &trails[1], "e", "missing");
    note(&w, &trails[2], "d/sub", "missing");
    /* Until the queue takes no more: what isn't in it costs no bytes. */
    size_t pending = 0, before = 1;
    for (int i = 0; i < ROUNDS_MAX && before != pending; i++) {
        before = pending;
        change(&w, CHANGE_TIMES, "d/other", NULL); /* two that differ, or the second is merged with the first */
        change(&w, CHANGE_TIMES, "e/file", NULL);
        pending = watch_pending(w.changes.watch);
    }
    if (before != pending) {
        close_world(&w);
        print_message("skipped: fs.inotify.max_queued_events is very high\n");
        skip();
    }
    look(&w);
    for (int i = 0; i < 3; i++)
        assert_false(holds(&w, &trails[i]));
    struct trail anew = {0};
    note(&w, &anew, "d", "file");
    look(&w);
    assert_true(holds(&w, &anew));
    close_world(&w);
}

enum { MORE = 3 };

static void make_many(struct world *w, int from, int to)
{
    char relative[24];
    for (int i = from; i < to; i++) {
        snprintf(relative, sizeof relative, "many/%d", i);
        change(w, CHANGE_MKDIR, relative, NULL);
    }
}

static void note_many(struct world *w, int from, int to)
{
    char relative[24];
    for (int i = from; i < to; i++) {
        struct trail trail = {0};
        snprintf(relative, sizeof relative, "many/%d", i);
        assert_true(note_directory(w, &trail, relative, WATCH_FILES) > 0);
        assert_false(trail.blind);
    }
}

/* Those that are noted again meanwhile keep their place. */
static void of_too_many_directories_the_oldest_are_forgotten(void **state)
{
    (void)state;
    struct world w;
    struct trail first = {0}, second = {0}, last = {0};
    open_world(&w);
    change(&w, CHANGE_MKDIR, "many", NULL);
    make_many(&w, 0, CHANGES_WATCHED - 2 + MORE);
    note(&w, &first, "d", "file");
    note(&w, &second, "e", "file");
    note_many(&w, 0, CHANGES_WATCHED - 2);
    note(&w, &(struct trail){0}, "d", "file"); /* is known */
    look(&w);
    assert_true(holds(&w, &first) && holds(&w, &second));
    note_many(&w, CHANGES_WATCHED - 2, CHANGES_WATCHED - 1);
    assert_false(holds(&w, &first)); /* at once */
    assert_true(holds(&w, &second));
    note_many(&w, CHANGES_WATCHED - 1, CHANGES_WATCHED);
    assert_false(holds(&w, &second));
    look(&w);
    note(&w, &last, "d", "file"); /* in the place of many/0 */
    change(&w, CHANGE_CREATE, "many/0/new", "");
    look(&w);
    assert_true(holds(&w, &last));
    change(&w, CHANGE_WRITE, "d/file", "x");
    look(&w);
    assert_false(holds(&w, &last));
    close_world(&w);
}

/* ---- a machine that can't tell */

/* What is logged meanwhile, on a thread whose kernel refuses a call. */
struct poor {
    int call, error;
    void (*run)(struct poor *poor);
    struct world *world;
    struct trail trail;
    bool refused, told;
    int numbers[2];
    char log[1024];
};

static void *run_poorly(void *arg)
{
    struct poor *poor = arg;
    poor->refused = refuse_call(poor->call, poor->error);
    if (poor->refused)
        poor->run(poor);
    return NULL;
}

static void play_poorly(struct poor *poor)
{
    pthread_t thread;
    int log = open(".", O_TMPFILE | O_RDWR, 0600), standard_error = dup(STDERR_FILENO);
    if (log < 0)
        log = open("/tmp", O_TMPFILE | O_RDWR, 0600);
    assert_true(log >= 0);
    fflush(stderr);
    dup2(log, STDERR_FILENO);
    assert_int_equal(pthread_create(&thread, NULL, run_poorly, poor), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    dup2(standard_error, STDERR_FILENO);
    close(standard_error);
    assert_true(pread(log, poor->log, sizeof poor->log - 1, 0) >= 0);
    close(log);
    if (!poor->refused)
        skip();
}

static int lines(const char *text)
{
    int count = 0;
    for (; *text != '\0'; text++)
        count += *text == '\n';
    return count;
}

static void open_poorly(struct poor *poor)
{
    assert_int_equal(changes_open(&poor->world->changes), 0);
    poor->told = changes_are_told(&poor->world->changes);
}

static void where_there_is_no_watch_to_be_had_one_line_says_so(void **state)
{
    static const struct {
        int error;
        bool hint;
    } refusals[] = {{EMFILE, true}, {ENFILE, false}, {ENOSYS, false}};
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        struct world w;
        struct poor poor = {.call = SYS_inotify_init1, .error = refusals[i].error, .run = open_poorly, .world = &w};
        play_poorly(&poor);
        assert_false(poor.told);
        assert_int_equal(lines(poor.log), 1);
        assert_non_null(strstr(poor.log, strerror(refusals[i].error)));
        assert_int_equal(strstr(poor.log, "max_user_instances") != NULL, refusals[i].hint);
        look(&w);
        changes_close(&w.changes);
    }
}

static void note_poorly(struct poor *poor)
{
    for (int i = 0; i < 2; i++)
        poor->numbers[i] = note_directory(poor->world, &poor->trail, i == 0 ? "d" : "e", WATCH_FILES);
}

static void a_directory_that_cannot_be_watched_makes_its_trail_blind(void **state)
{
    static const struct {
        int error;
        int lines;
        bool hint;
    } refusals[] = {{ENOSPC, 1, true}, {ENOENT, 1, false}, {EACCES, 0, false}};
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        struct world w;
        struct poor poor = {.call = SYS_inotify_add_watch, .error = refusals[i].error, .run = note_poorly, .world = &w};
        open_world(&w);
        play_poorly(&poor);
        assert_true(poor.trail.blind);
        assert_int_equal(poor.trail.count, 0);
        for (int k = 0; k < 2; k++)
            assert_int_equal(poor.numbers[k], -1);
        assert_int_equal(lines(poor.log), refusals[i].lines); /* once, however many directories */
        assert_int_equal(strstr(poor.log, "max_user_watches") != NULL, refusals[i].hint);
        close_world(&w);
    }
}

static void who_does_not_listen_is_told_nothing(void **state)
{
    (void)state;
    struct changes changes;
    assert_int_equal(changes_open_blind(&changes), 0);
    assert_false(changes_are_told(&changes));
    changes_catch_up(&changes);
    assert_int_equal(changes_epoch(&changes), 0);
    assert_true(changes_none_since(&changes, NULL, 0));
    changes_close(&changes);
    struct changes zeroed = {0}; /* and its watch's number is 0 */
    int before = fcntl(0, F_GETFD);
    changes_close(&zeroed);
    assert_int_equal(fcntl(0, F_GETFD), before);
}

/* ---- several threads */

enum { LOOKERS = 2, ROUNDS = 2000 };

struct rounds {
    struct world *w;
    struct trail trail;
    pthread_barrier_t begin, end;
    _Atomic int stale; /* looks after which the trail held, though it had changed before */
};

static void *look_in_each_round(void *arg)
{
    struct rounds *rounds = arg;
    for (int i = 0; i < ROUNDS; i++) {
        pthread_barrier_wait(&rounds->begin);
        changes_catch_up(&rounds->w->changes);
        rounds->stale += holds(rounds->w, &rounds->trail);
        pthread_barrier_wait(&rounds->end);
    }
    return NULL;
}

/* A write whose event equals the last one in the queue is merged with it, be that one's writer ever so slow. */
static void *write_and_look(void *arg)
{
    struct rounds *rounds = arg;
    for (int i = 0; i < ROUNDS; i++) {
        struct trail trail = {0};
        note(rounds->w, &trail, "d", "file");
        change(rounds->w, CHANGE_WRITE, "d/file", "x");
        changes_catch_up(&rounds->w->changes);
        rounds->stale += holds(rounds->w, &trail);
    }
    return NULL;
}

static void of_those_who_write_the_same_file_at_once_each_is_told_of(void **state)
{
    enum { WRITERS = 12 };
    (void)state;
    struct world w;
    struct rounds rounds = {.w = &w};
    pthread_t threads[WRITERS];
    open_world(&w);
    for (int i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_and_look, &rounds), 0);
    for (int i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(rounds.stale, 0);
    close_world(&w);
}

/* Whoever takes the events from the kernel, the others wait until they are counted. */
static void of_those_who_look_at_once_nobody_misses_a_change(void **state)
{
    (void)state;
    struct world w;
    struct rounds rounds = {.w = &w};
    pthread_t threads[LOOKERS];
    open_world(&w);
    pthread_barrier_init(&rounds.begin, NULL, LOOKERS + 1);
    pthread_barrier_init(&rounds.end, NULL, LOOKERS + 1);
    for (int i = 0; i < LOOKERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, look_in_each_round, &rounds), 0);
    for (int i = 0; i < ROUNDS; i++) {
        rounds.trail = (struct trail){0};
        note(&w, &rounds.trail, "d", "file");
        change(&w, CHANGE_WRITE, "d/file", "x");
        pthread_barrier_wait(&rounds.begin);
        pthread_barrier_wait(&rounds.end);
    }
    for (int i = 0; i < LOOKERS; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&rounds.begin);
    pthread_barrier_destroy(&rounds.end);
    assert_int_equal(rounds.stale, 0);
    close_world(&w);
}

struct writing {
    struct world *w;
    _Atomic int value; /* what the file says, as far as its writer has returned */
    _Atomic bool done;
};

static void *write_on(void *arg)
{
    struct writing *writing = arg;
    char path[TREE_PATH_MAX];
    tree_path(&writing->w->tree, "d/file", path);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    for (int value = 1; value <= ROUNDS; value++) {
        if (pwrite(fd, &value, sizeof value, 0) != sizeof value)
            break;
        atomic_store(&writing->value, value);
    }
    close(fd);
    atomic_store(&writing->done, true);
    return NULL;
}

/* As a cache would: what was read is believed while its trail holds. */
static void what_is_believed_while_its_trail_holds_is_never_stale(void **state)
{
    (void)state;
    struct world w;
    struct writing writing = {.w = &w};
    struct trail trail = {0};
    char path[TREE_PATH_MAX];
    pthread_t thread;
    int believed = 0, reads = 0;
    open_world(&w);
    change(&w, CHANGE_WRITE, "d/file", "\0\0\0\0");
    tree_path(&w.tree, "d/file", path);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_int_equal(pwrite(fd, &believed, sizeof believed, 0), sizeof believed);
    assert_int_equal(pthread_create(&thread, NULL, write_on, &writing), 0);
    bool done = false;
    while (!done) {
        done = atomic_load(&writing.done);
        int least = atomic_load(&writing.value); /* this write has returned */
        look(&w);
        if (reads == 0 || !holds(&w, &trail)) {
            trail = (struct trail){0};
            note(&w, &trail, "d", "file");
            assert_int_equal(pread(fd, &believed, sizeof believed, 0), sizeof believed);
            reads++;
        }
        if (believed < least)
            fail_msg("%d is believed, but %d was written", believed, least);
    }
    pthread_join(thread, NULL);
    assert_int_equal(believed, ROUNDS);
    close(fd);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trail_holds_until_something_on_it_changes),
        cmocka_unit_test(what_is_noted_anew_holds_again),
        cmocka_unit_test(what_changed_before_it_was_noted_and_is_told_of_later_breaks_the_trail),
        cmocka_unit_test(a_name_that_is_noted_twice_is_as_it_was_first),
        cmocka_unit_test(a_trail_of_several_directories_breaks_in_any_of_them),
        cmocka_unit_test(who_is_interested_in_names_is_not_disturbed_by_writes),
        cmocka_unit_test(a_directory_in_the_place_of_another_is_another),
        cmocka_unit_test(a_trail_too_long_is_blind),
        cmocka_unit_test(when_nobody_knows_what_changed_all_trails_break),
        cmocka_unit_test(of_too_many_directories_the_oldest_are_forgotten),
        cmocka_unit_test(where_there_is_no_watch_to_be_had_one_line_says_so),
        cmocka_unit_test(a_directory_that_cannot_be_watched_makes_its_trail_blind),
        cmocka_unit_test(who_does_not_listen_is_told_nothing),
        cmocka_unit_test(of_those_who_look_at_once_nobody_misses_a_change),
        cmocka_unit_test(of_those_who_write_the_same_file_at_once_each_is_told_of),
        cmocka_unit_test(what_is_believed_while_its_trail_holds_is_never_stale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
