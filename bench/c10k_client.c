/* The client of bench/c10k: many thousand connections on one thread, and when the answer to each request came.
 *
 *   c10k_client connect PORT COUNT ROOT TIMES [CANNED]   opens COUNT connections all at once, one request on each
 *   c10k_client fire PORT COUNT ROOT TIMES [CANNED]      opens COUNT connections; then one request on each, all at once
 *   c10k_client hold PORT COUNT ROOT                     opens COUNT connections, and keeps them
 *   c10k_client warm|cool ROOT COUNT                     how many of the COUNT files are in the page cache: made so
 *
 * ROOT is the server's folder: 4k.html, which a connection that is opened beforehand asks for once, and many/0.html to
 * many/COUNT-1.html, of which each measured request asks for another, in no order. All have 4 kB. CANNED is for a
 * server that answers all with the same file.
 *
 * What must not be measured is the client. So a request is made before it is sent, its answer has a place before it
 * comes, and the bytes are compared with the file's when the clock has stopped. And the end of a latency is not when
 * this thread got round to reading, but the time that the kernel stamped on the answer's last packet as it came in
 * (SO_TIMESTAMPNS): while the thread still sends to others, nobody's time runs because of that. And it never sleeps
 * while it is measured: on one machine, waking it would be the server's work, many times a request's in a guest.
 *
 * Source addresses are spread over 127.0.0.0/8, for one address has 28,000 ports at most. Connections end by a reset:
 * thousands of them in TIME_WAIT would be in the way of the next run.
 *
 * It says "ready", measures when it has read a line, and lets the connections go when stdin ends: whoever started it
 * can look at the server in between. Prints lines of a measure's name and its value, "done" is the last; TIMES gets a
 * line for every answer: microseconds since its own send or connect, and since the first of all. The exit status is 1
 * when one answer was missing or wrong.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    BODY_SIZE = 4096,
    ANSWER_SIZE = BODY_SIZE + 2048, /* with its head */
    REQUEST_SIZE = 80,
    EVENTS_A_TURN = 256,
    WINDOW = 256,       /* connections opened side by side where time doesn't count */
    LOOK_EVERY = 64,    /* connections opened, where it does, between two looks at what has come */
    PER_ADDRESS = 4000, /* connections from one address; where few ports are left, the kernel looks long for one */
    FIRST_ADDRESS = 0x7f010001,
    PATIENCE_S = 30,
    LATE_MS = 300,
};

enum state { CONNECTING = 1, WAITING, ANSWERED, LOST };

struct connection {
    int fd;
    int file; /* that it asks for: many/FILE.html, or GREETING */
    enum state state;
    size_t got, whole; /* bytes of the answer; whole: 0 until its head is there */
    uint64_t began_ns, arrived_ns;
    char request[REQUEST_SIZE];
};

enum { GREETING = -1 };

struct client {
    struct connection *connections;
    size_t count;
    char *answers; /* ANSWER_SIZE bytes for each of the last `places` connections */
    size_t places;
    int epoll;
    in_port_t port;
    const char *root;
    const char *canned; /* the one file that all answers have, or NULL */
    char greeting[BODY_SIZE];
    size_t waiting, lost, wrong, unstamped;
    uint64_t first_ns; /* when the first request was sent, or the first connection begun */
    uint64_t sent_ns;  /* when the last was */
    uint64_t read_ns;  /* when the last answer had been read */
};

