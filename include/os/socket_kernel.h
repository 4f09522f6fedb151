/*
 * socket_kernel: what sockets need and every kernel does in its own way. One whole file each; for the socket*.c alone.
 */
#ifndef SHUNT_OS_SOCKET_KERNEL_H
#define SHUNT_OS_SOCKET_KERNEL_H

#include <stdbool.h>
#include <sys/socket.h>

/* socket(2) of SOCK_STREAM, non-blocking and closed on exec. The fd, or -1 with errno. */
int socket_kernel_open(int family);

/* accept(2), non-blocking and closed on exec. The fd, or -1 with errno. */
int socket_kernel_accept(int listener, struct sockaddr *peer, socklen_t *len);

/* Whether errno after an accept is the trouble of that one connection, so that the next one may be fine. */
bool socket_kernel_accept_passes(int error);

/* Sets how long a TCP listener's connections may be silent before they are probed, and, if `defer`, that it accepts
 * only who has spoken. Best effort: a kernel that can't do either serves all the same. */
void socket_kernel_tune(int listener, int idle_s, bool defer);

/* Sets TCP_CONGESTION. 0, or -1 with errno: ENOENT (unknown), EPERM (not for us). */
int socket_kernel_congestion(int listener, const char *name);

/* Lets `sock`, bound or not yet, share its address and the connections to it with others that are as willing. 0, or -1
 * with errno. */
int socket_kernel_share(int sock);

/* Steers the connections of the group that `sock` is of, its sockets in the order in which they listened, as
 * socket_listen_group() says. 0, or -1 with errno: they are spread as they were. */
int socket_kernel_steer(int sock, const int *cpus, int count);

/* Bytes in the send queue that the peer hasn't acknowledged; -1 where it can't be told. */
int socket_kernel_unsent(int sock);

#endif
