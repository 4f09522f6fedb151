/* Readers beside the clients that are measured: what a server must put up with meanwhile.
 *
 *   readers PORT slow NAME COUNT LEAST MOST                  slow ones, of one file
 *   readers PORT cold FOLDER COUNT LEAST MOST ROOT FILES     ones that ask for what is in no memory
 *   readers probe FILE                                       can a file be made cold here, and does it show?
 *
 * COUNT connections ask again and again, each as soon as it has the last answer, and take LEAST to MOST kB a second
 * each, spread evenly. The pace is kept, not made up for: who gets nothing for a while has lost that.
 *
 * Slow readers have a small receive buffer and the segments of an Ethernet. Without the latter a server's kernel takes
 * a whole megabyte at once on loopback, because it makes a send buffer of so many segments, and the server never learns
 * that anyone is slow.
 *
 * Cold readers ask for FOLDER/0.html to FOLDER/(FILES - 1).html, and drop each from the page cache before they do. Each
 * has files of its own, so that none drops what another just asked for.
 *
 * It says "ready" once the head of an answer has come on every connection. SIGTERM makes it say "result ANSWERS BYTES
 * MICROSECONDS", counted from there, and end. Any answer that is not a 200, any connection that ends: exit status 1.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum {
    HEAD_SIZE = 1024,
    PIECE_SIZE = 64 << 10,
    TURN_NS = 10000000,
    SLOW_TURNS = 10, /* a slow reader's share of the turns is one in so many, for the sake of the CPU it costs */
    SLOW_RECEIVE_BUFFER = 16 << 10,
    ETHERNET_SEGMENT = 1460,
    SECOND_NS = 1000000000,
};

struct reader {
    int fd;
    unsigned file;           /* the cold one that it asks for */
    size_t pace;             /* bytes a turn */
    size_t length;           /* of what has come of the head */
    unsigned long long left; /* of the body, once the head is complete */
    bool in_body, greeted;
    char head[HEAD_SIZE];
};

struct readers {
    struct reader *all;
    unsigned count, greeted;
    unsigned turns;   /* each reader has one in so many */
    const char *name; /* of the slow file, or the folder of the cold ones */
    int *cold;        /* their descriptors; NULL where there are none */
    unsigned files;
    unsigned long long answers, bytes;
};

static int connection_open(unsigned short port, bool slow)
{
    struct sockaddr_in server = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        err(1, "socket");
    if (slow && (setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int){SLOW_RECEIVE_BUFFER}, sizeof(int)) < 0 ||
                 setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &(int){ETHERNET_SEGMENT}, sizeof(int)) < 0))
        err(1, "the buffer or the segments of a slow reader");
    if (connect(fd, (struct sockaddr *)&server, sizeof server) < 0)
        err(1, "127.0.0.1:%u", port);
    return fd;
}

static void cold_drop(int fd)
{
    int error = posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    if (error != 0)
        errx(1, "a cold file can't be dropped: %s", strerror(error));
}

static void reader_ask(struct readers *readers, struct reader *reader)
{
    char path[PATH_MAX];
    char request[PATH_MAX + 64];
    if (readers->cold != NULL) {
        reader->file = (reader->file + readers->count) % readers->files;
        cold_drop(readers->cold[reader->file]);
        snprintf(path, sizeof path, "%s/%u.html", readers->name, reader->file);
    } else {
        snprintf(path, sizeof path, "%s", readers->name);
    }
    int length = snprintf(request, sizeof request, "GET /%s HTTP/1.1\r\nHost: bench\r\n\r\n", path);
    if (send(reader->fd, request, (size_t)length, MSG_NOSIGNAL) != length)
        err(1, "/%s can't be asked for", path);
    reader->length = 0;
    reader->in_body = false;
}

static size_t reader_receive(struct reader *reader, char *to, size_t size)
{
    ssize_t got = recv(reader->fd, to, size, MSG_DONTWAIT);
    if (got == 0)
        errx(1, "a connection was closed before its answer had come");
    if (got < 0 && errno != EAGAIN)
        err(1, "an answer did not come");
    return got < 0 ? 0 : (size_t)got;
}

/* What came after the head is the body's beginning. */
static void head_read(struct readers *readers, struct reader *reader)
{
    reader->head[reader->length] = '\0';
    char *end = strstr(reader->head, "\r\n\r\n");
    if (end == NULL && reader->length < HEAD_SIZE - 1)
        return;
    char *size = strstr(reader->head, "Content-Length: ");
    if (end == NULL || size == NULL || strncmp(reader->head, "HTTP/1.1 200 ", 13) != 0)
        errx(1, "not the answer that was asked for: %.60s", reader->head);
    size_t body = reader->length - (size_t)(end + 4 - reader->head);
    reader->left = strtoull(size + 16, NULL, 10) - body;
    reader->in_body = true;
    readers->greeted += !reader->greeted;
    reader->greeted = true;
}

