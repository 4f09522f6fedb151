#include "files/open.h"

#include "lib/tree.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* root/ is the site; secret lies beside it. */
static const struct tree_row files[] = {
    {TREE_FILE, "secret", "secret", 0},
    {TREE_FILE, "root/index.html", "front", 0},
    {TREE_FILE, "root/file", "file", 0},
    {TREE_FILE, "root/.hidden", "hidden", 0},
    {TREE_FILE, "root/.git/index.html", "hidden", 0},
    {TREE_FILE, "root/dir/.deep/file", "hidden", 0},
    {TREE_FILE, "root/.well-known/file", "known", 0},
    {TREE_FIFO, "root/fifo", NULL, 0},
    {TREE_LINK, "root/to-file", "file", 0},
    {TREE_LINK, "root/to-hidden", ".hidden", 0},
    {TREE_LINK, "root/to-dir", "dir", 0},
    {TREE_LINK, "root/out", "../secret", 0},
};

struct world {
    struct tree tree;
    struct site site;
    struct root root;
};

static const struct clock now = {1000000, 2000000000};

static void open_world(struct world *world)
{
    char path[TREE_PATH_MAX];
    tree_open(&world->tree, files, sizeof files / sizeof *files);
    tree_path(&world->tree, "root", path);
    world->site = (struct site){.links = BENEATH_LINKS_INSIDE};
    world->root = (struct root){.fd = beneath_root(path)};
    assert_true(world->root.fd >= 0);
}

static void close_world(struct world *world)
{
    close(world->root.fd);
    tree_close(&world->tree);
}

/* The status, and nothing is left open. */
static int status_of(const struct world *world, const char *path, enum beneath_mode mode)
{
    int fd = -2;
    struct stat st;
    int status = open_file(&(struct look){&world->site, &world->root, slice_of(path), mode, &now, NULL}, &fd, &st);
    int error = errno;
    assert_true(status == 200 ? fd >= 0 : fd == -1);
    if (fd >= 0)
        close(fd);
    errno = error;
    return status;
}

static const struct {
    const char *sentence, *path;
    enum beneath_links links;
    bool dotfiles;
    int status;
} rows[] = {
    {"a file", "/file", BENEATH_LINKS_INSIDE, false, 200},
    {"a directory's index", "/", BENEATH_LINKS_INSIDE, false, 200},
    {"a directory without its slash", "/dir", BENEATH_LINKS_INSIDE, false, 301},
    {"a directory without an index", "/dir/", BENEATH_LINKS_INSIDE, false, 404},
    {"a missing file", "/missing", BENEATH_LINKS_INSIDE, false, 404},
    {"a fifo", "/fifo", BENEATH_LINKS_INSIDE, false, 404},
    {"a dotfile is hidden", "/.hidden", BENEATH_LINKS_INSIDE, false, 404},
    {"the index of a hidden directory is hidden", "/.git/", BENEATH_LINKS_INSIDE, false, 404},
    {"a hidden directory isn't redirected to", "/.git", BENEATH_LINKS_INSIDE, false, 404},
    {"what lies in a hidden directory is hidden", "/dir/.deep/file", BENEATH_LINKS_INSIDE, false, 404},
    {"what is well known isn't hidden", "/.well-known/file", BENEATH_LINKS_INSIDE, false, 200},
    {"a link with a plain name shows what it leads to", "/to-hidden", BENEATH_LINKS_INSIDE, false, 200},
    {"a dotfile is served where they are", "/.hidden", BENEATH_LINKS_INSIDE, true, 200},
    {"and so is an index among them", "/.git/", BENEATH_LINKS_INSIDE, true, 200},
    {"and redirected to", "/.git", BENEATH_LINKS_INSIDE, true, 301},
    {"and so is what lies deep", "/dir/.deep/file", BENEATH_LINKS_INSIDE, true, 200},
    {"a link", "/to-file", BENEATH_LINKS_INSIDE, false, 200},
    {"a link to a directory", "/to-dir", BENEATH_LINKS_INSIDE, false, 301},
    {"a link that leaves", "/out", BENEATH_LINKS_INSIDE, false, 404},
    {"a file where no link is followed", "/file", BENEATH_LINKS_NONE, false, 200},
    {"a link where none is followed", "/to-file", BENEATH_LINKS_NONE, false, 404},
    {"a link to a directory where none is followed", "/to-dir", BENEATH_LINKS_NONE, false, 404},
    {"a link that leaves where none is followed", "/out", BENEATH_LINKS_NONE, false, 404},
    {"a link where all are followed", "/to-file", BENEATH_LINKS_ALL, false, 200},
    {"a link that leaves where all are followed", "/out", BENEATH_LINKS_ALL, false, 200},
    {"a dotfile is hidden even where all links are followed", "/.hidden", BENEATH_LINKS_ALL, false, 404},
};
enum { ROWS = sizeof rows / sizeof *rows };

static void every_row_has_its_status(void **state)
{
    (void)state;
    struct world world;
    open_world(&world);
    for (size_t i = 0; i < ROWS; i++) {
        world.site.links = rows[i].links;
        world.site.dotfiles = rows[i].dotfiles;
        int status = status_of(&world, rows[i].path, BENEATH_WAIT);
        if (status != rows[i].status)
            fail_msg("%s: %d, not %d", rows[i].sentence, status, rows[i].status);
    }
    close_world(&world);
}

/* Whoever must not sleep gets the same, or learns that he has to. */
static void no_row_has_another_status_without_sleeping(void **state)
{
    (void)state;
    struct world world;
    open_world(&world);
    for (size_t i = 0; i < ROWS; i++) {
        world.site.links = rows[i].links;
        world.site.dotfiles = rows[i].dotfiles;
        int status = status_of(&world, rows[i].path, BENEATH_NOW);
        if (status != rows[i].status && (status != 0 || errno != EAGAIN))
            fail_msg("%s: %d, not %d", rows[i].sentence, status, rows[i].status);
    }
    close_world(&world);
}

/* However well its names are known. */
static void of_a_site_that_may_sleep_nothing_is_opened_without_sleeping(void **state)
{
    (void)state;
    struct world world;
    open_world(&world);
    world.root.may_sleep = true;
    assert_int_equal(status_of(&world, "/file", BENEATH_WAIT), 200);
    assert_int_equal(status_of(&world, "/file", BENEATH_NOW), 0);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(status_of(&world, "/", BENEATH_NOW), 0);
    assert_int_equal(errno, EAGAIN);
    close_world(&world);
}

static void what_is_hidden_is_known_without_sleeping(void **state)
{
    (void)state;
    struct world world;
    open_world(&world);
    world.root.may_sleep = true;
    assert_int_equal(status_of(&world, "/.hidden", BENEATH_NOW), 404);
    assert_int_equal(status_of(&world, "/.git/", BENEATH_NOW), 404);
    close_world(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_has_its_status),
        cmocka_unit_test(no_row_has_another_status_without_sleeping),
        cmocka_unit_test(of_a_site_that_may_sleep_nothing_is_opened_without_sleeping),
        cmocka_unit_test(what_is_hidden_is_known_without_sleeping),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
