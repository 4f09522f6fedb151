/* scenes of ranges: many, odd, and of files larger than any memory. */
#include "scene.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    FIELD_MAX = 4096,
    OVER_MAX = 8192,  /* bytes that an answer to ranges may have more than the file */
    WAITING = 400,    /* connections, */
    REQUESTS = 25,    /* and requests on each, at once */
    CHEAP_MS = 200,   /* of processor, for what touches a few bytes */
    GROWTH_KB = 1024, /* of memory */
};

/* A Range of few or up to 70 ranges of all kinds, near each other and far, some beyond the end. */
static void make_field(char *field, long size, unsigned *seed)
{
    int count = 1 + rand_r(seed) % (rand_r(seed) % 2 ? 4 : 70), len = snprintf(field, FIELD_MAX, "Range: bytes=");
    for (int i = 0; i < count; i++) {
        long first = rand_r(seed) % (size + size / 8 + 2), span = rand_r(seed) % 3 == 0 ? size : 200;
        const char *comma = i > 0 ? "," : "";
        switch (rand_r(seed) % 4) {
        case 0:
            len += snprintf(field + len, FIELD_MAX - (size_t)len, "%s-%ld", comma, rand_r(seed) % span);
            break;
        case 1:
            len += snprintf(field + len, FIELD_MAX - (size_t)len, "%s%ld-", comma, first);
            break;
        default:
            len +=
                snprintf(field + len, FIELD_MAX - (size_t)len, "%s%ld-%ld", comma, first, first + rand_r(seed) % span);
        }
    }
    snprintf(field + len, FIELD_MAX - (size_t)len, "\r\n");
}

static const char *never_more_than_the_file(struct stage *stage)
{
    static const struct {
        const char *path;
        long size;
    } files[] = {{"/hello.txt", 13}, {"/1k.bin", 1024}, {"/16k.bin", 16384}, {"/100k.bin", 100000}};
    unsigned seed = 1;
    int in_parts = 0;
    struct client client;
    const char *problem = stage_start(stage, NULL);
    if (problem)
        return problem;
    EXPECT(client_open(&client, stage->port), "could not connect");
    for (int i = 0; i < 800; i++) {
        char field[FIELD_MAX], type[128] = "";
        struct answer answer;
        long size = files[i % 4].size;
        make_field(field, size, &seed);
        EXPECT(client_get(&client, files[i % 4].path, field) && client_answer(&client, false, &answer, 10000),
               "no answer to %.200s", field);
        EXPECT((long)(answer.head_len + answer.body_len) <= size + OVER_MAX, "%zu bytes of a file of %ld, for %.200s",
               answer.head_len + answer.body_len, size, field);
        in_parts += answer.status == 206 && answer_field(&answer, "Content-Type", type, sizeof type) == 1 &&
                    strncmp(type, "multipart/", 10) == 0;
    }
    EXPECT(in_parts > 50, "only %d of the answers were in parts", in_parts);
    client_close(&client);
    return stage_finish(stage);
}

/* A file without blocks but for its last bytes. */
static bool make_sparse(struct stage *stage, const char *name, long long size)
{
    char path[SITE_PATH_MAX];
    site_path(&stage->site, name, path);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    bool made = fd >= 0 && pwrite(fd, "end\n", 4, size - 4) == 4;
    close(fd);
    return made;
}

static const char *of_a_hundred_gigabytes(struct stage *stage)
{
    const long long size = 100LL << 30;
    char fields[4096];
    struct client client;
    struct answer answer;
    if (!make_sparse(stage, "huge.bin", size))
        return stage_skip(stage, "no file of 100 GB can be made here");
    const char *problem = stage_start(stage, NULL);
    if (problem)
        return problem;
    long cpu = server_cpu_ms(&stage->server);
    EXPECT(client_open(&client, stage->port), "could not connect");
    for (int i = 0; i < 10; i++) {
        snprintf(fields, sizeof fields, "Range: bytes=-4\r\n");
        EXPECT(client_get(&client, "/huge.bin", fields) && client_answer(&client, false, &answer, 10000), "no answer");
        EXPECT(answer.status == 206 && answer.body_len == 4 && memcmp(answer.body, "end\n", 4) == 0,
               "status %d and other bytes", answer.status);
        snprintf(fields, sizeof fields, "Range: bytes=0-1,%lld-%lld,-4\r\n", size / 3 + i, size / 3 + i + 9);
        EXPECT(client_get(&client, "/huge.bin", fields) && client_answer(&client, false, &answer, 10000), "no answer");
        EXPECT(answer.status == 206 && memmem(answer.body, answer.body_len, "\r\n\r\nend\n\r\n--", 12),
               "status %d, and the last part is not as it should be", answer.status);
    }
    cpu = server_cpu_ms(&stage->server) - cpu;
    EXPECT(stage_is_instrumented(stage) || cpu < CHEAP_MS, "a few bytes of a huge file cost %ld ms", cpu);
    client_close(&client);
    return stage_finish(stage);
}

/* Asks for parts of the file on all connections before it reads the first answer. */
static const char *ask_all(struct stage *stage, struct client *clients)
{
    static const char request[] = "GET /large.bin HTTP/1.1\r\nHost: a\r\n"
                                  "Range: bytes=0-9,5000000000-5000000009,9000000000-9000000009,-9\r\n\r\n";
    struct answer answer;
    for (int i = 0; i < WAITING; i++)
        for (int n = 0; n < REQUESTS; n++)
            EXPECT(client_send(&clients[i], request, sizeof request - 1), "could not ask");
    for (int i = 0; i < WAITING; i++)
        for (int n = 0; n < REQUESTS; n++)
            EXPECT(client_answer(&clients[i], false, &answer, 30000) && answer.status == 206 &&
                       answer.body_len < OVER_MAX,
                   "connection %d, answer %d: none, or not the parts", i, n);
    return NULL;
}

static const char *ten_thousand_at_once(struct stage *stage)
{
    struct client *clients = calloc(WAITING, sizeof *clients);
    if (!make_sparse(stage, "large.bin", 10LL << 30))
        return stage_skip(stage, "no file of 10 GB can be made here");
    if (stage_model_is(stage, "forked"))
        return stage_skip(stage, "a thread a connection has a stack a connection");
    const char *problem = stage_start(stage, NULL);
    if (problem)
        return problem;
    for (int i = 0; i < WAITING; i++)
        EXPECT(client_open(&clients[i], stage->port) && client_status(&clients[i], "/hello.txt", NULL) == 200,
               "connection %d is not served", i);
    if ((problem = ask_all(stage, clients)) != NULL)
        return problem;
    long before = server_resident_kb(&stage->server);
    for (int i = 0; i < 3; i++)
        if ((problem = ask_all(stage, clients)) != NULL)
            return problem;
    long grown = server_resident_kb(&stage->server) - before;
    EXPECT(stage_is_instrumented(stage) || grown < GROWTH_KB, "it grew by %ld kB", grown);
    for (int i = 0; i < WAITING; i++)
        client_close(&clients[i]);
    free(clients);
    return stage_finish(stage);
}

const struct scene scenes_of_ranges[] = {
    {"whatever ranges are asked for, no more is sent than the file and eight kilobytes", never_more_than_the_file},
    {"a few bytes of a file of a hundred gigabytes cost what a few bytes cost", of_a_hundred_gigabytes},
    {"ten thousand requests for parts of a large file, all waiting at once, cost no memory", ten_thousand_at_once},
    {0},
};
