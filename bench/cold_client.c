/* Clients of what is hot, beside others of what is cold.
 *
 *   cold_client PORT SECONDS SMALL LARGE COLD FILES [FOLDER]     COLD clients ask for cold/0.html to
 * cold/(FILES-1).html cold_client PORT SECONDS SMALL LARGE 0                       nobody does
 *
 * Cold clients ask one file after the other, each as soon as it has the last answer; all of them together ask each file
 * in turn. With FOLDER they drop the file there from the page cache before.
 *
 * Once they have had their start, SMALL is asked for SECONDS long at a steady rate, over a few connections, and then
 * LARGE for as long, over one, with a pause after each. A small answer's time counts from when it should have been
 * asked for, where the one before it came too late for that: a server that stands still is not asked less for it. A
 * large one's counts from its request.
 *
 * Says a line: the 50th and the 99th percentile and the maximum for SMALL, the mean and the maximum for LARGE, in
 * microseconds; answers to cold clients a second; requests that failed, of both kinds. A hot answer that doesn't come
 * in PATIENCE_S counts as that late, and as failed.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    SMALL_RATE = 500, /* requests a second, */
    SMALL_CLIENTS = 8,
    LARGE_PAUSE_MS = 20,
    START_S = 2,
    PATIENCE_S = 5,
    COLD_PATIENCE_S = 600, /* what is cold may take its time */
    THREAD_STACK = 256 << 10,
    PIECE = 64 << 10,
};

static const long long second_ns = 1000000000;

/* What all share; it is written before the threads are there, but for the counts. */
struct plan {
    unsigned short port;
    const char *small, *large, *folder;
    long long from_ns, until_ns; /* of SMALL or LARGE */
    unsigned long files;
    atomic_ulong cold_asked, cold_answered, failed;
};

struct times {
    long long *ns;
    size_t count, room;
};

/* One connection, and what it saw. */
struct client {
    struct plan *plan;
    unsigned number;
    time_t patience_s;
    int fd;
    struct times times;
};

static long long now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * second_ns + now.tv_nsec;
}

static void sleep_until(long long ns)
{
    struct timespec until = {.tv_sec = ns / second_ns, .tv_nsec = ns % second_ns};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
        ;
}

static void times_add(struct times *times, long long ns)
{
    if (times->count == times->room) {
        times->room = times->room == 0 ? 1024 : 2 * times->room;
        times->ns = realloc(times->ns, times->room * sizeof *times->ns);
        if (times->ns == NULL)
            err(1, "times");
    }
    times->ns[times->count++] = ns;
}

static int connection_open(unsigned short port, time_t patience_s)
{
    struct sockaddr_in server = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct timeval patience = {.tv_sec = patience_s};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) < 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)) < 0)
        err(1, "socket");
    if (connect(fd, (struct sockaddr *)&server, sizeof server) < 0)
        err(1, "127.0.0.1:%u", port);
    return fd;
}

/* Receives a head, and what came of the body with it. The bytes of the body that are left, or -1. */
static long long head_receive(int fd)
{
    char head[4096];
    size_t len = 0;
    char *end = NULL;
    while (end == NULL && len < sizeof head - 1) {
        ssize_t n = recv(fd, head + len, sizeof head - 1 - len, 0);
        if (n <= 0)
            return -1;
        len += (size_t)n;
        head[len] = '\0';
        end = strstr(head, "\r\n\r\n");
    }
    const char *size = strcasestr(head, "\r\nContent-Length: ");
    if (end == NULL || size == NULL || strncmp(head, "HTTP/1.1 200 ", 13) != 0)
        return -1;
    return atoll(size + 18) - (long long)(len - (size_t)(end + 4 - head));
}

static bool body_receive(int fd, long long left)
{
    char piece[PIECE];
    while (left > 0) {
        ssize_t n = recv(fd, piece, left < PIECE ? (size_t)left : PIECE, 0);
        if (n <= 0)
            return false;
        left -= n;
    }
    return left == 0;
}

/* Whether the right answer came. After any other one the connection is a new one. */
static bool ask(struct client *client, const char *path)
{
    char request[PATH_MAX + 64];
    int len = snprintf(request, sizeof request, "GET /%s HTTP/1.1\r\nHost: bench\r\n\r\n", path);
    if (send(client->fd, request, (size_t)len, MSG_NOSIGNAL) == len &&
        body_receive(client->fd, head_receive(client->fd)))
        return true;
    close(client->fd);
    client->fd = connection_open(client->plan->port, client->patience_s);
    client->plan->failed++;
    return false;
}

static void *small_run(void *arg)
{
    struct client *client = arg;
    const struct plan *plan = client->plan;
    const long long every = second_ns * SMALL_CLIENTS / SMALL_RATE;
    prctl(PR_SET_TIMERSLACK, 1);
    client->fd = connection_open(plan->port, client->patience_s);
    long long due = plan->from_ns + every * client->number / SMALL_CLIENTS;
    for (; due < plan->until_ns && now_ns() < plan->until_ns; due += every) {
        bool late = now_ns() > due;
        sleep_until(due);
        long long from = late ? due : now_ns();
        ask(client, plan->small);
        times_add(&client->times, now_ns() - from);
    }
    close(client->fd);
    return NULL;
}

