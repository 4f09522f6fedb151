/*
 * sendfile on Linux: the head goes with MSG_MORE, so that it shares its packets with the file's first bytes.
 *
 * sendfile(2) has no flags: that it never waits comes from the socket (all of ours are non-blocking), and that it never
 * kills comes from signals_open(), which ignores SIGPIPE. A call that took less than it was given is repeated until the
 * kernel says no: a quick reader makes room meanwhile, and one call too many is cheaper than another turn in a poller.
 */
#include "os/sendfile.h"

#include <errno.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { COPY_SIZE = 32 * 1024 };

static enum io failure(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK ? IO_AGAIN : IO_FAILED;
}

/* Adds to *sent what was taken. */
static enum io send_bytes(int sock, const char *bytes, size_t len, int more, size_t *sent)
{
    while (len > 0) {
        ssize_t n = send(sock, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT | more);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return failure();
        *sent += (size_t)n;
        bytes += n;
        len -= (size_t)n;
    }
    return IO_DONE;
}

/* Reads what comes next of the file; 0 is not an answer here, as more was promised. */
static ssize_t read_chunk(int file, char *chunk, size_t len, off_t offset)
{
    ssize_t n;
    do
        n = pread(file, chunk, len, offset);
    while (n < 0 && errno == EINTR);
    if (n == 0)
        errno = EIO;
    return n;
}

static enum io copy_range(int sock, int file, off_t offset, size_t length, size_t *body_sent)
{
    char chunk[COPY_SIZE];
    while (*body_sent < length) {
        size_t left = length - *body_sent;
        ssize_t n = read_chunk(file, chunk, left < COPY_SIZE ? left : COPY_SIZE, offset + (off_t)*body_sent);
        if (n <= 0)
            return IO_FAILED;
        enum io io = send_bytes(sock, chunk, (size_t)n, (size_t)n < left ? MSG_MORE : 0, body_sent);
        if (io != IO_DONE)
            return io;
    }
    return IO_DONE;
}

static enum io send_range(int sock, int file, off_t offset, size_t length, size_t *body_sent)
{
    while (*body_sent < length) {
        off_t at = offset + (off_t)*body_sent;
        ssize_t n = sendfile(sock, file, &at, length - *body_sent);
        if (n > 0) {
            *body_sent += (size_t)n;
        } else if (n == 0) {
            errno = EIO;
            return IO_FAILED;
        } else if (errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP) {
            return copy_range(sock, file, offset, length, body_sent);
        } else if (errno != EINTR) {
            return failure();
        }
    }
    return IO_DONE;
}

enum io sendfile_range(int sock, const void *head, size_t head_len, int file, off_t offset, size_t length,
                       size_t *head_sent, size_t *body_sent)
{
    *head_sent = *body_sent = 0;
    enum io io = send_bytes(sock, head, head_len, length > 0 ? MSG_MORE : 0, head_sent);
    return io == IO_DONE ? send_range(sock, file, offset, length, body_sent) : io;
}

/* What is left of `len` bytes. An iovec is for reading and for writing, so that its pointer isn't const. */
static struct iovec left_of(const char *bytes, size_t len, size_t sent)
{
    union {
        const char *given;
        void *wanted;
    } at = {.given = sent > 0 ? bytes + sent : bytes};
    return (struct iovec){.iov_base = at.wanted, .iov_len = len - sent};
}

enum io sendfile_memory(int sock, const void *head, size_t head_len, const void *body, size_t length, size_t *head_sent,
                        size_t *body_sent)
{
    *head_sent = *body_sent = 0;
    while (*head_sent < head_len || *body_sent < length) {
        struct iovec pieces[] = {left_of(head, head_len, *head_sent), left_of(body, length, *body_sent)};
        struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 2};
        ssize_t n = sendmsg(sock, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return failure();
        size_t of_head = (size_t)n < pieces[0].iov_len ? (size_t)n : pieces[0].iov_len;
        *head_sent += of_head;
        *body_sent += (size_t)n - of_head;
    }
    return IO_DONE;
}
