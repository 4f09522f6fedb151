#include "files/sidecar.h"

#include "lib/nobody.h"
#include "lib/refuse.h"
#include "lib/scarce.h"
#include "lib/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

enum { MADE = 1000000000, FILE_SIZE = 1000 };

/* Sets of codings. */
enum { NONE = 0, GZIP = 1 << CODING_GZIP, ZSTD = 1 << CODING_ZSTD, BR = 1 << CODING_BR };

/* ---- where a sidecar lies */

static const struct path_row {
    const char *name, *path;
    const char *sidecars[CODINGS];
} paths[] = {
    {"a file", "/a.js", {NULL, "/a.js.gz", "/a.js.zst", "/a.js.br"}},
    {"a file in a directory", "/d/e/a", {NULL, "/d/e/a.gz", "/d/e/a.zst", "/d/e/a.br"}},
    {"a directory's index", "/d/", {NULL, "/d/index.html.gz", "/d/index.html.zst", "/d/index.html.br"}},
    {"the site's index", "/", {NULL, "/index.html.gz", "/index.html.zst", "/index.html.br"}},
    {"a sidecar, as any file", "/a.gz", {NULL, "/a.gz.gz", "/a.gz.zst", "/a.gz.br"}},
    {"a name that is an ending", "/.gz", {NULL, "/.gz.gz", "/.gz.zst", "/.gz.br"}},
};

static void a_sidecar_lies_beside_its_file(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        for (int coding = CODING_IDENTITY + 1; coding < CODINGS; coding++) {
            char out[PATH_MAX];
            memset(out, 'x', sizeof out);
            struct slice path = sidecar_path(slice_of(paths[i].path), (enum coding)coding, out);
            if (path.len == 0 || strcmp(out, paths[i].sidecars[coding]) != 0)
                fail_msg("%s: is %s, not %s", paths[i].name, out, paths[i].sidecars[coding]);
            assert_ptr_equal(path.at, out);
            assert_int_equal(path.len, strlen(out));
        }
}

/* The longest path that open(2) takes has PATH_MAX bytes, with its NUL: ours and what is behind ours is untouched. */
static void a_path_too_long_for_any_file_is_none(void **state)
{
    static const size_t endings[CODINGS] = {0, 3, 4, 3};
    (void)state;
    for (int slash = 0; slash < 2; slash++)
        for (int coding = CODING_IDENTITY + 1; coding < CODINGS; coding++)
            for (size_t over = 0; over < 2; over++) {
                char path[PATH_MAX], *out = malloc(PATH_MAX); /* of its own: a sanitizer sees a byte too many */
                size_t len = PATH_MAX - 1 - endings[coding] - (slash ? strlen("index.html") : 0) + over;
                assert_non_null(out);
                memset(path, 'x', len);
                path[0] = '/';
                path[len - 1] = slash ? '/' : 'x';
                struct slice made = sidecar_path((struct slice){path, len}, (enum coding)coding, out);
                assert_int_equal(made.len, over ? 0 : PATH_MAX - 1);
                assert_true(over || strlen(out) == PATH_MAX - 1);
                free(out);
            }
}

/* ---- which may stand for its file */

static const struct serves_row {
    const char *name;
    struct timespec sidecar, file; /* the times of their last modification */
    uint64_t size;                 /* the sidecar's; the file has FILE_SIZE bytes */
    bool serves;
} serving[] = {
    {"as old as its file", {MADE, 5}, {MADE, 5}, 10, true},
    {"newer by a nanosecond", {MADE, 6}, {MADE, 5}, 10, true},
    {"newer by a second", {MADE + 1, 5}, {MADE, 5}, 10, true},
    {"newer by a nanosecond, in another second", {MADE + 1, 0}, {MADE, 999999999}, 10, true},
    {"older by a nanosecond", {MADE, 4}, {MADE, 5}, 10, false},
    {"older by a nanosecond, in another second", {MADE - 1, 999999999}, {MADE, 0}, 10, false},
    {"older by a second", {MADE - 1, 5}, {MADE, 5}, 10, false},
    {"older by a second, whatever the nanoseconds say", {MADE - 1, 999999999}, {MADE, 5}, 10, false},
    {"newer by a second, whatever the nanoseconds say", {MADE + 1, 1}, {MADE, 999999999}, 10, true},
    {"the same time in whole seconds", {MADE, 0}, {MADE, 999999999}, 10, true},
    {"whole seconds, one earlier", {MADE - 1, 0}, {MADE, 0}, 10, false},
    {"whole seconds, one earlier than a part of one", {MADE - 1, 0}, {MADE, 1}, 10, false},
    {"a file's time of whole seconds", {MADE, 1}, {MADE, 0}, 10, true},
    {"both of the epoch", {0, 0}, {0, 0}, 10, true},
    {"before the epoch, and older", {-2, 5}, {-1, 5}, 10, false},
    {"before the epoch, and newer", {-1, 5}, {-2, 5}, 10, true},
    {"a byte smaller", {MADE, 0}, {MADE, 0}, FILE_SIZE - 1, true},
    {"of the same size", {MADE, 0}, {MADE, 0}, FILE_SIZE, false},
    {"a byte larger", {MADE, 0}, {MADE, 0}, FILE_SIZE + 1, false},
    {"smaller, and older", {MADE - 1, 0}, {MADE, 0}, FILE_SIZE - 1, false},
    {"larger, and newer", {MADE + 1, 0}, {MADE, 0}, FILE_SIZE + 1, false},
    {"larger by four gigabytes", {MADE, 0}, {MADE, 0}, (UINT64_C(1) << 32) + 10, false},
    {"nothing at all", {MADE, 0}, {MADE, 0}, 0, false},
    {"a byte", {MADE, 0}, {MADE, 0}, 1, true},
};

