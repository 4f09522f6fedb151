/*
 * socket: listeners made, connections accepted, and single steps of input and output.
 *
 * What differs between kernels is behind socket_kernel.h; addresses are read and printed in socket_address.c.
 */
#include "os/socket.h"

#include "os/socket_kernel.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { IDLE_S = 60 }; /* a silent connection is probed after this */

/* --- listeners --- */

static int set(int sock, int level, int option, int value)
{
    return setsockopt(sock, level, option, &value, sizeof value);
}

/* A socket's file outlives the process that bound it. Only one that is a socket, and that refuses us, is stale:
 * anything else, an ordinary file above all, is somebody's. */
static bool is_stale(const struct sockaddr *address, socklen_t len)
{
    struct sockaddr_un un = {0};
    struct stat st;
    memcpy(&un, address, len);
    if (lstat(un.sun_path, &st) != 0 || !S_ISSOCK(st.st_mode))
        return false;
    int probe = socket_kernel_open(AF_UNIX);
    if (probe < 0)
        return false;
    bool refused = connect(probe, address, len) != 0 && errno == ECONNREFUSED;
    close(probe);
    return refused && unlink(un.sun_path) == 0;
}

static int bind_to(int sock, const struct sockaddr *address, socklen_t len)
{
    if (bind(sock, address, len) == 0)
        return 0;
    if (errno != EADDRINUSE || address->sa_family != AF_UNIX)
        return -1;
    if (is_stale(address, len))
        return bind(sock, address, len);
    errno = EADDRINUSE;
    return -1;
}

/* What is left out here is only slower; the one option that changes who is served is IPV6_V6ONLY. */
static int tune(int sock, int family, bool any, const struct socket_options *options)
{
    if (options->send_buffer > 0)
        set(sock, SOL_SOCKET, SO_SNDBUF, options->send_buffer);
    if (family == AF_UNIX)
        return 0;
    set(sock, SOL_SOCKET, SO_REUSEADDR, 1);
    set(sock, SOL_SOCKET, SO_KEEPALIVE, 1);
    set(sock, IPPROTO_TCP, TCP_NODELAY, 1);
    socket_kernel_tune(sock, IDLE_S, options->defer_accept);
    return family == AF_INET6 ? set(sock, IPPROTO_IPV6, IPV6_V6ONLY, !any) : 0;
}

static int listen_at(const struct socket_address *address, const struct socket_options *options)
{
    const struct sockaddr *bound = (const struct sockaddr *)&address->storage;
    int sock = socket_kernel_open(bound->sa_family);
    if (sock < 0)
        return -1;
    if (tune(sock, bound->sa_family, address->any, options) == 0 && bind_to(sock, bound, address->len) == 0 &&
        listen(sock, options->backlog) == 0)
        return sock;
    int error = errno;
    close(sock);
    errno = error;
    return -1;
}

/* IPv6 may be missing from the kernel, or present and switched off. */
static bool lacks_ipv6(int error)
{
    return error == EAFNOSUPPORT || error == EADDRNOTAVAIL;
}

/* Everybody at the same port, by IPv4 alone. */
static struct socket_address any_ipv4(const struct socket_address *ipv6)
{
    struct sockaddr_in6 in6;
    memcpy(&in6, &ipv6->storage, sizeof in6);
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = in6.sin6_port};
    struct socket_address ipv4 = {.len = sizeof in};
    memcpy(&ipv4.storage, &in, sizeof in);
    return ipv4;
}

int socket_listen(const struct socket_address *address, const struct socket_options *options)
{
    int sock = listen_at(address, options);
    if (sock < 0 && address->any && lacks_ipv6(errno)) {
        struct socket_address ipv4 = any_ipv4(address);
        sock = listen_at(&ipv4, options);
    }
    return sock;
}

static bool takes_both(int sock, const struct socket_address *address)
{
    struct sockaddr_in6 in6;
    int only = 1;
    socklen_t len = sizeof only;
    memcpy(&in6, &address->storage, sizeof in6);
    return in6.sin6_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&in6.sin6_addr) &&
           getsockopt(sock, IPPROTO_IPV6, IPV6_V6ONLY, &only, &len) == 0 && !only;
}

int socket_local_address(int sock, struct socket_address *address)
{
    *address = (struct socket_address){.len = sizeof address->storage};
    if (getsockname(sock, (struct sockaddr *)&address->storage, &address->len) != 0)
        return -1;
    address->any = takes_both(sock, address);
    return 0;
}

/* --- connections --- */

static struct socket_peer peer_of(const struct sockaddr_storage *storage)
{
    struct socket_peer peer = {.family = (uint8_t)storage->ss_family};
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    if (storage->ss_family == AF_INET) {
        memcpy(&in, storage, sizeof in);
        memcpy(peer.bytes, &in.sin_addr, sizeof in.sin_addr);
    } else if (storage->ss_family == AF_INET6) {
        memcpy(&in6, storage, sizeof in6);
        memcpy(peer.bytes, &in6.sin6_addr, sizeof in6.sin6_addr);
    }
    return peer;
}

int socket_accept(int listener, struct socket_peer *peer)
{
    struct sockaddr_storage storage;
    socklen_t len;
    int sock;
    do {
        len = sizeof storage;
        sock = socket_kernel_accept(listener, (struct sockaddr *)&storage, &len);
    } while (sock < 0 && socket_kernel_accept_passes(errno));
    if (sock >= 0)
        *peer = peer_of(&storage);
    return sock;
}

static enum io failure(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK ? IO_AGAIN : IO_FAILED;
}

enum io socket_receive(int sock, void *to, size_t room, size_t *received)
{
    ssize_t n;
    do
        n = recv(sock, to, room, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    *received = n > 0 ? (size_t)n : 0;
    return n < 0 ? failure() : IO_DONE;
}

bool socket_has_input(int sock)
{
    char byte;
    return recv(sock, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0;
}

enum io socket_send(int sock, const void *bytes, size_t len, size_t *sent)
{
    ssize_t n;
    do
        n = send(sock, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    *sent = n > 0 ? (size_t)n : 0;
    if (n < 0)
        return failure();
    return *sent == len ? IO_DONE : IO_AGAIN;
}

int socket_unsent(int sock)
{
    return socket_kernel_unsent(sock);
}

void socket_shutdown(int sock)
{
    shutdown(sock, SHUT_RDWR);
}

void socket_shutdown_send(int sock)
{
    shutdown(sock, SHUT_WR);
}
