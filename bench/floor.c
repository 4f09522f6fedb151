/* The floor: what a request costs when nothing is done for it.
 *
 * One thread, one epoll descriptor. It accepts, receives, counts the heads that are complete and answers each with the
 * same canned response, all of a batch in one send. It parses nothing, opens nothing and logs nothing, so what is left
 * is the price of the design itself: one wait for many connections, one recv and one send a batch. A server built this
 * way can come near it, and the distance is what its HTTP costs.
 *
 * Where a response is large the floor is no lower bound: it copies from memory, and sendfile may be cheaper. It is kept
 * that way, so that one sentence says what it does.
 *
 *   floor PORT FILE          answers with FILE's bytes, keeping connections
 *   floor PORT FILE close    says Connection: close, and does so after one response
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    EVENTS_A_TURN = 64,
    RECEIVE_SIZE = 16 << 10,
    HEAD_SIZE = 512,
    BATCH_SIZE = 128 << 10, /* copies of the response are laid out up to here, for one send a batch */
    BACKLOG = 4096,
    DEFER_ACCEPT_S = 10,
};

/* The response, as many times in a row as fit: whatever is owed is one contiguous range of it. */
struct canned {
    char *bytes;
    size_t one;
    size_t all;
};

/* All that is remembered of a connection, found by its descriptor. */
struct client {
    size_t owed;      /* bytes still to send */
    size_t offset;    /* where in a response the next of them is */
    unsigned matched; /* how much of "\r\n\r\n" the last read ended with */
    bool blocked;     /* registered for writing, not reading */
};

struct floor {
    struct canned canned;
    struct client *clients;
    int epoll;
    int listener;
    bool closes;
};

static char *http_date(char *text, size_t size, time_t when)
{
    struct tm utc;
    strftime(text, size, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&when, &utc));
    return text;
}

static int head_format(char head[HEAD_SIZE], const struct stat *file, bool closes)
{
    char now[32];
    char changed[32];
    return snprintf(
        head, HEAD_SIZE,
        "HTTP/1.1 200 OK\r\nDate: %s\r\nServer: floor\r\nContent-Type: text/html; charset=utf-8\r\n"
        "Content-Length: %lld\r\nLast-Modified: %s\r\nETag: \"%llx-%llx\"\r\nAccept-Ranges: bytes\r\n%s\r\n",
        http_date(now, sizeof now, time(NULL)), (long long)file->st_size,
        http_date(changed, sizeof changed, file->st_mtime), (unsigned long long)file->st_size,
        (unsigned long long)file->st_mtim.tv_nsec, closes ? "Connection: close\r\n" : "");
}

static void canned_load(struct canned *canned, const char *path, bool closes)
{
    FILE *file = fopen(path, "rb");
    struct stat status;
    if (file == NULL || fstat(fileno(file), &status) < 0)
        err(1, "%s", path);

    char head[HEAD_SIZE];
    size_t length = (size_t)head_format(head, &status, closes);
    size_t body = (size_t)status.st_size;
    canned->one = length + body;
    canned->all = canned->one > BATCH_SIZE ? canned->one : BATCH_SIZE / canned->one * canned->one;
    canned->bytes = malloc(canned->all);
    if (canned->bytes == NULL)
        err(1, "%s: %zu bytes", path, canned->all);
    memcpy(canned->bytes, head, length);
    if (fread(canned->bytes + length, 1, body, file) != body)
        errx(1, "%s: shorter than it was", path);
    for (size_t at = canned->one; at < canned->all; at += canned->one)
        memcpy(canned->bytes + at, canned->bytes, canned->one);
    fclose(file);
}

static unsigned heads_count(struct client *client, const char *at, const char *end)
{
    unsigned heads = 0;
    while (at < end) {
        if (client->matched == 0 && (at = memchr(at, '\r', (size_t)(end - at))) == NULL)
            break;
        if (*at == "\r\n\r\n"[client->matched])
            client->matched++;
        else
            client->matched = *at == '\r';
        at++;
        if (client->matched == 4) {
            client->matched = 0;
            heads++;
        }
    }
    return heads;
}

