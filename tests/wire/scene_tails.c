/* scenes of tails: a reply's last bytes arrive, whatever its client sends meanwhile. A socket that is closed with bytes
 * in it that nobody has read is reset, and the reset destroys what was still on its way to the client. */
#include "scene.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { LARGE = 40000000, BUFFERED = 200000, HEAD_MAX = 4096, WINDOW = 65536, STOP_MS = 4000 };

/* A client whose socket is full with the first bytes of a file of this size, and who has read none of them. */
static const char *ask_and_read_nothing(struct stage *stage, struct client *client, size_t size, const char *request)
{
    site_write_pattern(&stage->site, "file.bin", size);
    const char *problem = stage_start(stage, OPTIONS("--head-timeout", "1"));
    if (problem)
        return problem;
    EXPECT(client_open_narrow(client, stage->port, WINDOW), "could not connect");
    EXPECT(client_send(client, request, strlen(request)), "could not ask");
    pause_ms(200);
    return NULL;
}

/* Everything up to the server's end of the stream, not too quickly: how many bytes. */
static size_t take_slowly(struct client *client, char *to, size_t room)
{
    size_t len = 0;
    long got;
    for (int i = 0; len < room && (got = client_take(client, WINDOW, 5000)) > 0; i++) {
        size_t kept = (size_t)got < room - len ? (size_t)got : room - len;
        memcpy(to + len, client->bytes, kept);
        len += kept;
        if (i % 8 == 0)
            pause_ms(1);
    }
    return len;
}

/* Every byte of the file, what is to come behind it, and then an end in good order. */
static const char *expect_all(struct stage *stage, struct client *client, const char *behind)
{
    size_t size, room = LARGE + HEAD_MAX;
    char *file = site_read(&stage->site, "file.bin", &size);
    char *all = calloc(1, room + 1);
    EXPECT(file && all, "no memory, or no file");
    size_t len = take_slowly(client, all, room);
    const char *body = memmem(all, len, "\r\n\r\n", 4);
    EXPECT(body, "no head in %zu bytes", len);
    body += 4;
    size_t came = len - (size_t)(body - all);
    EXPECT(!client->reset, "a reset after %zu of %zu bytes", came, size);
    EXPECT(client->ended, "no end after %zu of %zu bytes", came, size);
    EXPECT(came >= size && (came > size) == (*behind != '\0'), "%zu bytes came of a file of %zu", came, size);
    EXPECT(memcmp(body, file, size) == 0, "other bytes than the file's");
    EXPECT(strncmp(body + size, behind, strlen(behind)) == 0, "no %s behind it", behind);
    free(all);
    free(file);
    return NULL;
}

static const char *asks_on_while_it_stops(struct stage *stage)
{
    struct client client;
    const char *problem = ask_and_read_nothing(stage, &client, LARGE, "GET /file.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    if (problem)
        return problem;
    kill(stage->server.pid, SIGTERM);
    pause_ms(100);
    EXPECT(server_wait(&stage->server, 0) == -1, "it went before the response was complete");
    EXPECT(client_get(&client, "/hello.txt", NULL), "could not ask for more");
    problem = expect_all(stage, &client, "");
    if (problem)
        return problem;
    client_close(&client);
    int status = server_wait(&stage->server, STOP_MS);
    EXPECT(status == 0, "it ended with %d", status);
    EXPECT(!*server_complaints(&stage->server), "it said: %.800s", server_complaints(&stage->server));
    return NULL;
}

/* Clients of old send an empty line behind what they ask for. */
static const char *stray_line_end(struct stage *stage, size_t size)
{
    struct client client;
    const char *problem = ask_and_read_nothing(stage, &client, size, "GET /file.bin HTTP/1.0\r\n\r\n");
    if (problem)
        return problem;
    EXPECT(client_send(&client, "\r\n", 2), "could not send the stray line end");
    problem = expect_all(stage, &client, "");
    if (problem)
        return problem;
    client_close(&client);
    return stage_finish(stage);
}

static const char *stray_behind_large(struct stage *stage)
{
    return stray_line_end(stage, LARGE);
}

/* The server has sent its last byte long before the client has read the first. */
static const char *stray_behind_buffered(struct stage *stage)
{
    return stray_line_end(stage, BUFFERED);
}

/* Its time passes while it sends what nobody waits for, byte by byte. */
static const char *too_late(struct stage *stage, const char *unfinished)
{
    struct client client;
    char request[512] = "GET /file.bin HTTP/1.1\r\nHost: a\r\n\r\n";
    strcat(request, unfinished);
    const char *problem = ask_and_read_nothing(stage, &client, BUFFERED, request);
    if (problem)
        return problem;
    for (int i = 0; i < 8; i++) {
        pause_ms(300);
        EXPECT(client_send(&client, "x", 1), "the connection broke after %d bytes", i);
    }
    problem = expect_all(stage, &client, "HTTP/1.1 408 ");
    if (problem)
        return problem;
    client_close(&client);
    return stage_finish(stage);
}

static const char *too_late_with_a_head(struct stage *stage)
{
    return too_late(stage, "GET /hello.txt HTTP/1.1\r\nHost: a\r\nX: ");
}

static const char *too_late_with_a_body(struct stage *stage)
{
    return too_late(stage, "GET /hello.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n");
}

const struct scene scenes_of_tails[] = {
    {"a reply is complete though SIGTERM came, and its client's next request", asks_on_while_it_stops},
    {"an HTTP/1.0 reply is complete though a stray line end came", stray_behind_large},
    {"a reply that fits into the socket's buffer is complete though a stray line end came", stray_behind_buffered},
    {"a reply and a 408 are complete though the next request's head comes on and on", too_late_with_a_head},
    {"a reply and a 408 are complete though the next request's body comes on and on", too_late_with_a_body},
    {0},
};
