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

static const struct cut {
    const char *name;
    size_t consumed, kept, len;
    const char *rest;
} cuts[] = {
    {"nothing", 0, 3, 0, "abcdefgh"},
    {"behind the first", 0, 1, 3, "aefgh"},
    {"more than what is kept", 0, 2, 5, "abh"},
    {"less than what is kept", 0, 5, 2, "abcdeh"},
    {"all but what is kept", 0, 3, 5, "abc"},
    {"at the front", 0, 0, 3, "defgh"},
    {"all of it", 0, 0, 8, ""},
    {"behind what was consumed", 2, 3, 2, "cdeh"},
    {"nothing of nothing", 8, 0, 0, ""},
};

static void what_is_cut_out_leaves_what_stands_before_and_behind(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        struct buffer b;
        buffer_init(&b);
        assert_int_equal(buffer_append(&b, SLICE("abcdefgh")), 0);
        buffer_consume(&b, cuts[i].consumed);
        buffer_cut(&b, cuts[i].kept, cuts[i].len);
        if (!slice_equal(buffer_bytes(&b), slice_of(cuts[i].rest)))
            fail_msg("%s: leaves %.*s", cuts[i].name, (int)buffer_length(&b), buffer_bytes(&b).at);
        assert_int_equal(buffer_append(&b, SLICE("i")), 0);
        assert_int_equal(buffer_bytes(&b).at[strlen(cuts[i].rest)], 'i');
        buffer_fini(&b);
    }
}

static void cutting_nothing_out_of_no_memory_is_fine(void **state)
{
    (void)state;
    struct buffer b;
    buffer_init(&b);
    buffer_cut(&b, 0, 0);
    assert_int_equal(buffer_length(&b), 0);
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

static void pieces_stand_one_behind_the_other_and_behind_what_waits(void **state)
{
    (void)state;
    const struct slice pieces[] = {SLICE("b"), SLICE(""), {NULL, 0}, SLICE("c\0d"), SLICE("e")};
    struct buffer b;
    buffer_init(&b);
    assert_int_equal(buffer_append(&b, SLICE("a")), 0);
    assert_int_equal(buffer_append_all(&b, pieces, sizeof pieces / sizeof *pieces), 0);
    assert_true(slice_equal(buffer_bytes(&b), SLICE("abc\0de")));
    assert_int_equal(buffer_append_all(&b, NULL, 0), 0);
    assert_int_equal(buffer_length(&b), 6);
    buffer_fini(&b);
}

static void pieces_that_are_too_large_together_are_refused_all(void **state)
{
    (void)state;
    static const char byte;
    const struct slice pieces[] = {SLICE("b"), {&byte, BUFFER_MAX - 1}};
    struct buffer b;
    buffer_init(&b);
    assert_int_equal(buffer_append(&b, SLICE("a")), 0);
    errno = 0;
    assert_int_equal(buffer_append_all(&b, pieces, sizeof pieces / sizeof *pieces), -1);
    assert_int_equal(errno, ENOMEM);
    assert_true(slice_equal(buffer_bytes(&b), SLICE("a")));
    buffer_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_buffer_holds_no_memory),
        cmocka_unit_test(bytes_come_out_in_the_order_they_went_in),
        cmocka_unit_test(what_was_reserved_can_be_written_in_place),
        cmocka_unit_test(a_buffer_that_would_be_too_large_is_refused_and_stays_as_it_was),
        cmocka_unit_test(what_is_cut_out_leaves_what_stands_before_and_behind),
        cmocka_unit_test(cutting_nothing_out_of_no_memory_is_fine),
        cmocka_unit_test(appending_nothing_is_fine),
        cmocka_unit_test(pieces_stand_one_behind_the_other_and_behind_what_waits),
        cmocka_unit_test(pieces_that_are_too_large_together_are_refused_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
