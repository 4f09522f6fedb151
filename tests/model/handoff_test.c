/*
 * The handoff contract, with handoffs forced at every point, for the thread sanitizer above all.
 *
 * A whole engine runs in this process. Clients of several kinds ask it for files of all the sizes that are treated
 * differently, and compare every byte. The rows make connections change threads where they otherwise would not: turns
 * of a few bytes send each reply in pieces through the write stage, small socket buffers stop them anywhere, and
 * `assume_cold` sends every request, and every window of every body, through the pool that may sleep.
 */
#include "base/clock.h"
#include "lib/tree.h"
#include "model/intake.h"
#include "model/staged.h"
#include "os/beneath.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { FILES_MAX = 512, SOCKET_BUFFER = 4096, PATIENCE_MS = 20000 };

static const struct tree_row files[] = {
    {TREE_FILE, "empty", NULL, 0},
    {TREE_FILE, "one", NULL, 1},
    {TREE_FILE, "small", NULL, 1000},
    {TREE_FILE, "copied", NULL, REPLY_COPY_MAX},
    {TREE_FILE, "spanned", NULL, REPLY_COPY_MAX + 1},
    {TREE_FILE, "in-memory", NULL, ENTRY_BODY_MAX},
    {TREE_FILE, "in-file", NULL, ENTRY_BODY_MAX + 1},
    {TREE_FILE, "large", NULL, 3000000},
};
enum { FILES = sizeof files / sizeof *files };

struct row {
    const char *sentence;
    uint32_t turn_bytes;
    int workers, writers, blockers;
    bool assume_cold, small_buffers;
    int clients, requests; /* each client asks so often, on one connection */
    size_t largest;        /* of the files that are asked for */
    size_t piece;          /* bytes that a client sends at once; 0: all its requests */
};

static const struct row rows[] = {
    {"replies that fit never leave the reader", 1 << 21, 2, 1, 1, false, false, 4, 300, REPLY_COPY_MAX, 0},
    {"full sockets pass each reply to the write stage and home", 1 << 21, 2, 1, 1, false, true, 6, 60, 3000000, 0},
    {"without writers the reader writes", 1 << 21, 2, 0, 1, false, true, 6, 60, 3000000, 0},
    {"several writers share the connections", 1 << 21, 3, 3, 1, false, true, 6, 60, 3000000, 0},
    {"turns of a byte hand over between any two bytes", 1, 2, 2, 1, false, false, 4, 6, 1000, 0},
    {"turns of a few bytes split heads and bodies anywhere", 97, 2, 1, 1, false, false, 4, 40, REPLY_COPY_MAX, 0},
    {"turns that end between pipelined replies", 1300, 2, 1, 1, false, false, 4, 200, 1000, 0},
    {"cold files send every request through the pool", 1 << 21, 2, 1, 3, true, false, 6, 100, 3000000, 0},
    {"cold files and full sockets take turns", 1 << 21, 2, 1, 3, true, true, 6, 40, 3000000, 0},
    {"cold files, no writers", 1 << 21, 2, 0, 2, true, true, 6, 40, 3000000, 0},
    {"cold files and tiny turns", 257, 2, 2, 2, true, true, 4, 20, REPLY_COPY_MAX, 0},
    {"requests in pieces meet replies in pieces", 97, 2, 1, 1, false, true, 4, 20, 1000, 3},
    {"requests byte by byte, every file cold", 1 << 21, 2, 1, 2, true, false, 4, 20, 1000, 1},
};
enum { ROWS = sizeof rows / sizeof *rows };

/* ---- an engine */

struct fixture {
    struct tree tree;
    struct engine engine;
    struct intake intake;
    int root;
};

