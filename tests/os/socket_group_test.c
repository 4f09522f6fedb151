#include "os/socket.h"

#include "os/cpu.h"
#include "os/limits.h"
#include "os/socket_kernel.h"

#include "lib/refuse.h"
#include "lib/tree.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    PATIENCE_MS = 5000,
    SIZE = 2,         /* of most groups */
    CLIENTS = 64,     /* a hash gives them all to one socket of two once in 2^63 times */
    ELSEWHERE = 1000, /* added to a processor's number, it is one that has nothing to do with us */
};

static const struct socket_options plain = {.backlog = CLIENTS};

static struct socket_address parsed(const char *text)
{
    struct socket_address address;
    const char *problem;
    assert_int_equal(socket_address_parse(text, &address, &problem), 0);
    return address;
}

static struct socket_address local(int sock)
{
    struct socket_address address;
    assert_int_equal(socket_local_address(sock, &address), 0);
    return address;
}

/* "127.0.0.1:0" at another socket's port. */
static struct socket_address at_port_of(const char *text, int sock)
{
    struct socket_address address = parsed(text), other = local(sock);
    struct sockaddr_in in;
    memcpy(&in, &other.storage, sizeof in);
    memcpy((char *)&address.storage + offsetof(struct sockaddr_in, sin_port), &in.sin_port, sizeof in.sin_port);
    return address; /* the port lies at the same place in sockaddr_in6 */
}

static int listen_on(const char *text, const int *cpus, int count, int *socks)
{
    struct socket_address address = parsed(text);
    return socket_listen_group(&address, &plain, cpus, count, socks);
}

static void close_all(const int *socks, int count)
{
    for (int i = 0; i < count; i++)
        close(socks[i]);
}

/* The fd that would be opened next: the same as before where nothing was left open. */
static int next_fd(void)
{
    int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    close(fd);
    return fd;
}

