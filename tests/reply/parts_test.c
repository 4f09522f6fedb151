#include "reply/parts.h"

#include "lib/refuse.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define BOUNDARY "shunt-0123456789abcdef"
#define PART(range)                                                                                                    \
    "\r\n--" BOUNDARY "\r\nContent-Type: text/plain\r\nContent-Range: bytes " range "/1000000000000\r\n\r\n"
#define END "\r\n--" BOUNDARY "--\r\n"

enum { SKIPPED = 77 };

static struct multipart multipart_of_text(void)
{
    struct multipart multipart;
    multipart_init(&multipart, SLICE("text/plain"), 1000000000000, 0x0123456789abcdef);
    return multipart;
}

/* As many as there may be, the last ones first. */
static struct ranges many_ranges(void)
{
    struct ranges ranges = {.count = RANGES_MAX};
    for (uint64_t i = 0; i < RANGES_MAX; i++)
        ranges.at[i] = (struct range){(RANGES_MAX - i) * 1000, i + 1};
    return ranges;
}

static const struct row {
    const char *name;
    struct ranges ranges;
    const char *told[4]; /* one for each range, and what stands behind the last */
} rows[] = {
    {"one part", {1, {{5, 10}}}, {PART("5-14"), END}},
    {"two", {2, {{0, 1}, {500, 2}}}, {PART("0-0"), PART("500-501"), END}},
    {"as they were asked for",
     {3, {{900, 100}, {0, 1}, {500, 2}}},
     {PART("900-999"), PART("0-0"), PART("500-501"), END}},
    {"larger than memory",
     {2, {{1, 899999999999}, {999999999998, 2}}},
     {PART("1-899999999999"), PART("999999999998-999999999999"), END}},
};

/* What is left is what is still to be told, and the bytes that follow that. */
static void play(void **state)
{
    const struct row *row = *state;
    const struct multipart multipart = multipart_of_text();
    struct parts *parts = parts_new(&multipart, &row->ranges);
    uint64_t left = multipart_length(&multipart, &row->ranges);
    assert_non_null(parts);
    for (uint32_t i = 0; i <= row->ranges.count; i++) {
        bool last = i == row->ranges.count;
        struct buffer out;
        struct range range = {0, 0};
        buffer_init(&out);
        assert_int_equal(buffer_append(&out, SLICE("before")), 0);
        assert_true(parts->left == left);
        assert_int_equal(parts_next(parts, &out, &range), last ? PARTS_END : PARTS_MORE);
        buffer_consume(&out, strlen("before"));
        assert_true(slice_equal(buffer_bytes(&out), slice_of(row->told[i])));
        assert_true(last || range.first == row->ranges.at[i].first);
        assert_true(last || range.length == row->ranges.at[i].length);
        left -= buffer_length(&out) + range.length;
        buffer_fini(&out);
    }
    assert_true(left == 0 && parts->left == 0);
    parts_free(parts);
}

static void the_parts_are_a_copy(void **state)
{
    (void)state;
    struct multipart multipart = multipart_of_text();
    struct ranges ranges = rows[1].ranges;
    struct parts *parts = parts_new(&multipart, &ranges);
    struct buffer out;
    struct range range;
    buffer_init(&out);
    assert_non_null(parts);
    memset(&multipart, 'x', sizeof multipart);
    memset(&ranges, 'x', sizeof ranges);
    assert_int_equal(parts_next(parts, &out, &range), PARTS_MORE);
    assert_true(slice_equal(buffer_bytes(&out), SLICE(PART("0-0"))));
    parts_free(parts);
    buffer_fini(&out);
}

