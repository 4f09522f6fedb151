/*
 * socket_kernel: what socket.c asks for and every kernel does in its own way. One whole file each; for socket.c alone.
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

/* Bytes in the send queue that the peer hasn't acknowledged; -1 where it can't be told. */
int socket_kernel_unsent(int sock);

#endif
