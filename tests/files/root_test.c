#include "files/root.h"

#include "lib/change.h"
#include "lib/scarce.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { STEPS = 4, NOW = 1000000000, VALID_MS = 1000, LOOKS = 100 };

/* Two releases, and one that is being prepared; and the ways to them. Each has a file that says which it is. */
static const struct tree_row files[] = {
    {TREE_FILE, "one/name", "one", 0},      {TREE_FILE, "two/name", "two", 0}, {TREE_FILE, "in/site/name", "in", 0},
    {TREE_FILE, "in2/site/name", "in2", 0}, {TREE_LINK, "current", "one", 0},  {TREE_LINK, "to-current", "current", 0},
    {TREE_LINK, "to-in", "in", 0},          {TREE_LINK, "in/up", "../one", 0}, {TREE_DIRECTORY, "one/empty", NULL, 0},
};

struct world {
    struct tree tree;
    char path[TREE_PATH_MAX];
    struct changes changes;
    struct root_path root_path;
    int here; /* where we were */
};

static const struct clock now = {NOW, 2000000000};

/* A path that begins with "/" is meant within the tree; any other as of there. */
static void open_world(struct world *w, const char *path, bool listens)
{
    tree_open(&w->tree, files, sizeof files / sizeof *files);
    w->here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(chdir(w->tree.path), 0);
    assert_int_equal(listens ? changes_open(&w->changes) : changes_open_blind(&w->changes), 0);
    if (path[0] == '/')
        tree_path(&w->tree, path + 1, w->path);
    else
        snprintf(w->path, sizeof w->path, "%s", path);
    assert_int_equal(root_path_open(&w->root_path, w->path, &w->changes, VALID_MS), 0);
    atomic_store(&w->root_path.checked_ms, NOW);
}

static void close_world(struct world *w)
{
    root_path_close(&w->root_path);
    root_path_close(&w->root_path);
    changes_close(&w->changes);
    assert_int_equal(fchdir(w->here), 0);
    close(w->here);
    tree_close(&w->tree);
}

/* What its file says; "" where there is none. */
static const char *name_of(const struct root *root)
{
    static _Thread_local char name[16];
    memset(name, 0, sizeof name);
    int fd = openat(root->fd, "name", O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && read(fd, name, sizeof name - 1) < 0)
        name[0] = '\0';
    if (fd >= 0)
        close(fd);
    return name;
}

/* By who may sleep. */
static struct root *take(struct world *w, const struct clock *then)
{
    struct root *root = root_take(&w->root_path, then);
    assert_non_null(root);
    return root;
}

/* Whether it is, as far as can be told without sleeping: not by a link whose time of access is due, nor while anybody
 * mounts anything anywhere. Whoever follows the path sees to the one, and the other passes. */
static bool is_current(struct world *w, const struct root *root, const struct clock *then)
{
    bool current = root_is_current(&w->root_path, root, then);
    for (int i = 0; i < LOOKS && !current; i++) {
        (void)!access(w->path, F_OK);
        usleep(1000);
        current = root_is_current(&w->root_path, root, then);
    }
    return current;
}

static void change(struct world *w, enum change_kind kind, const char *path, const char *text)
{
    change_make(&w->tree, &(struct change){kind, path, text});
}

static void look(struct world *w)
{
    changes_catch_up(&w->changes);
}

/* ---- what becomes of the path */

