#include "files/ways.h"

#include "lib/change.h"
#include "lib/refuse.h"
#include "lib/scarce.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

enum { STEPS = 3, ROOT = 7, NOW = 1000000 };

static const struct tree_row files[] = {
    {TREE_FILE, "root/file", "file", 0},       {TREE_FILE, "root/a/file", "a's file", 0},
    {TREE_FILE, "root/a/other", "another", 0}, {TREE_FILE, "root/a/b/file", "b's file", 0},
    {TREE_FILE, "root/c/file", "c's file", 0}, {TREE_LINK, "root/to-a", "a", 0},
    {TREE_LINK, "root/to-b", "to-a/b", 0},     {TREE_LINK, "root/a/to-file", "../c/file", 0},
    {TREE_FILE, "beside/file", "beside", 0},
};

struct world {
    struct tree tree;
    int root;
    struct changes changes;
    struct ways ways;
};

static const struct clock now = {NOW, 2000000000};

static void open_world(struct world *w)
{
    char path[TREE_PATH_MAX];
    tree_open(&w->tree, files, sizeof files / sizeof *files);
    tree_path(&w->tree, "root", path);
    w->root = beneath_root(path);
    assert_true(w->root >= 0);
    assert_int_equal(changes_open(&w->changes), 0);
    assert_int_equal(ways_open(&w->ways, &w->changes), 0);
}

static void close_world(struct world *w)
{
    ways_close(&w->ways);
    ways_close(&w->ways);
    changes_close(&w->changes);
    close(w->root);
    tree_close(&w->tree);
}

static struct ways_path beneath(const char *path)
{
    return (struct ways_path){ROOT, path};
}

/* By who may sleep; its errno, 0 where it opens. */
static int open_it(struct world *w, const char *path, struct trail *trail)
{
    int free_fd = scarce_lowest_fd();
    int fd = ways_open_file(&w->ways, beneath(path), w->root, BENEATH_LINKS_INSIDE, &now, trail);
    int error = fd < 0 ? errno : 0;
    if (fd >= 0)
        close(fd);
    assert_int_equal(scarce_lowest_fd(), free_fd);
    return error;
}

static bool recall(struct world *w, const char *path, struct trail *trail)
{
    return ways_recall(&w->ways, beneath(path), &now, trail);
}

static bool holds(const struct world *w, const struct trail *trail)
{
    return changes_none_since(&w->changes, trail->marks, trail->count);
}

static void change(struct world *w, enum change_kind kind, const char *path, const char *text)
{
    change_make(&w->tree, &(struct change){kind, path, text});
    changes_catch_up(&w->changes);
}

/* ---- what is known of a way once somebody went it */