/* The kernel's stamps are of this clock. */
static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t cpu_us(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (uint64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000u +
           (uint64_t)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

/* ---- files */

/* False: it isn't there, or isn't of 4 kB. */
static bool file_read(const char *root, int file, const char *name, char body[BODY_SIZE])
{
    char path[4096];
    if (file == GREETING)
        snprintf(path, sizeof path, "%s/%s", root, name);
    else
        snprintf(path, sizeof path, "%s/many/%d.html", root, file);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char beyond[BODY_SIZE + 1];
    ssize_t length = fd < 0 ? -1 : read(fd, beyond, sizeof beyond);
    if (fd >= 0)
        close(fd);
    if (length != BODY_SIZE)
        return false;
    memcpy(body, beyond, BODY_SIZE);
    return true;
}

/* Whether the page cache holds it all. mincore tells the truth to a file's owner. */
static bool file_is_resident(int fd)
{
    unsigned char pages[BODY_SIZE / 4096];
    void *at = mmap(NULL, BODY_SIZE, PROT_READ, MAP_SHARED, fd, 0);
    bool resident = at != MAP_FAILED && mincore(at, BODY_SIZE, pages) == 0 && (pages[0] & 1) != 0;
    if (at != MAP_FAILED)
        munmap(at, BODY_SIZE);
    return resident;
}

static bool file_bring(const char *root, int file, bool warm)
{
    char path[4096], body[BODY_SIZE];
    snprintf(path, sizeof path, "%s/many/%d.html", root, file);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        err(1, "%s", path);
    if (warm ? pread(fd, body, BODY_SIZE, 0) != BODY_SIZE
             : (fdatasync(fd) < 0 || posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) != 0))
        err(1, "%s", path);
    bool resident = file_is_resident(fd);
    close(fd);
    return resident;
}

static int files_bring(const char *root, int count, bool warm)
{
    int resident = 0;
    for (int file = 0; file < count; file++)
        resident += file_bring(root, file, warm);
    printf("%d\n", resident);
    return 0;
}

/* ---- answers */

static char *answer_of(const struct client *client, const struct connection *c)
{
    size_t number = (size_t)(c - client->connections);
    return client->answers + number % client->places * ANSWER_SIZE;
}

/* Bytes that the answer will have: 0 while its head isn't there, more than fit where it makes no sense. */
static size_t answer_whole(const char *answer, size_t got)
{
    static const char field[] = "\nContent-Length: ";
    const char *end = memmem(answer, got, "\r\n\r\n", 4);
    if (end == NULL)
        return 0;
    const char *length = memmem(answer, (size_t)(end - answer), field, sizeof field - 1);
    if (length == NULL)
        return ANSWER_SIZE + 1;
    return (size_t)(end + 4 - answer) + strtoul(length + sizeof field - 1, NULL, 10);
}

static bool answer_is_right(const struct client *client, const struct connection *c)
{
    static const char status[] = "HTTP/1.1 200 ";
    const char *answer = answer_of(client, c);
    char read[BODY_SIZE];
    const char *body = client->greeting;
    if (c->file != GREETING && client->canned == NULL) {
        if (!file_read(client->root, c->file, NULL, read))
            return false;
        body = read;
    }
    return c->got == c->whole && c->whole > BODY_SIZE && memcmp(answer, status, sizeof status - 1) == 0 &&
           memcmp(answer + c->whole - BODY_SIZE, body, BODY_SIZE) == 0 &&
           memcmp(answer + c->whole - BODY_SIZE - 4, "\r\n\r\n", 4) == 0;
}

static void answers_check(struct client *client, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        struct connection *c = &client->connections[i];
        if (c->state != ANSWERED || answer_is_right(client, c))
            continue;
        c->state = LOST; /* the time it took is none */
        if (client->wrong++ == 0)
            warnx("the first wrong answer, to %.*s: %.160s", (int)strcspn(c->request, "\r"), c->request,
                  answer_of(client, c));
    }
}

/* ---- one connection */

static void connection_lose(struct client *client, struct connection *c, const char *what)
{
    if (client->lost++ == 0)
        warn("the first that was lost: %s", what);
    c->state = LOST;
    client->waiting--;
    epoll_ctl(client->epoll, EPOLL_CTL_DEL, c->fd, NULL);
}

static void connection_watch(struct client *client, struct connection *c, int operation, unsigned events)
{
    struct epoll_event event = {.events = events, .data.u32 = (uint32_t)(c - client->connections)};
    if (epoll_ctl(client->epoll, operation, c->fd, &event) < 0)
        err(1, "epoll_ctl");
}

