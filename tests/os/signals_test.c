#include "os/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const struct row {
    const char *name;
    int number;
} rows[] = {
    {"SIGTERM is taken", SIGTERM},
    {"SIGINT is taken", SIGINT},
    {"SIGHUP is taken", SIGHUP},
};

enum { ROWS = sizeof rows / sizeof rows[0] };

static bool readable(int fd)
{
    return poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 0) == 1;
}

static void take(void **state)
{
    const struct row *row = *state;
    int fd = signals_open();
    assert_true(fd >= 0);
    assert_false(readable(fd));
    assert_int_equal(signals_take(fd), 0);
    assert_int_equal(kill(getpid(), row->number), 0); /* one that isn't blocked would end this program */
    assert_true(readable(fd));
    assert_int_equal(signals_take(fd), row->number);
    assert_int_equal(signals_take(fd), 0);
    assert_false(readable(fd));
    close(fd);
}

static void two_signals_are_taken_one_by_one(void **state)
{
    (void)state;
    int fd = signals_open();
    kill(getpid(), SIGINT);
    kill(getpid(), SIGHUP);
    int first = signals_take(fd), second = signals_take(fd);
    assert_true((first == SIGINT && second == SIGHUP) || (first == SIGHUP && second == SIGINT));
    assert_int_equal(signals_take(fd), 0);
    close(fd);
}

static void *kill_ourselves(void *unused)
{
    kill(getpid(), SIGTERM);
    return unused;
}

static void a_later_thread_leaves_them_to_the_fd(void **state)
{
    (void)state;
    pthread_t thread;
    int fd = signals_open();
    assert_int_equal(pthread_create(&thread, NULL, kill_ourselves, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(signals_take(fd), SIGTERM);
    close(fd);
}

static void a_broken_pipe_is_an_error_and_no_signal(void **state)
{
    (void)state;
    int fds[2];
    int fd = signals_open();
    assert_int_equal(pipe(fds), 0);
    close(fds[0]);
    assert_int_equal(write(fds[1], "x", 1), -1);
    assert_int_equal(errno, EPIPE);
    close(fds[1]);
    close(fd);
}

static void the_fd_neither_blocks_nor_leaks(void **state)
{
    (void)state;
    int fd = signals_open();
    assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    close(fd);
    assert_int_equal(signals_take(-1), 0);
}

static const struct row endings[] = {
    {"SIGTERM ends the process again", SIGTERM},
    {"SIGINT ends the process again", SIGINT},
    {"SIGHUP ends the process again", SIGHUP},
};

/* Sent to a child, who has closed. */
static void end(void **state)
{
    const struct row *row = *state;
    int status;
    pid_t child = fork();
    if (child == 0) {
        signals_close(signals_open());
        kill(getpid(), row->number);
        _exit(0);
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), row->number);
}

int main(void)
{
    struct CMUnitTest taken[ROWS], ended[ROWS];
    for (int i = 0; i < ROWS; i++)
        taken[i] = (struct CMUnitTest){rows[i].name, take, NULL, NULL, (void *)(uintptr_t)&rows[i]};
    for (int i = 0; i < ROWS; i++)
        ended[i] = (struct CMUnitTest){endings[i].name, end, NULL, NULL, (void *)(uintptr_t)&endings[i]};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_signals_are_taken_one_by_one),
        cmocka_unit_test(a_later_thread_leaves_them_to_the_fd),
        cmocka_unit_test(a_broken_pipe_is_an_error_and_no_signal),
        cmocka_unit_test(the_fd_neither_blocks_nor_leaks),
    };
    return cmocka_run_group_tests(taken, NULL, NULL) + cmocka_run_group_tests(ended, NULL, NULL) +
           cmocka_run_group_tests(tests, NULL, NULL);
}
