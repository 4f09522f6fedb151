#include "os/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#include <cmocka.h>

static struct rlimit limit_now(void)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    return limit;
}

static void set_soft(rlim_t soft)
{
    struct rlimit limit = limit_now();
    limit.rlim_cur = soft;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void the_soft_limit_becomes_the_hard_one(void **state)
{
    (void)state;
    struct rlimit before = limit_now();
    set_soft(64);
    int files = limits_raise_files();
    struct rlimit after = limit_now();
    assert_true(after.rlim_cur == before.rlim_max);
    assert_true(after.rlim_max == before.rlim_max);
    assert_true((rlim_t)files == (before.rlim_max < 1000000 ? before.rlim_max : 1000000));
}

static void raising_twice_changes_nothing(void **state)
{
    (void)state;
    assert_int_equal(limits_raise_files(), limits_raise_files());
}

/* Needs the right to raise a hard limit; and comes before the hard limit is lowered for good. */
static void more_than_a_million_is_told_as_a_million_where_the_hard_limit_can_be_so_high(void **state)
{
    (void)state;
    struct rlimit before = limit_now();
    struct rlimit huge = {.rlim_cur = 64, .rlim_max = 1048576};
    if (setrlimit(RLIMIT_NOFILE, &huge) != 0)
        skip();
    assert_int_equal(limits_raise_files(), 1000000);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

static void a_lower_hard_limit_is_told(void **state)
{
    (void)state;
    struct rlimit low = {.rlim_cur = 64, .rlim_max = 128};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    assert_int_equal(limits_raise_files(), 128);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_soft_limit_becomes_the_hard_one),
        cmocka_unit_test(raising_twice_changes_nothing),
        cmocka_unit_test(more_than_a_million_is_told_as_a_million_where_the_hard_limit_can_be_so_high),
        cmocka_unit_test(a_lower_hard_limit_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
