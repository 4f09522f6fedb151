/* What the steps of the models cost on this machine, in microseconds of processor time: the numbers that scale_sim.c
 * is fed with, but for a request's service, which bench/scale takes from shunt itself.
 *
 *   scale_costs CORE OTHER     prints "name microseconds", a line a step
 *
 * Each number is the median of several rounds. A step that two cores may do at the same time is measured twice, alone
 * and with the other core doing the same to the same object ("_shared"); what it costs more then is its serial part.
 */
#include <arpa/inet.h>
#include <err.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    ROUNDS = 9,
    CONNECTIONS = 400, /* a round's */
    REPLY = 1280,      /* head and body of 1 kB */
    OPERATIONS = 20000,
    SOCKETS = 64, /* in the shared poller, */
    EVENTS = 4,   /* of which a thread gets so many at once */
    WAKES = 400,
    LAPS = 2000,
    PLAYERS = 64, /* threads that pass something around */
    RING = 1024,
};

static const unsigned nap_us = 150; /* long enough for a thread to be asleep, and its core with it */

static double clock_us(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static double own_us(void)
{
    return clock_us(CLOCK_THREAD_CPUTIME_ID);
}

static void must(bool did, const char *what)
{
    if (!did)
        err(1, "%s", what);
}

static void pin(int core)
{
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET(core, &cores);
    must(sched_setaffinity(0, sizeof cores, &cores) == 0, "pin a thread");
}

static pthread_t start(void *(*body)(void *), void *arg)
{
    pthread_t thread;
    must(pthread_create(&thread, NULL, body, arg) == 0, "start a thread");
    return thread;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *list, int count)
{
    qsort(list, (size_t)count, sizeof *list, ascending);
    return list[count / 2];
}

static void tell(const char *name, double us)
{
    printf("%s %.3f\n", name, us > 0 ? us : 0);
}

static void control(int poller, int operation, int fd, uint32_t interest)
{
    struct epoll_event event = {.events = interest, .data.fd = fd};
    must(epoll_ctl(poller, operation, fd, &event) == 0, "epoll_ctl");
}

/* ---- a connection's life, one call after the other over many connections */

enum call { ACCEPT, ACCEPT_NONE, ADD, WAIT, MOD, RECEIVE, SEND, DEL, CLOSE, CALLS };

static const char *const call_names[CALLS] = {"accept",  "accept_none", "add", "wait", "mod",
                                              "receive", "send",        "del", "close"};

struct life {
    struct sockaddr_in address;
    int listener;
    int poller;
    int clients[CONNECTIONS];
    int served[CONNECTIONS];
};

static void life_open(struct life *life)
{
    socklen_t size = sizeof life->address;
    life->address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    life->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    life->poller = epoll_create1(0);
    must(life->poller >= 0 && bind(life->listener, (struct sockaddr *)&life->address, size) == 0 &&
             listen(life->listener, CONNECTIONS) == 0 &&
             getsockname(life->listener, (struct sockaddr *)&life->address, &size) == 0,
         "listen");
}

static void life_connect(struct life *life)
{
    char request[80] = {0};
    for (int i = 0; i < CONNECTIONS; i++) {
        life->clients[i] = socket(AF_INET, SOCK_STREAM, 0);
        must(connect(life->clients[i], (struct sockaddr *)&life->address, sizeof life->address) == 0 &&
                 send(life->clients[i], request, sizeof request, 0) == sizeof request,
             "connect");
    }
}

static void life_call(struct life *life, enum call call, int i)
{
    static const char reply[REPLY];
    char buffer[REPLY];
    struct epoll_event event;
    int fd = life->served[i];
    switch (call) {
    case ACCEPT:
        life->served[i] = accept4(life->listener, NULL, NULL, SOCK_NONBLOCK);
        must(life->served[i] >= 0, "accept");
        break;
    case ACCEPT_NONE:
        must(accept4(life->listener, NULL, NULL, SOCK_NONBLOCK) < 0, "accept nothing");
        break;
    case ADD:
        control(life->poller, EPOLL_CTL_ADD, fd, EPOLLIN);
        break;
    case WAIT:
        must(epoll_wait(life->poller, &event, 1, 0) == 1, "wait");
        break;
    case MOD:
        control(life->poller, EPOLL_CTL_MOD, fd, EPOLLIN | (i % 2 ? EPOLLOUT : 0));
        break;
    case RECEIVE:
        must(recv(fd, buffer, sizeof buffer, 0) > 0, "receive");
        break;
    case SEND:
        must(send(fd, reply, sizeof reply, MSG_NOSIGNAL) == sizeof reply, "send");
        break;
    case DEL:
        control(life->poller, EPOLL_CTL_DEL, fd, 0);
        break;
    case CLOSE:
    case CALLS:
        close(fd);
    }
}

static void measure_life(void)
{
    static struct life life;
    double us[CALLS][ROUNDS];
    life_open(&life);
    for (int round = 0; round < ROUNDS; round++) {
        life_connect(&life);
        for (int call = 0; call < CALLS; call++) {
            double before = own_us();
            for (int i = 0; i < CONNECTIONS; i++)
                life_call(&life, (enum call)call, i);
            us[call][round] = (own_us() - before) / CONNECTIONS;
        }
        for (int i = 0; i < CONNECTIONS; i++)
            close(life.clients[i]);
    }
    for (int call = 0; call < CALLS; call++)
        tell(call_names[call], median(us[call], ROUNDS));
    close(life.listener);
    close(life.poller);
}

/* ---- what two cores may do at once */

struct queue {
    pthread_mutex_t lock;
    pthread_cond_t filled;
    unsigned head;
    unsigned count;
    int ring[RING];
};

struct shared {
    void (*operate)(struct shared *, unsigned self);
    int cores[2];
    pthread_barrier_t barrier;
    double us[2][ROUNDS];
    _Atomic unsigned started;
    struct queue queue;
    int poller;
    int files[2];
    _Alignas(64) _Atomic unsigned line;
};

/* In, and out: by the same thread, so that the queue is never empty and nobody sleeps for it. */
static void operate_queue(struct shared *shared, unsigned self)
{
    (void)self;
    struct queue *queue = &shared->queue;
    pthread_mutex_lock(&queue->lock);
    queue->ring[(queue->head + queue->count++) % RING] = 1;
    pthread_cond_signal(&queue->filled);
    pthread_mutex_unlock(&queue->lock);
    pthread_mutex_lock(&queue->lock);
    queue->head = (queue->head + 1) % RING;
    queue->count--;
    pthread_mutex_unlock(&queue->lock);
}

static void operate_poller(struct shared *shared, unsigned self)
{
    (void)self;
    struct epoll_event events[EVENTS];
    int count = epoll_wait(shared->poller, events, EVENTS, 0);
    for (int i = 0; i < count; i++)
        control(shared->poller, EPOLL_CTL_MOD, events[i].data.fd, EPOLLIN | EPOLLONESHOT);
}

/* A descriptor's number is taken and given back, as accept and close do, in the table that all threads share. */
static void operate_files(struct shared *shared, unsigned self)
{
    close(dup(shared->files[self]));
}

/* A cache line that the other core wrote last is fetched and written: takes two. */
static void operate_line(struct shared *shared, unsigned self)
{
    while (atomic_load(&shared->line) % 2 != self)
        ;
    atomic_fetch_add(&shared->line, 1);
}

static void *operate_rounds(void *arg)
{
    struct shared *shared = arg;
    unsigned self = atomic_fetch_add(&shared->started, 1);
    pin(shared->cores[self]);
    for (int round = 0; round < ROUNDS; round++) {
        pthread_barrier_wait(&shared->barrier);
        double before = clock_us(CLOCK_MONOTONIC);
        for (int i = 0; i < OPERATIONS; i++)
            shared->operate(shared, self);
        shared->us[self][round] = (clock_us(CLOCK_MONOTONIC) - before) / OPERATIONS;
    }
    return NULL;
}

static double shared_measure(struct shared *shared, unsigned threads)
{
    pthread_t thread[2];
    atomic_store(&shared->started, 0);
    pthread_barrier_init(&shared->barrier, NULL, threads);
    for (unsigned i = 0; i < threads; i++)
        thread[i] = start(operate_rounds, shared);
    for (unsigned i = 0; i < threads; i++)
        pthread_join(thread[i], NULL);
    pthread_barrier_destroy(&shared->barrier);
    double us = median(shared->us[0], ROUNDS);
    return threads == 1 ? us : (us + median(shared->us[1], ROUNDS)) / 2;
}

static void shared_tell(struct shared *shared, const char *name, void (*operate)(struct shared *, unsigned self),
                        int parts)
{
    char together[64];
    snprintf(together, sizeof together, "%s_shared", name);
    shared->operate = operate;
    tell(name, shared_measure(shared, 1) / parts);
    tell(together, shared_measure(shared, 2) / parts);
}

static void measure_shared(int core, int other)
{
    static struct shared shared = {.queue = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 1, {0}}};
    shared.cores[0] = core;
    shared.cores[1] = other;
    shared.poller = epoll_create1(0);
    for (int i = 0; i < 2; i++)
        shared.files[i] = eventfd(0, 0);
    for (int i = 0; i < SOCKETS; i++)
        control(shared.poller, EPOLL_CTL_ADD, eventfd(1, 0), EPOLLIN | EPOLLONESHOT);
    shared_tell(&shared, "queue", operate_queue, 1);
    shared_tell(&shared, "poller", operate_poller, EVENTS);
    shared_tell(&shared, "files", operate_files, 1);
    shared.operate = operate_line;
    tell("line", shared_measure(&shared, 2) / 2);
    close(shared.poller);
}

