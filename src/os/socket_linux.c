/* What sockets have on Linux only. */
#include "os/socket_kernel.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>

enum { DEFER_S = 1 }; /* after it, a connection that hasn't spoken is accepted with its next packet */

int socket_kernel_open(int family)
{
    return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

int socket_kernel_accept(int listener, struct sockaddr *peer, socklen_t *len)
{
    return accept4(listener, peer, len, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

/* accept(2) passes on what has befallen the new connection already. Its list has EOPNOTSUPP too, but that is also what
 * a socket that doesn't listen answers, for ever: it isn't passed over. */
bool socket_kernel_accept_passes(int error)
{
    switch (error) {
    case ECONNABORTED:
    case EINTR:
    case EPROTO:
    case EPERM: /* a firewall's rule */
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case ENETUNREACH:
        return true;
    default:
        return false;
    }
}

void socket_kernel_tune(int listener, int idle_s, bool defer)
{
    setsockopt(listener, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    if (defer)
        setsockopt(listener, IPPROTO_TCP, TCP_DEFER_ACCEPT, &(int){DEFER_S}, sizeof(int));
}

int socket_kernel_unsent(int sock)
{
    int bytes;
    return ioctl(sock, SIOCOUTQ, &bytes) == 0 ? bytes : -1;
}
