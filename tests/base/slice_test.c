#include "base/slice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_slice(struct slice got, const char *want, const char *sentence)
{
    if (!slice_equal(got, slice_of(want)))
        fail_msg("%s: got '%.*s', want '%s'", sentence, (int)got.len, got.at, want);
}

static void slices_are_equal_byte_by_byte(void **state)
{
    (void)state;
    assert_true(slice_equal(SLICE("a\0b"), SLICE("a\0b")));
    assert_false(slice_equal(SLICE("a\0b"), SLICE("a\0c")));
    assert_false(slice_equal(SLICE("a"), SLICE("ab")));
    assert_true(slice_equal((struct slice){NULL, 0}, SLICE("")));
}

static void folding_knows_ascii_letters_only(void **state)
{
    (void)state;
    assert_true(slice_equal_fold(SLICE("Keep-ALIVE"), SLICE("keep-alive")));
    assert_false(slice_equal_fold(SLICE("@"), SLICE("`")));
    assert_false(slice_equal_fold(SLICE("["), SLICE("{")));
    assert_false(slice_equal_fold(SLICE("\xc4"), SLICE("\xe4")));
    assert_false(slice_equal_fold(SLICE("a"), SLICE("ab")));
}

static void a_start_is_no_longer_than_the_whole(void **state)
{
    (void)state;
    assert_true(slice_starts_with(SLICE("bytes=0-"), SLICE("bytes=")));
    assert_true(slice_starts_with(SLICE("a"), SLICE("")));
    assert_false(slice_starts_with(SLICE("by"), SLICE("bytes=")));
}

static void a_row_of_slices_is_as_long_as_they_are_together(void **state)
{
    (void)state;
    const struct slice slices[] = {SLICE("a"), {NULL, 0}, SLICE("b\0c"), SLICE("")};
    assert_int_equal(slices_length(slices, 4), 4);
    assert_int_equal(slices_length(slices, 1), 1);
    assert_int_equal(slices_length(NULL, 0), 0);
}

static void white_space_at_the_ends_is_trimmed(void **state)
{
    (void)state;
    static const struct {
        const char *sentence, *text, *want;
    } rows[] = {
        {"spaces and tabs go", " \t a b\t ", "a b"},
        {"nothing but white space is empty", " \t ", ""},
        {"empty stays empty", "", ""},
        {"a line's end is no white space here", "\r\n", "\r\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_slice(slice_trim(slice_of(rows[i].text)), rows[i].want, rows[i].sentence);
}

static void a_list_is_cut_at_its_commas(void **state)
{
    (void)state;
    static const struct {
        const char *sentence, *list, *elements[4];
    } rows[] = {
        {"elements are trimmed", "a , b\t,c", {"a", "b", "c"}},
        {"empty elements are skipped", ",, a,, ,b,", {"a", "b"}},
        {"an empty list has none", "", {NULL}},
        {"a list of commas has none", " , ,", {NULL}},
        {"a comma within quotes does not separate", "\"a,b\", c", {"\"a,b\"", "c"}},
        {"an escaped quote does not end the quotes", "\"a\\\",b\",c", {"\"a\\\",b\"", "c"}},
        {"quotes that never end hold the rest", "\"a,b", {"\"a,b"}},
        {"a backslash at the end escapes nothing", "\"a\\", {"\"a\\"}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct slice list = slice_of(rows[i].list), element;
        for (int k = 0; rows[i].elements[k] != NULL; k++) {
            if (!slice_next_element(&list, &element))
                fail_msg("%s: element %d is missing", rows[i].sentence, k);
            assert_slice(element, rows[i].elements[k], rows[i].sentence);
        }
        if (slice_next_element(&list, &element))
            fail_msg("%s: '%.*s' is one too many", rows[i].sentence, (int)element.len, element.at);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices_are_equal_byte_by_byte),
        cmocka_unit_test(folding_knows_ascii_letters_only),
        cmocka_unit_test(a_start_is_no_longer_than_the_whole),
        cmocka_unit_test(white_space_at_the_ends_is_trimmed),
        cmocka_unit_test(a_list_is_cut_at_its_commas),
        cmocka_unit_test(a_row_of_slices_is_as_long_as_they_are_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
