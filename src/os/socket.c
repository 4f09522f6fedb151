/*
 * socket: connections accepted, and single steps of input and output.
 *
 * Listeners are made in socket_listen.c, addresses read and printed in socket_address.c, and what differs between
 * kernels is behind socket_kernel.h.
 */
#include "os/socket.h"

#include "os/socket_kernel.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

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

bool socket_is_unix(int sock)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof address;
    return getsockname(sock, (struct sockaddr *)&address, &len) == 0 && address.ss_family == AF_UNIX;
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
