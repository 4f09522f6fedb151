/* scenes of heads: what is said about a body, with it and without it. */
#include "scene.h"

#include <stdio.h>
#include <string.h>

enum { HEAD_MAX = 4096 };

/* The answer's head, its Date left out, since a second may pass between two. */
static const char *head_of(struct stage *stage, const char *method, const char *path, const char *line,
                           char head[HEAD_MAX])
{
    char request[1024];
    struct client client;
    struct answer answer;
    bool to_head = strcmp(method, "HEAD") == 0;
    int len = snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: a\r\n%s\r\n", method, path, line);
    EXPECT(client_open(&client, stage->port) && client_send(&client, request, (size_t)len), "could not ask");
    EXPECT(client_answer(&client, to_head, &answer, 5000), "no answer to %s %s %s", method, path, line);
    const char *date = memmem(answer.head, answer.head_len, "\r\nDate: ", 8);
    EXPECT(date && answer.head_len < HEAD_MAX, "no date in the answer to %s %s %s", method, path, line);
    const char *behind = date + sizeof "\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT" - 1;
    snprintf(head, HEAD_MAX, "%.*s%.*s", (int)(date - answer.head), answer.head,
             (int)(answer.head + answer.head_len - behind), behind);
    client_close(&client);
    return NULL;
}

static const char *head_says_what_get_says(struct stage *stage)
{
    static const char *const paths[] = {"/",         "/hello.txt", "/dir",
                                        "/dir/",     "/missing",   "/empty.txt",
                                        "/4m.bin",   "/.hidden",   "/noindex",
                                        "/noindex/", "/epoch.txt", "/%zz",
                                        "/a%2fb",    "/fifo",      "/unreadable.txt",
                                        "/../etc",   "/link.txt",  "/types/a.svg",
                                        "/?query",   "/dir?query", "/closed/x.txt"};
    static const char *const lines[] = {"",
                                        "Connection: close\r\n",
                                        "If-None-Match: *\r\n",
                                        "If-Match: \"another\"\r\n",
                                        "If-Modified-Since: " SITE_CHANGED_TEXT "\r\n",
                                        "If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT\r\n",
                                        "Accept-Encoding: gzip, br\r\n",
                                        "Expect: miracles\r\n",
                                        "Host: another\r\n"};
    const char *problem = stage_start(stage, NULL);
    for (size_t i = 0; !problem && i < sizeof paths / sizeof *paths; i++) {
        for (size_t j = 0; j < sizeof lines / sizeof *lines; j++) {
            char with[HEAD_MAX], without[HEAD_MAX];
            if ((problem = head_of(stage, "GET", paths[i], lines[j], with)) ||
                (problem = head_of(stage, "HEAD", paths[i], lines[j], without)))
                return problem;
            EXPECT(strcmp(with, without) == 0, "%s %s\nGET:\n%.400s\nHEAD:\n%.400s", paths[i], lines[j], with, without);
        }
    }
    return problem ? problem : stage_finish(stage);
}

const struct scene scenes_of_heads[] = {
    {"HEAD gives exactly the fields that GET gives, of files, pages and refusals", head_says_what_get_says},
    {0},
};