static void open_fixture(struct fixture *f, const struct row *row)
{
    tree_open(&f->tree, files, FILES);
    f->root = beneath_root(f->tree.path);
    assert_true(f->root >= 0);
    struct engine_settings settings = {
        .model = &model_staged,
        .workers = row->workers,
        .writers = row->writers,
        .blockers = row->blockers,
        .files_max = FILES_MAX,
        .connections_max = 100,
        .cache_bytes = 1 << 24,
        .cache_entries = 64,
        .root = f->root,
        .limits =
            {
                .request = {REQUEST_LINE_MAX, REQUEST_HEAD_MAX, REQUEST_FIELDS_MAX},
                .body_max = 1 << 20,
                .turn_bytes = row->turn_bytes,
                .head_ms = 60000,
                .keepalive_ms = 60000,
                .send_ms = 60000,
                .assume_cold = row->assume_cold,
            },
    };
    cpu_usable(&settings.cpus);
    settings.cores = settings.cpus.count;
    settings.model->settle(&settings);
    assert_int_equal(engine_open(&f->engine, &settings), 0);
    f->intake = (struct intake){.engine = &f->engine};
}

static void close_fixture(struct fixture *f)
{
    engine_close(&f->engine);
    close(f->root);
    tree_close(&f->tree);
}