/* What it asks for next. */
static void connection_prepare(struct client *client, struct connection *c, int file)
{
    char path[32] = "4k.html";
    if (file != GREETING)
        snprintf(path, sizeof path, "many/%d.html", file);
    snprintf(c->request, REQUEST_SIZE, "GET /%s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", path);
    c->file = file;
    c->got = c->whole = 0;
    client->waiting++;
}

/* Whether it could be sent, which it can't before the connection stands. */
static bool connection_send(struct client *client, struct connection *c)
{
    size_t length = strlen(c->request);
    ssize_t sent = send(c->fd, c->request, length, MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN && c->state == CONNECTING)
        return false;
    if (sent == (ssize_t)length)
        c->state = WAITING;
    else
        connection_lose(client, c, "send");
    return true;
}

static int socket_open(size_t number)
{
    struct sockaddr_in from = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(FIRST_ADDRESS + (uint32_t)(number / PER_ADDRESS))};
    struct linger reset = {.l_onoff = 1};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &(int){1}, sizeof(int)) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &(int){1}, sizeof(int)) < 0 ||
        bind(fd, (struct sockaddr *)&from, sizeof from) < 0)
        err(1, "connection %zu", number);
    return fd;
}

/* Opens it, and sends its request as soon as it stands: on loopback in general at once. */
static void connection_begin(struct client *client, struct connection *c)
{
    struct sockaddr_in server = {
        .sin_family = AF_INET, .sin_port = client->port, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    c->fd = socket_open((size_t)(c - client->connections));
    c->state = CONNECTING;
    c->began_ns = now_ns();
    if (connect(c->fd, (struct sockaddr *)&server, sizeof server) < 0 && errno != EINPROGRESS) {
        connection_lose(client, c, "connect");
        return;
    }
    bool sent = connection_send(client, c);
    if (c->state != LOST)
        connection_watch(client, c, EPOLL_CTL_ADD, sent ? EPOLLIN : EPOLLIN | EPOLLOUT);
}

static uint64_t stamp_of(struct client *client, struct msghdr *message)
{
    for (struct cmsghdr *at = CMSG_FIRSTHDR(message); at != NULL; at = CMSG_NXTHDR(message, at)) {
        struct timespec stamp;
        if (at->cmsg_level != SOL_SOCKET || at->cmsg_type != SCM_TIMESTAMPNS)
            continue;
        memcpy(&stamp, CMSG_DATA(at), sizeof stamp);
        return (uint64_t)stamp.tv_sec * 1000000000u + (uint64_t)stamp.tv_nsec;
    }
    client->unstamped++;
    return now_ns();
}

static void connection_receive(struct client *client, struct connection *c)
{
    char *answer = answer_of(client, c);
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct timespec))];
    struct iovec room = {.iov_base = answer + c->got, .iov_len = ANSWER_SIZE - c->got};
    struct msghdr message = {
        .msg_iov = &room, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t length = recvmsg(c->fd, &message, 0);
    if (length < 0 && errno == EAGAIN)
        return;
    if (length <= 0 || c->state != WAITING) {
        connection_lose(client, c, "receive");
        return;
    }
    c->got += (size_t)length;
    if (c->whole == 0)
        c->whole = answer_whole(answer, c->got);
    if (c->whole > ANSWER_SIZE) {
        errno = EMSGSIZE;
        connection_lose(client, c, "receive");
    } else if (c->whole > 0 && c->got >= c->whole) {
        c->arrived_ns = stamp_of(client, &message);
        c->state = ANSWERED;
        client->waiting--;
    }
}

static void connection_event(struct client *client, struct connection *c, unsigned events)
{
    if (c->state == CONNECTING && (events & EPOLLOUT) != 0 && connection_send(client, c) && c->state == WAITING)
        connection_watch(client, c, EPOLL_CTL_MOD, EPOLLIN);
    if ((events & ~(unsigned)EPOLLOUT) != 0 && c->state != LOST)
        connection_receive(client, c);
}

/* ---- all of them */