static void connect_clients(const struct socket_address *address, int *clients, int count)
{
    for (int i = 0; i < count; i++) {
        clients[i] = socket(address->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(clients[i] >= 0);
        assert_int_equal(connect(clients[i], (const struct sockaddr *)&address->storage, address->len), 0);
    }
}

static int accept_all(int sock)
{
    struct socket_peer peer;
    int count = 0;
    int accepted;
    for (; (accepted = socket_accept(sock, &peer)) >= 0; count++)
        close(accepted);
    return count;
}

/* Accepts all clients: how many at the first of two sockets. */
static int at_the_first(const int socks[SIZE])
{
    uint64_t until = clock_now_ms() + PATIENCE_MS;
    int first = 0, second = 0;
    while (first + second < CLIENTS && clock_now_ms() < until) {
        first += accept_all(socks[0]);
        second += accept_all(socks[1]);
    }
    assert_int_equal(first + second, CLIENTS);
    return first;
}

/* --- spreading --- */

/* Over loopback, a packet arrives on its client's processor, whatever the group says about processors. */
static const struct row {
    const char *name;
    const char *address;
    bool steered; /* to the processor that the client runs on, or another */
} rows[] = {
    {"a group at an IPv4 address", "127.0.0.1:0", false},
    {"a group at an IPv6 address", "[::1]:0", false},
    {"a group at a star", "*:0", false},
    {"a group on processors, at an IPv4 address", "127.0.0.1:0", true},
    {"a group on processors, at an IPv6 address", "[::1]:0", true},
    {"a group on processors, at a star", "*:0", true},
};

enum { ROWS = sizeof rows / sizeof rows[0] };

static bool has_ipv6(void)
{
    struct socket_address address = parsed("[::1]:0");
    int sock = socket_listen(&address, &plain);
    if (sock >= 0)
        close(sock);
    return sock >= 0;
}

static int pinned(void)
{
    struct cpu_set_list usable;
    cpu_usable(&usable);
    assert_int_equal(cpu_pin_self(usable.ids[0]), 0);
    return usable.ids[0];
}

static void expect_same_address(const int socks[SIZE])
{
    struct socket_address one = local(socks[0]), other = local(socks[1]);
    assert_int_equal(one.len, other.len);
    assert_memory_equal(&one.storage, &other.storage, one.len);
    assert_int_equal(one.any, other.any);
}

static void spread(void **state)
{
    const struct row *row = *state;
    int socks[SIZE], clients[CLIENTS];
    int cpu = pinned();
    const int cpus[SIZE] = {cpu, cpu + ELSEWHERE};
    if (strncmp(row->address, "[::1]", 5) == 0 && !has_ipv6())
        skip();
    assert_int_equal(listen_on(row->address, row->steered ? cpus : NULL, SIZE, socks), 0);
    expect_same_address(socks);
    struct socket_address address = at_port_of("127.0.0.1:0", socks[0]);
    if (local(socks[0]).storage.ss_family == AF_INET6 && !local(socks[0]).any)
        address = local(socks[0]);
    connect_clients(&address, clients, CLIENTS);
    assert_in_range(at_the_first(socks), 1, CLIENTS - 1);
    close_all(clients, CLIENTS);
    close_all(socks, SIZE);
}

static void each_socket_of_a_group_is_as_a_lone_one(void **state)
{
    (void)state;
    struct socket_options options = {.backlog = 8, .send_buffer = 20000, .nagle = true};
    struct socket_address address = parsed("127.0.0.1:0");
    int socks[SIZE], size;
    socklen_t len = sizeof size;
    assert_int_equal(socket_listen_group(&address, &options, NULL, SIZE, socks), 0);
    for (int i = 0; i < SIZE; i++) {
        assert_int_equal(fcntl(socks[i], F_GETFL) & O_NONBLOCK, O_NONBLOCK);
        assert_int_equal(fcntl(socks[i], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
        assert_int_equal(getsockopt(socks[i], SOL_SOCKET, SO_SNDBUF, &size, &len), 0);
        assert_in_range(size, 20000, 40000);
        assert_false(socket_is_unix(socks[i]));
    }
    close_all(socks, SIZE);
}

static void a_group_of_one_is_a_lone_listener(void **state)
{
    (void)state;
    int sock, shared, client;
    socklen_t len = sizeof shared;
    assert_int_equal(listen_on("127.0.0.1:0", (int[]){0}, 1, &sock), 0);
    assert_int_equal(getsockopt(sock, SOL_SOCKET, SO_REUSEPORT, &shared, &len), 0);
    assert_int_equal(shared, 0);
    struct socket_address address = local(sock);
    connect_clients(&address, &client, 1);
    assert_int_equal(accept_all(sock), 1);
    close(client);
    close(sock);
}

/* --- an address in use --- */

/* Somebody else's listener, which would share with anybody of the same user. */
static int listen_shared(const char *text)
{
    struct socket_address address = parsed(text);
    int sock = socket_kernel_open(address.storage.ss_family);
    assert_true(sock >= 0);
    assert_int_equal(socket_kernel_share(sock), 0);
    assert_int_equal(bind(sock, (struct sockaddr *)&address.storage, address.len), 0);
    assert_int_equal(listen(sock, 8), 0);
    return sock;
}

enum how { ALONE = 1, IN_A_GROUP, IN_A_GROUP_OF_ONE, SHARED };

static int listen_first(const char *text, enum how how, int socks[SIZE])
{
    switch (how) {
    case ALONE: {
        struct socket_address address = parsed(text);
        socks[0] = socket_listen(&address, &plain);
        return socks[0] >= 0;
    }
    case SHARED:
        socks[0] = listen_shared(text);
        return 1;
    case IN_A_GROUP_OF_ONE:
        return listen_on(text, NULL, 1, socks) == 0 ? 1 : 0;
    default:
        return listen_on(text, NULL, SIZE, socks) == 0 ? SIZE : 0;
    }
}

static const struct use_row {
    const char *name;
    const char *first_address;
    enum how first;
    const char *second_address;
    enum how second;
} use_rows[] = {
    {"a group behind a lone listener", "127.0.0.1:0", ALONE, "127.0.0.1:0", IN_A_GROUP},
    {"a lone listener behind a group", "127.0.0.1:0", IN_A_GROUP, "127.0.0.1:0", ALONE},
    {"a group behind a group", "127.0.0.1:0", IN_A_GROUP, "127.0.0.1:0", IN_A_GROUP},
    {"a group behind somebody who shares", "127.0.0.1:0", SHARED, "127.0.0.1:0", IN_A_GROUP},
    {"a lone listener behind somebody who shares", "127.0.0.1:0", SHARED, "127.0.0.1:0", ALONE},
    {"a group of one behind a group", "127.0.0.1:0", IN_A_GROUP, "127.0.0.1:0", IN_A_GROUP_OF_ONE},
    {"a group behind a group of one", "127.0.0.1:0", IN_A_GROUP_OF_ONE, "127.0.0.1:0", IN_A_GROUP},
    {"a group at a star behind one at an address", "127.0.0.1:0", IN_A_GROUP, "*:0", IN_A_GROUP},
    {"a group at an address behind one at a star", "*:0", IN_A_GROUP, "127.0.0.1:0", IN_A_GROUP},
    {"a group at a star behind a group at a star", "*:0", IN_A_GROUP, "*:0", IN_A_GROUP},
    {"a group at all of IPv4 behind one at an address", "127.0.0.1:0", IN_A_GROUP, "0.0.0.0:0", IN_A_GROUP},
};

enum { USE_ROWS = sizeof use_rows / sizeof use_rows[0] };

static void come_second(void **state)
{
    const struct use_row *row = *state;
    int first[SIZE], second[SIZE], result;
    int count = listen_first(row->first_address, row->first, first);
    assert_true(count > 0);
    int fd = next_fd();
    struct socket_address address = at_port_of(row->second_address, first[0]);
    if (row->second == ALONE)
        result = socket_listen(&address, &plain);
    else
        result = socket_listen_group(&address, &plain, NULL, row->second == IN_A_GROUP ? SIZE : 1, second);
    assert_int_equal(result, -1);
    assert_int_equal(errno, EADDRINUSE);
    assert_int_equal(next_fd(), fd);
    close_all(first, count);
}

/* Two that start at once may both have bound before either listens: then the first to listen wins. */
static void who_has_bound_but_does_not_listen_yet_comes_too_late(void **state)
{
    (void)state;
    struct socket_address address = parsed("127.0.0.1:0");
    int late = socket_kernel_open(AF_INET), socks[SIZE];
    assert_int_equal(setsockopt(late, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)), 0);
    assert_int_equal(bind(late, (struct sockaddr *)&address.storage, address.len), 0);
    address = local(late);
    assert_int_equal(socket_listen_group(&address, &plain, NULL, SIZE, socks), 0);
    assert_int_equal(listen(late, 8), -1);
    assert_int_equal(errno, EADDRINUSE);
    close(late);
    close_all(socks, SIZE);
}

static void a_group_that_was_closed_leaves_its_address_free(void **state)
{
    (void)state;
    int socks[SIZE], client;
    assert_int_equal(listen_on("127.0.0.1:0", NULL, SIZE, socks), 0);
    struct socket_address address = local(socks[1]);
    connect_clients(&address, &client, 1);
    close(client);
    close_all(socks, SIZE);
    assert_int_equal(socket_listen_group(&address, &plain, NULL, SIZE, socks), 0);
    close_all(socks, SIZE);
}

/* --- trouble --- */

static void a_group_that_has_no_room_leaves_nothing_open(void **state)
{
    (void)state;
    struct rlimit before, tight;
    int socks[4] = {-1, -1, -1, -1};
    int fd = next_fd();
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    tight = before;
    tight.rlim_cur = (rlim_t)fd + 3;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    int result = listen_on("127.0.0.1:0", NULL, 4, socks);
    int error = errno;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(result, -1);
    assert_int_equal(error, EMFILE);
    assert_int_equal(next_fd(), fd);
}

static void an_address_that_is_not_ours_is_told(void **state)
{
    (void)state;
    int socks[SIZE];
    assert_int_equal(listen_on("192.0.2.1:0", NULL, SIZE, socks), -1);
    assert_int_equal(errno, EADDRNOTAVAIL);
}

static void a_group_too_large_to_be_steered_is_spread(void **state)
{
    (void)state;
    enum { TOO_MANY = 1025 };
    static int socks[TOO_MANY], cpus[TOO_MANY];
    int clients[CLIENTS], total = 0, most = 0;
    if (limits_raise_files() < TOO_MANY + 2 * CLIENTS)
        skip();
    for (int i = 0; i < TOO_MANY; i++)
        cpus[i] = i;
    assert_int_equal(listen_on("127.0.0.1:0", cpus, TOO_MANY, socks), 0);
    assert_int_equal(socket_kernel_steer(socks[0], cpus, TOO_MANY), -1);
    assert_int_equal(socket_kernel_steer(socks[0], cpus, TOO_MANY - 1), 0);
    struct socket_address address = local(socks[0]);
    connect_clients(&address, clients, CLIENTS);
    for (int i = 0; i < TOO_MANY; i++) {
        int count = accept_all(socks[i]);
        total += count;
        most = count > most ? count : most;
    }
    assert_int_equal(total, CLIENTS);
    assert_true(most < CLIENTS / 2);
    close_all(clients, CLIENTS);
    close_all(socks, TOO_MANY);
}

static void who_shares_with_nobody_is_not_steered(void **state)
{
    (void)state;
    struct socket_address address = parsed("127.0.0.1:0");
    int sock = socket_listen(&address, &plain);
    assert_int_equal(socket_kernel_steer(sock, (int[]){0}, 1), -1);
    close(sock);
}

static void a_kernel_that_knows_no_groups_is_told(void **state)
{
    (void)state;
    int socks[SIZE], sock;
    int fd = next_fd();
    assert_true(refuse_call(SYS_setsockopt, ENOPROTOOPT));
    assert_int_equal(listen_on("127.0.0.1:0", NULL, SIZE, socks), -1);
    assert_int_equal(errno, ENOPROTOOPT);
    assert_int_equal(next_fd(), fd);
    assert_int_equal(listen_on("127.0.0.1:0", NULL, 1, &sock), 0); /* one needs no group */
    close(sock);
}

/* --- unix sockets --- */

static void a_group_at_a_unix_address_is_one_listener(void **state)
{
    (void)state;
    struct tree tree;
    int socks[3], client;
    int before = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    tree_open(&tree, NULL, 0);
    assert_int_equal(chdir(tree.path), 0); /* the directory's path may be longer than an address takes */
    assert_int_equal(listen_on("unix:s", (int[]){0, 1, 2}, 3, socks), 0);
    struct socket_address address = parsed("unix:s");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(fcntl(socks[i], F_GETFL) & O_NONBLOCK, O_NONBLOCK);
        assert_int_equal(fcntl(socks[i], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
        assert_true(socket_is_unix(socks[i]));
        connect_clients(&address, &client, 1);
        assert_int_equal(accept_all(socks[i]), 1); /* whichever asks first has it */
        assert_int_equal(accept_all(socks[(i + 1) % 3]), 0);
        close(client);
    }
    close_all(socks, 2);
    connect_clients(&address, &client, 1);
    assert_int_equal(accept_all(socks[2]), 1);
    close(client);
    close(socks[2]);
    assert_int_equal(fchdir(before), 0);
    close(before);
    tree_close(&tree);
}

/* --- steering ---
 *
 * It needs packets that arrive from outside. Two networks of our own, a tunnel out of each (tun), and this test carries
 * the packets from one to the other: it runs on one processor, and so that is where they arrive.
 */

struct counts {
    bool made; /* we may have networks of our own */
    int accepted[SIZE];
};

static bool open_network(void)
{
    return unshare(CLONE_NEWNET) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0;
}

static bool name_request(struct ifreq *request, const char *address)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    memset(request, 0, sizeof *request);
    memcpy(request->ifr_name, "tunnel", sizeof "tunnel");
    memcpy(&request->ifr_addr, &in, sizeof in);
    if (inet_pton(AF_INET, address, &in.sin_addr) != 1)
        return false;
    memcpy(&request->ifr_addr, &in, sizeof in);
    return true;
}

/* The end of a tunnel into the present network, or -1. */
static int open_tunnel(const char *address)
{
    struct ifreq device = {.ifr_name = "tunnel", .ifr_flags = IFF_TUN | IFF_NO_PI}, ours, mask;
    struct ifreq up = {.ifr_name = "tunnel", .ifr_flags = IFF_UP};
    int tunnel = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    int sock = socket(AF_INET, SOCK_DGRAM, 0);
    bool works = tunnel >= 0 && sock >= 0 && ioctl(tunnel, TUNSETIFF, &device) == 0 && name_request(&ours, address) &&
                 ioctl(sock, SIOCSIFADDR, &ours) == 0 && name_request(&mask, "255.255.255.0") &&
                 ioctl(sock, SIOCSIFNETMASK, &mask) == 0 && ioctl(sock, SIOCSIFFLAGS, &up) == 0;
    close(sock);
    return works ? tunnel : -1;
}

static bool start_clients(const struct socket_address *address)
{
    for (int i = 0; i < CLIENTS; i++) {
        int client = socket_kernel_open(AF_INET);
        if (connect(client, (const struct sockaddr *)&address->storage, address->len) == 0 || errno != EINPROGRESS)
            return false;
    }
    return true;
}

static void carry(int from, int to)
{
    char packet[2048];
    ssize_t len;
    while ((len = read(from, packet, sizeof packet)) > 0) {
        if (write(to, packet, (size_t)len) != len)
            return;
    }
}

static void carry_until_accepted(int server, int client, const int socks[SIZE], struct counts *counts)
{
    uint64_t until = clock_now_ms() + PATIENCE_MS;
    struct pollfd ends[2] = {{.fd = server, .events = POLLIN}, {.fd = client, .events = POLLIN}};
    while (counts->accepted[0] + counts->accepted[1] < CLIENTS && clock_now_ms() < until) {
        poll(ends, 2, 10);
        carry(client, server);
        carry(server, client);
        for (int i = 0; i < SIZE; i++)
            counts->accepted[i] += accept_all(socks[i]);
    }
}

/* In a process of its own, which takes the networks with it. */
static void count_accepted(const int *cpus, struct counts *counts)
{
    int socks[SIZE];
    if (!open_network())
        return;
    int server = open_tunnel("10.0.0.1");
    struct socket_address address = {0};
    const char *problem;
    if (server < 0 || socket_address_parse("10.0.0.1:0", &address, &problem) < 0 ||
        socket_listen_group(&address, &plain, cpus, SIZE, socks) < 0 || socket_local_address(socks[0], &address) < 0)
        return;
    int client = unshare(CLONE_NEWNET) == 0 ? open_tunnel("10.0.0.2") : -1;
    if (client < 0 || !start_clients(&address))
        return;
    counts->made = true;
    carry_until_accepted(server, client, socks, counts);
}

enum { HERE = 1, THERE, OFF }; /* our processor, another one, and none */

static const struct steer_row {
    const char *name;
    bool steered;
    int cpus[SIZE];
    int least, most; /* at the first socket */
} steer_rows[] = {
    {"packets go to the first socket, whose processor they arrive on", true, {HERE, THERE}, CLIENTS, CLIENTS},
    {"packets go to the second socket, whose processor they arrive on", true, {THERE, HERE}, 0, 0},
    {"packets that arrive on nobody's processor are spread", true, {THERE, 2 * THERE}, 1, CLIENTS - 1},
    {"packets are spread where nobody says a processor", false, {0, 0}, 1, CLIENTS - 1},
    {"packets are spread where a processor is listed twice", true, {HERE, HERE}, 1, CLIENTS - 1},
    {"packets are spread where a processor is negative", true, {HERE, OFF}, 1, CLIENTS - 1},
};

enum { STEER_ROWS = sizeof steer_rows / sizeof steer_rows[0] };

static int processor(int cpu, int which)
{
    if (which == OFF)
        return -1;
    return which == HERE ? cpu : cpu + which * ELSEWHERE;
}

static void steer(void **state)
{
    const struct steer_row *row = *state;
    struct counts counts = {0};
    int ends[2], status;
    int cpu = pinned();
    const int cpus[SIZE] = {processor(cpu, row->cpus[0]), processor(cpu, row->cpus[1])};
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        count_accepted(row->steered ? cpus : NULL, &counts);
        _exit(write(ends[1], &counts, sizeof counts) == sizeof counts ? 0 : 1);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &counts, sizeof counts), sizeof counts);
    assert_int_equal(waitpid(child, &status, 0), child);
    close(ends[0]);
    if (!counts.made)
        skip();
    assert_int_equal(counts.accepted[0] + counts.accepted[1], CLIENTS);
    assert_in_range(counts.accepted[0], row->least, row->most);
}