static const struct row {
    const char *sentence, *path;
    int error;
    struct change changes[STEPS];
    bool walked_holds;   /* what the one who went it found, */
    bool known;          /* whether the way is still known to others, */
    bool recalled_holds; /* and what they noted before the change */
} rows[] = {
    {"nothing happens", "a/b/file", 0, {{CHANGE_NOTHING, NULL, NULL}}, true, true, true},
    {"the file is written", "a/b/file", 0, {{CHANGE_WRITE, "root/a/b/file", "x"}}, false, true, false},
    {"the file goes", "a/b/file", 0, {{CHANGE_UNLINK, "root/a/b/file", NULL}}, false, true, false},
    {"a neighbour comes", "a/b/file", 0, {{CHANGE_CREATE, "root/a/b/new", "x"}}, true, true, true},
    {"a neighbour of the directory is written", "a/b/file", 0, {{CHANGE_WRITE, "root/a/other", "x"}}, true, true, true},
    {"the directory is renamed", "a/b/file", 0, {{CHANGE_RENAME, "root/a/b", "root/a/x"}}, false, false, false},
    {"the one above is renamed", "a/b/file", 0, {{CHANGE_RENAME, "root/a", "root/x"}}, false, false, false},
    {"two directories are exchanged", "a/b/file", 0, {{CHANGE_EXCHANGE, "root/a", "root/c"}}, false, false, false},
    {"nobody may pass the directory", "a/b/file", 0, {{CHANGE_MODE, "root/a", NULL}}, false, false, false},
    {"a file in the root is written", "file", 0, {{CHANGE_WRITE, "root/file", "x"}}, false, true, false},
    {"the root is renamed",
     "file",
     0,
     {{CHANGE_RENAME, "root", "x"}, {CHANGE_RENAME, "x", "root"}},
     false,
     false,
     false},
    {"what is missing comes", "a/b/missing", ENOENT, {{CHANGE_CREATE, "root/a/b/missing", "x"}}, false, true, false},
    {"a directory that is missing comes", "x/y/file", ENOENT, {{CHANGE_MKDIR, "root/x", NULL}}, false, false, false},
    {"another comes beside it", "x/y/file", ENOENT, {{CHANGE_MKDIR, "root/y", NULL}}, true, true, true},
    {"a file in the place of a directory is written",
     "a/file/x",
     ENOTDIR,
     {{CHANGE_WRITE, "root/a/file", "x"}},
     false,
     false,
     false},
    {"and becomes one",
     "a/file/x",
     ENOTDIR,
     {{CHANGE_UNLINK, "root/a/file", NULL}, {CHANGE_MKDIR, "root/a/file", NULL}},
     false,
     false,
     false},
    {"a link on the way is swapped", "to-a/file", 0, {{CHANGE_SWAP, "root/to-a", "c"}}, false, false, false},
    {"where it leads is renamed", "to-a/file", 0, {{CHANGE_RENAME, "root/a", "root/x"}}, false, false, false},
    {"the file behind a link is written", "to-a/file", 0, {{CHANGE_WRITE, "root/a/file", "x"}}, false, true, false},
    {"another link on the way to a link is swapped",
     "to-b/file",
     0,
     {{CHANGE_SWAP, "root/to-a", "c"}},
     false,
     false,
     false},
    {"the root of a way round goes", "to-b/file", 0, {{CHANGE_RENAME, "root/a/b", "root/b"}}, false, false, false},
    {"a link at the end is swapped", "a/to-file", 0, {{CHANGE_SWAP, "root/a/to-file", "file"}}, false, true, false},
    {"what a link at the end leads to is for who went there to know",
     "a/to-file",
     0,
     {{CHANGE_WRITE, "root/c/file", "x"}},
     false,
     true,
     true},
};

static void a_way_is_known_until_something_on_it_changes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *row = &rows[i];
        struct world w;
        struct trail walked = {0}, recalled = {0}, unknown = {0};
        open_world(&w);
        assert_false(recall(&w, row->path, &recalled));
        assert_int_equal(open_it(&w, row->path, &walked), row->error);
        assert_false(walked.blind);
        assert_true(recall(&w, row->path, &recalled));
        assert_false(recalled.blind);
        assert_true(holds(&w, &walked) && holds(&w, &recalled));
        change_make_all(&w.tree, row->changes, STEPS);
        changes_catch_up(&w.changes);
        if (holds(&w, &walked) != row->walked_holds || holds(&w, &recalled) != row->recalled_holds)
            fail_msg("%s: walked %s, recalled %s", row->sentence, holds(&w, &walked) ? "holds" : "breaks",
                     holds(&w, &recalled) ? "holds" : "breaks");
        if (recall(&w, row->path, &unknown) != row->known)
            fail_msg("%s: is %sknown", row->sentence, row->known ? "not " : "");
        assert_true(row->known || unknown.count == 0);
        close_world(&w);
    }
}

/* One who went to a file in it knows a directory for all. */
static void a_way_leads_to_each_name_in_its_directory(void **state)
{
    (void)state;
    struct world w;
    struct trail file = {0}, other = {0}, missing = {0};
    open_world(&w);
    open_it(&w, "a/file", &(struct trail){0});
    assert_true(recall(&w, "a/file", &file));
    assert_true(recall(&w, "a/other", &other));
    assert_true(recall(&w, "a/missing", &missing));
    change(&w, CHANGE_WRITE, "root/a/other", "x");
    assert_true(holds(&w, &file) && !holds(&w, &other) && holds(&w, &missing));
    change(&w, CHANGE_CREATE, "root/a/missing", "x");
    assert_true(holds(&w, &file) && !holds(&w, &missing));
    assert_false(recall(&w, "a/b/file", &(struct trail){0})); /* but not on */
    assert_false(recall(&w, "file", &(struct trail){0}));
    assert_false(recall(&w, "", &(struct trail){0}));
    close_world(&w);
}