static void as_many_parts_as_there_may_be_are_all_told(void **state)
{
    (void)state;
    const struct multipart multipart = multipart_of_text();
    const struct ranges ranges = many_ranges();
    struct parts *parts = parts_new(&multipart, &ranges);
    struct buffer out;
    struct range range;
    uint64_t bytes = 0;
    buffer_init(&out);
    assert_non_null(parts);
    for (uint32_t i = 0; i < RANGES_MAX; i++) {
        assert_int_equal(parts_next(parts, &out, &range), PARTS_MORE);
        assert_true(range.first == ranges.at[i].first && range.length == ranges.at[i].length);
        bytes += range.length;
    }
    assert_int_equal(parts_next(parts, &out, &range), PARTS_END);
    assert_true(bytes + buffer_length(&out) == multipart_length(&multipart, &ranges));
    parts_free(parts);
    buffer_fini(&out);
}

/* ---- without memory */

/* Where there is no room, nothing is told, and the same is told when there is. */
static void what_finds_no_room_is_told_later(void **state)
{
    (void)state;
    static char few[8];
    const struct multipart multipart = multipart_of_text();
    struct parts *parts = parts_new(&multipart, &rows[1].ranges);
    struct buffer out;
    struct range range;
    buffer_init(&out);
    assert_non_null(parts);
    for (int i = 0; rows[1].told[i] != NULL; i++) {
        struct buffer full = {.bytes = few, .begin = 0, .end = BUFFER_MAX, .size = BUFFER_MAX};
        bool last = rows[1].told[i + 1] == NULL;
        uint64_t left = parts->left;
        errno = 0;
        assert_int_equal(parts_next(parts, &full, &range), PARTS_FAILED);
        assert_int_equal(errno, ENOMEM);
        assert_int_equal(full.end, BUFFER_MAX);
        assert_true(parts->left == left);
        buffer_clear(&out);
        assert_int_equal(parts_next(parts, &out, &range), last ? PARTS_END : PARTS_MORE);
        assert_true(slice_equal(buffer_bytes(&out), slice_of(rows[1].told[i])));
    }
    parts_free(parts);
    buffer_fini(&out);
}

/* A sanitizer's allocator doesn't live without the kernel. */
void __asan_init(void) __attribute__((weak));
void __tsan_init(void) __attribute__((weak));

/* From now on there is no block of this size. brk(2) has no errno: the kernel's answer is where the heap ends. */
static void use_up_memory(size_t size)
{
    if (__asan_init != NULL || __tsan_init != NULL || !refuse_call(SYS_mmap, ENOMEM) || !refuse_call(SYS_brk, 0))
        _exit(SKIPPED);
    void *volatile block; /* so that the compiler doesn't think it needless */
    do
        block = malloc(size);
    while (block != NULL);
}

static int exit_status_without_memory(void)
{
    const struct multipart multipart = multipart_of_text();
    const struct ranges ranges = many_ranges();
    use_up_memory(sizeof(struct parts) + RANGES_MAX * sizeof(struct range));
    errno = 0;
    return parts_new(&multipart, &ranges) == NULL && errno == ENOMEM ? 0 : 1;
}

static void without_memory_there_are_no_parts(void **state)
{
    int status = 0;
    (void)state;
    pid_t child = fork();
    if (child == 0)
        _exit(exit_status_without_memory());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == SKIPPED)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void freeing_none_is_fine(void **state)
{
    (void)state;
    parts_free(NULL);
}

int main(void)
{
    enum { ROWS = sizeof rows / sizeof *rows };
    struct CMUnitTest played[ROWS];
    for (int i = 0; i < ROWS; i++)
        played[i] = (struct CMUnitTest){rows[i].name, play, NULL, NULL, (void *)(uintptr_t)&rows[i]};
    const struct CMUnitTest told[] = {
        cmocka_unit_test(the_parts_are_a_copy),
        cmocka_unit_test(as_many_parts_as_there_may_be_are_all_told),
        cmocka_unit_test(what_finds_no_room_is_told_later),
        cmocka_unit_test(without_memory_there_are_no_parts),
        cmocka_unit_test(freeing_none_is_fine),
    };
    return cmocka_run_group_tests(played, NULL, NULL) + cmocka_run_group_tests(told, NULL, NULL);
}