static void events_take(struct client *client, int timeout_ms)
{
    struct epoll_event events[EVENTS_A_TURN];
    int count = epoll_wait(client->epoll, events, EVENTS_A_TURN, timeout_ms);
    for (int i = 0; i < count; i++)
        connection_event(client, &client->connections[events[i].data.u32], events[i].events);
}

/* Until none is waiting, or it has been too long: then those are lost that still do. With look_ms 0 it doesn't sleep.
 */
static void answers_await(struct client *client, size_t from, size_t to, int look_ms)
{
    uint64_t until_ns = now_ns() + PATIENCE_S * UINT64_C(1000000000);
    while (client->waiting > 0 && now_ns() < until_ns)
        events_take(client, look_ms);
    errno = ETIMEDOUT;
    for (size_t i = from; i < to && client->waiting > 0; i++)
        if (client->connections[i].state == CONNECTING || client->connections[i].state == WAITING)
            connection_lose(client, &client->connections[i], "answer");
    client->read_ns = now_ns();
}

/* Each asks for 4k.html, so that it is accepted: a silent one may never be, where accept is deferred. */
static void connections_establish(struct client *client)
{
    for (size_t from = 0; from < client->count; from += WINDOW) {
        size_t to = from + WINDOW < client->count ? from + WINDOW : client->count;
        for (size_t i = from; i < to; i++) {
            connection_prepare(client, &client->connections[i], GREETING);
            connection_begin(client, &client->connections[i]);
        }
        answers_await(client, from, to, 1000);
        answers_check(client, from, to);
    }
    if (client->lost + client->wrong > 0)
        errx(1, "of %zu connections %zu were lost when opened, and %zu answers wrong", client->count, client->lost,
             client->wrong);
}

/* Each connection a file of its own, in an order that is the same in every run. */
static void files_assign(struct client *client)
{
    int *files = malloc(client->count * sizeof *files);
    if (files == NULL)
        err(1, "%zu files", client->count);
    srandom(1);
    for (size_t i = 0; i < client->count; i++) {
        size_t other = (size_t)random() % (i + 1);
        files[i] = files[other];
        files[other] = (int)i;
    }
    for (size_t i = 0; i < client->count; i++)
        connection_prepare(client, &client->connections[i], files[i]);
    free(files);
}

static void requests_fire(struct client *client)
{
    for (size_t i = 0; i < client->count; i++) {
        struct connection *c = &client->connections[i];
        c->began_ns = now_ns();
        connection_send(client, c);
    }
}

static void connections_begin(struct client *client)
{
    for (size_t i = 0; i < client->count; i++) {
        connection_begin(client, &client->connections[i]);
        if (i % LOOK_EVERY == LOOK_EVERY - 1)
            events_take(client, 0);
    }
}

/* ---- what came of it */

static int number_order(const void *a, const void *b)
{
    uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;
    return (one > other) - (one < other);
}

static void latencies_print(const char *name, uint64_t *ns, size_t count)
{
    static const struct {
        const char *name;
        double share;
    } points[] = {{"min", 0}, {"p50", .5}, {"p90", .9}, {"p99", .99}, {"p99.9", .999}, {"max", 1}};
    if (count == 0)
        return;
    qsort(ns, count, sizeof *ns, number_order);
    for (size_t i = 0; i < sizeof points / sizeof *points; i++)
        printf("%s %s ms\t%.3f\n", name, points[i].name,
               (double)ns[(size_t)(points[i].share * (double)(count - 1))] / 1e6);
    size_t late = 0;
    while (late < count && ns[count - 1 - late] > LATE_MS * UINT64_C(1000000))
        late++;
    printf("%s over %d ms\t%zu\n", name, LATE_MS, late);
}

static uint64_t since(uint64_t from_ns, uint64_t to_ns)
{
    return to_ns > from_ns ? to_ns - from_ns : 0;
}