/* ---- waking a thread that sleeps in epoll_wait, by an ADD to its poller */

struct sleeper {
    int core;
    int poller;
    int passed; /* always readable */
    _Atomic bool end;
    _Atomic bool woken;
    double woken_us;
};

static void *sleeper_run(void *arg)
{
    struct sleeper *sleeper = arg;
    struct epoll_event event;
    pin(sleeper->core);
    while (!atomic_load(&sleeper->end)) {
        if (epoll_wait(sleeper->poller, &event, 1, 100) != 1)
            continue;
        sleeper->woken_us = clock_us(CLOCK_MONOTONIC);
        control(sleeper->poller, EPOLL_CTL_DEL, sleeper->passed, 0);
        atomic_store(&sleeper->woken, true);
    }
    return NULL;
}

/* What one ADD costs the thread that does it; *latency_us: until the sleeper runs, where there is one. */
static double pass_us(struct sleeper *sleeper, bool asleep, double *latency_us)
{
    usleep(nap_us);
    double called_us = clock_us(CLOCK_MONOTONIC), before = own_us();
    control(sleeper->poller, EPOLL_CTL_ADD, sleeper->passed, EPOLLIN);
    double us = own_us() - before;
    if (!asleep) {
        control(sleeper->poller, EPOLL_CTL_DEL, sleeper->passed, 0);
        return us;
    }
    while (!atomic_exchange(&sleeper->woken, false))
        sched_yield();
    *latency_us = sleeper->woken_us - called_us;
    return us;
}