static const struct row {
    const char *sentence, *path, *before;
    struct change changes[STEPS];
    const char *after; /* NULL: it is the same directory, and whoever holds it needn't ask again */
} rows[] = {
    {"nothing", "/current", "one", {{CHANGE_NOTHING, NULL, NULL}}, NULL},
    {"a link is swapped", "/current", "one", {{CHANGE_SWAP, "current", "two"}}, "two"},
    {"a link is removed and made anew",
     "/current",
     "one",
     {{CHANGE_UNLINK, "current", NULL}, {CHANGE_SYMLINK, "current", "two"}},
     "two"},
    {"a link is swapped to and fro",
     "/current",
     "one",
     {{CHANGE_SWAP, "current", "two"}, {CHANGE_SWAP, "current", "one"}},
     "one"},
    {"the link leads to the same by another text", "/current", "one", {{CHANGE_SWAP, "current", "./one"}}, "one"},
    {"where the link leads is renamed, and another takes the name",
     "/current",
     "one",
     {{CHANGE_RENAME, "one", "old"}, {CHANGE_RENAME, "two", "one"}},
     "two"},
    {"where the link leads is exchanged", "/current", "one", {{CHANGE_EXCHANGE, "one", "two"}}, "two"},
    {"a link to a link, the second is swapped", "/to-current", "one", {{CHANGE_SWAP, "current", "two"}}, "two"},
    {"a link to a link, the first is swapped", "/to-current", "one", {{CHANGE_SWAP, "to-current", "two"}}, "two"},
    {"a directory is renamed, and another takes its name",
     "/one",
     "one",
     {{CHANGE_RENAME, "one", "old"}, {CHANGE_RENAME, "two", "one"}},
     "two"},
    {"a directory is exchanged", "/one", "one", {{CHANGE_EXCHANGE, "one", "two"}}, "two"},
    {"a directory becomes a link",
     "/one",
     "one",
     {{CHANGE_RENAME, "one", "old"}, {CHANGE_SYMLINK, "one", "two"}},
     "two"},
    {"a link becomes a directory",
     "/current",
     "one",
     {{CHANGE_UNLINK, "current", NULL}, {CHANGE_RENAME, "two", "current"}},
     "two"},
    {"a link above is swapped", "/to-in/site", "in", {{CHANGE_SWAP, "to-in", "in2"}}, "in2"},
    {"a directory above is exchanged", "/in/site", "in", {{CHANGE_EXCHANGE, "in", "in2"}}, "in2"},
    {"a directory above is renamed, and another takes its name",
     "/in/site",
     "in",
     {{CHANGE_RENAME, "in", "old"}, {CHANGE_RENAME, "in2", "in"}},
     "in2"},
    {"a relative path", "current", "one", {{CHANGE_SWAP, "current", "two"}}, "two"},
    {"a relative path with dots", "./in/../current/.", "one", {{CHANGE_SWAP, "current", "two"}}, "two"},
    {"two dots behind a link", "in/up/../current", "one", {{CHANGE_SWAP, "current", "two"}}, "two"},
    {"two dots behind a link that is swapped", "to-in/../current", "one", {{CHANGE_SWAP, "to-in", "in2"}}, "one"},
    {"slashes at the end", "/current///", "one", {{CHANGE_SWAP, "current", "two"}}, "two"},
    {"slashes and dots", "//.//in//./..//current", "one", {{CHANGE_SWAP, "current", "two"}}, "two"},
    {"it is gone", "/current", "one", {{CHANGE_UNLINK, "current", NULL}}, "one"},
    {"where it leads is gone", "/current", "one", {{CHANGE_RENAME, "one", "old"}}, "one"},
    {"it leads to a file", "/current", "one", {{CHANGE_SWAP, "current", "two/name"}}, "one"},
    {"it leads to itself", "/current", "one", {{CHANGE_SWAP, "current", "current"}}, "one"},
    {"a directory above is gone", "/in/site", "in", {{CHANGE_RENAME, "in", "old"}}, "in"},
    {"a file in it is written", "/current", "one", {{CHANGE_WRITE, "one/name", "ONE"}}, NULL},
    {"a file in it comes", "/current", "one", {{CHANGE_CREATE, "one/new", "x"}}, NULL},
    {"a directory in it goes", "/current", "one", {{CHANGE_RMDIR, "one/empty", NULL}}, NULL},
    {"a file beside it is written",
     "/in/site",
     "in",
     {{CHANGE_CREATE, "in/new", "x"}, {CHANGE_APPEND, "in/new", "x"}},
     NULL},
    {"a link beside it is swapped", "/in/site", "in", {{CHANGE_SWAP, "current", "two"}}, NULL},
};

static void expect_before(struct world *w, const struct row *row, const struct root *root)
{
    if (strcmp(name_of(root), row->before) != 0)
        fail_msg("%s: before, it is \"%s\", not \"%s\"", row->sentence, name_of(root), row->before);
    assert_true(is_current(w, root, &now));
    assert_ptr_equal(w->root_path.root, root);
    assert_int_equal(root->references, 2);
}

