/*
 * Whole engines of every model, with connections made to change threads at every point, for the thread sanitizer above
 * all.
 *
 * Clients of several kinds ask for files of all the sizes that are treated differently, and compare every byte. The
 * rows make connections change threads where they otherwise would not: turns of a few bytes send each reply in pieces,
 * small socket buffers stop them anywhere, and `cold` sends every request, and every window of every body, to the
 * threads that may sleep.
 */
#include "lib/response.h"
#include "lib/rig.h"
#include "os/sleeper.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { SOCKET_BUFFER = 16384, CLIENTS_MAX = 4, NAME_MAX_LEN = 128 };

static const struct tree_row files[] = {
    {TREE_FILE, "empty", NULL, 0},
    {TREE_FILE, "one", NULL, 1},
    {TREE_FILE, "small", NULL, 1000},
    {TREE_FILE, "copied", NULL, REPLY_COPY_MAX},
    {TREE_FILE, "spanned", NULL, REPLY_COPY_MAX + 1},
    {TREE_FILE, "in-memory", NULL, ENTRY_BODY_MAX},
    {TREE_FILE, "in-file", NULL, ENTRY_BODY_MAX + 1},
    {TREE_FILE, "long", NULL, 300000},
    {TREE_FILE, "large", NULL, 1100000},
};
enum { FILES = sizeof files / sizeof *files };

static struct tree tree; /* the same for all */

