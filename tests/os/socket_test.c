#include "os/socket.h"

#include "lib/refuse.h"
#include "lib/tree.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATIENCE_MS = 5000 };

static const struct socket_options plain = {.backlog = 8};

/* --- addresses --- */

#define PATH_107                                                                                                       \
    "/123456789/123456789/123456789/123456789/123456789/123456789/123456789/123456789/123456789/123456789/123456"

static const struct row {
    const char *name;
    const char *text;
    const char *printed; /* NULL: it is refused */
    const char *problem; /* what the refusal must speak of */
    bool any;
} rows[] = {
    {"an IPv4 address and a port", "127.0.0.1:8080", "127.0.0.1:8080", NULL, false},
    {"all of IPv4", "0.0.0.0:80", "0.0.0.0:80", NULL, false},
    {"the largest IPv4 address and port", "255.255.255.255:65535", "255.255.255.255:65535", NULL, false},
    {"an IPv6 address and a port", "[::1]:8080", "[::1]:8080", NULL, false},
    {"a full IPv6 address", "[2001:db8:1111:2222:3333:4444:5555:6666]:1", "[2001:db8:1111:2222:3333:4444:5555:6666]:1",
     NULL, false},
    {"all of IPv6", "[::]:80", "[::]:80", NULL, false},
    {"IPv4 in IPv6 is printed as IPv4", "[::ffff:192.0.2.1]:80", "192.0.2.1:80", NULL, false},
    {"a star is everybody", "*:80", "[::]:80", NULL, true},
    {"a bare port is loopback", "8080", "127.0.0.1:8080", NULL, false},
    {"port 0 is any free one", "0", "127.0.0.1:0", NULL, false},
    {"localhost is loopback", "localhost:8080", "127.0.0.1:8080", NULL, false},
    {"a unix socket", "unix:/run/x.sock", "unix:/run/x.sock", NULL, false},
    {"a unix socket with a relative path", "unix:x.sock", "unix:x.sock", NULL, false},
    {"a unix socket whose path has a colon", "unix:/run/x:80", "unix:/run/x:80", NULL, false},
    {"a unix socket with the longest path", "unix:" PATH_107, "unix:" PATH_107, NULL, false},
    {"nothing", "", NULL, "an address is missing", false},
    {"a port too large", "127.0.0.1:65536", NULL, "from 0 to 65535", false},
    {"a port so large that 32 bits make 80 of it", "127.0.0.1:4294967376", NULL, "from 0 to 65535", false},
    {"a bare port too large", "65536", NULL, "from 0 to 65535", false},
    {"a negative port", "127.0.0.1:-1", NULL, "from 0 to 65535", false},
    {"a port with a sign", "127.0.0.1:+80", NULL, "from 0 to 65535", false},
    {"a port with a space", "127.0.0.1: 80", NULL, "from 0 to 65535", false},
    {"a port with something behind", "127.0.0.1:80x", NULL, "from 0 to 65535", false},
    {"an empty port", "127.0.0.1:", NULL, "from 0 to 65535", false},
    {"an empty port behind a star", "*:", NULL, "from 0 to 65535", false},
    {"an empty port behind brackets", "[::1]:", NULL, "from 0 to 65535", false},
    {"an IPv4 address without a port", "127.0.0.1", NULL, "a port is missing", false},
    {"localhost without a port", "localhost", NULL, "a port is missing", false},
    {"a star without a port", "*", NULL, "a port must follow the star", false},
    {"a star and a bare port", "*80", NULL, "a port must follow the star", false},
    {"an IPv6 address without a port", "[::1]", NULL, "a port must follow the brackets", false},
    {"an IPv6 address without brackets", "::1", NULL, "goes in brackets", false},
    {"an IPv6 address without brackets, but with a port", "2001:db8:1:2:3:4:5:6:80", NULL, "goes in brackets", false},
    {"an IPv6 address that ends like a port", "::1:8080", NULL, "goes in brackets", false},
    {"a URL", "http://127.0.0.1:8080/", NULL, "not a URL", false},
    {"a URL of a name", "http://localhost", NULL, "not a URL", false},
    {"brackets that don't close", "[::1:8080", NULL, "brackets hold an IPv6 address", false},
    {"brackets around IPv4", "[127.0.0.1]:80", NULL, "brackets hold an IPv6 address", false},
    {"brackets around nothing", "[]:80", NULL, "brackets hold an IPv6 address", false},
    {"brackets around too much", "[11111111111111111111111111111111111111111111111111111111]:80", NULL,
     "brackets hold an IPv6 address", false},
    {"a name", "example.com:80", NULL, "names are not looked up", false},
    {"a name without a port", "example.com", NULL, "names are not looked up", false},
    {"a name that is very long", "a-name-that-is-longer-than-any-address-could-ever-be.example.com:80", NULL,
     "names are not looked up", false},
    {"an address that only begins well", "127.0.0.1 :80", NULL, "names are not looked up", false},
    {"a number above 255", "127.0.0.256:80", NULL, "four numbers from 0 to 255", false},
    {"three numbers", "127.0.1:80", NULL, "four numbers from 0 to 255", false},
    {"no address before the colon", ":80", NULL, "missing before the colon", false},
    {"a unix socket without a path", "unix:", NULL, "needs a path", false},
    {"a unix socket whose path is too long", "unix:" PATH_107 "x", NULL, "too long", false},
};

