/* What sockets have on Linux only. */
#include "os/socket_kernel.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>

enum {
    DEFER_S = 1,    /* after it, a connection that hasn't spoken is accepted with its next packet */
    LOOPBACK = 1,   /* its index, in every network namespace */
    STEERED = 1024, /* sockets at most */
};

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

int socket_kernel_congestion(int listener, const char *name)
{
    return setsockopt(listener, IPPROTO_TCP, TCP_CONGESTION, name, (socklen_t)strlen(name) + 1);
}

int socket_kernel_share(int sock)
{
    return setsockopt(sock, SOL_SOCKET, SO_REUSEPORT, &(int){1}, sizeof(int));
}

/*
 * A program of classic BPF sees the first packet and returns which socket of the group is to have the connection. A
 * jump reaches 255 instructions far, so that a search would be awkward; a pair for each processor is not:
 *
 *         ld   the device's index
 *         jne  loopback, +1
 *         ret  none               no such socket: the kernel falls back to its hash
 *         ld   the processor
 *         jne  cpus[0], +1
 *         ret  0
 *         jne  cpus[1], +1
 *         ret  1                  and so on
 *         ret  none
 */
int socket_kernel_steer(int sock, const int *cpus, int count)
{
    static const struct sock_filter none = BPF_STMT(BPF_RET | BPF_K, UINT32_MAX);
    struct sock_filter program[5 + 2 * STEERED] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_IFINDEX)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, LOOPBACK, 0, 1),
        none,
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_CPU)),
    };
    unsigned short len = 4;
    if (count > STEERED) {
        errno = E2BIG;
        return -1;
    }
    for (int i = 0; i < count; i++) {
        program[len++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)cpus[i], 0, 1);
        program[len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, (uint32_t)i);
    }
    program[len++] = none;
    struct sock_fprog attached = {.len = len, .filter = program};
    return setsockopt(sock, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &attached, sizeof attached);
}

int socket_kernel_unsent(int sock)
{
    int bytes;
    return ioctl(sock, SIOCOUTQ, &bytes) == 0 ? bytes : -1;
}