static void a_sidecar_serves_while_it_is_smaller_and_not_older(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof serving / sizeof *serving; i++) {
        const struct identity sidecar = {.size = serving[i].size, .modified = serving[i].sidecar};
        const struct identity file = {.size = FILE_SIZE, .modified = serving[i].file};
        if (sidecar_serves(&sidecar, &file) != serving[i].serves)
            fail_msg("%s: serves%s", serving[i].name, serving[i].serves ? " not" : "");
    }
}

/* An empty file has nothing that is smaller. */
static void nothing_serves_for_an_empty_file(void **state)
{
    const struct identity empty = {.size = 0, .modified = {MADE, 0}};
    (void)state;
    assert_false(sidecar_serves(&empty, &empty));
}

/* ---- which are there */

/* root/ is what is served; what may not be reached lies beside it. All files are as old as each other. */
static const struct tree_row files[] = {
    {TREE_FILE, "secret", "s", 0},
    {TREE_FILE, "root/all.js", "a text that has three variants", 0},
    {TREE_FILE, "root/all.js.gz", "gzip", 0},
    {TREE_FILE, "root/all.js.zst", "zst", 0},
    {TREE_FILE, "root/all.js.br", "br", 0},
    {TREE_FILE, "root/bare.js", "a text that has none", 0},
    {TREE_FILE, "root/one.js", "a text that has one", 0},
    {TREE_FILE, "root/one.js.zst", "zst", 0},
    {TREE_FILE, "root/index.html", "<p>the site's own page", 0},
    {TREE_FILE, "root/index.html.br", "<p>", 0},
    {TREE_FILE, "root/dir/index.html", "<p>a directory's page", 0},
    {TREE_FILE, "root/dir/index.html.gz", "<p>", 0},
    {TREE_FILE, "root/dir.gz", "no directory's", 0},
    {TREE_FILE, "root/odd.js", "a text whose variants are no files", 0},
    {TREE_DIRECTORY, "root/odd.js.gz", NULL, 0},
    {TREE_FIFO, "root/odd.js.zst", NULL, 0},
    {TREE_LINK, "root/odd.js.br", "odd.js.br", 0},
    {TREE_FILE, "root/linked.js", "a text whose variants are links", 0},
    {TREE_LINK, "root/linked.js.gz", "dir/../all.js.gz", 0},
    {TREE_LINK, "root/linked.js.zst", "../secret", 0},
    {TREE_LINK, "root/linked.js.br", "missing", 0},
    {TREE_FILE, "root/grown.js", "small", 0},
    {TREE_FILE, "root/grown.js.gz", "larger", 0},
    {TREE_FILE, "root/grown.js.zst", "same5", 0},
    {TREE_FILE, "root/grown.js.br", "less", 0},
    {TREE_FILE, "root/locked.js", "a text, two of whose variants may not be read", 0},
    {TREE_FILE, "root/locked.js.gz", "gz", 0},
    {TREE_FILE, "root/locked.js.zst", "zst", 0},
    {TREE_FILE, "root/locked.js.br", "br", 0},
    {TREE_FILE, "root/old.js", "a text, two of whose variants are older", 0},
    {TREE_FILE, "root/old.js.gz", "gz", 0},
    {TREE_FILE, "root/old.js.zst", "zst", 0},
    {TREE_FILE, "root/old.js.br", "br", 0},
};

