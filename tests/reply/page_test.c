#include "reply/page.h"

#include "http/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* All that we send with a body of our own; 299 is one that we don't know. */
static const int statuses[] = {301, 400, 403, 404, 405, 408, 412, 413, 414, 416, 417, 431, 500, 501, 503, 505, 299};

enum { COUNT = sizeof statuses / sizeof *statuses };

static bool holds(struct slice page, struct slice words)
{
    return memmem(page.at, page.len, words.at, words.len) != NULL;
}

static void a_page_is_as_long_as_announced(void **state)
{
    (void)state;
    for (int i = 0; i < COUNT; i++) {
        struct buffer out;
        buffer_init(&out);
        assert_int_equal(page_put(&out, statuses[i]), 0);
        assert_int_equal(buffer_length(&out), page_length(statuses[i]));
        assert_in_range(buffer_length(&out), 100, 1200); /* it fits a packet, with its head */
        buffer_fini(&out);
    }
}

static void a_page_is_ascii_and_says_what_happened(void **state)
{
    (void)state;
    for (int i = 0; i < COUNT; i++) {
        struct buffer out;
        char number[8];
        buffer_init(&out);
        assert_int_equal(page_put(&out, statuses[i]), 0);
        struct slice page = buffer_bytes(&out);
        for (size_t at = 0; at < page.len; at++)
            assert_true(page.at[at] == '\n' || (page.at[at] >= ' ' && page.at[at] <= '~'));
        snprintf(number, sizeof number, "%d", statuses[i]);
        assert_true(slice_starts_with(page, SLICE("<!doctype html>\n")));
        assert_true(holds(page, slice_of(number)));
        assert_true(holds(page, status_reason(statuses[i])));
        assert_true(holds(page, status_explanation(statuses[i])));
        assert_true(holds(page, SLICE("</html>\n")));
        buffer_fini(&out);
    }
}

static void a_page_stands_behind_what_is_there(void **state)
{
    (void)state;
    struct buffer out;
    buffer_init(&out);
    assert_int_equal(buffer_append(&out, SLICE("before")), 0);
    assert_int_equal(page_put(&out, 404), 0);
    assert_int_equal(buffer_length(&out), 6 + page_length(404));
    assert_true(slice_starts_with(buffer_bytes(&out), SLICE("before<!doctype html>")));
    buffer_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_is_as_long_as_announced),
        cmocka_unit_test(a_page_is_ascii_and_says_what_happened),
        cmocka_unit_test(a_page_stands_behind_what_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
