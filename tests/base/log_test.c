#include "base/log.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* Standard error, while a test looks at it, is a pipe. */
static int saved_stderr, reading_end;

static void capture(void)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    saved_stderr = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    reading_end = ends[0];
}

static void assert_captured(const char *want)
{
    char got[4096];
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    ssize_t len = read(reading_end, got, sizeof got - 1);
    close(reading_end);
    assert_true(len >= 0);
    got[len] = '\0';
    assert_string_equal(got, want);
}

static void a_message_is_one_line(void **state)
{
    (void)state;
    unsetenv("JOURNAL_STREAM");
    capture();
    log_line(LOG_LEVEL_ERROR, "serve %s", "/srv");
    assert_captured("shunt: serve /srv\n");
}

static void what_could_forge_a_line_or_reach_the_terminal_is_escaped(void **state)
{
    (void)state;
    capture();
    log_line(LOG_LEVEL_ERROR, "serve %s", "a\nb\x1b[31m\xff");
    assert_captured("shunt: serve a\\x0ab\\x1b[31m\\xff\n");
}

static void the_reason_follows_the_message_and_errno_survives(void **state)
{
    (void)state;
    capture();
    errno = EACCES;
    log_errno(LOG_LEVEL_ERROR, "open the access log %s", "x");
    int after = errno;
    assert_captured("shunt: open the access log x: Permission denied\n");
    assert_int_equal(after, EACCES);
}

static void the_journal_is_told_the_level(void **state)
{
    (void)state;
    setenv("JOURNAL_STREAM", "8:1", 1);
    capture();
    log_line(LOG_LEVEL_WARNING, "slow");
    unsetenv("JOURNAL_STREAM");
    assert_captured("<4>shunt: slow\n");
}

static void a_message_too_long_is_cut_and_still_a_line(void **state)
{
    (void)state;
    char text[5000], *end;
    memset(text, '\x01', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    capture();
    log_line(LOG_LEVEL_ERROR, "%s", text);
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    char got[8192];
    ssize_t len = read(reading_end, got, sizeof got);
    close(reading_end);
    assert_in_range(len, 900, 1024);
    end = memchr(got, '\n', (size_t)len);
    assert_ptr_equal(end, got + len - 1);
}

static void a_gate_opens_once_a_second(void **state)
{
    (void)state;
    struct log_gate gate = {0};
    assert_true(log_gate_opens(&gate, 5000));
    assert_false(log_gate_opens(&gate, 5001));
    assert_false(log_gate_opens(&gate, 5999));
    assert_true(log_gate_opens(&gate, 6000));
    assert_false(log_gate_opens(&gate, 6001));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_is_one_line),
        cmocka_unit_test(what_could_forge_a_line_or_reach_the_terminal_is_escaped),
        cmocka_unit_test(the_reason_follows_the_message_and_errno_survives),
        cmocka_unit_test(the_journal_is_told_the_level),
        cmocka_unit_test(a_message_too_long_is_cut_and_still_a_line),
        cmocka_unit_test(a_gate_opens_once_a_second),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
