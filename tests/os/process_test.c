#include "os/process.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATIENCE_S = 5 };

static const struct row {
    const char *name;
    int (*tie)(void);
    int signal; /* that the child dies of */
} rows[] = {
    {"a child that is tied is killed when its parent ends", process_tie_to_parent, SIGKILL},
    {"a child that isn't tied outlives its parent", NULL, SIGALRM},
};

/* Ties itself, or not, lets its parent go, and stays until something kills it: its alarm, in the end. */
static void stay(const struct row *row, int ready)
{
    pid_t self = getpid();
    signal(SIGALRM, SIG_DFL);
    alarm(row->signal == SIGALRM ? 1 : PATIENCE_S);
    if (row->tie != NULL && row->tie() < 0)
        _exit(1);
    if (write(ready, &self, sizeof self) != sizeof self)
        _exit(1);
    for (;;)
        pause();
}

/* A parent that ends as soon as its child is ready. */
static void beget(const struct row *row, int ready, const int go[2])
{
    char byte;
    close(go[1]);
    pid_t child = fork();
    if (child == 0)
        stay(row, ready);
    close(ready);
    _exit(child > 0 && read(go[0], &byte, 1) == 0 ? 0 : 1);
}

/* As a subreaper (prctl(2)) we inherit the child, and so can see what it dies of. */
static void outlive(void **state)
{
    const struct row *row = *state;
    int ready[2], go[2], status;
    pid_t child;
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(go), 0);
    pid_t parent = fork();
    assert_true(parent >= 0);
    if (parent == 0)
        beget(row, ready[1], go);
    close(ready[1]); /* a child that can't get ready is the pipe's end */
    assert_int_equal(read(ready[0], &child, sizeof child), sizeof child);
    close(go[1]);
    assert_int_equal(waitpid(parent, &status, 0), parent);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), row->signal);
    close(ready[0]);
    close(go[0]);
}

enum { ROWS = sizeof rows / sizeof rows[0] };

int main(void)
{
    struct CMUnitTest tests[ROWS];
    for (int i = 0; i < ROWS; i++)
        tests[i] = (struct CMUnitTest){rows[i].name, outlive, NULL, NULL, (void *)(uintptr_t)&rows[i]};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
