#include "base/buffer.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void a_new_buffer_holds_no_memory(void **state)
{
    (void)state;
    struct buffer b;
    buffer_init(&b);
    assert_null(b.bytes);
    assert_int_equal(buffer_length(&b), 0);
    buffer_fini(&b);
    buffer_fini(&b);
}

static void bytes_come_out_in_the_order_they_went_in(void **state)
{
    (void)state;
    struct buffer b;
    char next_in = 0, next_out = 0;
    buffer_init(&b);
    /* Pieces of all lengths in, and others out, so that the rest is moved to the front again and again. */
    for (size_t round = 1; round < 400; round++) {
        char piece[400];
        for (size_t i = 0; i < round; i++)
            piece[i] = next_in++;
        assert_int_equal(buffer_append(&b, (struct slice){piece, round}), 0);
        size_t out = buffer_length(&b) * 2 / 3;
        for (size_t i = 0; i < out; i++)
            assert_int_equal(buffer_bytes(&b).at[i], next_out++);
        buffer_consume(&b, out);
    }
    while (buffer_length(&b) > 0) {
        assert_int_equal(buffer_bytes(&b).at[0], next_out++);
        buffer_consume(&b, 1);
    }
    assert_int_equal(next_in, next_out);
    buffer_fini(&b);
}

static void what_was_reserved_can_be_written_in_place(void **state)
{
    (void)state;
    struct buffer b;
    buffer_init(&b);
    assert_int_equal(buffer_reserve(&b, 5000), 0);
    assert_true(buffer_room(&b) >= 5000);
    memset(buffer_tail(&b), 'x', 5000);
    buffer_extend(&b, 5000);
    assert_int_equal(buffer_length(&b), 5000);
    assert_int_equal(buffer_bytes(&b).at[4999], 'x');
    buffer_clear(&b);
    assert_int_equal(buffer_length(&b), 0);
    assert_non_null(b.bytes);
    buffer_fini(&b);
}

static void a_buffer_that_would_be_too_large_is_refused_and_stays_as_it_was(void **state)
{
    (void)state;
    struct buffer b;
    buffer_init(&b);
    assert_int_equal(buffer_append(&b, SLICE("abc")), 0);
    assert_int_equal(buffer_reserve(&b, (size_t)BUFFER_MAX), -1);
    assert_int_equal(errno, ENOMEM);
    assert_true(slice_equal(buffer_bytes(&b), SLICE("abc")));
    buffer_fini(&b);
}

static void appending_nothing_is_fine(void **state)
{
    (void)state;
    struct buffer b;
    buffer_init(&b);
    assert_int_equal(buffer_append(&b, (struct slice){NULL, 0}), 0);
    assert_null(b.bytes);
    buffer_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_buffer_holds_no_memory),
        cmocka_unit_test(bytes_come_out_in_the_order_they_went_in),
        cmocka_unit_test(what_was_reserved_can_be_written_in_place),
        cmocka_unit_test(a_buffer_that_would_be_too_large_is_refused_and_stays_as_it_was),
        cmocka_unit_test(appending_nothing_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