static const struct there_row {
    const char *name, *path;
    int there;
} there[] = {
    {"all of them", "/all.js", GZIP | ZSTD | BR},
    {"none", "/bare.js", NONE},
    {"one", "/one.js", ZSTD},
    {"the site's index has one", "/", BR},
    {"a directory's index has one", "/dir/", GZIP},
    {"the index by its name has the same", "/dir/index.html", GZIP},
    {"a directory, a FIFO and a link to itself are none", "/odd.js", NONE},
    {"a link inside is one; outside, or into nothing, is none", "/linked.js", GZIP},
    {"what isn't smaller is none", "/grown.js", BR},
    {"what may not be read is none", "/locked.js", BR},
    {"what is older is none", "/old.js", ZSTD},
    {"a sidecar is a file that has none", "/all.js.gz", NONE},
};

static const struct clock now = {7, 4000000000};

struct world {
    struct tree tree;
    struct site site;
    struct root root;
};

static void set_modified(const struct world *world, const char *relative, time_t seconds)
{
    const struct timespec times[2] = {{.tv_sec = seconds}, {.tv_sec = seconds}};
    char path[TREE_PATH_MAX];
    tree_path(&world->tree, relative, path);
    assert_int_equal(utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW), 0);
}

static void set_mode(const struct world *world, const char *relative, mode_t mode)
{
    char path[TREE_PATH_MAX];
    tree_path(&world->tree, relative, path);
    assert_int_equal(chmod(path, mode), 0);
}

static int make_world(void **state)
{
    char path[TREE_PATH_MAX];
    struct world *world = calloc(1, sizeof *world);
    if (world == NULL)
        return -1;
    tree_open(&world->tree, files, sizeof files / sizeof *files);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        set_modified(world, files[i].path, MADE);
    set_modified(world, "root/old.js.gz", MADE - 1);
    set_modified(world, "root/old.js.br", MADE - 1);
    set_mode(world, "root/locked.js.gz", 0);
    set_mode(world, "root/locked.js.zst", 0200);
    tree_path(&world->tree, "root", path);
    world->root.fd = beneath_root(path);
    world->site.links = BENEATH_LINKS_INSIDE;
    *state = world;
    return chmod(world->tree.path, 0755);
}

static int end_world(void **state)
{
    struct world *world = *state;
    close(world->root.fd);
    tree_close(&world->tree);
    free(world);
    return 0;
}

static int open_of(const struct world *world, const char *path, enum beneath_mode mode, struct sidecars *sidecars)
{
    struct stat st;
    const struct look look = {&world->site, &world->root, slice_of(path), mode, &now, NULL};
    const struct look patient = {&world->site, &world->root, slice_of(path), BENEATH_WAIT, &now, NULL};
    int fd;
    assert_int_equal(open_file(&patient, &fd, &st), 200);
    close(fd);
    struct identity identity = identity_of(&st);
    return sidecars_open(&look, &identity, SIDECARS_ALL, sidecars);
}

/* Those that are there, and whether each is what its descriptor leads to. */
static int set_of(const struct sidecars *sidecars)
{
    int set = NONE;
    assert_int_equal(sidecars->of[CODING_IDENTITY].fd, -1);
    for (int coding = CODING_IDENTITY + 1; coding < CODINGS; coding++) {
        struct stat st;
        if (sidecars->of[coding].fd < 0)
            continue;
        set |= 1 << coding;
        assert_int_equal(fstat(sidecars->of[coding].fd, &st), 0);
        struct identity identity = identity_of(&st);
        assert_true(identity_same(&identity, &sidecars->of[coding].identity));
    }
    return set;
}

static void expect_none_open(const struct sidecars *sidecars, int free_fd)
{
    for (int coding = 0; coding < CODINGS; coding++)
        assert_int_equal(sidecars->of[coding].fd, -1);
    assert_int_equal(scarce_lowest_fd(), free_fd);
}

static void those_that_are_there_and_serve_are_open(void **state)
{
    for (size_t i = 0; i < sizeof there / sizeof *there; i++) {
        struct sidecars sidecars;
        int free_fd = scarce_lowest_fd();
        assert_true(nobody_become());
        int failed = open_of(*state, there[i].path, BENEATH_WAIT, &sidecars);
        nobody_no_more();
        if (failed != 0 || set_of(&sidecars) != there[i].there)
            fail_msg("%s: there are %x, not %x", there[i].name, (unsigned)set_of(&sidecars), (unsigned)there[i].there);
        assert_int_equal(sidecars.some, there[i].there != NONE);
        sidecars_close(&sidecars);
        expect_none_open(&sidecars, free_fd);
        sidecars_close(&sidecars);
    }
}