static void the_directory_is_the_one_that_the_path_leads_to(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct world w;
        int free_fd = scarce_lowest_fd();
        open_world(&w, rows[i].path, true);
        assert_false(w.root_path.blind);
        struct root *before = take(&w, &now);
        expect_before(&w, &rows[i], before);
        change_make_all(&w.tree, rows[i].changes, STEPS);
        assert_true(root_is_current(&w.root_path, before, &now)); /* nobody has looked yet */
        look(&w);
        if (root_is_current(&w.root_path, before, &now) != (rows[i].after == NULL))
            fail_msg("%s: is %scurrent", rows[i].sentence, rows[i].after == NULL ? "not " : "");
        struct root *at_once = root_take_now(&w.root_path, &now);
        assert_int_equal(at_once != NULL, rows[i].after == NULL);
        struct root *after = take(&w, &now);
        const char *expected = rows[i].after == NULL ? NULL : rows[i].after;
        if (expected != NULL && strcmp(name_of(after), expected) != 0)
            fail_msg("%s: it is \"%s\", not \"%s\"", rows[i].sentence, name_of(after), expected);
        bool same = expected == NULL || strcmp(expected, rows[i].before) == 0;
        assert_int_equal(after == before, same);
        assert_int_equal(after->number == before->number, same);
        assert_true(root_is_current(&w.root_path, after, &now)); /* until the next change */
        assert_ptr_equal(w.root_path.root, after);
        root_drop(at_once);
        root_drop(after);
        root_drop(before);
        close_world(&w);
        assert_int_equal(scarce_lowest_fd(), free_fd);
    }
}

/* Nothing is told: each time the path is looked at, if its names are in memory. */
static void where_nothing_is_told_each_request_looks(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct world w;
        open_world(&w, rows[i].path, false);
        assert_true(w.root_path.blind);
        struct root *before = take(&w, &now);
        expect_before(&w, &rows[i], before);
        change_make_all(&w.tree, rows[i].changes, STEPS);
        bool gone = access(w.path, F_OK) < 0,
             same = rows[i].after == NULL || strcmp(rows[i].after, rows[i].before) == 0;
        bool is_file = rows[i].changes[0].text != NULL && strcmp(rows[i].changes[0].text, "two/name") == 0;
        if ((same || gone) && !is_file)
            assert_true(is_current(&w, before, &now));
        else
            assert_false(root_is_current(&w.root_path, before, &now));
        struct root *after = take(&w, &now);
        if (!same && strcmp(name_of(after), rows[i].after) != 0)
            fail_msg("%s: it is \"%s\", not \"%s\"", rows[i].sentence, name_of(after), rows[i].after);
        assert_int_equal(after == before, same);
        root_drop(after);
        root_drop(before);
        close_world(&w);
    }
}

/* ---- what is gone for a while */

static void what_comes_back_is_found_and_what_comes_in_its_place(void **state)
{
    static const struct {
        const char *sentence;
        enum change_kind comes;
        const char *path, *text, *name;
    } back[] = {
        {"the same", CHANGE_SYMLINK, "current", "one", "one"},
        {"another", CHANGE_SYMLINK, "current", "two", "two"},
        {"another as a directory", CHANGE_RENAME, "two", "current", "two"},
    };
    (void)state;
    for (int listens = 0; listens < 2; listens++)
        for (size_t i = 0; i < sizeof back / sizeof *back; i++) {
            struct world w;
            open_world(&w, "/current", listens);
            struct root *before = take(&w, &now);
            change(&w, CHANGE_UNLINK, "current", NULL);
            look(&w);
            for (int k = 0; k < 3; k++) {
                struct root *meanwhile = take(&w, &now);
                assert_ptr_equal(meanwhile, before);
                root_drop(meanwhile);
            }
            change(&w, back[i].comes, back[i].path, back[i].text);
            look(&w);
            struct root *after = take(&w, &now);
            if (strcmp(name_of(after), back[i].name) != 0)
                fail_msg("%s: it is \"%s\", not \"%s\"", back[i].sentence, name_of(after), back[i].name);
            assert_int_equal(after == before, i == 0);
            root_drop(after);
            root_drop(before);
            close_world(&w);
        }
}

static void what_never_was_there_is_no_root(void **state)
{
    static const struct {
        const char *path;
        int error;
    } paths[] = {{"missing", ENOENT}, {"one/name", ENOTDIR}, {"one/missing/x", ENOENT}, {"itself", ELOOP}};
    (void)state;
    struct world w;
    open_world(&w, "/one", true);
    change(&w, CHANGE_SYMLINK, "itself", "itself");
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct root_path none;
        int free_fd = scarce_lowest_fd();
        assert_int_equal(root_path_open(&none, paths[i].path, &w.changes, VALID_MS), -1);
        assert_int_equal(errno, paths[i].error);
        root_path_close(&none);
        assert_int_equal(scarce_lowest_fd(), free_fd);
    }
    struct root_path zeroed = {0};
    root_path_close(&zeroed);
    close_world(&w);
}

