#include "files/identity.h"

#include "lib/tree.h"
#include "os/file_time.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { T = 1000000000 };

/* ---- which state of a file may have been followed by another that looks the same */

static const struct young_row {
    const char *sentence;
    struct timespec changed, then;
    bool young;
} ages[] = {
    {"changed when it was looked at", {T, 500}, {T, 500}, true},
    {"changed a nanosecond before", {T, 500}, {T, 501}, true},
    {"changed 20 ms before: whoever wrote may have been interrupted", {T, 500}, {T, 20000500}, true},
    {"changed 20 ms before, and a nanosecond", {T, 500}, {T, 20000501}, false},
    {"changed a nanosecond after", {T, 501}, {T, 500}, true},
    {"changed a tick of 4 ms before", {T, 500000000}, {T, 504000000}, true},
    {"changed 20 ms before, in another second", {T, 990000000}, {T + 1, 10000000}, true},
    {"changed 20 ms before, in another second, and a nanosecond", {T, 990000000}, {T + 1, 10000001}, false},
    {"changed a second before, and less", {T, 500}, {T + 1, 499}, false},
    {"changed a nanosecond before, in another second", {T, 999999999}, {T + 1, 0}, true},
    {"changed long ago", {T, 500}, {2 * (int64_t)T, 499}, false},
    {"changed at the epoch", {0, 0}, {T, 0}, false},
    {"changed before the epoch", {-5, 500}, {T, 0}, false},
    {"changed a second ahead: a clock that is set", {T + 1, 500}, {T, 500}, true},
    {"changed nearly two seconds ahead", {T + 1, 999999999}, {T, 0}, true},
    {"changed two seconds ahead, of a clock that was set back", {T + 2, 500}, {T, 500}, false},
    {"changed far ahead", {2 * (int64_t)T, 500}, {T, 500}, false},
    {"changed in a whole second that has begun", {T, 0}, {T, 0}, true},
    {"changed in a whole second, nanoseconds ago", {T, 0}, {T, 1}, true},
    {"changed in a whole second that is almost over", {T, 0}, {T, 999999999}, true},
    {"changed in the second before", {T, 0}, {T + 1, 999999999}, true},
    {"changed exactly two whole seconds before", {T, 0}, {T + 2, 0}, true},
    {"changed two whole seconds before, and a nanosecond", {T, 0}, {T + 2, 1}, false},
    {"changed three whole seconds before", {T, 0}, {T + 3, 0}, false},
    {"changed in the whole second to come", {T + 1, 0}, {T, 999999999}, true},
    {"changed in the whole second after that", {T + 2, 0}, {T, 999999999}, false},
};

static void a_file_is_young_while_its_next_change_might_look_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ages / sizeof *ages; i++) {
        const struct identity identity = {.size = 1, .modified = {5, 5}, .changed = ages[i].changed};
        if (identity_is_young(&identity, ages[i].then) != ages[i].young)
            fail_msg("%s: is %syoung", ages[i].sentence, ages[i].young ? "not " : "");
    }
}

/* Anybody can set that. */
static void the_time_of_modification_makes_no_file_young_or_old(void **state)
{
    (void)state;
    const struct identity old = {.modified = {T, 500}, .changed = {T - 10, 500}};
    const struct identity young = {.modified = {T - 10, 500}, .changed = {T, 500}};
    assert_false(identity_is_young(&old, (struct timespec){T, 500}));
    assert_true(identity_is_young(&young, (struct timespec){T, 500}));
}

/* On the machine's own clocks: two writes of as many bytes, and a look between them, soon after the first. */
static void what_is_not_young_shows_its_next_change(void **state)
{
    enum { ROUNDS = 150, STEP_US = 397, MOST_US = 28000 };
    const struct tree_row row = {TREE_FILE, "file", "x", 0};
    (void)state;
    struct tree tree;
    char path[TREE_PATH_MAX];
    int young = 0;
    tree_open(&tree, &row, 1);
    tree_path(&tree, "file", path);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    for (int i = 0; i < ROUNDS; i++) {
        struct stat st;
        assert_int_equal(pwrite(fd, "x", 1, 0), 1);
        usleep((unsigned)(i * STEP_US % MOST_US));
        struct timespec then = file_time_now();
        assert_int_equal(fstat(fd, &st), 0);
        struct identity before = identity_of(&st);
        assert_int_equal(pwrite(fd, "y", 1, 0), 1);
        assert_int_equal(fstat(fd, &st), 0);
        struct identity after = identity_of(&st);
        if (identity_is_young(&before, then))
            young++;
        else
            assert_false(identity_same(&before, &after));
    }
    assert_in_range(young, 1, ROUNDS - 1);
    close(fd);
    tree_close(&tree);
}

