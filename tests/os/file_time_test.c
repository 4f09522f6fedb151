#include "os/file_time.h"

#include "lib/tree.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { ROUNDS = 2000 };

static bool is_before(struct timespec a, struct timespec b)
{
    return a.tv_sec < b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec < b.tv_nsec);
}

/* Whatever else it means, a change is not dated before a time that was read before. */
static void what_is_changed_later_is_dated_no_earlier(void **state)
{
    const struct tree_row row = {TREE_FILE, "file", "x", 0};
    (void)state;
    struct tree tree;
    char path[TREE_PATH_MAX];
    tree_open(&tree, &row, 1);
    tree_path(&tree, "file", path);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    for (int i = 0; i < ROUNDS; i++) {
        struct stat st;
        struct timespec then = file_time_now();
        assert_int_equal(pwrite(fd, "x", 1, 0), 1);
        assert_int_equal(fstat(fd, &st), 0);
        assert_false(is_before(st.st_ctim, then));
    }
    close(fd);
    tree_close(&tree);
}

static void it_moves_on_and_never_back(void **state)
{
    (void)state;
    int moves = 0;
    struct timespec last = file_time_now();
    for (int i = 0; i < ROUNDS && moves < 3; i++) {
        struct timespec then = file_time_now();
        assert_false(is_before(then, last));
        moves += is_before(last, then);
        last = then;
        usleep(100);
    }
    assert_int_equal(moves, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_changed_later_is_dated_no_earlier),
        cmocka_unit_test(it_moves_on_and_never_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
