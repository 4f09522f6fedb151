#include "os/net.h"

#include "lib/tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define FILE_OF(path, text)                                                                                            \
    {                                                                                                                  \
        TREE_FILE, path, text, 0                                                                                       \
    }
#define CARD(name, state) {TREE_DIRECTORY, name "/device", NULL, 0}, FILE_OF(name "/operstate", state)

enum { ROWS_MAX = 16 };

static const struct {
    const char *sentence;
    struct tree_row rows[ROWS_MAX];
    int cpus;
    bool spreads;
} cases[] = {
    {"no card at all", {{TREE_DIRECTORY, "lo/queues/rx-0", NULL, 0}, FILE_OF("lo/operstate", "unknown\n")}, 1, false},
    {"one queue is enough for one", {CARD("eth0", "up\n"), FILE_OF("eth0/queues/rx-0/rps_cpus", "0\n")}, 1, true},
    {"one queue is not enough for two", {CARD("eth0", "up\n"), FILE_OF("eth0/queues/rx-0/rps_cpus", "0\n")}, 2, false},
    {"two queues are",
     {CARD("eth0", "up\n"), FILE_OF("eth0/queues/rx-0/rps_cpus", "0\n"), FILE_OF("eth0/queues/rx-1/rps_cpus", "0\n")},
     2,
     true},
    {"a queue that software spreads over four",
     {CARD("eth0", "up\n"), FILE_OF("eth0/queues/rx-0/rps_cpus", "00000000,0000000f\n")},
     4,
     true},
    {"but not over five",
     {CARD("eth0", "up\n"), FILE_OF("eth0/queues/rx-0/rps_cpus", "00000000,0000000f\n")},
     5,
     false},
    {"a card that is down counts for nothing",
     {CARD("eth0", "down\n"), FILE_OF("eth0/queues/rx-0/rps_cpus", "ff\n")},
     2,
     false},
    {"what has no device is no card",
     {FILE_OF("br0/operstate", "up\n"), FILE_OF("br0/queues/rx-0/rps_cpus", "ff\n")},
     2,
     false},
    {"the narrower of two cards decides",
     {CARD("eth0", "up\n"), FILE_OF("eth0/queues/rx-0/rps_cpus", "f\n"), CARD("eth1", "up\n"),
      FILE_OF("eth1/queues/rx-0/rps_cpus", "0\n")},
     2,
     false},
    {"a queue that doesn't say is one", {CARD("eth0", "up\n"), {TREE_DIRECTORY, "eth0/queues/rx-0", NULL, 0}}, 1, true},
};

static void packets_arrive_on_as_many_processors_as_the_cards_have_queues(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tree tree;
        size_t count = 0;
        while (count < ROWS_MAX && cases[i].rows[count].path != NULL)
            count++;
        tree_open(&tree, cases[i].rows, count);
        if (net_spreads_beneath(tree.path, cases[i].cpus) != cases[i].spreads)
            fail_msg("%s: the opposite was found", cases[i].sentence);
        tree_close(&tree);
    }
}

static void a_machine_that_does_not_say_spreads_nothing(void **state)
{
    (void)state;
    assert_false(net_spreads_beneath("/nowhere/at/all", 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_arrive_on_as_many_processors_as_the_cards_have_queues),
        cmocka_unit_test(a_machine_that_does_not_say_spreads_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