/* One recv, of a head or of a body: how much came. */
static size_t reader_take(struct readers *readers, struct reader *reader, size_t most)
{
    char piece[PIECE_SIZE];
    if (!reader->in_body) {
        size_t room = HEAD_SIZE - 1 - reader->length;
        size_t got = reader_receive(reader, reader->head + reader->length, most < room ? most : room);
        reader->length += got;
        head_read(readers, reader);
        return got;
    }
    if (most > reader->left)
        most = (size_t)reader->left;
    size_t got = reader_receive(reader, piece, most < sizeof piece ? most : sizeof piece);
    reader->left -= got;
    return got;
}

static void reader_turn(struct readers *readers, struct reader *reader)
{
    for (size_t may = reader->pace, got; may > 0; may -= got) {
        got = reader_take(readers, reader, may);
        readers->bytes += got;
        if (got == 0)
            return;
        if (reader->in_body && reader->left == 0) {
            readers->answers++;
            reader_ask(readers, reader);
        }
    }
}

static long long now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * (long long)SECOND_NS + now.tv_nsec;
}

/* False: it is time to end. */
static bool turn_await(long long when, const sigset_t *end)
{
    long long left = when - now_ns();
    struct timespec wait = {.tv_sec = left > 0 ? left / SECOND_NS : 0, .tv_nsec = left > 0 ? left % SECOND_NS : 0};
    return sigtimedwait(end, NULL, &wait) < 0;
}

static void readers_run(struct readers *readers, const sigset_t *end)
{
    long long began = 0;
    long long when = now_ns();
    for (unsigned turn = 0; turn_await(when, end); turn++, when += TURN_NS) {
        for (unsigned i = turn % readers->turns; i < readers->count; i += readers->turns)
            reader_turn(readers, &readers->all[i]);
        if (began == 0 && readers->greeted == readers->count) {
            readers->answers = readers->bytes = 0;
            began = now_ns();
            puts("ready");
            fflush(stdout);
        }
    }
    if (began == 0)
        errx(1, "%u of %u had no answer", readers->count - readers->greeted, readers->count);
    printf("result %llu %llu %lld\n", readers->answers, readers->bytes, (now_ns() - began) / 1000);
}

static void cold_open(struct readers *readers, const char *root)
{
    readers->cold = calloc(readers->files, sizeof *readers->cold);
    if (readers->cold == NULL)
        err(1, "%u files", readers->files);
    for (unsigned i = 0; i < readers->files; i++) {
        char path[PATH_MAX];
        snprintf(path, sizeof path, "%s/%s/%u.html", root, readers->name, i);
        readers->cold[i] = open(path, O_RDONLY | O_CLOEXEC);
        if (readers->cold[i] < 0)
            err(1, "%s", path);
    }
}

static void readers_open(struct readers *readers, unsigned short port, size_t least, size_t most)
{
    readers->all = calloc(readers->count, sizeof *readers->all);
    if (readers->all == NULL)
        err(1, "%u readers", readers->count);
    for (unsigned i = 0; i < readers->count; i++) {
        struct reader *reader = &readers->all[i];
        size_t kilobytes = least + (most - least) * i / readers->count;
        reader->pace = kilobytes * 1000 * readers->turns / (SECOND_NS / TURN_NS);
        reader->file = i;
        reader->fd = connection_open(port, readers->cold == NULL);
        reader_ask(readers, reader);
    }
}

/* A dropped file whose bytes can't be had without waiting is cold. */
static int probe(const char *path)
{
    char byte;
    struct iovec into = {&byte, 1};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0)
        err(1, "%s", path);
    cold_drop(fd);
    if (preadv2(fd, &into, 1, 0, RWF_NOWAIT) >= 0)
        errx(1, "a file stays in memory though it was dropped");
    if (errno != EAGAIN)
        err(1, "what is in memory can't be told from what is not");
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "probe") == 0)
        return probe(argv[2]);
    bool cold = argc == 9 && strcmp(argv[2], "cold") == 0;
    if (!cold && (argc != 7 || strcmp(argv[2], "slow") != 0))
        errx(2, "usage: readers PORT slow NAME COUNT LEAST MOST | PORT cold FOLDER COUNT LEAST MOST ROOT FILES | probe "
                "FILE");

    struct readers readers = {.name = argv[3], .count = (unsigned)atoi(argv[4]), .turns = cold ? 1 : SLOW_TURNS};
    sigset_t end;
    sigemptyset(&end);
    sigaddset(&end, SIGTERM);
    sigprocmask(SIG_BLOCK, &end, NULL);
    if (cold) {
        readers.files = (unsigned)atoi(argv[8]);
        cold_open(&readers, argv[7]);
    }
    readers_open(&readers, (unsigned short)atoi(argv[1]), (size_t)atoi(argv[5]), (size_t)atoi(argv[6]));
    readers_run(&readers, &end);
}
