#include "os/sendfile.h"

#include "os/socket.h"

#include "lib/refuse.h"
#include "lib/tree.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    FILE_SIZE = 2 * 1024 * 1024,
    HEAD_MAX = 512 * 1024,
    SMALL = 4096, /* a socket's buffer; the kernel makes it somewhat more */
    PATIENCE_MS = 5000,
    ROUNDS_MAX = 100000,
};

/* Every row is played with a body from a file and with one from memory, the head's bytes being unlike the body's. */
static const struct row {
    const char *name;
    size_t head_len;
    size_t offset;
    size_t length;
    int buffer; /* of the sending socket; 0: as large as the kernel likes */
    bool waits; /* more than the socket takes at once */
} rows[] = {
    {"nothing is sent at once", 0, 0, 0, 0, false},
    {"a head alone is sent", 300, 0, 0, 0, false},
    {"a body alone is sent", 0, 0, 4096, 0, false},
    {"a head and a body are sent", 300, 0, 4096, 0, false},
    {"a body of one byte is sent", 300, 0, 1, 0, false},
    {"a body begins at its offset", 300, 1001, 4097, 0, false},
    {"a body ends with the file", 300, FILE_SIZE - 1000, 1000, 0, false},
    {"a body of 32 kB and one byte is sent", 300, 7, 32 * 1024 + 1, 0, false},
    {"a body larger than the socket goes in pieces", 300, 0, FILE_SIZE, SMALL, true},
    {"a body larger than the socket begins at its offset", 0, 12345, FILE_SIZE - 12345, SMALL, true},
    {"a head larger than the socket goes in pieces", HEAD_MAX, 3, 10000, SMALL, true},
    {"a head alone, larger than the socket, goes in pieces", HEAD_MAX, 0, 0, SMALL, true},
};

enum { ROWS = sizeof rows / sizeof rows[0] };

struct world {
    struct tree tree;
    int file;
    char *head;
    char *body; /* the file's bytes */
    char *received;
    int ours;
    int theirs;
};

