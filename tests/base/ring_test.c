#include "base/ring.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum { SMALL = 64, LINES = 200000 };

static void a_full_ring_loses_whole_records_and_counts_them(void **state)
{
    (void)state;
    struct ring ring;
    char got[SMALL];
    assert_int_equal(ring_open(&ring, SMALL), 0);
    for (int i = 0; i < 6; i++)
        assert_true(ring_put(&ring, SLICE("0123456789")));
    assert_false(ring_put(&ring, SLICE("0123456789")));
    assert_true(ring_put(&ring, SLICE("abcd")));
    assert_int_equal(ring.lost, 1);
    assert_int_equal(ring_take(&ring, got, sizeof got), 64);
    assert_memory_equal(got + 60, "abcd", 4);
    assert_int_equal(ring_take(&ring, got, sizeof got), 0);
    ring_close(&ring);
}

static void records_wrap_around_the_end(void **state)
{
    (void)state;
    struct ring ring;
    char got[SMALL];
    assert_int_equal(ring_open(&ring, SMALL), 0);
    for (int i = 0; i < 100; i++) {
        assert_true(ring_put(&ring, SLICE("a record of 25 bytes long")));
        assert_int_equal(ring_take(&ring, got, 10), 10);
        assert_int_equal(ring_take(&ring, got + 10, sizeof got - 10), 15);
        assert_memory_equal(got, "a record of 25 bytes long", 25);
    }
    ring_close(&ring);
}

static void *put_lines(void *arg)
{
    struct ring *ring = arg;
    char line[32];
    for (unsigned i = 0; i < LINES;) {
        int len = snprintf(line, sizeof line, "%u\n", i);
        if (ring_put(ring, (struct slice){line, (size_t)len}))
            i++;
    }
    return NULL;
}

static void two_threads_pass_every_line_in_order(void **state)
{
    (void)state;
    struct ring ring;
    pthread_t producer;
    assert_int_equal(ring_open(&ring, 1024), 0);
    assert_int_equal(pthread_create(&producer, NULL, put_lines, &ring), 0);
    unsigned number = 0, expected = 0;
    while (expected < LINES) {
        char got[100];
        size_t len = ring_take(&ring, got, sizeof got);
        for (size_t i = 0; i < len; i++) {
            if (got[i] != '\n') {
                number = number * 10 + (unsigned)(got[i] - '0');
                continue;
            }
            assert_int_equal(number, expected);
            expected++;
            number = 0;
        }
    }
    pthread_join(producer, NULL);
    ring_close(&ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_ring_loses_whole_records_and_counts_them),
        cmocka_unit_test(records_wrap_around_the_end),
        cmocka_unit_test(two_threads_pass_every_line_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
