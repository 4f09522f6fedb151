/* socket_listen: listeners, alone and in groups. */
#include "os/socket.h"

#include "os/socket_kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { IDLE_S = 60 }; /* a silent connection is probed after this */

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

/* What fails here is only slower, but for two: IPV6_V6ONLY changes who is served, and a congestion control was asked
 * for by name. */
static int tune(int sock, int family, bool any, const struct socket_options *options)
{
    struct linger linger = {.l_onoff = 1, .l_linger = options->linger_s};
    if (options->send_buffer > 0)
        set(sock, SOL_SOCKET, SO_SNDBUF, options->send_buffer);
    if (family == AF_UNIX)
        return 0;
    set(sock, SOL_SOCKET, SO_REUSEADDR, 1);
    set(sock, SOL_SOCKET, SO_KEEPALIVE, 1);
    set(sock, IPPROTO_TCP, TCP_NODELAY, !options->nagle);
    if (options->linger)
        setsockopt(sock, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    socket_kernel_tune(sock, IDLE_S, options->defer_accept);
    if (options->congestion != NULL && socket_kernel_congestion(sock, options->congestion) < 0)
        return -1;
    return family == AF_INET6 ? set(sock, IPPROTO_IPV6, IPV6_V6ONLY, !any) : 0;
}

static void close_quietly(int sock)
{
    int error = errno;
    close(sock);
    errno = error;
}

static int listen_at(const struct socket_address *address, const struct socket_options *options, bool shared)
{
    const struct sockaddr *bound = (const struct sockaddr *)&address->storage;
    int sock = socket_kernel_open(bound->sa_family);
    if (sock < 0)
        return -1;
    if (tune(sock, bound->sa_family, address->any, options) == 0 && (!shared || socket_kernel_share(sock) == 0) &&
        bind_to(sock, bound, address->len) == 0 && listen(sock, options->backlog) == 0)
        return sock;
    close_quietly(sock);
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
    int sock = listen_at(address, options, false);
    if (sock < 0 && address->any && lacks_ipv6(errno)) {
        struct socket_address ipv4 = any_ipv4(address);
        sock = listen_at(&ipv4, options, false);
    }
    return sock;
}

/* --- groups --- */

/* The kernel lets nobody listen where one does who won't share, and so the first claims the address: it shares only
 * when it listens. Had it been willing from the start, it would have joined any group of the same user's that was
 * there. */
static int claim(const struct socket_address *address, const struct socket_options *options, int count)
{
    bool alone = count == 1 || address->storage.ss_family == AF_UNIX;
    int sock = socket_listen(address, options);
    if (sock < 0 || alone || socket_kernel_share(sock) == 0)
        return sock;
    close_quietly(sock);
    return -1;
}

static int join(int first, const struct socket_options *options)
{
    struct socket_address address;
    if (socket_local_address(first, &address) < 0)
        return -1;
    if (address.storage.ss_family == AF_UNIX)
        return fcntl(first, F_DUPFD_CLOEXEC, 0);
    return listen_at(&address, options, true);
}

static bool steerable(const int *cpus, int count)
{
    for (int i = 0; i < count; i++) {
        if (cpus[i] < 0)
            return false;
        for (int j = 0; j < i; j++) {
            if (cpus[j] == cpus[i])
                return false;
        }
    }
    return true;
}

int socket_listen_group(const struct socket_address *address, const struct socket_options *options, const int *cpus,
                        int count, int *socks)
{
    int made = 0;
    do
        socks[made] = made == 0 ? claim(address, options, count) : join(socks[0], options);
    while (socks[made] >= 0 && ++made < count);
    if (made == count) {
        if (cpus != NULL && steerable(cpus, count))
            socket_kernel_steer(socks[0], cpus, count); /* best effort: what isn't steered is spread */
        return 0;
    }
    while (made > 0)
        close_quietly(socks[--made]);
    return -1;
}
