#include "os/notify.h"

#include "lib/tree.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static int bound(const struct sockaddr_un *address, socklen_t len)
{
    int sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(sock >= 0);
    assert_int_equal(bind(sock, (const struct sockaddr *)address, len), 0);
    return sock;
}

static void expect_datagram(int manager, const char *state)
{
    char heard[64] = "";
    assert_int_equal(recv(manager, heard, sizeof heard - 1, 0), strlen(state));
    assert_string_equal(heard, state);
}

static void expect_sending_both(int manager)
{
    assert_int_equal(notify_send("READY=1"), 0);
    assert_int_equal(notify_send("STOPPING=1\nSTATUS=bye"), 0);
    expect_datagram(manager, "READY=1");
    expect_datagram(manager, "STOPPING=1\nSTATUS=bye");
    assert_int_equal(recv(manager, &(char){0}, 1, 0), -1);
    assert_int_equal(errno, EAGAIN);
}

static void a_manager_at_a_path_hears(void **state)
{
    (void)state;
    struct tree tree;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char path[TREE_PATH_MAX];
    tree_open(&tree, NULL, 0);
    tree_path(&tree, "notify", path);
    if (strlen(path) >= sizeof address.sun_path) {
        tree_close(&tree);
        skip(); /* the temporary directory's own path is too long for any socket */
    }
    memcpy(address.sun_path, path, strlen(path));
    int manager = bound(&address, sizeof address);
    setenv("NOTIFY_SOCKET", path, 1);
    expect_sending_both(manager);
    close(manager);
    assert_int_equal(notify_send("READY=1"), -1);
    assert_int_equal(errno, ECONNREFUSED);
    tree_close(&tree);
    assert_int_equal(notify_send("READY=1"), -1);
    assert_int_equal(errno, ENOENT);
}

static void a_manager_in_the_abstract_space_hears(void **state)
{
    (void)state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char name[64];
    int len = snprintf(name, sizeof name, "@shunt-test-%ld", (long)getpid());
    memcpy(address.sun_path + 1, name + 1, (size_t)len - 1);
    int manager = bound(&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)len));
    setenv("NOTIFY_SOCKET", name, 1);
    expect_sending_both(manager);
    close(manager);
}

static void without_a_manager_nothing_is_done(void **state)
{
    (void)state;
    unsetenv("NOTIFY_SOCKET");
    assert_int_equal(notify_send("READY=1"), 0);
    setenv("NOTIFY_SOCKET", "", 1);
    assert_int_equal(notify_send("READY=1"), 0);
}

static const struct row {
    const char *name;
    int error;
} rows[] = {
    {"relative", EAFNOSUPPORT},
    {"vsock:2:9999", EAFNOSUPPORT},
    {"/0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678",
     ENAMETOOLONG},
};

static void addresses_that_can_not_be_are_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        setenv("NOTIFY_SOCKET", rows[i].name, 1);
        assert_int_equal(notify_send("READY=1"), -1);
        assert_int_equal(errno, rows[i].error);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_manager_at_a_path_hears),
        cmocka_unit_test(a_manager_in_the_abstract_space_hears),
        cmocka_unit_test(without_a_manager_nothing_is_done),
        cmocka_unit_test(addresses_that_can_not_be_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