/* A connection to the engine: our end of a socket pair. */
static int connect_to(struct fixture *f, bool small_buffers)
{
    int ends[2], size = SOCKET_BUFFER;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    if (small_buffers)
        assert_int_equal(setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
    intake_adopt(&f->intake, ends[1], &(struct socket_peer){.family = AF_UNIX}, false);
    return ends[0];
}

/* Waits until so many connections are left; whether they are. A test that fails must still stop the threads. */
static bool wait_for(struct fixture *f, uint64_t left)
{
    uint64_t until_ms = clock_now_ms() + PATIENCE_MS;
    while (intake_connections(&f->intake, 0) > left && clock_now_ms() < until_ms)
        usleep(1000);
    return intake_connections(&f->intake, 0) == left;
}

static void say(int sock, const char *text)
{
    (void)!send(sock, text, strlen(text), MSG_NOSIGNAL);
}

/* ---- a client */

struct client {
    const struct row *row;
    int sock;
    unsigned random;
    struct buffer out; /* all its requests */
    int *asked;        /* which files, in order */
    struct buffer in;
    char problem[200]; /* empty: all was well */
};

static void ask(struct client *client)
{
    buffer_init(&client->out);
    buffer_init(&client->in);
    for (int i = 0; i < client->row->requests; i++) {
        char request[128];
        do {
            client->random = client->random * 1103515245 + 12345;
            client->asked[i] = (int)(client->random >> 16) % FILES;
        } while (files[client->asked[i]].size > client->row->largest);
        int len =
            snprintf(request, sizeof request, "GET /%s HTTP/1.1\r\nHost: h\r\n\r\n", files[client->asked[i]].path);
        buffer_append(&client->out, (struct slice){request, (size_t)len});
    }
}

/* Cuts one whole reply off the front and compares it; false when it isn't all there, or was wrong. */
static bool take_reply(struct client *client, int number)
{
    struct slice bytes = buffer_bytes(&client->in);
    const struct tree_row *file = &files[client->asked[number]];
    const char *end = bytes.len == 0 ? NULL : memmem(bytes.at, bytes.len, "\r\n\r\n", 4);
    if (end == NULL || bytes.len < (size_t)(end - bytes.at) + 4 + file->size)
        return false;
    char length[64];
    int len = snprintf(length, sizeof length, "\r\nContent-Length: %zu\r\n", file->size);
    if (!slice_starts_with(bytes, SLICE("HTTP/1.1 200 OK\r\n")) ||
        memmem(bytes.at, (size_t)(end - bytes.at) + 4, length, (size_t)len) == NULL)
        snprintf(client->problem, sizeof client->problem, "reply %d (%s): a wrong head", number, file->path);
    for (size_t i = 0; i < file->size && client->problem[0] == '\0'; i++)
        if ((unsigned char)end[4 + i] != tree_byte(i))
            snprintf(client->problem, sizeof client->problem, "reply %d (%s): byte %zu is wrong", number, file->path,
                     i);
    buffer_consume(&client->in, (size_t)(end - bytes.at) + 4 + file->size);
    return client->problem[0] == '\0';
}

static void send_some(struct client *client)
{
    size_t len = buffer_length(&client->out);
    if (client->row->piece > 0 && len > client->row->piece)
        len = client->row->piece;
    ssize_t sent = send(client->sock, buffer_bytes(&client->out).at, len, MSG_NOSIGNAL);
    if (sent > 0)
        buffer_consume(&client->out, (size_t)sent);
}

static bool receive_some(struct client *client)
{
    if (buffer_reserve(&client->in, 65536) < 0)
        return false;
    ssize_t got = recv(client->sock, buffer_tail(&client->in), buffer_room(&client->in), 0);
    if (got > 0)
        buffer_extend(&client->in, (size_t)got);
    return got > 0 || (got < 0 && errno == EAGAIN);
}

static void *run_client(void *arg)
{
    struct client *client = arg;
    ask(client);
    for (int done = 0; done < client->row->requests && client->problem[0] == '\0';) {
        bool sending = buffer_length(&client->out) > 0;
        struct pollfd ready = {client->sock, (short)(POLLIN | (sending ? POLLOUT : 0)), 0};
        if (poll(&ready, 1, PATIENCE_MS) != 1)
            snprintf(client->problem, sizeof client->problem, "reply %d of %d never came", done, client->row->requests);
        if (ready.revents & POLLOUT)
            send_some(client);
        if ((ready.revents & (POLLIN | POLLHUP)) && !receive_some(client))
            snprintf(client->problem, sizeof client->problem, "closed before reply %d", done);
        while (done < client->row->requests && take_reply(client, done))
            done++;
    }
    close(client->sock);
    buffer_fini(&client->out);
    buffer_fini(&client->in);
    return NULL;
}

/* ---- the tests */

static void every_byte_arrives_wherever_the_connection_changes_threads(void **state)
{
    const struct row *row = *state;
    struct fixture f;
    struct client clients[8] = {0};
    pthread_t threads[8];
    open_fixture(&f, row);
    for (int i = 0; i < row->clients; i++) {
        clients[i] =
            (struct client){.row = row, .sock = connect_to(&f, row->small_buffers), .random = (unsigned)i * 77 + 1};
        clients[i].asked = calloc((size_t)row->requests, sizeof(int));
        assert_int_equal(pthread_create(&threads[i], NULL, run_client, &clients[i]), 0);
    }
    for (int i = 0; i < row->clients; i++) {
        pthread_join(threads[i], NULL);
        free(clients[i].asked);
    }
    bool ended = wait_for(&f, 0);
    close_fixture(&f);
    for (int i = 0; i < row->clients; i++)
        if (clients[i].problem[0] != '\0')
            fail_msg("%s: client %d: %s", row->sentence, i, clients[i].problem);
    assert_true(ended);
}

static const struct row restless = {"", 4000, 2, 2, 2, true, true, 4, 0, 3000000, 0};

struct vandal {
    struct fixture *f;
    unsigned random;
};

/* Opens connections, asks for much, and goes away at any moment: with a reset, with bytes unread, in the middle of a
 * head. */
static void *run_vandal(void *arg)
{
    static const char requests[] = "GET /large HTTP/1.1\r\nHost: h\r\n\r\nGET /in-file HTTP/1.1\r\nHost: h\r\n\r\n"
                                   "GET /nothing HTTP/1.1\r\nHost: h\r\n\r\nGET /small HTTP/1.1\r\nHost: h\r\n\r\n";
    struct vandal *vandal = arg;
    for (int i = 0; i < 60; i++) {
        vandal->random = vandal->random * 1103515245 + 12345;
        int sock = connect_to(vandal->f, true);
        size_t len = 1 + (vandal->random >> 16) % (sizeof requests - 1);
        char got[30000];
        (void)!send(sock, requests, len, MSG_NOSIGNAL);
        usleep((vandal->random >> 8) % 3000);
        if (vandal->random & 64)
            (void)!recv(sock, got, sizeof got, 0);
        if (vandal->random & 128)
            shutdown(sock, vandal->random & 256 ? SHUT_WR : SHUT_RDWR);
        close(sock);
    }
    return NULL;
}

static void peers_that_vanish_anywhere_leave_nothing_behind(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, &restless);
    /* One thread is the accept stage: it alone may adopt. */
    struct vandal vandal = {&f, 7};
    run_vandal(&vandal);
    bool ended = wait_for(&f, 0);
    close_fixture(&f);
    assert_true(ended);
}