int main(void)
{
    struct CMUnitTest spreads[ROWS], uses[USE_ROWS], steers[STEER_ROWS];
    for (int i = 0; i < ROWS; i++)
        spreads[i] = (struct CMUnitTest){rows[i].name, spread, NULL, NULL, (void *)(uintptr_t)&rows[i]};
    for (int i = 0; i < USE_ROWS; i++)
        uses[i] = (struct CMUnitTest){use_rows[i].name, come_second, NULL, NULL, (void *)(uintptr_t)&use_rows[i]};
    for (int i = 0; i < STEER_ROWS; i++)
        steers[i] = (struct CMUnitTest){steer_rows[i].name, steer, NULL, NULL, (void *)(uintptr_t)&steer_rows[i]};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_socket_of_a_group_is_as_a_lone_one),
        cmocka_unit_test(a_group_of_one_is_a_lone_listener),
        cmocka_unit_test(who_has_bound_but_does_not_listen_yet_comes_too_late),
        cmocka_unit_test(a_group_that_was_closed_leaves_its_address_free),
        cmocka_unit_test(a_group_that_has_no_room_leaves_nothing_open),
        cmocka_unit_test(an_address_that_is_not_ours_is_told),
        cmocka_unit_test(a_group_at_a_unix_address_is_one_listener),
        cmocka_unit_test(who_shares_with_nobody_is_not_steered),
        cmocka_unit_test(a_group_too_large_to_be_steered_is_spread),
        cmocka_unit_test(a_kernel_that_knows_no_groups_is_told), /* last: refuses setsockopt(2) to all behind it */
    };
    return cmocka_run_group_tests(spreads, NULL, NULL) + cmocka_run_group_tests(uses, NULL, NULL) +
           cmocka_run_group_tests(steers, NULL, NULL) + cmocka_run_group_tests(tests, NULL, NULL);
}
