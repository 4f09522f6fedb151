#include "os/cpu.h"

#include "lib/tree.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { FILES_MAX = 8 };

/* A list of our cgroups, and files of the hierarchies beneath "mount/". */
static const struct row {
    const char *name;
    const char *cgroups;
    struct {
        const char *path;
        const char *text;
    } files[FILES_MAX];
    int quota;
} rows[] = {
    {"no hierarchy, no quota", "0::/\n", {{0}}, 0},
    {"version 2: a quota in our own cgroup", "0::/a\n", {{"a/cpu.max", "200000 100000\n"}}, 2},
    {"version 2: max is no quota", "0::/a\n", {{"a/cpu.max", "max 100000\n"}}, 0},
    {"version 2: a part of a processor is one", "0::/a\n", {{"a/cpu.max", "1000 100000\n"}}, 1},
    {"version 2: one and a half are two", "0::/a\n", {{"a/cpu.max", "150000 100000\n"}}, 2},
    {"version 2: a little more than two is three", "0::/a\n", {{"a/cpu.max", "200001 100000\n"}}, 3},
    {"version 2: another period counts too", "0::/a\n", {{"a/cpu.max", "40000 10000\n"}}, 4},
    {"version 2: a quota above ours",
     "0::/a/b/c\n",
     {{"a/cpu.max", "300000 100000\n"}, {"a/b/cpu.max", "max 100000\n"}, {"a/b/c/cpu.max", "max 100000\n"}},
     3},
    {"version 2: the least of the levels, being the highest",
     "0::/a/b\n",
     {{"a/cpu.max", "100000 100000\n"}, {"a/b/cpu.max", "400000 100000\n"}},
     1},
    {"version 2: the least of the levels, being the lowest",
     "0::/a/b\n",
     {{"a/cpu.max", "400000 100000\n"}, {"a/b/cpu.max", "200000 100000\n"}},
     2},
    {"version 2: other cgroups don't count", "0::/a\n", {{"b/cpu.max", "100000 100000\n"}, {"ab/cpu.max", "1 1\n"}}, 0},
    {"version 2: a cgroup beneath ours doesn't count", "0::/a\n", {{"a/b/cpu.max", "100000 100000\n"}}, 0},
    {"version 2: in a container the mount is our cgroup", "0::/docker/0123\n", {{"cpu.max", "200000 100000\n"}}, 2},
    {"version 2: the root of a namespace", "0::/\n", {{"cpu.max", "300000 100000\n"}}, 3},
    {"version 2: a cgroup outside of our namespace",
     "0::/../b\n",
     {{"cpu.max", "300000 100000\n"}, {"../b/cpu.max", "100000 100000\n"}},
     3},
    {"version 2: mounted beside version 1", "1:name=x:/\n0::/a\n", {{"unified/a/cpu.max", "200000 100000\n"}}, 2},
    {"version 2: nonsense is no quota", "0::/a\n", {{"a/cpu.max", "what\n"}}, 0},
    {"version 2: a period of nothing is no quota", "0::/a\n", {{"a/cpu.max", "100000 0\n"}}, 0},
    {"version 2: half a file is no quota", "0::/a\n", {{"a/cpu.max", "100000"}}, 0},
    {"version 2: a quota beyond all bounds", "0::/a\n", {{"a/cpu.max", "9000000000000000000 1\n"}}, INT32_MAX},
    {"version 1: a quota in our own cgroup",
     "4:cpu,cpuacct:/a\n",
     {{"cpu/a/cpu.cfs_quota_us", "250000\n"}, {"cpu/a/cpu.cfs_period_us", "100000\n"}},
     3},
    {"version 1: -1 is no quota",
     "4:cpu:/a\n",
     {{"cpu/a/cpu.cfs_quota_us", "-1\n"}, {"cpu/a/cpu.cfs_period_us", "100000\n"}},
     0},
    {"version 1: a quota above ours",
     "9:memory:/x\n4:cpuacct,cpu:/a/b\n",
     {{"cpu/cpu.cfs_quota_us", "-1\n"},
      {"cpu/cpu.cfs_period_us", "100000\n"},
      {"cpu/a/cpu.cfs_quota_us", "200000\n"},
      {"cpu/a/cpu.cfs_period_us", "100000\n"},
      {"cpu/a/b/cpu.cfs_quota_us", "-1\n"},
      {"cpu/a/b/cpu.cfs_period_us", "100000\n"}},
     2},
    {"version 1: a quota without a period is none", "4:cpu:/a\n", {{"cpu/a/cpu.cfs_quota_us", "100000\n"}}, 0},
    {"version 1: the path of another controller doesn't count",
     "3:cpuset:/a\n2:cpuacct:/a\n4:cpu:/b\n",
     {{"cpu/a/cpu.cfs_quota_us", "100000\n"}, {"cpu/a/cpu.cfs_period_us", "100000\n"}},
     0},
    {"both versions: the least counts",
     "4:cpu:/a\n0::/a\n",
     {{"cpu/a/cpu.cfs_quota_us", "300000\n"},
      {"cpu/a/cpu.cfs_period_us", "100000\n"},
      {"unified/a/cpu.max", "200000 100000\n"}},
     2},
    {"lines that aren't understood are passed over",
     "\n:\n0\n0:\n0::a\nx:y:z\n0::/a",
     {{"a/cpu.max", "200000 100000\n"}},
     2},
};

