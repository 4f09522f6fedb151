#include "client.h"

#include "pause.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { ANSWER_MS = 10000 };

static bool connect_to(struct client *client, const void *address, socklen_t len, int family, int receive_buffer)
{
    *client = (struct client){.fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (client->fd < 0)
        return false;
    if (receive_buffer)
        setsockopt(client->fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    if (family != AF_UNIX)
        setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    if (connect(client->fd, address, len) == 0)
        return true;
    int problem = errno;
    close(client->fd);
    client->fd = -1;
    errno = problem;
    return false;
}

bool client_open_narrow(struct client *client, int port, int receive_buffer)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return connect_to(client, &address, sizeof address, AF_INET, receive_buffer);
}

bool client_open(struct client *client, int port)
{
    return client_open_narrow(client, port, 0);
}

bool client_open_ipv6(struct client *client, int port)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    address.sin6_addr = in6addr_loopback;
    return connect_to(client, &address, sizeof address, AF_INET6, 0);
}

bool client_open_unix(struct client *client, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    return connect_to(client, &address, sizeof address, AF_UNIX, 0);
}

bool client_send(struct client *client, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(client->fd, bytes, len, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return false;
        bytes += sent;
        len -= (size_t)sent;
    }
    return true;
}

bool client_get(struct client *client, const char *path, const char *fields)
{
    char request[4096];
    int len =
        snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", path, fields ? fields : "");
    return len < (int)sizeof request && client_send(client, request, (size_t)len);
}

/* One recv, of at most `most` bytes, behind what is there. What came, 0 at the end, -1 after the time. */
static long receive(struct client *client, size_t most, int timeout_ms)
{
    if (client->ended || client->fd < 0)
        return 0;
    if (client->room - client->len < most) {
        size_t room = client->room + most + 65536;
        char *bytes = realloc(client->bytes, room);
        if (!bytes)
            return -1;
        client->bytes = bytes;
        client->room = room;
    }
    if (poll(&(struct pollfd){client->fd, POLLIN, 0}, 1, timeout_ms < 0 ? 0 : timeout_ms) <= 0)
        return -1;
    ssize_t got = recv(client->fd, client->bytes + client->len, most, 0);
    if (got <= 0) {
        client->ended = true;
        client->reset = got < 0;
        return 0;
    }
    client->len += (size_t)got;
    return got;
}

static void forget_taken(struct client *client)
{
    if (client->taken == 0)
        return;
    client->len -= client->taken;
    memmove(client->bytes, client->bytes + client->taken, client->len);
    client->taken = 0;
}

bool client_answer(struct client *client, bool to_head, struct answer *answer, int timeout_ms)
{
    forget_taken(client);
    for (long long until = now_ms() + timeout_ms;;) {
        enum answer_result result =
            client->len ? answer_read(client->bytes, client->len, to_head, answer) : ANSWER_PARTIAL;
        if (result == ANSWER_COMPLETE) {
            client->taken = answer->head_len + answer->body_len;
            return true;
        }
        if (result == ANSWER_BROKEN || receive(client, 65536, (int)(until - now_ms())) <= 0)
            return false;
    }
}

int client_status(struct client *client, const char *path, const char *fields)
{
    struct answer answer;
    if (!client_get(client, path, fields) || !client_answer(client, false, &answer, ANSWER_MS))
        return -1;
    return answer.status;
}

int client_wait_closed(struct client *client, int timeout_ms)
{
    long long begin = now_ms();
    while (!client->ended) {
        client->len = client->taken = 0;
        if (receive(client, 65536, (int)(begin + timeout_ms - now_ms())) < 0)
            return -1;
    }
    return (int)(now_ms() - begin);
}

long client_take(struct client *client, size_t most, int timeout_ms)
{
    client->len = client->taken = 0;
    return receive(client, most, timeout_ms);
}

void client_close(struct client *client)
{
    if (client->fd >= 0)
        close(client->fd);
    free(client->bytes);
    *client = (struct client){.fd = -1};
}

void client_reset(struct client *client)
{
    if (client->fd >= 0)
        setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
    client_close(client);
}
