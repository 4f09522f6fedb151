#include "pack/bar.h"
#include "pack/files.h"

#include "lib/tree.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- sizes */

static const struct {
    uint64_t bytes;
    const char *text;
} sizes[] = {
    {0, "0 bytes"},     {999, "999 bytes"},  {1000, "1.0 kB"},         {999949, "999.9 kB"},
    {999950, "1.0 MB"}, {4100000, "4.1 MB"}, {999999999999, "1.0 TB"}, {UINT64_MAX, "18.4 EB"},
};

static void sizes_are_told_in_three_figures_or_so(void **state)
{
    char text[PACK_SIZE_MAX];
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        pack_size_format(text, sizes[i].bytes);
        assert_string_equal(text, sizes[i].text);
    }
}

/* ---- the bar */

static const struct {
    const char *sentence;
    size_t width;
    struct pack_progress progress;
    const char *line;
} bars[] = {
    {"at the beginning", 44, {0, 9, 0, 100, 0}, "0 of 9 files, 0 bytes saved [..............]"},
    {"in the middle", 44, {4, 9, 50, 100, 2000}, "4 of 9 files, 2.0 kB saved [#######........]"},
    {"at the end", 44, {9, 9, 100, 100, 2000}, "9 of 9 files, 2.0 kB saved [###############]"},
    {"nothing to do", 44, {0, 0, 0, 0, 0}, "0 of 0 files, 0 bytes saved [##############]"},
    {"no room for cells", 29, {4, 9, 50, 100, 2000}, "4 of 9 files, 2.0 kB saved"},
    {"room for one", 30, {4, 9, 100, 100, 2000}, "4 of 9 files, 2.0 kB saved [#]"},
    {"no room for the words", 12, {4, 9, 50, 100, 2000}, "4 of 9 files"},
    {"no room at all", 0, {4, 9, 50, 100, 2000}, ""},
};

static void a_bar_is_as_wide_as_there_is_room(void **state)
{
    char line[PACK_BAR_MAX];
    (void)state;
    for (size_t i = 0; i < sizeof bars / sizeof *bars; i++) {
        pack_bar_format(line, bars[i].width, &bars[i].progress);
        if (strcmp(line, bars[i].line) != 0)
            fail_msg("%s: %s", bars[i].sentence, line);
    }
}

static void a_bar_is_never_wider_than_its_line(void **state)
{
    char line[PACK_BAR_MAX];
    struct pack_progress much = {SIZE_MAX, SIZE_MAX, UINT64_MAX, UINT64_MAX, INT64_MAX};
    (void)state;
    for (size_t width = 0; width < 1000; width++) {
        pack_bar_format(line, width, &much);
        assert_true(strlen(line) <= width && strlen(line) < sizeof line);
    }
}

/* What a bar writes on a terminal of 44 columns, or on what is none. */
static size_t watch(const char *kind, bool quiet, bool terminal, char *written, size_t room)
{
    const struct pack_progress half = {1, 2, 50, 100, 1000};
    struct pack_bar bar;
    int ends[2], saved = dup(STDERR_FILENO);
    if (terminal) {
        ends[0] = posix_openpt(O_RDWR | O_NOCTTY);
        assert_true(ends[0] >= 0 && grantpt(ends[0]) == 0 && unlockpt(ends[0]) == 0);
        ends[1] = open(ptsname(ends[0]), O_RDWR | O_NOCTTY);
        assert_int_equal(ioctl(ends[1], TIOCSWINSZ, &(struct winsize){.ws_row = 20, .ws_col = 44}), 0);
    } else {
        assert_int_equal(pipe(ends), 0);
    }
    setenv("TERM", kind, 1);
    dup2(ends[1], STDERR_FILENO);
    pack_bar_init(&bar, quiet);
    pack_bar_draw(&bar, &half);
    pack_bar_draw(&bar, &half); /* too soon */
    pack_bar_clear(&bar);
    pack_bar_clear(&bar);
    dup2(saved, STDERR_FILENO);
    size_t len = 0;
    assert_int_equal(write(ends[1], "|", 1), 1); /* what a terminal is told arrives in its own time: up to here */
    for (ssize_t n; len == 0 || written[len - 1] != '|'; len += (size_t)n) {
        n = read(ends[0], written + len, room - len);
        assert_true(n > 0);
    }
    written[len - 1] = '\0';
    close(saved);
    close(ends[0]);
    close(ends[1]);
    return strlen(written);
}