static void times_print(const struct client *client, const char *times)
{
    uint64_t *own = malloc(client->count * sizeof *own), *common = malloc(client->count * sizeof *common);
    FILE *file = fopen(times, "w");
    size_t count = 0;
    if (own == NULL || common == NULL || file == NULL)
        err(1, "%s", times);
    for (size_t i = 0; i < client->count; i++) {
        const struct connection *c = &client->connections[i];
        if (c->state != ANSWERED)
            continue;
        own[count] = since(c->began_ns, c->arrived_ns);
        common[count] = since(client->first_ns, c->arrived_ns);
        fprintf(file, "%.1f\t%.1f\n", (double)own[count] / 1e3, (double)common[count] / 1e3);
        count++;
    }
    if (fclose(file) != 0)
        err(1, "%s", times);
    latencies_print("own", own, count);
    latencies_print("common", common, count);
    free(own);
    free(common);
}

static void result_print(const struct client *client, const char *times, uint64_t client_us)
{
    times_print(client, times);
    printf("sending ms\t%.3f\n", (double)since(client->first_ns, client->sent_ns) / 1e6);
    printf("all read ms\t%.3f\n", (double)since(client->first_ns, client->read_ns) / 1e6);
    printf("client CPU ms\t%.3f\n", (double)client_us / 1e3);
    printf("unstamped\t%zu\nlost\t%zu\nwrong\t%zu\n", client->unstamped, client->lost, client->wrong);
}

/* Until a line has come, or the end. */
static void orders_await(void)
{
    char byte;
    while (read(STDIN_FILENO, &byte, 1) > 0 && byte != '\n')
        ;
}

static void say(const char *what)
{
    puts(what);
    fflush(stdout);
}

/* Requests on connections that stand, or connections and all. */
static int measure(struct client *client, const char *times, void (*begin)(struct client *))
{
    files_assign(client);
    client->unstamped = 0;
    say("ready");
    orders_await();
    uint64_t before_us = cpu_us();
    client->first_ns = now_ns();
    begin(client);
    client->sent_ns = now_ns();
    answers_await(client, 0, client->count, 0);
    uint64_t client_us = cpu_us() - before_us;
    answers_check(client, 0, client->count);
    result_print(client, times, client_us);
    say("done");
    orders_await();
    return client->lost + client->wrong > 0;
}

static void *memory_take(size_t size)
{
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (at == MAP_FAILED)
        err(1, "%zu bytes of memory", size);
    return at;
}

static void files_limit_raise(void)
{
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
}

static void client_open(struct client *client, char **argv, const char *canned, bool keep_answers)
{
    client->port = htons((in_port_t)atoi(argv[2]));
    client->count = strtoul(argv[3], NULL, 10);
    client->root = argv[4];
    client->canned = canned;
    client->places = keep_answers ? client->count : WINDOW;
    client->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (client->epoll < 0 || client->count == 0)
        errx(1, "no descriptor, or no connections to open");
    if (!file_read(client->root, GREETING, canned != NULL ? canned : "4k.html", client->greeting))
        errx(1, "%s: no 4k.html of 4 kB", client->root);
    files_limit_raise();
    client->connections = memory_take(client->count * sizeof *client->connections);
    client->answers = memory_take(client->places * ANSWER_SIZE);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    struct client client = {0};
    if (argc == 4 && (strcmp(what, "warm") == 0 || strcmp(what, "cool") == 0))
        return files_bring(argv[2], atoi(argv[3]), strcmp(what, "warm") == 0);
    if (argc == 5 && strcmp(what, "hold") == 0) {
        client_open(&client, argv, NULL, false);
        connections_establish(&client);
        say("ready");
        orders_await();
        return 0;
    }
    if (argc < 6 || argc > 7 || (strcmp(what, "fire") != 0 && strcmp(what, "connect") != 0))
        errx(2, "usage: c10k_client fire|connect PORT COUNT ROOT TIMES [CANNED] | hold PORT COUNT ROOT | "
                "warm|cool ROOT COUNT");
    client_open(&client, argv, argv[6], true);
    if (strcmp(what, "connect") == 0)
        return measure(&client, argv[5], connections_begin);
    connections_establish(&client);
    return measure(&client, argv[5], requests_fire);
}
