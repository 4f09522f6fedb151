/*
 * How long the request parser takes for heads as clients send them: parse NAME
 *
 * A round parses one head again and again, for about ROUND_NS: so short that most rounds are over before another thread
 * gets the core. The rounds of the heads take turns, so that whatever else the machine does meets all of them alike. A
 * line a head, with NAME in front: its bytes, then ns and GB/s of the median round, which is what it takes here, and of
 * the best one, undisturbed.
 *
 * It is always the same head, which caches and branch predictors come to know by heart. In a server they know less.
 */
#include "http/request.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ROUNDS = 2001, ROUND_NS = 200000, CALIBRATION = 1000 };

#define LINE     "GET /docs/guide/getting-started.html?from=index HTTP/1.1\r\n"
#define CHROMIUM "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
#define FIREFOX  "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0"

/* What Chromium sends to open a page that a link on another one leads to. */
#define CHROMIUM_FIELDS                                                                                                \
    "Host: www.example.com\r\n"                                                                                        \
    "Connection: keep-alive\r\n"                                                                                       \
    "sec-ch-ua: \"Google Chrome\";v=\"131\", \"Chromium\";v=\"131\", \"Not_A Brand\";v=\"24\"\r\n"                     \
    "sec-ch-ua-mobile: ?0\r\n"                                                                                         \
    "sec-ch-ua-platform: \"Linux\"\r\n"                                                                                \
    "Upgrade-Insecure-Requests: 1\r\n"                                                                                 \
    "User-Agent: " CHROMIUM "\r\n"                                                                                     \
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,"        \
    "application/signed-exchange;v=b3;q=0.7\r\n"                                                                       \
    "Sec-Fetch-Site: same-origin\r\n"                                                                                  \
    "Sec-Fetch-Mode: navigate\r\n"                                                                                     \
    "Sec-Fetch-User: ?1\r\n"                                                                                           \
    "Sec-Fetch-Dest: document\r\n"                                                                                     \
    "Referer: http://www.example.com/docs/\r\n"                                                                        \
    "Accept-Encoding: gzip, deflate, br, zstd\r\n"                                                                     \
    "Accept-Language: en-US,en;q=0.9,de;q=0.8\r\n"

#define FIREFOX_FIELDS                                                                                                 \
    "Host: www.example.com\r\n"                                                                                        \
    "User-Agent: " FIREFOX "\r\n"                                                                                      \
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"                                      \
    "Accept-Language: en-US,en;q=0.5\r\n"                                                                              \
    "Accept-Encoding: gzip, deflate, br, zstd\r\n"                                                                     \
    "Connection: keep-alive\r\n"                                                                                       \
    "Referer: http://www.example.com/docs/\r\n"                                                                        \
    "Upgrade-Insecure-Requests: 1\r\n"                                                                                 \
    "Sec-Fetch-Dest: document\r\n"                                                                                     \
    "Sec-Fetch-Mode: navigate\r\n"                                                                                     \
    "Sec-Fetch-Site: same-origin\r\n"                                                                                  \
    "Sec-Fetch-User: ?1\r\n"                                                                                           \
    "Priority: u=0, i\r\n"

/* 128 bytes, and sixteen times that. */
#define COOKIES_128                                                                                                    \
    "session=5f0c2be1a94d4c7e9b60d3aa81f7c2e4; _ga=GA1.2.1839204756.1732190400; theme=dark; lang=en-US; "              \
    "consent=analytics%3Dno%2Cads; "
#define COOKIES_512 COOKIES_128 COOKIES_128 COOKIES_128 COOKIES_128
#define COOKIES_2K  COOKIES_512 COOKIES_512 COOKIES_512 COOKIES_512

static const struct head {
    const char *name;
    const char *text;
} heads[] = {
    {"curl", "GET /index.html HTTP/1.1\r\nHost: localhost:8080\r\nUser-Agent: curl/8.11.0\r\nAccept: */*\r\n\r\n"},
    {"wrk", "GET /index.html HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n"},
    {"Chromium", LINE CHROMIUM_FIELDS "\r\n"},
    {"Firefox", LINE FIREFOX_FIELDS "\r\n"},
    {"2 kB cookie", LINE CHROMIUM_FIELDS "Cookie: " COOKIES_2K "last=1\r\n\r\n"},
};

enum { HEADS = sizeof heads / sizeof *heads };

static const struct request_limits limits = {REQUEST_LINE_MAX, REQUEST_HEAD_MAX, REQUEST_FIELDS_MAX};

static void fail(const char *what)
{
    fprintf(stderr, "bench/parse: %s\n", what);
    exit(1);
}

static void stay_on_this_core(void)
{
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET((size_t)sched_getcpu(), &cores);
    if (sched_setaffinity(0, sizeof cores, &cores) < 0)
        fail("the thread can't be kept on one core");
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* The mean of `count` times, in ns. What comes out is looked at each time: it has to be there. */
static double time_head(struct slice bytes, long count)
{
    struct request request;
    size_t length, total = 0;
    int status;
    double began = now();
    for (long i = 0; i < count; i++)
        if (request_parse(bytes, &limits, &request, &length, &status) == REQUEST_COMPLETE)
            total += length + request.host.len;
    double took = now() - began;
    if (total != (bytes.len + request.host.len) * (size_t)count)
        fail("a head that was made to be parsed wasn't");
    return took / (double)count;
}

static int compare(const void *a, const void *b)
{
    double first = *(const double *)a, second = *(const double *)b;
    return (first > second) - (first < second);
}

static void tell(const char *name, const struct head *head, double *rounds)
{
    double bytes = (double)strlen(head->text);
    qsort(rounds, ROUNDS, sizeof *rounds, compare);
    double median = rounds[ROUNDS / 2], best = rounds[0];
    printf("%-9s %-11s %5.0f %6.0f %6.2f %6.0f %6.2f\n", name, head->name, bytes, median, bytes / median, best,
           bytes / best);
}

int main(int argc, char **argv)
{
    double rounds[HEADS][ROUNDS];
    long counts[HEADS];
    stay_on_this_core();
    for (int i = 0; i < HEADS; i++)
        counts[i] = 1 + (long)(ROUND_NS / time_head(slice_of(heads[i].text), CALIBRATION));
    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < HEADS; i++)
            rounds[i][round] = time_head(slice_of(heads[i].text), counts[i]);
    for (int i = 0; i < HEADS; i++)
        tell(argc > 1 ? argv[1] : "", &heads[i], rounds[i]);
    return 0;
}