static void a_bar_is_drawn_on_a_terminal_not_too_often_and_taken_away(void **state)
{
    char written[512];
    (void)state;
    watch("xterm", false, true, written, sizeof written);
    assert_string_equal(written, "\r1 of 2 files, 1.0 kB saved [#######.......]\033[K\r\033[K");
    assert_int_equal(watch("xterm", true, true, written, sizeof written), 0);
    assert_int_equal(watch("dumb", false, true, written, sizeof written), 0);
    assert_int_equal(watch("", false, true, written, sizeof written), 0);
    assert_int_equal(watch("xterm", false, false, written, sizeof written), 0);
}

/* ---- which files */

static const struct tree_row tree_rows[] = {
    {TREE_FILE, "small.txt", NULL, 255},          {TREE_FILE, "enough.txt", NULL, 256},
    {TREE_FILE, "a/large.html", NULL, 100000},    {TREE_FILE, "a/b/c/same.css", NULL, 300},
    {TREE_FILE, "a/b/same.css", NULL, 300},       {TREE_FILE, "a/picture.jpg", NULL, 3000},
    {TREE_FILE, "a/sidecar.html.gz", NULL, 3000}, {TREE_DIRECTORY, "directory.txt", NULL, 0},
    {TREE_LINK, "link.txt", "enough.txt", 0},     {TREE_FIFO, "fifo.txt", NULL, 0},
    {TREE_FILE, ".git/in.txt", NULL, 300},        {TREE_FILE, ".well-known/in.txt", NULL, 299},
};

static void what_is_worth_it_is_found_the_largest_first(void **state)
{
    static const char *const found[] = {"a/large.html", "a/b/c/same.css", "a/b/same.css", ".well-known/in.txt",
                                        "enough.txt"};
    enum { FOUND = sizeof found / sizeof *found };
    struct pack_files files;
    struct tree tree;
    (void)state;
    tree_open(&tree, tree_rows, sizeof tree_rows / sizeof *tree_rows);
    int root = open(tree.path, O_PATH | O_DIRECTORY);
    assert_int_equal(pack_files_find(&files, root, 5), 0);
    for (size_t i = 0; i < files.count && i < FOUND; i++) {
        assert_string_equal(files.rows[i].path, found[i]);
        assert_int_equal(files.rows[i].wanted, 5);
    }
    assert_int_equal(files.count, FOUND);
    assert_int_equal(files.up_to_date + files.failed, 0);
    pack_files_close(&files);
    close(root);
    tree_close(&tree);
}

/* A sidecar of so many bytes, and this much younger than its original of 1000. */
static const struct {
    const char *sentence;
    size_t size;
    time_t seconds;
    long nanoseconds;
    bool current;
} sidecars[] = {
    {"the same time, and smaller", 999, 0, 0, true},
    {"not smaller", 1000, 0, 0, false},
    {"empty: nothing packs to that", 0, 0, 0, false},
    {"older", 500, -1, 0, false},
    {"younger", 500, 1, 0, false},
    {"younger by a nanosecond", 500, 0, 1, false},
};

static void a_sidecar_is_up_to_date_by_its_time_and_size(void **state)
{
    const struct timespec first[2] = {{1000000000, 500}, {1000000000, 500}};
    char path[TREE_PATH_MAX];
    struct tree tree;
    (void)state;
    tree_open(&tree, &(struct tree_row){TREE_FILE, "a.txt", NULL, 1000}, 1);
    tree_path(&tree, "a.txt", path);
    assert_int_equal(utimensat(AT_FDCWD, path, first, 0), 0);
    int root = open(tree.path, O_PATH | O_DIRECTORY);
    tree_path(&tree, "a.txt.br", path);
    for (size_t i = 0; i < sizeof sidecars / sizeof *sidecars; i++) {
        struct timespec then[2] = {first[0], first[1]};
        struct pack_files files;
        then[1].tv_sec += sidecars[i].seconds;
        then[1].tv_nsec += sidecars[i].nanoseconds;
        tree_add(&tree, &(struct tree_row){TREE_FILE, "a.txt.br", NULL, sidecars[i].size});
        assert_int_equal(utimensat(AT_FDCWD, path, then, 0), 0);
        assert_int_equal(pack_files_find(&files, root, 2), 0);
        if (files.count != !sidecars[i].current || files.up_to_date != sidecars[i].current)
            fail_msg("%s: %zu wanted, %zu up to date", sidecars[i].sentence, files.count, files.up_to_date);
        pack_files_close(&files);
    }
    close(root);
    tree_close(&tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_told_in_three_figures_or_so),
        cmocka_unit_test(a_bar_is_as_wide_as_there_is_room),
        cmocka_unit_test(a_bar_is_never_wider_than_its_line),
        cmocka_unit_test(a_bar_is_drawn_on_a_terminal_not_too_often_and_taken_away),
        cmocka_unit_test(what_is_worth_it_is_found_the_largest_first),
        cmocka_unit_test(a_sidecar_is_up_to_date_by_its_time_and_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