static double wakes_measure(int core, bool asleep, double *latency_us)
{
    double us[WAKES], latencies[WAKES] = {0};
    struct sleeper sleeper = {.core = core, .poller = epoll_create1(0), .passed = eventfd(1, 0)};
    pthread_t thread;
    if (asleep)
        thread = start(sleeper_run, &sleeper);
    for (int i = 0; i < WAKES; i++)
        us[i] = pass_us(&sleeper, asleep, &latencies[i]);
    atomic_store(&sleeper.end, true);
    if (asleep)
        pthread_join(thread, NULL);
    close(sleeper.passed);
    close(sleeper.poller);
    *latency_us = median(latencies, WAKES);
    return median(us, WAKES);
}

static void measure_wakes(int other)
{
    double latency, none, awake = wakes_measure(other, false, &none);
    tell("wake", wakes_measure(other, true, &latency) - awake);
    tell("wake_latency", latency);
}

/* ---- from one thread to another on the same core, around a ring of them, waking included */

struct ring {
    int core, players;
    bool polls; /* before it reads, as one does who has a deadline */
    _Atomic int joined;
    int fds[PLAYERS];
};

static void play(const struct ring *ring, int self)
{
    eventfd_t count;
    struct pollfd socket = {.fd = ring->fds[self], .events = POLLIN};
    struct timespec patience = {.tv_sec = 60};
    must((!ring->polls || ppoll(&socket, 1, &patience, NULL) == 1) && eventfd_read(ring->fds[self], &count) == 0 &&
             eventfd_write(ring->fds[(self + 1) % ring->players], 1) == 0,
         "pass on");
}

static void *player_run(void *arg)
{
    struct ring *ring = arg;
    int self = atomic_fetch_add(&ring->joined, 1);
    pin(ring->core);
    for (int i = 0; i < LAPS; i++)
        play(ring, self);
    return NULL;
}

/* What one turn costs; with one player nobody is switched to. */
static double ring_us(int core, int players, bool polls)
{
    struct ring ring = {.core = core, .players = players, .polls = polls};
    pthread_t threads[PLAYERS];
    for (int i = 0; i < players; i++)
        ring.fds[i] = eventfd(0, 0);
    for (int i = 0; i < players; i++)
        threads[i] = start(player_run, &ring);
    usleep(20 * nap_us); /* until all wait */
    double before = clock_us(CLOCK_PROCESS_CPUTIME_ID);
    eventfd_write(ring.fds[0], 1);
    for (int i = 0; i < players; i++)
        pthread_join(threads[i], NULL);
    double us = (clock_us(CLOCK_PROCESS_CPUTIME_ID) - before) / LAPS / players;
    for (int i = 0; i < players; i++)
        close(ring.fds[i]);
    return us;
}

/* A switch between two, and what it is more to sleep with a deadline, one among many whose memory has grown cold. */
static void measure_switch(int core)
{
    double pair = ring_us(core, 2, false);
    tell("switch", pair - ring_us(core, 1, false));
    tell("sleep", ring_us(core, PLAYERS, true) - pair);
}

int main(int argc, char **argv)
{
    if (argc != 3)
        errx(2, "usage: scale_costs CORE OTHER");
    int core = atoi(argv[1]), other = atoi(argv[2]);
    pin(core);
    measure_life();
    measure_shared(core, other);
    measure_wakes(other);
    measure_switch(core);
}