/* A file and the variants beside it. */
static void several_names_in_a_directory_make_one_trail(void **state)
{
    static const char *const names[] = {"a/file", "a/file.gz", "a/file.br"};
    static const char *const comes[] = {"root/a/file.gz", "root/a/file.br"};
    (void)state;
    for (size_t i = 0; i < sizeof comes / sizeof *comes; i++)
        for (int walks = 0; walks < 2; walks++) {
            struct world w;
            struct trail trail = {0};
            open_world(&w);
            open_it(&w, names[0], &(struct trail){0});
            for (size_t k = 0; k < sizeof names / sizeof *names; k++)
                if (walks)
                    open_it(&w, names[k], &trail);
                else
                    assert_true(recall(&w, names[k], &trail));
            assert_true(holds(&w, &trail));
            assert_true(trail.count <= TRAIL_MAX && !trail.blind);
            change(&w, CHANGE_CREATE, comes[i], "x");
            assert_false(holds(&w, &trail));
            close_world(&w);
        }
}

static void a_way_beneath_another_root_is_another(void **state)
{
    (void)state;
    struct world w;
    struct trail trail = {0};
    open_world(&w);
    open_it(&w, "a/file", &(struct trail){0});
    assert_false(ways_recall(&w.ways, (struct ways_path){ROOT + 1, "a/file"}, &now, &trail));
    assert_int_equal(trail.count, 0);
    close_world(&w);
}

static void a_way_that_is_forgotten_is_unknown_and_no_other(void **state)
{
    (void)state;
    struct world w;
    open_world(&w);
    open_it(&w, "a/file", &(struct trail){0});
    open_it(&w, "c/file", &(struct trail){0});
    ways_forget(&w.ways, beneath("a/other"));
    ways_forget(&w.ways, beneath("x/y"));
    assert_false(recall(&w, "a/file", &(struct trail){0}));
    assert_true(recall(&w, "c/file", &(struct trail){0}));
    open_it(&w, "a/file", &(struct trail){0});
    assert_true(recall(&w, "a/file", &(struct trail){0}));
    close_world(&w);
}

/* The walk takes as many steps as it takes; it opens, or says why not, as ever. */
static void a_way_too_long_for_a_trail_is_blind(void **state)
{
    (void)state;
    struct world w;
    struct trail walked = {0}, recalled = {0};
    char path[4 * TRAIL_MAX] = "", whole[TREE_PATH_MAX];
    open_world(&w);
    for (int i = 0; i < TRAIL_MAX; i++)
        strcat(path, "d/");
    strcat(path, "file");
    snprintf(whole, sizeof whole, "root/%s", path);
    tree_add(&w.tree, &(struct tree_row){TREE_FILE, whole, "deep", 0});
    assert_int_equal(open_it(&w, path, &walked), 0);
    assert_true(walked.blind);
    assert_true(walked.count <= TRAIL_MAX);
    assert_true(recall(&w, path, &recalled));
    assert_true(recalled.blind);
    assert_true(recalled.count <= TRAIL_MAX);
    close_world(&w);
}

static void of_more_ways_than_there_are_places_none_is_taken_for_another(void **state)
{
    enum { MORE = 3 * WAYS };
    (void)state;
    struct world w;
    int known = 0;
    open_world(&w);
    for (int i = 0; i < MORE; i++) {
        struct trail trail = {0};
        char path[32];
        snprintf(path, sizeof path, "x%d/file", i); /* nowhere: none has to be made */
        assert_int_equal(open_it(&w, path, &trail), ENOENT);
        assert_true(recall(&w, path, &(struct trail){0}));
    }
    for (int i = 0; i < MORE; i++) {
        struct trail trail = {0};
        char path[32];
        snprintf(path, sizeof path, "x%d/file", i);
        if (!recall(&w, path, &trail))
            continue;
        known++;
        assert_in_range(trail.count, 1, 2); /* the root itself, and that name in it; they may share a counter */
    }
    assert_in_range(known, WAYS / 2, WAYS);
    change(&w, CHANGE_MKDIR, "root/x0", NULL);
    assert_int_equal(open_it(&w, "x1/file", &(struct trail){0}), ENOENT);
    assert_true(recall(&w, "x1/file", &(struct trail){0}));
    close_world(&w);
}