enum { ROWS = sizeof rows / sizeof rows[0] };

static void parse(void **state)
{
    const struct row *row = *state;
    struct socket_address address;
    const char *problem = NULL;
    char printed[SOCKET_NAME_MAX];
    int parsed = socket_address_parse(row->text, &address, &problem);
    if (row->printed != NULL) {
        assert_int_equal(parsed, 0);
        socket_address_print((struct sockaddr *)&address.storage, printed);
        assert_string_equal(printed, row->printed);
        assert_int_equal(address.any, row->any);
    } else {
        assert_int_equal(parsed, -1);
        assert_non_null(problem);
        if (strstr(problem, row->problem) == NULL)
            fail_msg("\"%s\" was refused with \"%s\"", row->text, problem);
    }
}

static void an_address_of_another_family_is_printed(void **state)
{
    (void)state;
    char printed[SOCKET_NAME_MAX];
    socket_address_print(&(struct sockaddr){.sa_family = AF_UNSPEC}, printed);
    assert_string_equal(printed, "family 0");
}

static const struct peer_row {
    const char *name;
    struct socket_peer peer;
    const char *printed;
} peer_rows[] = {
    {"a peer of IPv4", {{192, 0, 2, 1}, AF_INET}, "192.0.2.1"},
    {"a peer of IPv6", {{0x20, 1, 0xd, 0xb8, [15] = 1}, AF_INET6}, "2001:db8::1"},
    {"a peer of IPv6 loopback", {{[15] = 1}, AF_INET6}, "::1"},
    {"a peer of IPv4 in IPv6", {{[10] = 0xff, [11] = 0xff, 192, 0, 2, 1}, AF_INET6}, "192.0.2.1"},
    {"a peer of a unix socket", {{0}, AF_UNIX}, "unix:"},
};

enum { PEER_ROWS = sizeof peer_rows / sizeof peer_rows[0] };

static void print_peer(void **state)
{
    const struct peer_row *row = *state;
    char printed[SOCKET_NAME_MAX];
    assert_int_equal(socket_peer_print(&row->peer, printed), strlen(row->printed));
    assert_string_equal(printed, row->printed);
}

/* --- listeners --- */

static struct socket_address parsed(const char *text)
{
    struct socket_address address;
    const char *problem;
    assert_int_equal(socket_address_parse(text, &address, &problem), 0);
    return address;
}

static int listen_on(const char *text, const struct socket_options *options)
{
    struct socket_address address = parsed(text);
    return socket_listen(&address, options);
}

static int option(int sock, int level, int name)
{
    int value = -1;
    socklen_t len = sizeof value;
    assert_int_equal(getsockopt(sock, level, name, &value, &len), 0);
    return value;
}

static in_port_t port_of(int sock)
{
    struct sockaddr_in in;
    struct socket_address address;
    assert_int_equal(socket_local_address(sock, &address), 0);
    memcpy(&in, &address.storage, sizeof in); /* the port lies at the same place in sockaddr_in6 */
    return in.sin_port;
}

/* A client's socket that is connected, or -1. */
static int connected(const struct sockaddr *address, socklen_t len)
{
    int sock = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(sock >= 0);
    if (connect(sock, address, len) == 0)
        return sock;
    close(sock);
    return -1;
}

static int connected_ipv4(in_port_t port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = port, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return connected((struct sockaddr *)&in, sizeof in);
}

static int connected_ipv6(in_port_t port)
{
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = port, .sin6_addr = in6addr_loopback};
    return connected((struct sockaddr *)&in6, sizeof in6);
}