enum { ROWS = sizeof rows / sizeof rows[0] };

static void count_quota(void **state)
{
    const struct row *row = *state;
    struct tree tree;
    char list[TREE_PATH_MAX], mount[TREE_PATH_MAX];
    tree_open(&tree, &(struct tree_row){TREE_FILE, "cgroups", row->cgroups, 0}, 1);
    tree_add(&tree, &(struct tree_row){TREE_DIRECTORY, "mount", NULL, 0});
    tree_path(&tree, "mount", mount);
    for (int i = 0; i < FILES_MAX && row->files[i].path != NULL; i++) {
        char path[128] = "mount/";
        strcat(path, row->files[i].path);
        tree_add(&tree, &(struct tree_row){TREE_FILE, path, row->files[i].text, 0});
    }
    tree_path(&tree, "cgroups", list);
    assert_int_equal(cpu_quota_beneath(list, mount), row->quota);
    tree_close(&tree);
}

static const struct reserve_row {
    const char *name;
    struct cpu_set_list usable;
    int count;
    struct cpu_set_list left;
} reserve_rows[] = {
    {"none reserved leaves all", {4, {0, 1, 2, 3}}, 0, {4, {0, 1, 2, 3}}},
    {"the first is reserved", {4, {0, 1, 2, 3}}, 1, {3, {1, 2, 3}}},
    {"the first are those of the list, whatever their numbers", {3, {5, 9, 40}}, 2, {1, {40}}},
    {"one stays though as many are reserved", {3, {0, 1, 2}}, 3, {1, {2}}},
    {"one stays though more are reserved", {2, {0, 1}}, 1000, {1, {1}}},
    {"the only one stays", {1, {7}}, 1, {1, {7}}},
    {"less than none is none", {2, {0, 1}}, -1, {2, {0, 1}}},
};

enum { RESERVE_ROWS = sizeof reserve_rows / sizeof reserve_rows[0] };

static void reserve(void **state)
{
    const struct reserve_row *row = *state;
    struct cpu_set_list list = row->usable;
    cpu_reserve(&list, row->count);
    assert_int_equal(list.count, row->left.count);
    assert_memory_equal(list.ids, row->left.ids, (size_t)list.count * sizeof list.ids[0]);
}

static void a_missing_list_of_cgroups_is_no_quota(void **state)
{
    (void)state;
    assert_int_equal(cpu_quota_beneath("/nonexistent/cgroup", "/nonexistent"), 0);
}

static void our_own_quota_is_not_negative(void **state)
{
    (void)state;
    assert_true(cpu_quota() >= 0);
}

static void what_we_may_use_is_what_we_are_bound_to(void **state)
{
    (void)state;
    struct cpu_set_list all, one;
    cpu_set_t before;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    cpu_usable(&all);
    assert_int_equal(all.count, CPU_COUNT(&before));
    for (int i = 0; i < all.count; i++) {
        assert_true(CPU_ISSET((size_t)all.ids[i], &before));
        assert_true(i == 0 || all.ids[i] > all.ids[i - 1]);
    }
    int last = all.ids[all.count - 1];
    assert_int_equal(cpu_pin_self(last), 0);
    assert_int_equal(sched_getcpu(), last);
    cpu_usable(&one);
    assert_int_equal(one.count, 1);
    assert_int_equal(one.ids[0], last);
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
}

static void a_processor_that_is_not_there_can_not_be_pinned_to(void **state)
{
    (void)state;
    assert_int_equal(cpu_pin_self(-1), -1);
    assert_int_equal(cpu_pin_self(8191), -1);
    assert_int_equal(cpu_pin_self(8192), -1);
    assert_int_equal(cpu_pin_self(INT32_MAX), -1);
}

static void a_thread_has_the_first_15_bytes_of_its_name(void **state)
{
    (void)state;
    char name[16];
    cpu_name_self("read/0");
    assert_int_equal(pthread_getname_np(pthread_self(), name, sizeof name), 0);
    assert_string_equal(name, "read/0");
    cpu_name_self("a-name-that-is-too-long");
    assert_int_equal(pthread_getname_np(pthread_self(), name, sizeof name), 0);
    assert_string_equal(name, "a-name-that-is-");
}

int main(void)
{
    struct CMUnitTest quotas[ROWS], reserves[RESERVE_ROWS];
    for (int i = 0; i < ROWS; i++)
        quotas[i] = (struct CMUnitTest){rows[i].name, count_quota, NULL, NULL, (void *)(uintptr_t)&rows[i]};
    for (int i = 0; i < RESERVE_ROWS; i++)
        reserves[i] =
            (struct CMUnitTest){reserve_rows[i].name, reserve, NULL, NULL, (void *)(uintptr_t)&reserve_rows[i]};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_missing_list_of_cgroups_is_no_quota),
        cmocka_unit_test(our_own_quota_is_not_negative),
        cmocka_unit_test(what_we_may_use_is_what_we_are_bound_to),
        cmocka_unit_test(a_processor_that_is_not_there_can_not_be_pinned_to),
        cmocka_unit_test(a_thread_has_the_first_15_bytes_of_its_name),
    };
    return cmocka_run_group_tests(quotas, NULL, NULL) + cmocka_run_group_tests(reserves, NULL, NULL) +
           cmocka_run_group_tests(tests, NULL, NULL);
}