/* ---- how long it is believed */

/* What was told is left in the queue: as if nothing had been. */
static void what_nothing_is_told_of_is_found_after_its_time(void **state)
{
    const struct clock shortly = {NOW + VALID_MS - 1, now.second}, then = {NOW + VALID_MS, now.second};
    (void)state;
    struct world w;
    open_world(&w, "/current", true);
    struct root *one = take(&w, &now);
    assert_true(is_current(&w, one, &then)); /* it is looked at, and holds for as long again */
    assert_int_equal(w.root_path.checked_ms, then.now_ms);
    atomic_store(&w.root_path.checked_ms, NOW);
    change(&w, CHANGE_SWAP, "current", "two");
    assert_true(root_is_current(&w.root_path, one, &shortly));
    struct root *still = root_take_now(&w.root_path, &shortly);
    assert_ptr_equal(still, one);
    assert_false(root_is_current(&w.root_path, one, &then));
    assert_null(root_take_now(&w.root_path, &then));
    struct root *two = take(&w, &then);
    assert_string_equal(name_of(two), "two");
    root_drop(still);
    root_drop(one);
    root_drop(two);
    close_world(&w);
}

/* Each thread has its own idea of what time it is. */
static void a_clock_that_is_behind_is_no_clock_far_ahead(void **state)
{
    const struct clock behind = {NOW - 5 * VALID_MS, now.second};
    (void)state;
    struct world w;
    open_world(&w, "/current", true);
    struct root *one = take(&w, &now);
    change(&w, CHANGE_SWAP, "current", "two");
    assert_true(root_is_current(&w.root_path, one, &behind));
    root_drop(one);
    close_world(&w);
}

/* ---- directories and their numbers */

static void each_directory_that_is_found_has_its_own_number(void **state)
{
    enum { SWAPS = 20 };
    (void)state;
    struct world w;
    uint64_t number = 0;
    open_world(&w, "/current", true);
    for (int i = 0; i < SWAPS; i++) { /* the same two, over and over */
        change(&w, CHANGE_SWAP, "current", i % 2 == 0 ? "two" : "one");
        look(&w);
        struct root *root = take(&w, &now);
        assert_string_equal(name_of(root), i % 2 == 0 ? "two" : "one");
        assert_true(root->number > number);
        number = root->number;
        root_drop(root);
    }
    close_world(&w);
}

static void whoever_drops_the_last_reference_closes_the_directory(void **state)
{
    (void)state;
    struct world w;
    open_world(&w, "/current", true);
    struct root *held = take(&w, &now);
    int fd = held->fd;
    change(&w, CHANGE_SWAP, "current", "two");
    look(&w);
    root_drop(take(&w, &now));
    assert_int_equal(held->references, 1);
    assert_string_equal(name_of(held), "one"); /* whoever holds it goes on in it */
    root_drop(held);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    root_drop(NULL);
    close_world(&w);
}

static void no_root_at_all_is_not_current(void **state)
{
    (void)state;
    struct world w;
    open_world(&w, "/current", true);
    assert_false(root_is_current(&w.root_path, NULL, &now));
    struct root *one = take(&w, &now);
    struct root other = *one;
    assert_false(root_is_current(&w.root_path, &other, &now));
    root_drop(one);
    close_world(&w);
}

/* ---- without descriptors */

static void without_descriptors_nobody_is_sent_to_an_older_release(void **state)
{
    (void)state;
    for (int listens = 0; listens < 2; listens++) {
        struct world w;
        open_world(&w, "/current", listens);
        struct root *one = take(&w, &now);
        change(&w, CHANGE_SWAP, "current", "two");
        look(&w);
        struct rlimit was = scarce_files(0);
        bool current = root_is_current(&w.root_path, one, &now);
        errno = 0;
        struct root *none = root_take(&w.root_path, &now);
        int error = errno;
        scarce_files_again(was);
        assert_false(current);
        assert_null(none);
        assert_int_equal(error, EMFILE);
        struct root *two = take(&w, &now);
        assert_string_equal(name_of(two), "two");
        root_drop(one);
        root_drop(two);
        close_world(&w);
    }
}