/* Each lies under its own coding, and not under another's. */
static void each_is_open_under_its_own_coding(void **state)
{
    static const char *const texts[CODINGS] = {NULL, "gzip", "zst", "br"};
    struct sidecars sidecars;
    assert_int_equal(open_of(*state, "/all.js", BENEATH_WAIT, &sidecars), 0);
    for (int coding = CODING_IDENTITY + 1; coding < CODINGS; coding++) {
        char bytes[8] = "";
        assert_true(pread(sidecars.of[coding].fd, bytes, sizeof bytes - 1, 0) > 0);
        assert_string_equal(bytes, texts[coding]);
    }
    sidecars_close(&sidecars);
}

/* The file's identity is the caller's word: what it was, not what it is. */
static void who_serves_is_told_by_the_identity_that_is_given(void **state)
{
    const struct world *world = *state;
    const struct look look = {&world->site, &world->root, SLICE("/all.js"), BENEATH_WAIT, &now, NULL};
    struct sidecars sidecars;
    assert_int_equal(
        sidecars_open(&look, &(struct identity){.size = FILE_SIZE, .modified = {MADE, 0}}, SIDECARS_ALL, &sidecars), 0);
    assert_int_equal(set_of(&sidecars), GZIP | ZSTD | BR);
    sidecars_close(&sidecars);
    assert_int_equal(
        sidecars_open(&look, &(struct identity){.size = FILE_SIZE, .modified = {MADE + 1, 0}}, SIDECARS_ALL, &sidecars),
        0);
    assert_int_equal(set_of(&sidecars), NONE);
    assert_int_equal(
        sidecars_open(&look, &(struct identity){.size = 3, .modified = {MADE, 0}}, SIDECARS_ALL, &sidecars), 0);
    assert_int_equal(set_of(&sidecars), BR);
    sidecars_close(&sidecars);
}

/* Each asked for costs an open: with descriptors for so many, no more are looked for. */
static void those_that_nobody_wants_are_not_looked_for(void **state)
{
    const struct world *world = *state;
    const struct look look = {&world->site, &world->root, SLICE("/all.js"), BENEATH_WAIT, &now, NULL};
    const struct identity file = {.size = FILE_SIZE, .modified = {MADE, 0}};
    for (uint32_t wanted = 0; wanted <= SIDECARS_ALL; wanted++) {
        struct sidecars sidecars;
        int some = (int)wanted & (GZIP | ZSTD | BR), free_fd = scarce_lowest_fd();
        struct rlimit limit = scarce_files(__builtin_popcount((unsigned)some));
        int failed = sidecars_open(&look, &file, wanted, &sidecars);
        scarce_files_again(limit);
        assert_int_equal(failed, 0);
        assert_int_equal(set_of(&sidecars), some);
        assert_int_equal(sidecars.some, some != NONE);
        sidecars_close(&sidecars);
        expect_none_open(&sidecars, free_fd);
    }
}

static void a_file_whose_sidecars_have_names_too_long_has_none(void **state)
{
    const struct world *world = *state;
    char path[PATH_MAX];
    struct sidecars sidecars;
    int free_fd = scarce_lowest_fd();
    memset(path, 'x', sizeof path);
    path[0] = '/';
    for (size_t i = 100; i < PATH_MAX; i += 100)
        path[i] = '/';
    const struct look look = {&world->site, &world->root, {path, PATH_MAX - 2}, BENEATH_WAIT, &now, NULL};
    path[PATH_MAX - 2] = '\0';
    assert_int_equal(
        sidecars_open(&look, &(struct identity){.size = FILE_SIZE, .modified = {MADE, 0}}, SIDECARS_ALL, &sidecars), 0);
    expect_none_open(&sidecars, free_fd);
}

/* ---- what doesn't lie in the files */

static void where_descriptors_do_not_suffice_for_all_none_stays_open(void **state)
{
    const struct world *world = *state;
    const struct look look = {&world->site, &world->root, SLICE("/all.js"), BENEATH_WAIT, &now, NULL};
    const struct identity file = {.size = FILE_SIZE, .modified = {MADE, 0}};
    for (int count = 0; count <= CODINGS - 1; count++) {
        struct sidecars sidecars;
        int free_fd = scarce_lowest_fd();
        struct rlimit limit = scarce_files(count);
        errno = 0;
        int failed = sidecars_open(&look, &file, SIDECARS_ALL, &sidecars), error = errno;
        scarce_files_again(limit);
        if (count < CODINGS - 1) {
            assert_int_equal(failed, -1);
            assert_int_equal(error, EMFILE);
        } else {
            assert_int_equal(failed, 0);
            sidecars_close(&sidecars);
        }
        assert_int_equal(sidecars.some, count > 0);
        expect_none_open(&sidecars, free_fd);
    }
}