/* ---- what tells two states apart */

static const struct identity plain = {1, 2, 3, {T, 4}, {T, 5}};

static const struct same_row {
    const char *sentence;
    struct identity other;
    bool same;
} others[] = {
    {"itself", {1, 2, 3, {T, 4}, {T, 5}}, true},
    {"another device", {9, 2, 3, {T, 4}, {T, 5}}, false},
    {"another file", {1, 9, 3, {T, 4}, {T, 5}}, false},
    {"another size", {1, 2, 9, {T, 4}, {T, 5}}, false},
    {"modified in another second", {1, 2, 3, {T + 1, 4}, {T, 5}}, false},
    {"modified a nanosecond later", {1, 2, 3, {T, 5}, {T, 5}}, false},
    {"changed in another second", {1, 2, 3, {T, 4}, {T - 1, 5}}, false},
    {"changed a nanosecond earlier", {1, 2, 3, {T, 4}, {T, 4}}, false},
};

static void whatever_differs_tells_two_states_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (identity_same(&plain, &others[i].other) != others[i].same ||
            identity_same(&others[i].other, &plain) != others[i].same)
            fail_msg("%s: is %sthe same", others[i].sentence, others[i].same ? "not " : "");
}

static void an_identity_is_what_the_kernel_says_of_the_file(void **state)
{
    (void)state;
    const struct stat st = {.st_dev = 1, .st_ino = 2, .st_size = 3, .st_mtim = {T, 4}, .st_ctim = {T, 5}};
    struct identity identity = identity_of(&st);
    assert_true(identity_same(&identity, &plain));
}

/* ---- what is told of it */

static const struct told_row {
    const char *sentence;
    struct timespec modified, changed;
    time_t now;
    enum coding coding;
    const char *tag;
    bool has_date;
} told[] = {
    {"the time of modification", {T, 4}, {T, 5}, T, CODING_IDENTITY, "\"3b9aca00.4-3\"", true},
    {"in a coding", {T, 4}, {T, 5}, T, CODING_BR, "\"3b9aca00.4-3-br\"", true},
    {"a time that lies ahead is no date", {T, 4}, {T, 5}, T - 1, CODING_IDENTITY, "\"3b9aca00.4-3\"", false},
    {"a time of 0 is none", {0, 4}, {T, 5}, T, CODING_IDENTITY, "\"t3b9aca00.5-3\"", false},
    {"nor is one of 1", {1, 4}, {T, 5}, T, CODING_GZIP, "\"t3b9aca00.5-3-gzip\"", false},
    {"nor is zip's first day", {315532800, 0}, {T, 5}, T, CODING_IDENTITY, "\"t3b9aca00.5-3\"", false},
    {"nor is npm's", {499162500, 0}, {T, 5}, T, CODING_IDENTITY, "\"t3b9aca00.5-3\"", false},
    {"a second later is another time", {499162501, 0}, {T, 5}, T, CODING_IDENTITY, "\"1dc09d85.0-3\"", true},
    {"a time before 1970 makes a tag, and is no date", {-1, 4}, {T, 5}, T, CODING_IDENTITY, "\"-1.4-3\"", false},
    {"one of 2 is", {2, 4}, {T, 5}, T, CODING_IDENTITY, "\"2.4-3\"", true},
};

static void what_is_told_of_a_file_is_of_its_times_and_size(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
        const struct identity identity = {1, 2, 3, told[i].modified, told[i].changed};
        const struct clock now = {7, told[i].now};
        char tag[ETAG_MAX];
        struct validators validators = identity_validators(&identity, told[i].coding, &now, tag);
        if (!slice_equal(validators.etag, slice_of(told[i].tag)))
            fail_msg("%s: is %.*s, not %s", told[i].sentence, (int)validators.etag.len, validators.etag.at,
                     told[i].tag);
        assert_ptr_equal(validators.etag.at, tag);
        assert_int_equal(validators.has_last_modified, told[i].has_date);
        assert_int_equal(identity_has_date(&identity, &now), told[i].has_date);
        assert_int_equal(validators.last_modified, told[i].modified.tv_sec);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_young_while_its_next_change_might_look_the_same),
        cmocka_unit_test(the_time_of_modification_makes_no_file_young_or_old),
        cmocka_unit_test(what_is_not_young_shows_its_next_change),
        cmocka_unit_test(whatever_differs_tells_two_states_apart),
        cmocka_unit_test(an_identity_is_what_the_kernel_says_of_the_file),
        cmocka_unit_test(what_is_told_of_a_file_is_of_its_times_and_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