static void watch(const struct floor *floor, int operation, int fd, unsigned events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};
    if (epoll_ctl(floor->epoll, operation, fd, &event) < 0)
        err(1, "epoll_ctl");
}

/* Sends what is owed: 1 all, 0 the socket is full, -1 the connection is lost. */
static int owed_send(const struct canned *canned, struct client *client, int fd)
{
    while (client->owed > 0) {
        size_t length = canned->all - client->offset;
        if (length > client->owed)
            length = client->owed;
        ssize_t sent = send(fd, canned->bytes + client->offset, length, MSG_NOSIGNAL);
        if (sent < 0)
            return errno == EAGAIN ? 0 : -1;
        client->owed -= (size_t)sent;
        client->offset = (client->offset + (size_t)sent) % canned->one;
    }
    return 1;
}

/* One recv and, in general, one send. False: the connection is over. */
static bool client_serve(const struct floor *floor, struct client *client, int fd)
{
    if (!client->blocked) {
        char received[RECEIVE_SIZE];
        ssize_t length = recv(fd, received, sizeof received, 0);
        if (length <= 0)
            return length < 0 && errno == EAGAIN;
        client->owed = heads_count(client, received, received + length) * floor->canned.one;
        if (client->owed == 0)
            return true;
    }
    int sent = owed_send(&floor->canned, client, fd);
    if (sent < 0 || (sent > 0 && floor->closes))
        return false;
    client->blocked = sent == 0;
    return true;
}

static void client_event(const struct floor *floor, int fd)
{
    struct client *client = &floor->clients[fd];
    bool was_blocked = client->blocked;
    if (!client_serve(floor, client, fd))
        close(fd);
    else if (client->blocked != was_blocked)
        watch(floor, EPOLL_CTL_MOD, fd, client->blocked ? EPOLLOUT : EPOLLIN);
}

/* With TCP_DEFER_ACCEPT the request is there already: a connection that ends with it is never registered. */
static void client_accept(const struct floor *floor)
{
    int fd = accept4(floor->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    struct client *client = &floor->clients[fd];
    *client = (struct client){0};
    if (!client_serve(floor, client, fd))
        close(fd);
    else
        watch(floor, EPOLL_CTL_ADD, fd, client->blocked ? EPOLLOUT : EPOLLIN);
}

static struct client *clients_alloc(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) < 0)
        err(1, "getrlimit");
    struct client *clients = calloc(files.rlim_cur, sizeof *clients);
    if (clients == NULL)
        err(1, "%llu clients", (unsigned long long)files.rlim_cur);
    return clients;
}

static int listener_open(const char *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((unsigned short)atoi(port)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) < 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)) < 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &(int){DEFER_ACCEPT_S}, sizeof(int)) < 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, BACKLOG) < 0)
        err(1, "127.0.0.1:%s", port);
    return fd;
}

static void turns_run(const struct floor *floor)
{
    for (;;) {
        struct epoll_event events[EVENTS_A_TURN];
        int count = epoll_wait(floor->epoll, events, EVENTS_A_TURN, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.fd == floor->listener)
                client_accept(floor);
            else
                client_event(floor, events[i].data.fd);
        }
    }
}

int main(int argc, char **argv)
{
    if (argc < 3 || argc > 4 || (argc == 4 && strcmp(argv[3], "close") != 0))
        errx(2, "usage: floor PORT FILE [close]");

    struct floor floor = {.closes = argc == 4, .epoll = epoll_create1(EPOLL_CLOEXEC)};
    if (floor.epoll < 0)
        err(1, "epoll_create1");
    canned_load(&floor.canned, argv[2], floor.closes);
    floor.clients = clients_alloc();
    floor.listener = listener_open(argv[1]);
    watch(&floor, EPOLL_CTL_ADD, floor.listener, EPOLLIN);
    turns_run(&floor);
}