/* A thread whose kernel never answers at once. */
struct hurry {
    const struct world *world;
    int failed, error;
    struct sidecars sidecars;
};

static void *look_in_a_hurry(void *arg)
{
    struct hurry *hurry = arg;
    const struct look look = {&hurry->world->site, &hurry->world->root, SLICE("/all.js"), BENEATH_NOW, &now, NULL};
    if (!refuse_call(SYS_openat2, EAGAIN))
        return NULL;
    hurry->failed = sidecars_open(&look, &(struct identity){.size = FILE_SIZE, .modified = {MADE, 0}}, SIDECARS_ALL,
                                  &hurry->sidecars);
    hurry->error = errno;
    return arg;
}

static void what_would_sleep_is_no_sidecar_that_is_missing(void **state)
{
    struct hurry hurry = {.world = *state};
    pthread_t thread;
    void *done;
    int free_fd = scarce_lowest_fd();
    assert_int_equal(pthread_create(&thread, NULL, look_in_a_hurry, &hurry), 0);
    assert_int_equal(pthread_join(thread, &done), 0);
    if (done == NULL)
        skip();
    assert_int_equal(hurry.failed, -1);
    assert_int_equal(hurry.error, EAGAIN);
    assert_false(hurry.sidecars.some);
    expect_none_open(&hurry.sidecars, free_fd);
}

/* While somebody holds a lease on one, it can't be opened at once: fcntl(2), open(2). That there are others is known.
 */
static void of_those_that_cannot_be_opened_at_once_others_are_known(void **state)
{
    static const char *const names[] = {"root/all.js.gz", "root/all.js.zst", "root/all.js.br"};
    const struct world *world = *state;
    assert_ptr_not_equal(signal(SIGIO, SIG_IGN), SIG_ERR);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct sidecars sidecars;
        char path[TREE_PATH_MAX];
        tree_path(&world->tree, names[i], path);
        int leased = open(path, O_RDWR), free_fd = scarce_lowest_fd();
        if (fcntl(leased, F_SETLEASE, F_WRLCK) < 0) {
            close(leased);
            print_message("skipped: the temporary directory's file system has no leases\n");
            skip();
        }
        errno = 0;
        int failed = open_of(world, "/all.js", BENEATH_WAIT, &sidecars), error = errno;
        expect_none_open(&sidecars, free_fd);
        close(leased);
        assert_int_equal(failed, -1);
        assert_int_equal(error, EAGAIN);
        assert_true(sidecars.some);
    }
    signal(SIGIO, SIG_DFL);
}

/* What was just opened is in memory, where the kernel can tell. */
static void looking_without_sleeping_finds_the_same_or_says_that_it_would_sleep(void **state)
{
    for (size_t i = 0; i < sizeof there / sizeof *there; i++) {
        struct sidecars sidecars;
        int free_fd = scarce_lowest_fd();
        assert_true(nobody_become());
        assert_int_equal(open_of(*state, there[i].path, BENEATH_WAIT, &sidecars), 0);
        sidecars_close(&sidecars);
        errno = 0;
        int failed = open_of(*state, there[i].path, BENEATH_NOW, &sidecars), error = errno;
        nobody_no_more();
        assert_true(failed == 0 ? set_of(&sidecars) == there[i].there : error == EAGAIN);
        sidecars_close(&sidecars);
        expect_none_open(&sidecars, free_fd);
    }
}

#define IN_A_WORLD(test) cmocka_unit_test_setup_teardown(test, make_world, end_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sidecar_lies_beside_its_file),
        cmocka_unit_test(a_path_too_long_for_any_file_is_none),
        cmocka_unit_test(a_sidecar_serves_while_it_is_smaller_and_not_older),
        cmocka_unit_test(nothing_serves_for_an_empty_file),
        IN_A_WORLD(those_that_are_there_and_serve_are_open),
        IN_A_WORLD(each_is_open_under_its_own_coding),
        IN_A_WORLD(who_serves_is_told_by_the_identity_that_is_given),
        IN_A_WORLD(those_that_nobody_wants_are_not_looked_for),
        IN_A_WORLD(a_file_whose_sidecars_have_names_too_long_has_none),
        IN_A_WORLD(where_descriptors_do_not_suffice_for_all_none_stays_open),
        IN_A_WORLD(what_would_sleep_is_no_sidecar_that_is_missing),
        IN_A_WORLD(of_those_that_cannot_be_opened_at_once_others_are_known),
        IN_A_WORLD(looking_without_sleeping_finds_the_same_or_says_that_it_would_sleep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