/* ---- directories that can't be watched */

struct blind {
    struct world *w;
    bool refused;
    int error;
    struct trail trail;
};

static void *open_blind(void *arg)
{
    struct blind *blind = arg;
    blind->refused = refuse_call(SYS_inotify_add_watch, EACCES);
    if (blind->refused)
        blind->error = open_it(blind->w, "a/file", &blind->trail);
    return NULL;
}

static void a_blind_way_is_known_for_a_while_and_then_tried_again(void **state)
{
    (void)state;
    struct world w;
    struct blind blind = {.w = &w};
    struct trail trail = {0};
    pthread_t thread;
    open_world(&w);
    assert_int_equal(pthread_create(&thread, NULL, open_blind, &blind), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    if (!blind.refused) {
        close_world(&w);
        skip();
    }
    assert_int_equal(blind.error, 0);
    assert_true(blind.trail.blind);
    const struct clock shortly = {NOW + CHANGES_RETRY_MS - 1, now.second}, later = {NOW + CHANGES_RETRY_MS, now.second};
    assert_true(ways_recall(&w.ways, beneath("a/file"), &shortly, &trail));
    assert_true(trail.blind);
    trail = (struct trail){0};
    assert_false(ways_recall(&w.ways, beneath("a/file"), &later, &trail));
    assert_false(trail.blind);
    open_it(&w, "a/file", &(struct trail){0}); /* by one who can watch */
    assert_true(ways_recall(&w.ways, beneath("a/file"), &later, &trail));
    assert_false(trail.blind);
    close_world(&w);
}

/* ---- several threads */

struct walker {
    struct world *w;
    int failed;
};

static void *walk_on(void *arg)
{
    static const char *const paths[] = {"a/file", "a/b/file", "to-b/file", "c/file", "x/y"};
    struct walker *walker = arg;
    for (int i = 0; i < 2000; i++) {
        struct trail trail = {0};
        const char *path = paths[i % 5];
        if (!recall(walker->w, path, &trail)) {
            int fd =
                ways_open_file(&walker->w->ways, beneath(path), walker->w->root, BENEATH_LINKS_INSIDE, &now, &trail);
            walker->failed += fd < 0 && errno != ENOENT;
            if (fd >= 0)
                close(fd);
        }
        walker->failed += trail.count == 0 || trail.count > TRAIL_MAX;
        if (i % 7 == 0)
            ways_forget(&walker->w->ways, beneath(path));
        changes_catch_up(&walker->w->changes);
    }
    return NULL;
}

static void ways_are_shared_by_all_threads(void **state)
{
    (void)state;
    struct world w;
    struct walker walkers[2] = {{&w, 0}, {&w, 0}};
    pthread_t threads[2];
    open_world(&w);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, walk_on, &walkers[i]), 0);
    for (int i = 0; i < 200; i++)
        change_make(&w.tree, &(struct change){CHANGE_EXCHANGE, "root/a", "root/c"});
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(walkers[i].failed, 0);
    }
    close_world(&w);
}

static void what_is_closed_unopened_is_fine(void **state)
{
    (void)state;
    struct ways ways = {0};
    ways_close(&ways);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_way_is_known_until_something_on_it_changes),
        cmocka_unit_test(a_way_leads_to_each_name_in_its_directory),
        cmocka_unit_test(several_names_in_a_directory_make_one_trail),
        cmocka_unit_test(a_way_beneath_another_root_is_another),
        cmocka_unit_test(a_way_that_is_forgotten_is_unknown_and_no_other),
        cmocka_unit_test(a_way_too_long_for_a_trail_is_blind),
        cmocka_unit_test(of_more_ways_than_there_are_places_none_is_taken_for_another),
        cmocka_unit_test(a_blind_way_is_known_for_a_while_and_then_tried_again),
        cmocka_unit_test(ways_are_shared_by_all_threads),
        cmocka_unit_test(what_is_closed_unopened_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