static void an_engine_closed_in_the_middle_of_everything_gives_all_back(void **state)
{
    (void)state;
    for (int round = 0; round < 5; round++) {
        struct fixture f;
        int socks[16];
        open_fixture(&f, &restless);
        for (int i = 0; i < 16; i++) {
            socks[i] = connect_to(&f, true);
            say(socks[i], "GET /large HTTP/1.1\r\nHost: h\r\n\r\nGET /one HT");
        }
        usleep((useconds_t)round * 2000);
        close_fixture(&f);
        for (int i = 0; i < 16; i++)
            close(socks[i]);
    }
}

static void draining_answers_what_has_come_and_closes_what_is_idle(void **state)
{
    (void)state;
    struct fixture f;
    char got[4096];
    open_fixture(&f, &rows[0]);
    int idle = connect_to(&f, false), busy = connect_to(&f, false), silent = connect_to(&f, false);
    say(idle, "GET /one HTTP/1.1\r\nHost: h\r\n\r\n");
    say(busy, "GET /one HTTP/1.1\r\nHo");
    struct pollfd answered = {idle, POLLIN, 0};
    assert_int_equal(poll(&answered, 1, PATIENCE_MS), 1);
    usleep(50000);
    engine_drain(&f.engine);
    say(busy, "st: h\r\n\r\n");
    bool ended = wait_for(&f, 0);
    close_fixture(&f);
    assert_true(ended);
    ssize_t len = recv(busy, got, sizeof got - 1, 0);
    assert_true(len > 0);
    got[len] = '\0';
    assert_non_null(strstr(got, "HTTP/1.1 200 OK\r\n"));
    assert_non_null(strstr(got, "\r\nConnection: close\r\n"));
    assert_true(recv(idle, got, sizeof got, 0) > 0);
    assert_int_equal(recv(idle, got, sizeof got, 0), 0);
    assert_int_equal(recv(silent, got, sizeof got, 0), 0);
    close(idle);
    close(busy);
    close(silent);
}

static void the_longest_idle_are_shed_first(void **state)
{
    (void)state;
    struct fixture f;
    int socks[6];
    char got[4096];
    struct row row = rows[0];
    row.workers = 1;
    open_fixture(&f, &row);
    for (int i = 0; i < 6; i++) {
        socks[i] = connect_to(&f, false);
        say(socks[i], "GET /one HTTP/1.1\r\nHost: h\r\n\r\n");
        struct pollfd answered = {socks[i], POLLIN, 0};
        assert_int_equal(poll(&answered, 1, PATIENCE_MS), 1);
        assert_true(recv(socks[i], got, sizeof got, 0) > 0);
        if (i == 2)
            usleep(2100000); /* idle times are told apart by the second */
    }
    engine_shed(&f.engine, 3);
    bool shed = wait_for(&f, 3);
    ssize_t lens[6];
    for (int i = 0; i < 6; i++) {
        lens[i] = recv(socks[i], got, sizeof got, 0);
        close(socks[i]);
    }
    close_fixture(&f);
    assert_true(shed);
    for (int i = 0; i < 6; i++)
        assert_int_equal(lens[i], i < 3 ? 0 : -1);
}

int main(void)
{
    struct CMUnitTest tests[ROWS + 4];
    signal(SIGPIPE, SIG_IGN); /* sendfile(2) has no flag for it, see os/sendfile.h */
    for (int i = 0; i < ROWS; i++) {
        void *row = (void *)(uintptr_t)&rows[i];
        tests[i] = (struct CMUnitTest){rows[i].sentence, every_byte_arrives_wherever_the_connection_changes_threads,
                                       NULL, NULL, row};
    }
    const struct CMUnitTest more[] = {
        cmocka_unit_test(peers_that_vanish_anywhere_leave_nothing_behind),
        cmocka_unit_test(an_engine_closed_in_the_middle_of_everything_gives_all_back),
        cmocka_unit_test(draining_answers_what_has_come_and_closes_what_is_idle),
        cmocka_unit_test(the_longest_idle_are_shed_first),
    };
    memcpy(tests + ROWS, more, sizeof more);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