static const struct shape {
    const char *name;
    const struct model *model;
    int workers, writers;
} shapes[] = {
    {"staged", &model_staged, 2, 1},
    {"staged without writers", &model_staged, 2, 0},
    {"staged with as many writers", &model_staged, 3, 3},
    {"symmetric", &model_symmetric, 2, 0},
    {"turns", &model_turns, 3, 0},
    {"sped", &model_sped, 0, 0},
    {"balanced", &model_balanced, 2, 0},
    {"amped", &model_amped, 0, 0},
    {"seda", &model_seda, 2, 0},
    {"forked", &model_forked, 0, 0},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static const struct way {
    const char *sentence;
    uint32_t turn_bytes; /* 0: all that the socket takes */
    bool cold, small_buffers;
    int active_limit;
    int clients, requests; /* each client asks so often, on one connection */
    size_t largest;        /* of the files that are asked for */
    size_t piece;          /* bytes that a client sends at once; 0: all its requests */
    bool mixed;            /* requests of all kinds, else plain ones */
} ways[] = {
    {"replies that fit", 0, false, false, 0, 4, 100, REPLY_COPY_MAX, 0, false},
    {"full sockets stop replies anywhere", 0, false, true, 0, 4, 5, 300000, 0, false},
    {"turns of a byte end between any two bytes", 1, false, false, 0, 2, 4, 1, 0, false},
    {"turns of a few bytes split heads and bodies", 97, false, false, 0, 3, 12, REPLY_COPY_MAX, 0, false},
    {"turns that end between pipelined replies", 1300, false, false, 0, 4, 50, 1000, 0, false},
    {"cold files", 0, true, false, 0, 4, 6, 1100000, 0, false},
    {"cold files and full sockets take turns", 0, true, true, 0, 4, 5, 300000, 0, false},
    {"cold files and tiny turns", 257, true, false, 0, 2, 10, REPLY_COPY_MAX, 0, false},
    {"requests in pieces meet replies in pieces", 97, false, false, 0, 3, 10, 1000, 3, false},
    {"requests byte by byte, every file cold", 0, true, false, 0, 3, 8, 1000, 1, false},
    {"bodies to be thrown away, and full sockets that stop parts", 0, false, true, 0, 4, 6, 300000, 0, true},
    {"bodies in pieces, and cold parts in turns", 997, true, false, 0, 3, 8, ENTRY_BODY_MAX + 1, 7, true},
    {"one thread works at a time", 4000, true, true, 1, 4, 4, 300000, 0, false},
};
enum { WAYS_TO_COUNT = sizeof ways / sizeof *ways };

struct row {
    char name[NAME_MAX_LEN];
    const struct shape *shape;
    const struct way *way;
};

/* ---- a client */

enum kind {
    PLAIN,
    WITH_LENGTH, /* and a body */
    IN_CHUNKS,
    IN_PARTS, /* the reply, where the file is long enough: its second half, and its first quarter */
    KINDS,
};

enum { SHORTEST_IN_PARTS = 1000 };

struct asked {
    const struct tree_row *file;
    enum kind kind;
};

struct client {
    const struct way *way;
    int sock;
    unsigned random;
    struct buffer out;   /* all its requests */
    struct asked *asked; /* in order */
    struct buffer in;
    char problem[200]; /* empty: all was well */
};

static int next_random(struct client *client, int below)
{
    client->random = client->random * 1103515245 + 12345;
    return (int)(client->random >> 16) % below;
}

static struct asked choose(struct client *client)
{
    struct asked asked = {NULL, PLAIN};
    do
        asked.file = &files[next_random(client, FILES)];
    while (asked.file->size > client->way->largest);
    if (client->way->mixed)
        asked.kind = (enum kind)next_random(client, KINDS);
    if (asked.kind == IN_PARTS && asked.file->size < SHORTEST_IN_PARTS)
        asked.kind = PLAIN;
    return asked;
}

static int print_request(const struct asked *asked, char *to, size_t room)
{
    const char *path = asked->file->path;
    size_t size = asked->file->size;
    switch (asked->kind) {
    case WITH_LENGTH:
        return snprintf(to, room, "GET /%s HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nGET / HTT", path);
    case IN_CHUNKS:
        return snprintf(to, room,
                        "GET /%s HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                        "7\r\nGET /\r\n\r\n1;a\r\n0\r\n0\r\nX: y\r\n\r\n",
                        path);
    case IN_PARTS:
        return snprintf(to, room, "GET /%s HTTP/1.1\r\nHost: h\r\nRange: bytes=%zu-,0-%zu\r\n\r\n", path, size / 2,
                        size / 4 - 1);
    default:
        return snprintf(to, room, "GET /%s HTTP/1.1\r\nHost: h\r\n\r\n", path);
    }
}

static void ask(struct client *client)
{
    buffer_init(&client->out);
    buffer_init(&client->in);
    for (int i = 0; i < client->way->requests; i++) {
        char request[256];
        client->asked[i] = choose(client);
        int len = print_request(&client->asked[i], request, sizeof request);
        buffer_append(&client->out, (struct slice){request, (size_t)len});
    }
}

/* Whether the bytes are the file's from this offset. In pieces of the files' period, since a sanitizer makes each look
 * at a byte dear. */
static bool are_right(const char *bytes, size_t from, size_t len)
{
    enum { PIECE = TREE_PERIOD * 64 };
    char right[PIECE];
    for (size_t i = 0; i < PIECE && i < len; i++)
        right[i] = (char)tree_byte(from + i);
    size_t at = 0;
    while (at < len && memcmp(bytes + at, right, len - at < PIECE ? len - at : PIECE) == 0)
        at += PIECE;
    return at >= len;
}

/* Cuts a part with its head off the front. */
static bool cut_part(struct slice *body, size_t from, size_t len)
{
    const char *end = memmem(body->at, body->len, "\r\n\r\n", 4);
    if (end == NULL || body->len - (size_t)(end + 4 - body->at) < len)
        return false;
    *body = (struct slice){end + 4 + len, body->len - (size_t)(end + 4 + len - body->at)};
    return are_right(end + 4, from, len);
}

static bool is_right(const struct asked *asked, struct slice head, struct slice body)
{
    size_t size = asked->file->size;
    if (asked->kind != IN_PARTS)
        return response_status(head) == 200 && body.len == size && are_right(body.at, 0, size);
    return response_status(head) == 206 && cut_part(&body, size / 2, size - size / 2) && cut_part(&body, 0, size / 4) &&
           slice_starts_with(body, SLICE("\r\n--")) &&
           slice_equal((struct slice){body.at + body.len - 4, 4}, SLICE("--\r\n"));
}

/* Cuts one whole reply off the front and compares it; false when it isn't all there, or was wrong. */
static bool take_reply(struct client *client, int number)
{
    const struct asked *asked = &client->asked[number];
    struct slice bytes = buffer_bytes(&client->in), head = {bytes.at, response_head_len(bytes)};
    if (head.len == 0)
        return false;
    struct slice length = response_field(head, "Content-Length");
    struct slice body = {bytes.at + head.len, length.at == NULL ? 0 : strtoul(length.at, NULL, 10)};
    if (bytes.len < head.len + body.len)
        return false;
    if (!is_right(asked, head, body))
        snprintf(client->problem, sizeof client->problem, "reply %d (%s, kind %d) is wrong", number, asked->file->path,
                 asked->kind);
    buffer_consume(&client->in, head.len + body.len);
    return client->problem[0] == '\0';
}

static void send_some(struct client *client)
{
    size_t len = buffer_length(&client->out);
    if (client->way->piece > 0 && len > client->way->piece)
        len = client->way->piece;
    ssize_t sent = send(client->sock, buffer_bytes(&client->out).at, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0)
        buffer_consume(&client->out, (size_t)sent);
}

static bool receive_some(struct client *client)
{
    if (buffer_reserve(&client->in, 65536) < 0)
        return false;
    ssize_t got = recv(client->sock, buffer_tail(&client->in), buffer_room(&client->in), MSG_DONTWAIT);
    if (got > 0)
        buffer_extend(&client->in, (size_t)got);
    return got > 0 || (got < 0 && errno == EAGAIN);
}

static void *run_client(void *arg)
{
    struct client *client = arg;
    ask(client);
    for (int done = 0; done < client->way->requests && client->problem[0] == '\0';) {
        bool sending = buffer_length(&client->out) > 0;
        struct pollfd ready = {client->sock, (short)(POLLIN | (sending ? POLLOUT : 0)), 0};
        if (poll(&ready, 1, RIG_PATIENCE_MS) != 1)
            snprintf(client->problem, sizeof client->problem, "reply %d of %d never came", done, client->way->requests);
        if (ready.revents & POLLOUT)
            send_some(client);
        if ((ready.revents & (POLLIN | POLLHUP)) && !receive_some(client))
            snprintf(client->problem, sizeof client->problem, "closed before reply %d", done);
        while (done < client->way->requests && take_reply(client, done))
            done++;
    }
    close(client->sock);
    buffer_fini(&client->out);
    buffer_fini(&client->in);
    return NULL;
}

/* ---- the test */

static uint64_t requests_answered(const struct engine *engine)
{
    uint64_t sum = 0;
    for (int i = 0; i < engine->count; i++)
        sum += engine->workers[i].env.requests;
    return sum;
}

static void every_byte_arrives_wherever_the_connection_changes_threads(void **state)
{
    const struct row *row = *state;
    const struct way *way = row->way;
    const struct rig_plan plan = {
        .model = row->shape->model,
        .workers = row->shape->workers,
        .writers = row->shape->writers,
        .blockers = 2,
        .active_limit = way->active_limit,
        .turn_bytes = way->turn_bytes,
        .assume_cold = way->cold,
        .send_buffer = way->small_buffers ? SOCKET_BUFFER : 0,
    };
    struct rig rig;
    struct client clients[CLIENTS_MAX] = {0};
    pthread_t threads[CLIENTS_MAX];
    rig_open(&rig, &plan, &tree);
    for (int i = 0; i < way->clients; i++) {
        clients[i] = (struct client){.way = way,
                                     .sock = rig_connect(&rig, way->small_buffers ? SOCKET_BUFFER : 0),
                                     .random = (unsigned)i * 77 + 1};
        clients[i].asked = calloc((size_t)way->requests, sizeof(struct asked));
        assert_int_equal(pthread_create(&threads[i], NULL, run_client, &clients[i]), 0);
    }
    for (int i = 0; i < way->clients; i++) {
        pthread_join(threads[i], NULL);
        free(clients[i].asked);
    }
    bool ended = rig_wait_for(&rig, 0);
    rig_halt(&rig);
    bool stopped = engine_stop(&rig.engine);
    uint64_t requests = requests_answered(&rig.engine);
    int free_places = way->active_limit;
    if (way->active_limit > 0)
        sem_getvalue(&rig.engine.active.places, &free_places);
    rig_close(&rig);
    for (int i = 0; i < way->clients; i++)
        if (clients[i].problem[0] != '\0')
            fail_msg("client %d: %s", i, clients[i].problem);
    assert_true(ended && stopped);
    assert_int_equal(requests, way->clients * way->requests);
    assert_int_equal(free_places, way->active_limit); /* nobody works any more */
}

static int make_files(void **state)
{
    (void)state;
    tree_open(&tree, files, FILES);
    return 0;
}

static int remove_files(void **state)
{
    (void)state;
    tree_close(&tree);
    return 0;
}

int main(void)
{
    static struct row rows[SHAPES * WAYS_TO_COUNT];
    static struct CMUnitTest tests[SHAPES * WAYS_TO_COUNT];
    signal(SIGPIPE, SIG_IGN); /* sendfile(2) has no flag for it, see os/sendfile.h */
    if (sleeper_open() < 0)
        return 1;
    for (int i = 0; i < SHAPES * WAYS_TO_COUNT; i++) {
        rows[i].shape = &shapes[i / WAYS_TO_COUNT];
        rows[i].way = &ways[i % WAYS_TO_COUNT];
        snprintf(rows[i].name, NAME_MAX_LEN, "%s: %s", rows[i].shape->name, rows[i].way->sentence);
        tests[i] = (struct CMUnitTest){rows[i].name, every_byte_arrives_wherever_the_connection_changes_threads, NULL,
                                       NULL, &rows[i]};
    }
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
