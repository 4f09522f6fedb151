#include "os/watch.h"

#include "lib/change.h"
#include "lib/nobody.h"
#include "lib/scarce.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { STEPS = 3, TOLD_MAX = 512 };

/* "d" and "e", and what lies in d as "d/sub", are watched; "d/deep" isn't, nor is "beside". */
static const struct tree_row files[] = {
    {TREE_FILE, "d/file", "a file", 0},     {TREE_FILE, "d/other", "another", 0},
    {TREE_FILE, "d/sub/file", "a file", 0}, {TREE_FILE, "d/deep/file", "a file", 0},
    {TREE_DIRECTORY, "d/empty", NULL, 0},   {TREE_LINK, "d/link", "file", 0},
    {TREE_DIRECTORY, "e", NULL, 0},         {TREE_FILE, "beside/file", "a file", 0},
};

static const char *const watched[] = {"d", "e", "d/sub"};
enum { WATCHED = sizeof watched / sizeof *watched };

struct world {
    struct tree tree;
    int watch;
    int numbers[WATCHED];
    char told[TOLD_MAX]; /* "d:name e: " …, each once */
    int lost, events;
};

static int open_directory(const struct world *w, const char *relative)
{
    char path[TREE_PATH_MAX];
    tree_path(&w->tree, relative, path);
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static int add(const struct world *w, const char *relative, enum watch_interest interest)
{
    int fd = open_directory(w, relative), free_fd = scarce_lowest_fd();
    int number = watch_add(w->watch, fd, interest);
    assert_int_equal(scarce_lowest_fd(), free_fd);
    close(fd);
    return number;
}

static void open_world(struct world *w, enum watch_interest interest)
{
    *w = (struct world){.watch = watch_open()};
    assert_true(w->watch >= 0);
    assert_int_equal(fcntl(w->watch, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    tree_open(&w->tree, files, sizeof files / sizeof *files);
    for (int i = 0; i < WATCHED; i++) {
        w->numbers[i] = add(w, watched[i], interest);
        assert_true(w->numbers[i] > 0);
        for (int k = 0; k < i; k++)
            assert_int_not_equal(w->numbers[i], w->numbers[k]);
    }
}

static void close_world(struct world *w)
{
    close(w->watch);
    tree_close(&w->tree);
}

static const char *name_of(const struct world *w, int number)
{
    for (int i = 0; i < WATCHED; i++)
        if (w->numbers[i] == number)
            return watched[i];
    return "?";
}

static void take(void *context, int number, struct slice name)
{
    struct world *w = context;
    char word[300];
    w->events++;
    w->lost += number == WATCH_ALL_LOST;
    snprintf(word, sizeof word, "%s:%.*s ", name_of(w, number), (int)name.len, name.at);
    if (number != WATCH_ALL_LOST && strstr(w->told, word) == NULL && strlen(w->told) + strlen(word) < TOLD_MAX)
        strcat(w->told, word);
}

/* What is told by now. */
static const char *listen_to(struct world *w)
{
    w->told[0] = '\0';
    w->events = w->lost = 0;
    watch_read(w->watch, watch_pending(w->watch), take, w);
    assert_int_equal(watch_pending(w->watch), 0);
    return w->told;
}

/* ---- what is told */

static const struct row {
    const char *sentence;
    struct change changes[STEPS];
    const char *told, *told_of_names; /* to who is interested in files, and in names alone; NULL: the same */
} rows[] = {
    {"a write", {{CHANGE_WRITE, "d/file", "x"}}, "d:file ", ""},
    {"a write at the end", {{CHANGE_APPEND, "d/file", "x"}}, "d:file ", ""},
    {"a file cut off", {{CHANGE_TRUNCATE, "d/file", NULL}}, "d:file ", ""},
    {"a mode", {{CHANGE_MODE, "d/file", NULL}}, "d:file ", NULL},
    {"a time", {{CHANGE_TIMES, "d/file", NULL}}, "d:file ", NULL},
    {"a write through a link is told of by the file's name", {{CHANGE_WRITE, "d/link", "x"}}, "d:file ", ""},
    {"a new file", {{CHANGE_CREATE, "d/new", ""}}, "d:new ", NULL},
    {"a new name in the same directory", {{CHANGE_RENAME, "d/file", "d/new"}}, "d:file d:new ", NULL},
    {"a new name in another directory", {{CHANGE_RENAME, "d/file", "e/new"}}, "d:file e:new ", NULL},
    {"a name in the place of another", {{CHANGE_RENAME, "d/file", "d/other"}}, "d:file d:other ", NULL},
    {"what comes from nowhere", {{CHANGE_RENAME, "beside/file", "e/new"}}, "e:new ", NULL},
    {"what goes nowhere", {{CHANGE_RENAME, "d/file", "beside/new"}}, "d:file ", NULL},
    {"two names exchanged", {{CHANGE_EXCHANGE, "d/file", "d/other"}}, "d:file d:other ", NULL},
    {"a name removed", {{CHANGE_UNLINK, "d/file", NULL}}, "d:file ", NULL},
    {"a link removed", {{CHANGE_UNLINK, "d/link", NULL}}, "d:link ", NULL},
    {"another name of a file", {{CHANGE_LINK, "d/new", "d/file"}}, "d:new ", NULL},
    {"a symbolic link", {{CHANGE_SYMLINK, "d/new", "file"}}, "d:new ", NULL},
    {"a symbolic link swapped", {{CHANGE_SWAP, "d/link", "other"}}, "d:link.new d:link ", NULL},
    {"a new directory", {{CHANGE_MKDIR, "d/new", NULL}}, "d:new ", NULL},
    {"a directory removed", {{CHANGE_RMDIR, "d/empty", NULL}}, "d:empty ", NULL},
    {"a directory that is watched, removed, tells of itself", {{CHANGE_RMDIR, "e", NULL}}, "e: ", NULL},
    {"and where the one it lies in is watched, that tells too",
     {{CHANGE_UNLINK, "d/sub/file", NULL}, {CHANGE_RMDIR, "d/sub", NULL}},
     "d/sub:file d/sub: d:sub ",
     NULL},
    {"a directory that is watched, renamed", {{CHANGE_RENAME, "e", "f"}}, "e: ", NULL},
    {"and where the one it lies in is watched", {{CHANGE_RENAME, "d/sub", "d/new"}}, "d:sub d:new d/sub: ", NULL},
    {"who may read a directory that is watched", {{CHANGE_MODE, "e", NULL}}, "e: ", NULL},
    {"what a directory was named before doesn't matter",
     {{CHANGE_RENAME, "e", "f"}, {CHANGE_CREATE, "f/new", ""}},
     "e: e:new ",
     NULL},
    {"a read is no change", {{CHANGE_READ, "d/file", NULL}}, "", NULL},
    {"nor is a list of names", {{CHANGE_READ, "d", NULL}}, "", NULL},
    {"nothing is told of what lies deeper", {{CHANGE_WRITE, "d/deep/file", "x"}}, "", NULL},
    {"nor of what lies elsewhere", {{CHANGE_WRITE, "beside/file", "x"}}, "", NULL},
    {"nor of a write by a name elsewhere",
     {{CHANGE_LINK, "beside/new", "d/file"}, {CHANGE_WRITE, "beside/new", "x"}},
     "",
     NULL},
    {"nor of a write through a mapping", {{CHANGE_MAP, "d/file", "x"}}, "", NULL},
    {"several changes",
     {{CHANGE_CREATE, "d/new", "x"}, {CHANGE_WRITE, "d/sub/file", "x"}, {CHANGE_MODE, "d/file", NULL}},
     "d:new d/sub:file d:file ",
     "d:new d:file "},
};

/* Words in any order. */
static bool same_words(const char *a, const char *b)
{
    char words[TOLD_MAX];
    if (strlen(a) != strlen(b))
        return false;
    snprintf(words, sizeof words, "%s", a);
    for (char *word = strtok(words, " "); word != NULL; word = strtok(NULL, " ")) {
        char whole[TOLD_MAX + 1];
        snprintf(whole, sizeof whole, "%s ", word);
        const char *at = strstr(b, whole);
        while (at != NULL && at != b && at[-1] != ' ')
            at = strstr(at + 1, whole);
        if (at == NULL)
            return false;
    }
    return true;
}

static void expect_rows(enum watch_interest interest)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct world w;
        open_world(&w, interest);
        const char *expected =
            interest == WATCH_NAMES && rows[i].told_of_names != NULL ? rows[i].told_of_names : rows[i].told;
        assert_string_equal(listen_to(&w), "");
        change_make_all(&w.tree, rows[i].changes, STEPS);
        assert_int_equal(watch_pending(w.watch) > 0, expected[0] != '\0');
        if (!same_words(listen_to(&w), expected))
            fail_msg("%s: told \"%s\", not \"%s\"", rows[i].sentence, w.told, expected);
        assert_int_equal(w.lost, 0);
        close_world(&w);
    }
}

static void each_change_is_told_with_its_directory_and_name(void **state)
{
    (void)state;
    expect_rows(WATCH_FILES);
}

static void who_is_interested_in_names_hears_of_no_writes(void **state)
{
    (void)state;
    expect_rows(WATCH_NAMES);
}

/* It has no name by which anybody could ask for it. */
static void nothing_is_told_of_a_file_that_is_removed_and_still_open(void **state)
{
    (void)state;
    struct world w;
    char path[TREE_PATH_MAX];
    open_world(&w, WATCH_FILES);
    tree_path(&w.tree, "d/file", path);
    int fd = open(path, O_WRONLY);
    assert_int_equal(unlink(path), 0);
    assert_string_equal(listen_to(&w), "d:file ");
    assert_int_equal(write(fd, "x", 1), 1);
    assert_string_equal(listen_to(&w), "");
    close(fd);
    close_world(&w);
}

static void a_name_may_hold_any_byte_and_be_as_long_as_any(void **state)
{
    (void)state;
    struct world w;
    char name[256], relative[260], expected[260];
    open_world(&w, WATCH_FILES);
    for (int len = 1; len <= 255; len++) {
        memset(name, 'n', sizeof name);
        name[0] = (char)(len == '/' || len == '.' ? 'x' : len);
        name[len] = '\0';
        snprintf(relative, sizeof relative, "d/%s", name);
        snprintf(expected, sizeof expected, "d:%s ", name);
        change_make(&w.tree, &(struct change){CHANGE_CREATE, relative, ""});
        assert_string_equal(listen_to(&w), expected);
    }
    close_world(&w);
}

/* More than are read at a time. */
static void of_many_events_each_is_told_once_and_in_order(void **state)
{
    enum { MANY = 3000 };
    (void)state;
    struct world w;
    open_world(&w, WATCH_FILES);
    for (int i = 0; i < MANY; i++)
        change_make(&w.tree, &(struct change){CHANGE_TIMES, i % 2 == 0 ? "d/file" : "d/other", NULL});
    assert_string_equal(listen_to(&w), "d:file d:other ");
    assert_int_equal(w.events, MANY);
    close_world(&w);
}

static void what_nobody_waits_for_is_no_reason_to_wait(void **state)
{
    (void)state;
    struct world w;
    open_world(&w, WATCH_FILES);
    watch_read(w.watch, 1, take, &w); /* somebody else was faster */
    assert_int_equal(w.events, 0);
    close_world(&w);
}

/* ---- who is watched */

static void a_directory_that_is_watched_keeps_its_number(void **state)
{
    (void)state;
    struct world w;
    open_world(&w, WATCH_FILES);
    assert_int_equal(add(&w, "d", WATCH_FILES), w.numbers[0]);
    assert_int_equal(add(&w, "d/sub/../../d", WATCH_FILES), w.numbers[0]);
    change_make(&w.tree, &(struct change){CHANGE_RENAME, "d", "renamed"});
    assert_int_equal(add(&w, "renamed", WATCH_FILES), w.numbers[0]);
    close_world(&w);
}

static void who_is_interested_in_less_takes_nothing_from_who_is_in_more(void **state)
{
    (void)state;
    struct world w;
    open_world(&w, WATCH_FILES);
    assert_int_equal(add(&w, "d", WATCH_NAMES), w.numbers[0]);
    change_make(&w.tree, &(struct change){CHANGE_WRITE, "d/file", "x"});
    assert_string_equal(listen_to(&w), "d:file ");
    close_world(&w);
    open_world(&w, WATCH_NAMES);
    assert_int_equal(add(&w, "d", WATCH_FILES), w.numbers[0]);
    change_make(&w.tree, &(struct change){CHANGE_WRITE, "d/file", "x"});
    assert_string_equal(listen_to(&w), "d:file ");
    close_world(&w);
}

static void who_is_watched_no_more_says_so_and_has_another_number_later(void **state)
{
    (void)state;
    struct world w;
    open_world(&w, WATCH_FILES);
    watch_remove(w.watch, w.numbers[0]);
    assert_string_equal(listen_to(&w), "d: ");
    change_make(&w.tree, &(struct change){CHANGE_WRITE, "d/file", "x"});
    assert_string_equal(listen_to(&w), "");
    watch_remove(w.watch, w.numbers[0]);
    watch_remove(w.watch, 1000000);
    assert_string_equal(listen_to(&w), "");
    int again = add(&w, "d", WATCH_FILES);
    for (int i = 0; i < WATCHED; i++)
        assert_int_not_equal(again, w.numbers[i]);
    assert_true(again > 0);
    close_world(&w);
}

static void a_file_is_no_directory(void **state)
{
    (void)state;
    struct world w;
    char path[TREE_PATH_MAX];
    open_world(&w, WATCH_FILES);
    tree_path(&w.tree, "d/file", path);
    int fd = open(path, O_RDONLY);
    assert_int_equal(watch_add(w.watch, fd, WATCH_FILES), -1);
    assert_int_equal(errno, ENOTDIR);
    close(fd);
    close_world(&w);
}

/* As nobody, who may see his own descriptors (proc(5), PR_SET_DUMPABLE). What it was for "d", then for "e". */
static int add_as_nobody(const struct world *w)
{
    int d = open_directory(w, "d"), e = open_directory(w, "e");
    if (geteuid() == 0 && (setgroups(0, NULL) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0))
        return 1;
    if (prctl(PR_SET_DUMPABLE, 1) < 0)
        return 2;
    if (watch_add(w->watch, d, WATCH_FILES) != w->numbers[0])
        return 3;
    return watch_add(w->watch, e, WATCH_FILES) == -1 && errno == EACCES ? 0 : 4;
}

static void a_directory_that_may_not_be_read_is_not_watched(void **state)
{
    (void)state;
    struct world w;
    char path[TREE_PATH_MAX];
    int status = -1;
    open_world(&w, WATCH_FILES);
    assert_int_equal(chmod(w.tree.path, 0755), 0);
    tree_path(&w.tree, "e", path);
    assert_int_equal(chmod(path, 0311), 0);
    pid_t pid = fork();
    if (pid == 0)
        _exit(add_as_nobody(&w));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(chmod(path, 0755), 0);
    close_world(&w);
}

/* ---- more than anybody can remember */

static int queue_limit(void)
{
    int limit = 0;
    FILE *setting = fopen("/proc/sys/fs/inotify/max_queued_events", "re");
    if (setting != NULL && fscanf(setting, "%d", &limit) != 1)
        limit = 0;
    if (setting != NULL)
        fclose(setting);
    return limit;
}

static void when_the_queue_was_full_that_is_told(void **state)
{
    enum { BEARABLE = 200000 };
    (void)state;
    struct world w;
    int limit = queue_limit();
    if (limit == 0 || limit > BEARABLE) {
        print_message("skipped: fs.inotify.max_queued_events can't be read, or is very high\n");
        skip();
    }
    open_world(&w, WATCH_FILES);
    for (int i = 0; i < limit; i++)
        change_make(&w.tree, &(struct change){CHANGE_TIMES, i % 2 == 0 ? "d/file" : "d/other", NULL});
    listen_to(&w);
    assert_int_equal(w.lost, 0);
    assert_int_equal(w.events, limit);
    for (int i = 0; i < limit + 10; i++)
        change_make(&w.tree, &(struct change){CHANGE_TIMES, i % 2 == 0 ? "d/file" : "d/other", NULL});
    listen_to(&w);
    assert_int_equal(w.lost, 1);
    change_make(&w.tree, &(struct change){CHANGE_WRITE, "d/file", "x"}); /* and then it goes on */
    assert_string_equal(listen_to(&w), "d:file ");
    assert_int_equal(w.lost, 0);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_change_is_told_with_its_directory_and_name),
        cmocka_unit_test(who_is_interested_in_names_hears_of_no_writes),
        cmocka_unit_test(nothing_is_told_of_a_file_that_is_removed_and_still_open),
        cmocka_unit_test(a_name_may_hold_any_byte_and_be_as_long_as_any),
        cmocka_unit_test(of_many_events_each_is_told_once_and_in_order),
        cmocka_unit_test(what_nobody_waits_for_is_no_reason_to_wait),
        cmocka_unit_test(a_directory_that_is_watched_keeps_its_number),
        cmocka_unit_test(who_is_interested_in_less_takes_nothing_from_who_is_in_more),
        cmocka_unit_test(who_is_watched_no_more_says_so_and_has_another_number_later),
        cmocka_unit_test(a_file_is_no_directory),
        cmocka_unit_test(a_directory_that_may_not_be_read_is_not_watched),
        cmocka_unit_test(when_the_queue_was_full_that_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
