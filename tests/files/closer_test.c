#include "files/closer.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

enum { MANY = 3 * CLOSER_ROOM, PATIENCE_MS = 5000 };

static int open_one(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

static bool closes_soon(int fd)
{
    for (int ms = 0; is_open(fd) && ms < PATIENCE_MS; ms++)
        usleep(1000);
    return !is_open(fd);
}

static void without_a_closer_a_file_is_closed_at_once(void **state)
{
    (void)state;
    struct closer zeroed = {0};
    int first = open_one(), second = open_one();
    closer_close(NULL, first);
    assert_false(is_open(first));
    closer_close(&zeroed, second);
    assert_false(is_open(second));
    closer_stop(&zeroed);
}

static void what_is_brought_is_closed_soon(void **state)
{
    (void)state;
    struct closer closer;
    int fds[MANY];
    closer_start(&closer);
    for (int i = 0; i < MANY; i++)
        fds[i] = open_one();
    for (int i = 0; i < MANY; i++)
        closer_close(&closer, fds[i]);
    for (int i = 0; i < MANY; i++)
        assert_true(closes_soon(fds[i]));
    closer_stop(&closer);
}

static void what_waits_at_the_end_is_closed_before_it(void **state)
{
    (void)state;
    struct closer closer;
    int fds[CLOSER_ROOM];
    closer_start(&closer);
    for (int i = 0; i < CLOSER_ROOM; i++)
        closer_close(&closer, fds[i] = open_one());
    closer_stop(&closer);
    for (int i = 0; i < CLOSER_ROOM; i++)
        assert_false(is_open(fds[i]));
    int late = open_one();
    closer_close(&closer, late);
    assert_false(is_open(late));
    closer_stop(&closer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_closer_a_file_is_closed_at_once),
        cmocka_unit_test(what_is_brought_is_closed_soon),
        cmocka_unit_test(what_waits_at_the_end_is_closed_before_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