static void make_sockets(struct world *world, int buffer)
{
    struct socket_address address;
    struct socket_peer peer;
    const char *problem;
    struct socket_options options = {.backlog = 1, .send_buffer = buffer};
    assert_int_equal(socket_address_parse("127.0.0.1:0", &address, &problem), 0);
    int listener = socket_listen(&address, &options);
    assert_true(listener >= 0);
    assert_int_equal(socket_local_address(listener, &address), 0);
    world->theirs = socket(AF_INET, SOCK_STREAM, 0);
    if (buffer > 0)
        setsockopt(world->theirs, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    assert_int_equal(connect(world->theirs, (struct sockaddr *)&address.storage, address.len), 0);
    assert_int_equal(poll(&(struct pollfd){.fd = listener, .events = POLLIN}, 1, PATIENCE_MS), 1);
    world->ours = socket_accept(listener, &peer);
    assert_true(world->ours >= 0);
    close(listener);
}

static void make_world(struct world *world, int buffer)
{
    char path[TREE_PATH_MAX];
    tree_open(&world->tree, &(struct tree_row){TREE_FILE, "file", NULL, FILE_SIZE}, 1);
    tree_path(&world->tree, "file", path);
    world->file = open(path, O_RDWR | O_CLOEXEC);
    assert_true(world->file >= 0);
    world->head = malloc(HEAD_MAX);
    world->body = malloc(FILE_SIZE);
    world->received = malloc(HEAD_MAX + FILE_SIZE + 1);
    assert_true(world->head != NULL && world->body != NULL && world->received != NULL);
    for (size_t i = 0; i < HEAD_MAX; i++)
        world->head[i] = (char)(i % 241 ^ 0x80);
    for (size_t i = 0; i < FILE_SIZE; i++)
        world->body[i] = (char)tree_byte(i);
    make_sockets(world, buffer);
}

static void end_world(struct world *world)
{
    close(world->ours);
    close(world->theirs);
    close(world->file);
    free(world->head);
    free(world->body);
    free(world->received);
    tree_close(&world->tree);
}

typedef enum io sender(struct world *world, const char *head, size_t head_len, size_t offset, size_t length,
                       size_t *head_sent, size_t *body_sent);

static enum io from_file(struct world *world, const char *head, size_t head_len, size_t offset, size_t length,
                         size_t *head_sent, size_t *body_sent)
{
    return sendfile_range(world->ours, head, head_len, world->file, (off_t)offset, length, head_sent, body_sent);
}

static enum io from_memory(struct world *world, const char *head, size_t head_len, size_t offset, size_t length,
                           size_t *head_sent, size_t *body_sent)
{
    return sendfile_memory(world->ours, head, head_len, world->body + offset, length, head_sent, body_sent);
}

/* Takes what has come, at least a byte. */
static size_t receive_some(struct world *world, size_t got)
{
    ssize_t n = recv(world->theirs, world->received + got, HEAD_MAX + FILE_SIZE + 1 - got, 0);
    assert_true(n > 0);
    return got + (size_t)n;
}

/* Sends until all is sent, reading only when the socket is full; how many times it was. */
static int transfer(struct world *world, sender *send_it, const struct row *row, size_t *got)
{
    size_t head = 0, body = 0;
    int waits = 0;
    for (int round = 0; round < ROUNDS_MAX; round++) {
        size_t head_sent, body_sent;
        enum io io = send_it(world, world->head + head, row->head_len - head, row->offset + body, row->length - body,
                             &head_sent, &body_sent);
        head += head_sent;
        body += body_sent;
        assert_true(body_sent == 0 || head == row->head_len); /* never a body before its head */
        assert_int_equal(io, head + body == row->head_len + row->length ? IO_DONE : IO_AGAIN);
        if (io == IO_DONE)
            return waits;
        waits++;
        *got = receive_some(world, *got);
    }
    fail_msg("it never ends");
    return waits;
}

static void expect_bytes(struct world *world, const struct row *row, size_t got)
{
    socket_shutdown_send(world->ours);
    while (got < row->head_len + row->length)
        got = receive_some(world, got);
    assert_int_equal(recv(world->theirs, world->received, 1, MSG_PEEK), 0); /* and not a byte more */
    assert_memory_equal(world->received, world->head, row->head_len);
    assert_memory_equal(world->received + row->head_len, world->body + row->offset, row->length);
}

static void play(sender *send_it, const struct row *row)
{
    struct world world;
    size_t got = 0;
    make_world(&world, row->buffer);
    int waits = transfer(&world, send_it, row, &got);
    if (row->waits != (waits > 0))
        fail_msg("%s: it waited %d times", row->name, waits);
    expect_bytes(&world, row, got);
    end_world(&world);
}

static void play_from_file(void **state)
{
    play(from_file, *state);
}

static void play_from_memory(void **state)
{
    play(from_memory, *state);
}

static void a_file_that_ends_too_soon_is_an_error(void **state)
{
    (void)state;
    struct world world;
    size_t head_sent, body_sent;
    make_world(&world, 0);
    assert_int_equal(from_file(&world, "head", 4, FILE_SIZE - 100, 101, &head_sent, &body_sent), IO_FAILED);
    assert_int_equal(errno, EIO);
    assert_int_equal(head_sent, 4);
    assert_int_equal(body_sent, 100);
    end_world(&world);
}

static void a_file_that_shrinks_meanwhile_is_an_error(void **state)
{
    (void)state;
    struct world world;
    size_t head_sent, body_sent, more;
    make_world(&world, SMALL);
    assert_int_equal(from_file(&world, NULL, 0, 0, FILE_SIZE, &head_sent, &body_sent), IO_AGAIN);
    assert_int_equal(ftruncate(world.file, (off_t)body_sent), 0);
    assert_int_equal(from_file(&world, NULL, 0, body_sent, FILE_SIZE - body_sent, &head_sent, &more), IO_FAILED);
    assert_int_equal(errno, EIO);
    assert_int_equal(more, 0);
    end_world(&world);
}

static void a_head_that_does_not_fit_leaves_the_file_alone(void **state)
{
    (void)state;
    struct world world;
    size_t head_sent, body_sent;
    make_world(&world, SMALL);
    int file = world.file;
    world.file = -1; /* touching it would be EBADF */
    assert_int_equal(from_file(&world, world.head, HEAD_MAX, 0, 100, &head_sent, &body_sent), IO_AGAIN);
    assert_in_range(head_sent, 1, HEAD_MAX - 1);
    assert_int_equal(body_sent, 0);
    world.file = file;
    end_world(&world);
}

static void what_is_no_file_is_an_error(void **state)
{
    (void)state;
    struct world world;
    size_t head_sent, body_sent;
    make_world(&world, 0);
    int file = world.file;
    world.file = -1;
    assert_int_equal(from_file(&world, "head", 4, 0, 100, &head_sent, &body_sent), IO_FAILED);
    assert_int_equal(errno, EBADF);
    assert_int_equal(head_sent, 4);
    world.file = file;
    end_world(&world);
}

static void expect_broken(sender *send_it)
{
    struct world world;
    size_t head_sent, body_sent;
    make_world(&world, 0);
    assert_int_equal(shutdown(world.ours, SHUT_WR), 0);
    assert_int_equal(send_it(&world, "head", 4, 0, 100, &head_sent, &body_sent), IO_FAILED);
    assert_int_equal(errno, EPIPE);
    assert_int_equal(send_it(&world, NULL, 0, 0, 100, &head_sent, &body_sent), IO_FAILED);
    assert_int_equal(errno, EPIPE);
    assert_int_equal(head_sent + body_sent, 0);
    end_world(&world);
}

static void a_closed_connection_is_an_error(void **state)
{
    (void)state;
    expect_broken(from_file);
    expect_broken(from_memory);
}

/* --- the same without sendfile --- */

static int lose_sendfile(int error)
{
    size_t head_sent, body_sent;
    struct world world;
    assert_true(refuse_call(SYS_sendfile, error));
    make_world(&world, 0);
    assert_int_equal(from_file(&world, NULL, 0, 0, 100, &head_sent, &body_sent), IO_DONE);
    end_world(&world);
    return 0;
}

static int sendfile_says_eopnotsupp(void **state)
{
    (void)state;
    return lose_sendfile(EOPNOTSUPP);
}

static int sendfile_says_enosys(void **state)
{
    (void)state;
    return lose_sendfile(ENOSYS);
}

static int sendfile_says_einval(void **state)
{
    (void)state;
    return lose_sendfile(EINVAL);
}

static void name_rows(struct CMUnitTest tests[ROWS], CMUnitTestFunction played)
{
    for (size_t i = 0; i < ROWS; i++)
        tests[i] = (struct CMUnitTest){rows[i].name, played, NULL, NULL, (void *)(uintptr_t)&rows[i]};
}

int main(void)
{
    struct CMUnitTest file_rows[ROWS], memory_rows[ROWS];
    const struct CMUnitTest failures[] = {
        cmocka_unit_test(a_file_that_ends_too_soon_is_an_error),
        cmocka_unit_test(a_file_that_shrinks_meanwhile_is_an_error),
        cmocka_unit_test(a_head_that_does_not_fit_leaves_the_file_alone),
        cmocka_unit_test(what_is_no_file_is_an_error),
        cmocka_unit_test(a_closed_connection_is_an_error),
    };
    name_rows(file_rows, play_from_file);
    name_rows(memory_rows, play_from_memory);
    signal(SIGPIPE, SIG_IGN); /* as signals_open() does: sendfile(2) has no MSG_NOSIGNAL */
    int failed = cmocka_run_group_tests_name("with sendfile", file_rows, NULL, NULL);
    failed += cmocka_run_group_tests_name("from memory", memory_rows, NULL, NULL);
    failed += cmocka_run_group_tests_name("failures", failures, NULL, NULL);
    failed += cmocka_run_group_tests_name("sendfile not supported", failures, sendfile_says_eopnotsupp, NULL);
    failed += cmocka_run_group_tests_name("no sendfile", failures, sendfile_says_enosys, NULL);
    failed += cmocka_run_group_tests_name("sendfile can't read this file", file_rows, sendfile_says_einval, NULL);
    return failed;
}
