/*
 * socket: listeners and accepted sockets (socket(7), tcp(7), unix(7)). Every socket here is non-blocking and closed on
 * exec.
 *
 * All that a connection inherits is set on the listener once: TCP_NODELAY, keep-alive probes, lingering, congestion
 * control, and the buffer's size.
 */
#ifndef SHUNT_OS_SOCKET_H
#define SHUNT_OS_SOCKET_H

#include "os/io.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum { SOCKET_NAME_MAX = 128 }; /* room for any printed address, with its NUL */

/* An address to listen on. */
struct socket_address {
    struct sockaddr_storage storage;
    socklen_t len;
    bool any; /* "*:port": IPv6 and IPv4 */
};

/*
 * Reads "127.0.0.1:8080", "[::1]:8080", "*:80" (IPv6 and IPv4), "8080" (loopback), "localhost:8080" (loopback),
 * "unix:/run/x.sock". 0, or -1 with *problem saying what is wrong and what would be right (static text). No name is
 * looked up.
 */
int socket_address_parse(const char *text, struct socket_address *address, const char **problem);

/* How a peer's or listener's address is printed: "127.0.0.1:8080", "[::1]:8080", "unix:/run/x.sock". Ended with NUL. */
void socket_address_print(const struct sockaddr *address, char out[SOCKET_NAME_MAX]);

/* Of a unix socket only the first two count. */
struct socket_options {
    int backlog;            /* connections that wait to be accepted, listen(2) */
    int send_buffer;        /* SO_SNDBUF in bytes; 0: let the kernel tune it */
    bool defer_accept;      /* TCP_DEFER_ACCEPT: accept only when the client has spoken, where the kernel can */
    bool nagle;             /* leave Nagle's algorithm on: no TCP_NODELAY */
    bool linger;            /* SO_LINGER: close(2) waits for what is unsent, even of a non-blocking socket … */
    int linger_s;           /* … for so many seconds at most; 0: it drops that and resets the connection */
    const char *congestion; /* TCP_CONGESTION, such as "cubic"; NULL: the system's */
};

/* Binds and listens. "*:port" is one IPv6 socket that takes IPv4 too, or an IPv4 socket where the machine has no IPv6.
 * A unix socket's file is replaced if nobody listens behind it. The fd, or -1 with errno (EADDRINUSE, EACCES,
 * EADDRNOTAVAIL …; for TCP, ENOENT: the kernel knows no such congestion control, EPERM: we may not use it). */
int socket_listen(const struct socket_address *address, const struct socket_options *options);

/*
 * The same with `count` sockets at one address (SO_REUSEPORT), over which the kernel spreads the connections. Each
 * waits at one of them, and whoever closes a socket drops those that wait there. As with socket_listen(), who comes
 * second gets EADDRINUSE, be it with a group or without, and be the first a group or not. (What can't be kept out is a
 * program of the same user's that sets SO_REUSEPORT before it binds.)
 *
 * `cpus`, if not NULL, says for each socket on which processor its thread runs. A connection goes to the socket of the
 * processor that its first packet arrived on, where the kernel can (SO_ATTACH_REUSEPORT_CBPF); those that arrive on
 * another are spread by a hash, and so are those over loopback, where it would be the client's own. Processors that are
 * negative or listed twice steer nothing. Steering evens nothing out: where all packets arrive on one processor, as
 * they do from a network card with a single queue, one socket gets all connections.
 *
 * At a unix address it is one listener, `count` times: POLLER_EXCLUSIVE keeps a connection from waking all of them.
 *
 * 0, or -1 with errno and nothing left open.
 */
int socket_listen_group(const struct socket_address *address, const struct socket_options *options, const int *cpus,
                        int count, int *socks);

/* The address that a socket is bound to, with the port that the kernel chose. 0, or -1 with errno. */
int socket_local_address(int sock, struct socket_address *address);

/* Whether it is a unix socket: there are no groups of them, several pollers watch one. */
bool socket_is_unix(int sock);

/* A peer's address, small enough to keep in every connection. */
struct socket_peer {
    uint8_t bytes[16]; /* IPv6, or IPv4 in the first four */
    uint8_t family;    /* AF_INET, AF_INET6 or AF_UNIX */
};

/* Accepts one connection. The fd, or -1 with errno: EAGAIN (none waits), EMFILE, ENFILE, ENOBUFS, ENOMEM (no room now);
 * errors of that one connection (ECONNABORTED, EINTR, EPROTO, network errors of accept(2)) are passed over. */
int socket_accept(int listener, struct socket_peer *peer);

/* "127.0.0.1", "::1" (IPv4 in IPv6 as IPv4), "unix:". Ended with NUL; its length. */
size_t socket_peer_print(const struct socket_peer *peer, char out[SOCKET_NAME_MAX]);

/* One recv(2), repeated if interrupted. IO_DONE with *received (0: the peer has sent its last byte), IO_AGAIN,
 * IO_FAILED. */
enum io socket_receive(int sock, void *to, size_t room, size_t *received);

/* Whether something waits to be received, be it the end: an event for it is due. */
bool socket_has_input(int sock);

/* One send(2) of all that fits. *sent says how much. Never raises SIGPIPE. */
enum io socket_send(int sock, const void *bytes, size_t len, size_t *sent);

/* Bytes that were sent and not yet acknowledged by the peer (SIOCOUTQ, tcp(7)); -1 where it can't be told. */
int socket_unsent(int sock);

/* shutdown(2) of both directions, or of ours alone: an event follows in whatever poller the socket is registered. */
void socket_shutdown(int sock);
void socket_shutdown_send(int sock);

#endif