static void *large_run(void *arg)
{
    struct client *client = arg;
    const struct plan *plan = client->plan;
    client->fd = connection_open(plan->port, client->patience_s);
    do {
        long long from = now_ns();
        ask(client, plan->large);
        times_add(&client->times, now_ns() - from);
        sleep_until(now_ns() + LARGE_PAUSE_MS * 1000000LL);
    } while (now_ns() < plan->until_ns);
    close(client->fd);
    return NULL;
}

static void cold_drop(const char *folder, unsigned long number)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%lu.html", folder, number);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) != 0)
        err(1, "%s can't be dropped from the page cache", path);
    close(fd);
}

static void *cold_run(void *arg)
{
    struct client *client = arg;
    struct plan *plan = client->plan;
    char path[64];
    setpriority(PRIO_PROCESS, (id_t)gettid(), 19); /* who is measured must not wait for who isn't */
    client->fd = connection_open(plan->port, client->patience_s);
    while (plan->files > 0) {
        unsigned long number = plan->cold_asked++ % plan->files;
        if (plan->folder != NULL)
            cold_drop(plan->folder, number);
        snprintf(path, sizeof path, "cold/%lu.html", number);
        plan->cold_answered += ask(client, path);
    }
    return NULL;
}

static pthread_t thread_start(void *(*run)(void *), struct client *client)
{
    pthread_attr_t attr;
    pthread_t thread;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, THREAD_STACK);
    errno = pthread_create(&thread, &attr, run, client);
    if (errno != 0)
        err(1, "a thread");
    pthread_attr_destroy(&attr);
    return thread;
}

/* Lets so many clients run; the times of all of them. */
static struct times measure(struct plan *plan, void *(*run)(void *), unsigned count, long long ns)
{
    struct client clients[SMALL_CLIENTS] = {0};
    pthread_t threads[SMALL_CLIENTS];
    struct times all = {0};
    plan->from_ns = now_ns() + second_ns / 20;
    plan->until_ns = plan->from_ns + ns;
    for (unsigned i = 0; i < count; i++) {
        clients[i] = (struct client){.plan = plan, .number = i, .patience_s = PATIENCE_S};
        threads[i] = thread_start(run, &clients[i]);
    }
    for (unsigned i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
        for (size_t t = 0; t < clients[i].times.count; t++)
            times_add(&all, clients[i].times.ns[t]);
        free(clients[i].times.ns);
    }
    return all;
}

static int is_later(const void *a, const void *b)
{
    long long x = *(const long long *)a, y = *(const long long *)b;
    return (x > y) - (x < y);
}

static double percentile(const struct times *times, double share)
{
    return (double)times->ns[(size_t)(share * (double)(times->count - 1))] / 1000;
}

static double mean(const struct times *times)
{
    double sum = 0;
    for (size_t i = 0; i < times->count; i++)
        sum += (double)times->ns[i] / 1000;
    return sum / (double)times->count;
}

int main(int argc, char **argv)
{
    static struct plan plan;
    if ((argc != 6 || atoi(argv[5]) != 0) && argc != 7 && argc != 8)
        errx(2, "usage: cold_client PORT SECONDS SMALL LARGE COLD [FILES [FOLDER]]");
    plan.port = (unsigned short)atoi(argv[1]);
    plan.small = argv[3];
    plan.large = argv[4];
    plan.files = argc > 6 ? strtoul(argv[6], NULL, 10) : 0;
    plan.folder = argc > 7 ? argv[7] : NULL;
    const long long ns = (long long)(atof(argv[2]) * (double)second_ns);
    const unsigned cold = (unsigned)atoi(argv[5]);

    struct client *clients = calloc(cold + 1, sizeof *clients);
    if (clients == NULL)
        err(1, "%u clients", cold);
    for (unsigned i = 0; i < cold; i++) {
        clients[i] = (struct client){.plan = &plan, .number = i, .patience_s = COLD_PATIENCE_S};
        thread_start(cold_run, &clients[i]);
    }
    if (cold > 0)
        sleep(START_S);
    const long long from = now_ns();
    const unsigned long answered = plan.cold_answered;
    struct times small = measure(&plan, small_run, SMALL_CLIENTS, ns);
    struct times large = measure(&plan, large_run, 1, ns);
    const double seconds = (double)(now_ns() - from) / (double)second_ns;
    qsort(small.ns, small.count, sizeof *small.ns, is_later);
    qsort(large.ns, large.count, sizeof *large.ns, is_later);
    printf("%.0f %.0f %.0f %.0f %.0f %.1f %lu\n", percentile(&small, 0.5), percentile(&small, 0.99),
           percentile(&small, 1), mean(&large), percentile(&large, 1),
           (double)(plan.cold_answered - answered) / seconds, plan.failed);
    fflush(stdout);
    _exit(0); /* cold clients wait for answers still */
}