/* What couldn't be looked at to its end isn't taken for all that there is to look at. */
static void what_was_sought_without_descriptors_is_told_of_later(void **state)
{
    (void)state;
    for (int spare = 0; spare < 6; spare++) {
        struct world w;
        open_world(&w, "/to-in/site", true);
        change(&w, CHANGE_CREATE, "unrelated", "");
        change(&w, CHANGE_SWAP, "to-in", "in");
        look(&w);
        struct rlimit was = scarce_files(spare);
        root_drop(root_take(&w.root_path, &now));
        scarce_files_again(was);
        struct root *in = take(&w, &now);
        assert_string_equal(name_of(in), "in");
        change(&w, CHANGE_SWAP, "to-in", "in2");
        look(&w);
        struct root *in2 = take(&w, &now);
        if (strcmp(name_of(in2), "in2") != 0)
            fail_msg("with %d descriptors it is \"%s\"", spare, name_of(in2));
        root_drop(in);
        root_drop(in2);
        close_world(&w);
    }
}

/* ---- several threads */

enum { RELEASES = 400, ASKERS = 2 };

struct releasing {
    struct world *w;
    _Atomic int current; /* the last release whose swap has returned */
    _Atomic int asking;  /* so many have begun to ask */
};

static void make_releases(struct world *w)
{
    char directory[16], file[24], text[16];
    for (int i = 1; i <= RELEASES; i++) {
        snprintf(directory, sizeof directory, "%d", i);
        snprintf(file, sizeof file, "%d/name", i);
        snprintf(text, sizeof text, "%d", i);
        change(w, CHANGE_MKDIR, directory, NULL);
        change(w, CHANGE_CREATE, file, text);
    }
}

static void *release_on(void *arg)
{
    struct releasing *releasing = arg;
    while (atomic_load(&releasing->asking) < ASKERS)
        usleep(1000);
    for (int i = 1; i <= RELEASES; i++) {
        char directory[16];
        snprintf(directory, sizeof directory, "%d", i);
        change(releasing->w, CHANGE_SWAP, "current", directory);
        atomic_store(&releasing->current, i);
    }
    return NULL;
}

struct asker {
    struct releasing *releasing;
    int stale, takes;
};

static void *ask_on(void *arg)
{
    struct asker *asker = arg;
    struct world *w = asker->releasing->w;
    struct root *root = root_take(&w->root_path, &now);
    int least = 0;
    atomic_fetch_add(&asker->releasing->asking, 1);
    while (least < RELEASES) {
        least = atomic_load(&asker->releasing->current);
        look(w);
        if (!root_is_current(&w->root_path, root, &now)) {
            root_drop(root);
            root = root_take(&w->root_path, &now);
            asker->takes++;
        }
        asker->stale += atoi(name_of(root)) < least;
    }
    root_drop(root);
    return NULL;
}

static void expect_no_older_release(bool listens)
{
    struct world w;
    struct releasing releasing = {.w = &w};
    struct asker askers[ASKERS] = {{.releasing = &releasing}, {.releasing = &releasing}};
    pthread_t releaser, threads[ASKERS];
    open_world(&w, "/current", listens);
    make_releases(&w);
    assert_int_equal(pthread_create(&releaser, NULL, release_on, &releasing), 0);
    for (int i = 0; i < ASKERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_on, &askers[i]), 0);
    pthread_join(releaser, NULL);
    for (int i = 0; i < ASKERS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(askers[i].stale, 0);
        assert_true(askers[i].takes > 0);
    }
    close_world(&w);
}

static void whoever_asks_after_a_swap_gets_no_older_release(void **state)
{
    (void)state;
    expect_no_older_release(true);
}

static void where_nothing_is_told_nobody_puts_an_older_release_back(void **state)
{
    (void)state;
    expect_no_older_release(false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_directory_is_the_one_that_the_path_leads_to),
        cmocka_unit_test(where_nothing_is_told_each_request_looks),
        cmocka_unit_test(what_comes_back_is_found_and_what_comes_in_its_place),
        cmocka_unit_test(what_never_was_there_is_no_root),
        cmocka_unit_test(what_nothing_is_told_of_is_found_after_its_time),
        cmocka_unit_test(a_clock_that_is_behind_is_no_clock_far_ahead),
        cmocka_unit_test(each_directory_that_is_found_has_its_own_number),
        cmocka_unit_test(whoever_drops_the_last_reference_closes_the_directory),
        cmocka_unit_test(no_root_at_all_is_not_current),
        cmocka_unit_test(without_descriptors_nobody_is_sent_to_an_older_release),
        cmocka_unit_test(what_was_sought_without_descriptors_is_told_of_later),
        cmocka_unit_test(whoever_asks_after_a_swap_gets_no_older_release),
        cmocka_unit_test(where_nothing_is_told_nobody_puts_an_older_release_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