static void await(int sock, short events)
{
    assert_int_equal(poll(&(struct pollfd){.fd = sock, .events = events}, 1, PATIENCE_MS), 1);
}

static int accepted(int listener, const char *expected_peer)
{
    struct socket_peer peer;
    char printed[SOCKET_NAME_MAX];
    await(listener, POLLIN);
    int sock = socket_accept(listener, &peer);
    assert_true(sock >= 0);
    socket_peer_print(&peer, printed);
    assert_string_equal(printed, expected_peer);
    return sock;
}

static void port_0_becomes_a_real_port(void **state)
{
    (void)state;
    struct socket_address address;
    char printed[SOCKET_NAME_MAX], expected[SOCKET_NAME_MAX];
    int listener = listen_on("127.0.0.1:0", &plain);
    assert_true(listener >= 0);
    assert_int_not_equal(port_of(listener), 0);
    assert_int_equal(socket_local_address(listener, &address), 0);
    assert_false(address.any);
    socket_address_print((struct sockaddr *)&address.storage, printed);
    snprintf(expected, sizeof expected, "127.0.0.1:%d", ntohs(port_of(listener)));
    assert_string_equal(printed, expected);
    close(listener);
}

static void a_connection_inherits_what_the_listener_has(void **state)
{
    (void)state;
    struct socket_options options = {.backlog = 8, .send_buffer = 20000};
    int listener = listen_on("127.0.0.1:0", &options);
    int client = connected_ipv4(port_of(listener));
    int sock = accepted(listener, "127.0.0.1");
    assert_int_equal(option(sock, IPPROTO_TCP, TCP_NODELAY), 1);
    assert_int_equal(option(sock, SOL_SOCKET, SO_KEEPALIVE), 1);
    assert_int_equal(option(sock, IPPROTO_TCP, TCP_KEEPIDLE), 60);
    assert_in_range(option(sock, SOL_SOCKET, SO_SNDBUF), 20000, 40000);
    assert_int_equal(fcntl(sock, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    assert_int_equal(fcntl(sock, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_int_equal(fcntl(listener, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    assert_int_equal(fcntl(listener, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    close(sock);
    close(client);
    close(listener);
}

static const struct tuned_row {
    const char *name;
    struct socket_options options;
    int option; /* of TCP */
    int value;
} tuned_rows[] = {
    {"Nagle's algorithm is off", {.backlog = 8}, TCP_NODELAY, 1},
    {"Nagle's algorithm is left on where asked", {.backlog = 8, .nagle = true}, TCP_NODELAY, 0},
};

enum { TUNED_ROWS = sizeof tuned_rows / sizeof tuned_rows[0] };

static void inherit_option(void **state)
{
    const struct tuned_row *row = *state;
    int listener = listen_on("127.0.0.1:0", &row->options);
    int client = connected_ipv4(port_of(listener));
    int sock = accepted(listener, "127.0.0.1");
    assert_int_equal(option(sock, IPPROTO_TCP, row->option), row->value);
    close(sock);
    close(client);
    close(listener);
}

static const struct linger_row {
    const char *name;
    struct socket_options options;
    struct linger linger;
    bool reset;    /* what the peer meets when we close with bytes unsent */
    uint64_t most; /* ms that closing may take … */
    uint64_t least;
} linger_rows[] = {
    {"closing doesn't linger", {.backlog = 8, .send_buffer = 4096}, {0, 0}, false, 800, 0},
    {"lingering for no time resets", {.backlog = 8, .send_buffer = 4096, .linger = true}, {1, 0}, true, 800, 0},
    {"lingering waits for the peer",
     {.backlog = 8, .send_buffer = 4096, .linger = true, .linger_s = 1},
     {1, 1},
     false,
     PATIENCE_MS,
     900},
};

enum { LINGER_ROWS = sizeof linger_rows / sizeof linger_rows[0] };

/* Until nothing more is taken, be it that the peer is only late to acknowledge. */
static void fill(int sock)
{
    static const char bytes[65536];
    size_t sent;
    while (poll(&(struct pollfd){.fd = sock, .events = POLLOUT}, 1, 300) == 1)
        socket_send(sock, bytes, sizeof bytes, &sent);
}

/* How the peer's bytes end: with 0, or with errno. */
static int drained(int client)
{
    static char sink[65536];
    ssize_t n;
    do
        n = recv(client, sink, sizeof sink, 0);
    while (n > 0);
    return n == 0 ? 0 : errno;
}

static void close_unsent(void **state)
{
    const struct linger_row *row = *state;
    struct linger linger;
    socklen_t len = sizeof linger;
    int listener = listen_on("127.0.0.1:0", &row->options);
    int client = connected_ipv4(port_of(listener));
    int sock = accepted(listener, "127.0.0.1");
    assert_int_equal(getsockopt(sock, SOL_SOCKET, SO_LINGER, &linger, &len), 0);
    assert_int_equal(linger.l_onoff, row->linger.l_onoff);
    assert_int_equal(linger.l_linger, row->linger.l_linger);
    fill(sock);
    uint64_t before = clock_now_ms();
    close(sock);
    assert_in_range(clock_now_ms() - before, row->least, row->most);
    assert_int_equal(drained(client), row->reset ? ECONNRESET : 0);
    close(client);
    close(listener);
}

static const struct congestion_row {
    const char *name;
    const char *asked;
    int error;
} congestion_rows[] = {
    {"the congestion control that was asked for", "reno", 0},
    {"no congestion control asked for is the system's", NULL, 0},
    {"a congestion control that nobody knows", "carrier-pigeon", ENOENT},
    {"a congestion control whose name is too long", "a-congestion-control-with-a-name-that-is-too-long", ENOENT},
    {"a congestion control without a name", "", ENOENT},
};

enum { CONGESTION_ROWS = sizeof congestion_rows / sizeof congestion_rows[0] };

static void read_congestion(int sock, char name[64])
{
    socklen_t len = 63;
    memset(name, 0, 64);
    assert_int_equal(getsockopt(sock, IPPROTO_TCP, TCP_CONGESTION, name, &len), 0);
}

static void control_congestion(void **state)
{
    const struct congestion_row *row = *state;
    char name[64], expected[64] = "";
    int listener = listen_on("127.0.0.1:0", &(struct socket_options){.backlog = 8, .congestion = row->asked});
    if (row->error != 0) {
        assert_int_equal(listener, -1);
        assert_int_equal(errno, row->error);
        return;
    }
    assert_true(listener >= 0);
    int client = connected_ipv4(port_of(listener));
    int sock = accepted(listener, "127.0.0.1");
    read_congestion(sock, name);
    read_congestion(client, expected); /* the client is as the system makes it */
    assert_string_equal(name, row->asked != NULL ? row->asked : expected);
    close(sock);
    close(client);
    close(listener);
}

static void accepting_is_deferred_where_asked(void **state)
{
    (void)state;
    struct socket_options options = {.backlog = 8, .defer_accept = true};
    struct socket_peer peer;
    int listener = listen_on("127.0.0.1:0", &options);
    int client = connected_ipv4(port_of(listener));
    assert_int_equal(socket_accept(listener, &peer), -1);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(write(client, "x", 1), 1);
    close(accepted(listener, "127.0.0.1"));
    close(client);
    close(listener);
}

static void nobody_to_accept_is_eagain(void **state)
{
    (void)state;
    struct socket_peer peer;
    int listener = listen_on("127.0.0.1:0", &plain);
    assert_int_equal(socket_accept(listener, &peer), -1);
    assert_int_equal(errno, EAGAIN);
    close(listener);
}

static void no_room_for_another_fd_is_told(void **state)
{
    (void)state;
    struct rlimit before, none;
    struct socket_peer peer;
    int listener = listen_on("127.0.0.1:0", &plain);
    int client = connected_ipv4(port_of(listener));
    await(listener, POLLIN);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = (rlim_t)client + 1;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    int sock = socket_accept(listener, &peer);
    int error = errno;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(sock, -1);
    assert_int_equal(error, EMFILE);
    close(accepted(listener, "127.0.0.1")); /* it still waits */
    close(client);
    close(listener);
}

static void what_does_not_listen_can_not_accept(void **state)
{
    (void)state;
    struct socket_peer peer;
    int sock = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(socket_accept(sock, &peer), -1);
    assert_int_equal(errno, EOPNOTSUPP);
    close(sock);
    assert_int_equal(socket_local_address(-1, &(struct socket_address){0}), -1);
    assert_int_equal(errno, EBADF);
}

static void a_port_in_use_is_told(void **state)
{
    (void)state;
    char text[32];
    int listener = listen_on("127.0.0.1:0", &plain);
    snprintf(text, sizeof text, "127.0.0.1:%d", ntohs(port_of(listener)));
    assert_int_equal(listen_on(text, &plain), -1);
    assert_int_equal(errno, EADDRINUSE);
    close(listener);
}

static void an_address_that_is_not_ours_is_told(void **state)
{
    (void)state;
    assert_int_equal(listen_on("192.0.2.1:0", &plain), -1);
    assert_int_equal(errno, EADDRNOTAVAIL);
}

/* A connection that we closed first leaves the port in TIME_WAIT; a restart must not wait for it. */
static void a_port_just_used_can_be_listened_on_again(void **state)
{
    (void)state;
    char text[32];
    int listener = listen_on("127.0.0.1:0", &plain);
    snprintf(text, sizeof text, "127.0.0.1:%d", ntohs(port_of(listener)));
    int client = connected_ipv4(port_of(listener));
    close(accepted(listener, "127.0.0.1"));
    close(client);
    close(listener);
    listener = listen_on(text, &plain);
    assert_true(listener >= 0);
    close(listener);
}

/* Whether this machine has IPv6 on loopback at all. */
static bool has_ipv6(void)
{
    int listener = listen_on("[::1]:0", &plain);
    if (listener >= 0)
        close(listener);
    return listener >= 0;
}

static void a_star_takes_ipv4_and_ipv6(void **state)
{
    (void)state;
    struct socket_address address;
    int listener = listen_on("*:0", &plain);
    assert_true(listener >= 0);
    int client = connected_ipv4(port_of(listener));
    assert_true(client >= 0);
    close(accepted(listener, "127.0.0.1"));
    close(client);
    if (has_ipv6()) {
        assert_int_equal(socket_local_address(listener, &address), 0);
        assert_true(address.any);
        client = connected_ipv6(port_of(listener));
        assert_true(client >= 0);
        close(accepted(listener, "::1"));
        close(client);
    }
    close(listener);
}

static void all_of_ipv6_is_not_ipv4(void **state)
{
    (void)state;
    struct socket_address address;
    if (!has_ipv6())
        skip();
    int listener = listen_on("[::]:0", &plain);
    assert_true(listener >= 0);
    assert_int_equal(socket_local_address(listener, &address), 0);
    assert_false(address.any);
    assert_int_equal(connected_ipv4(port_of(listener)), -1);
    assert_int_equal(errno, ECONNREFUSED);
    close(listener);
}

static void a_star_is_ipv4_where_there_is_no_ipv6(void **state)
{
    (void)state;
    char printed[SOCKET_NAME_MAX];
    struct socket_address address;
    assert_true(refuse_call_on(SYS_socket, AF_INET6, EAFNOSUPPORT));
    assert_int_equal(listen_on("[::]:0", &plain), -1);
    assert_int_equal(errno, EAFNOSUPPORT);
    int listener = listen_on("*:0", &plain);
    assert_true(listener >= 0);
    int client = connected_ipv4(port_of(listener));
    close(accepted(listener, "127.0.0.1"));
    assert_int_equal(socket_local_address(listener, &address), 0);
    assert_false(address.any);
    socket_address_print((struct sockaddr *)&address.storage, printed);
    assert_memory_equal(printed, "0.0.0.0:", 8);
    close(client);
    close(listener);
}

/* What an option can't buy is done without, but for the one that was asked for by name. */
static void a_congestion_control_that_is_not_allowed_is_told(void **state)
{
    (void)state;
    struct socket_options named = {.backlog = 8, .congestion = "reno"};
    struct socket_options others = {.backlog = 8, .send_buffer = 20000, .defer_accept = true, .linger = true};
    assert_true(refuse_call(SYS_setsockopt, EPERM));
    assert_int_equal(listen_on("127.0.0.1:0", &named), -1);
    assert_int_equal(errno, EPERM);
    int listener = listen_on("127.0.0.1:0", &others);
    assert_true(listener >= 0);
    close(listener);
}

/* --- unix sockets: relative paths, as the temporary directory's may be longer than an address takes --- */

struct world {
    struct tree tree;
    int before;
};

static void make_world(struct world *world)
{
    tree_open(&world->tree, &(struct tree_row){TREE_FILE, "ordinary", "precious", 0}, 1);
    world->before = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(chdir(world->tree.path), 0);
}

static void end_world(struct world *world)
{
    assert_int_equal(fchdir(world->before), 0);
    close(world->before);
    tree_close(&world->tree);
}

static void expect_in_use(const char *text)
{
    assert_int_equal(listen_on(text, &plain), -1);
    assert_int_equal(errno, EADDRINUSE);
}

static void a_unix_socket_takes_connections(void **state)
{
    (void)state;
    struct world world;
    char printed[SOCKET_NAME_MAX];
    make_world(&world);
    int listener = listen_on("unix:s", &plain);
    assert_true(listener >= 0);
    struct socket_address address = parsed("unix:s");
    int client = connected((struct sockaddr *)&address.storage, address.len);
    assert_true(client >= 0);
    close(accepted(listener, "unix:"));
    close(client);
    assert_int_equal(socket_local_address(listener, &address), 0);
    socket_address_print((struct sockaddr *)&address.storage, printed);
    assert_string_equal(printed, "unix:s");
    assert_false(address.any);
    close(listener);
    end_world(&world);
}

static void what_is_tcps_is_nothing_to_a_unix_socket(void **state)
{
    (void)state;
    struct socket_options options = {
        .backlog = 8, .nagle = true, .defer_accept = true, .linger = true, .congestion = "carrier-pigeon"};
    struct world world;
    make_world(&world);
    int listener = listen_on("unix:s", &options);
    assert_true(listener >= 0);
    assert_int_equal(option(listener, SOL_SOCKET, SO_LINGER), 0);
    close(listener);
    end_world(&world);
}

static void a_stale_unix_socket_is_replaced(void **state)
{
    (void)state;
    struct world world;
    struct stat st;
    make_world(&world);
    close(listen_on("unix:s", &plain));
    assert_int_equal(lstat("s", &st), 0); /* it is left behind */
    int listener = listen_on("unix:s", &plain);
    assert_true(listener >= 0);
    struct socket_address address = parsed("unix:s");
    int client = connected((struct sockaddr *)&address.storage, address.len);
    assert_true(client >= 0);
    close(client);
    close(listener);
    end_world(&world);
}

static void a_unix_socket_in_use_is_left_alone(void **state)
{
    (void)state;
    struct world world;
    make_world(&world);
    int listener = listen_on("unix:s", &plain);
    expect_in_use("unix:s");
    struct socket_address address = parsed("unix:s");
    int client = connected((struct sockaddr *)&address.storage, address.len);
    assert_true(client >= 0);
    close(client);
    close(listener);
    end_world(&world);
}

static void a_unix_socket_whose_backlog_is_full_is_left_alone(void **state)
{
    (void)state;
    struct world world;
    make_world(&world);
    int listener = listen_on("unix:s", &(struct socket_options){.backlog = 0});
    struct socket_address address = parsed("unix:s");
    int client = connected((struct sockaddr *)&address.storage, address.len);
    assert_true(client >= 0);
    expect_in_use("unix:s");
    assert_int_equal(access("s", F_OK), 0);
    close(client);
    close(listener);
    end_world(&world);
}

static void an_ordinary_file_is_never_deleted(void **state)
{
    (void)state;
    struct world world;
    char bytes[16] = "";
    make_world(&world);
    expect_in_use("unix:ordinary");
    int fd = open("ordinary", O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(fd, bytes, sizeof bytes - 1), 8);
    assert_string_equal(bytes, "precious");
    close(fd);
    end_world(&world);
}

static void what_is_no_socket_is_never_deleted(void **state)
{
    (void)state;
    static const struct tree_row others[] = {
        {TREE_LINK, "link", "stale", 0},
        {TREE_LINK, "dangling", "nothing", 0},
        {TREE_DIRECTORY, "directory", NULL, 0},
        {TREE_FIFO, "fifo", NULL, 0},
    };
    struct world world;
    struct stat st;
    make_world(&world);
    close(listen_on("unix:stale", &plain));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        char text[32];
        tree_add(&world.tree, &others[i]);
        snprintf(text, sizeof text, "unix:%s", others[i].path);
        expect_in_use(text);
        assert_int_equal(lstat(others[i].path, &st), 0);
        assert_false(S_ISSOCK(st.st_mode));
    }
    assert_int_equal(access("stale", F_OK), 0);
    end_world(&world);
}

static void a_unix_socket_in_a_missing_directory_is_told(void **state)
{
    (void)state;
    struct world world;
    make_world(&world);
    assert_int_equal(listen_on("unix:missing/s", &plain), -1);
    assert_int_equal(errno, ENOENT);
    end_world(&world);
}

/* --- steps --- */

struct pair {
    int listener;
    int ours;
    int theirs;
};

static void make_pair(struct pair *pair)
{
    pair->listener = listen_on("127.0.0.1:0", &(struct socket_options){.backlog = 8, .send_buffer = 4096});
    pair->theirs = connected_ipv4(port_of(pair->listener));
    pair->ours = accepted(pair->listener, "127.0.0.1");
}

static void end_pair(struct pair *pair)
{
    close(pair->ours);
    close(pair->theirs);
    close(pair->listener);
}

static void receiving_tells_bytes_silence_and_the_end_apart(void **state)
{
    (void)state;
    struct pair pair;
    char bytes[8];
    size_t received = 99;
    make_pair(&pair);
    assert_int_equal(socket_receive(pair.ours, bytes, sizeof bytes, &received), IO_AGAIN);
    assert_int_equal(received, 0);
    assert_int_equal(write(pair.theirs, "hello", 5), 5);
    await(pair.ours, POLLIN);
    assert_int_equal(socket_receive(pair.ours, bytes, sizeof bytes, &received), IO_DONE);
    assert_int_equal(received, 5);
    assert_memory_equal(bytes, "hello", 5);
    assert_int_equal(shutdown(pair.theirs, SHUT_WR), 0);
    await(pair.ours, POLLIN);
    assert_int_equal(socket_receive(pair.ours, bytes, sizeof bytes, &received), IO_DONE);
    assert_int_equal(received, 0);
    end_pair(&pair);
}

static void a_reset_is_a_failure(void **state)
{
    (void)state;
    struct pair pair;
    char byte;
    size_t received = 99;
    make_pair(&pair);
    struct linger none = {.l_onoff = 1};
    assert_int_equal(setsockopt(pair.theirs, SOL_SOCKET, SO_LINGER, &none, sizeof none), 0);
    close(pair.theirs);
    pair.theirs = -1;
    await(pair.ours, POLLIN);
    assert_int_equal(socket_receive(pair.ours, &byte, 1, &received), IO_FAILED);
    assert_int_equal(errno, ECONNRESET);
    assert_int_equal(received, 0);
    end_pair(&pair);
}

static void sending_says_how_much_was_taken(void **state)
{
    (void)state;
    enum { LOT = 64 * 1024 * 1024 };
    struct pair pair;
    char bytes[8];
    size_t sent;
    char *lot = calloc(1, LOT);
    assert_non_null(lot);
    make_pair(&pair);
    assert_int_equal(socket_send(pair.ours, "hello", 5, &sent), IO_DONE);
    assert_int_equal(sent, 5);
    assert_int_equal(recv(pair.theirs, bytes, sizeof bytes, 0), 5);
    assert_int_equal(socket_send(pair.ours, lot, LOT, &sent), IO_AGAIN);
    assert_in_range(sent, 1, LOT - 1);
    for (int i = 0; i < 1000 && sent > 0; i++)
        assert_int_equal(socket_send(pair.ours, lot, LOT, &sent), IO_AGAIN);
    assert_int_equal(sent, 0);
    free(lot);
    end_pair(&pair);
}

/* The program has SIGPIPE's default here: a signal would end it. */
static void sending_to_nobody_fails_without_a_signal(void **state)
{
    (void)state;
    struct pair pair;
    size_t sent = 99;
    make_pair(&pair);
    socket_shutdown_send(pair.ours);
    assert_int_equal(socket_send(pair.ours, "x", 1, &sent), IO_FAILED);
    assert_int_equal(errno, EPIPE);
    assert_int_equal(sent, 0);
    end_pair(&pair);
}

static void what_the_peer_has_not_taken_is_counted(void **state)
{
    (void)state;
    struct pair pair;
    static const char bytes[65536];
    size_t sent, total = 0;
    make_pair(&pair);
    assert_int_equal(socket_unsent(pair.ours), 0);
    while (socket_send(pair.ours, bytes, sizeof bytes, &sent) == IO_DONE || sent > 0)
        total += sent;
    int unsent = socket_unsent(pair.ours);
    assert_in_range(unsent, 1, total);
    static char sink[65536];
    for (int i = 0; i < 1000 && socket_unsent(pair.ours) >= unsent; i++)
        assert_true(recv(pair.theirs, sink, sizeof sink, 0) > 0);
    assert_true(socket_unsent(pair.ours) < unsent);
    assert_int_equal(socket_unsent(-1), -1);
    end_pair(&pair);
}

static void shutting_down_our_half_leaves_the_other(void **state)
{
    (void)state;
    struct pair pair;
    char byte;
    size_t received;
    make_pair(&pair);
    socket_shutdown_send(pair.ours);
    assert_int_equal(recv(pair.theirs, &byte, 1, 0), 0);
    assert_int_equal(write(pair.theirs, "x", 1), 1);
    await(pair.ours, POLLIN);
    assert_int_equal(socket_receive(pair.ours, &byte, 1, &received), IO_DONE);
    assert_int_equal(received, 1);
    socket_shutdown(pair.ours);
    assert_int_equal(socket_receive(pair.ours, &byte, 1, &received), IO_DONE);
    assert_int_equal(received, 0);
    end_pair(&pair);
}

int main(void)
{
    struct CMUnitTest addresses[ROWS], peers[PEER_ROWS];
    struct CMUnitTest tuned[TUNED_ROWS], lingers[LINGER_ROWS], congestions[CONGESTION_ROWS];
    for (int i = 0; i < ROWS; i++)
        addresses[i] = (struct CMUnitTest){rows[i].name, parse, NULL, NULL, (void *)(uintptr_t)&rows[i]};
    for (int i = 0; i < PEER_ROWS; i++)
        peers[i] = (struct CMUnitTest){peer_rows[i].name, print_peer, NULL, NULL, (void *)(uintptr_t)&peer_rows[i]};
    for (int i = 0; i < TUNED_ROWS; i++)
        tuned[i] =
            (struct CMUnitTest){tuned_rows[i].name, inherit_option, NULL, NULL, (void *)(uintptr_t)&tuned_rows[i]};
    for (int i = 0; i < LINGER_ROWS; i++)
        lingers[i] =
            (struct CMUnitTest){linger_rows[i].name, close_unsent, NULL, NULL, (void *)(uintptr_t)&linger_rows[i]};
    for (int i = 0; i < CONGESTION_ROWS; i++)
        congestions[i] = (struct CMUnitTest){congestion_rows[i].name, control_congestion, NULL, NULL,
                                             (void *)(uintptr_t)&congestion_rows[i]};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_of_another_family_is_printed),
        cmocka_unit_test(port_0_becomes_a_real_port),
        cmocka_unit_test(a_connection_inherits_what_the_listener_has),
        cmocka_unit_test(accepting_is_deferred_where_asked),
        cmocka_unit_test(nobody_to_accept_is_eagain),
        cmocka_unit_test(no_room_for_another_fd_is_told),
        cmocka_unit_test(what_does_not_listen_can_not_accept),
        cmocka_unit_test(a_port_in_use_is_told),
        cmocka_unit_test(an_address_that_is_not_ours_is_told),
        cmocka_unit_test(a_port_just_used_can_be_listened_on_again),
        cmocka_unit_test(a_star_takes_ipv4_and_ipv6),
        cmocka_unit_test(all_of_ipv6_is_not_ipv4),
        cmocka_unit_test(a_unix_socket_takes_connections),
        cmocka_unit_test(what_is_tcps_is_nothing_to_a_unix_socket),
        cmocka_unit_test(a_stale_unix_socket_is_replaced),
        cmocka_unit_test(a_unix_socket_in_use_is_left_alone),
        cmocka_unit_test(a_unix_socket_whose_backlog_is_full_is_left_alone),
        cmocka_unit_test(an_ordinary_file_is_never_deleted),
        cmocka_unit_test(what_is_no_socket_is_never_deleted),
        cmocka_unit_test(a_unix_socket_in_a_missing_directory_is_told),
        cmocka_unit_test(receiving_tells_bytes_silence_and_the_end_apart),
        cmocka_unit_test(a_reset_is_a_failure),
        cmocka_unit_test(sending_says_how_much_was_taken),
        cmocka_unit_test(sending_to_nobody_fails_without_a_signal),
        cmocka_unit_test(what_the_peer_has_not_taken_is_counted),
        cmocka_unit_test(shutting_down_our_half_leaves_the_other),
        cmocka_unit_test(a_star_is_ipv4_where_there_is_no_ipv6), /* from here on: refused to all that comes behind */
        cmocka_unit_test(a_congestion_control_that_is_not_allowed_is_told),
    };
    return cmocka_run_group_tests(addresses, NULL, NULL) + cmocka_run_group_tests(peers, NULL, NULL) +
           cmocka_run_group_tests(tuned, NULL, NULL) + cmocka_run_group_tests(lingers, NULL, NULL) +
           cmocka_run_group_tests(congestions, NULL, NULL) + cmocka_run_group_tests(tests, NULL, NULL);
}
