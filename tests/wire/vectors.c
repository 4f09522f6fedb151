/*
 * vectors: plays requests from the test suites of other parsers against the server.
 *
 *     vectors SHUNT FILE JUDGEMENTS [-- OPTION ...]
 *
 * FILE and JUDGEMENTS are as vector.h has it. A vector is played as it stands and, if it isn't long, byte by byte:
 * there, bad may be late, since what is wrong in a line need not be seen before the line is whole. One that lacks a
 * Host must be bad as it stands; what it is judged to be, it must be with one.
 *
 * All vectors are played at once on a connection each, so that the time in which a server must not speak passes for
 * all of them together. Ends with a line "N passed, N failed".
 */
#include "client.h"
#include "pause.h"
#include "server.h"
#include "site.h"
#include "tally.h"
#include "vector.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
    STEPPED_MAX = 1024, /* bytes of a vector that is played byte by byte, too */
    ANSWERS_MAX = 16,
    QUIET_MS = 1500, /* so long nothing came from anywhere: nothing will come */
    SETTLED_MS = 20000,
};

/* ---- one vector on one connection */

struct play {
    const struct vector *vector;
    const struct bytes *bytes;
    enum verdict expected, verdict;
    const char *problem; /* NULL, or which law was broken */
    struct client client;
    int statuses[ANSWERS_MAX];
    int count;
    bool was_open; /* when all was sent and nothing came any more, */
    int answered;  /* and how many answers had come by then */
};

static bool begins_with(const struct bytes *bytes, const char *word)
{
    return bytes->len >= strlen(word) && memcmp(bytes->data, word, strlen(word)) == 0;
}

/* Takes what has come. True if that was something. */
static bool gather(struct play *play)
{
    struct answer answer;
    bool ended = play->client.ended;
    int before = play->count;
    while (play->count < ANSWERS_MAX &&
           client_answer(&play->client, play->count == 0 && begins_with(play->bytes, "HEAD "), &answer, 0)) {
        if (answer.status / 100 != 1)
            play->statuses[play->count++] = answer.status;
        if (!play->problem)
            play->problem = answer_broken_law(&answer);
    }
    return play->count != before || play->client.ended != ended;
}

/* A 501 is about the method, which is none of a parser's business, or about a transfer coding. */
static bool refuses(const struct play *play, int status)
{
    switch (status) {
    case 400:
    case 413:
    case 414:
    case 417:
    case 421:
    case 431:
    case 505:
        return true;
    case 501:
        return bytes_contain(play->bytes, "\ntransfer-encoding:");
    default:
        return false;
    }
}

/* Whether one of the requests is the last on its connection (RFC 9112 9.3); behind a CONNECT nothing is a request. */
static bool wants_close(const struct bytes *bytes)
{
    static const char connect[] = "CONNECT ";
    return (bytes->len > sizeof connect && memcmp(bytes->data, connect, sizeof connect - 1) == 0) ||
           bytes_contain(bytes, " HTTP/1.0\r\n") || bytes_contain(bytes, "\nconnection: close");
}

/* What the server makes of it, by what it said so far. */
static enum verdict verdict_so_far(struct play *play)
{
    bool ended = play->client.ended;
    for (int i = 0; i + 1 < play->count; i++) {
        if (refuses(play, play->statuses[i]))
            play->problem = "nothing is answered after a refusal";
    }
    if (play->client.len > play->client.taken)
        play->problem = "what comes is responses";
    if (play->count == 0)
        return ended ? VERDICT_NONE : VERDICT_PART;
    if (refuses(play, play->statuses[play->count - 1]))
        return ended ? VERDICT_BAD : VERDICT_NONE;
    if (ended && !wants_close(play->bytes))
        play->problem = "a connection persists, unless the request says otherwise";
    return VERDICT_GOOD;
}

/* When the server has said what it has to say. To those that are still open, more is sent: the end of a line that is to
 * be refused; a further request behind what was answered; the end of everything. */
static void follow_up(struct play *play)
{
    static const char further[] = "GET /hello.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    play->verdict = verdict_so_far(play);
    play->was_open = !play->client.ended;
    play->answered = play->count;
    if (!play->was_open)
        return;
    if (play->expected == VERDICT_BAD || play->expected == VERDICT_LATE)
        client_send(&play->client, "\r\n\r\n", 4);
    else if (play->verdict == VERDICT_GOOD)
        client_send(&play->client, further, sizeof further - 1);
    else
        shutdown(play->client.fd, SHUT_WR);
}

/* … and what came of that. */
static enum verdict verdict_after_all(struct play *play)
{
    if (!play->was_open || play->verdict == VERDICT_NONE)
        return play->verdict;
    if (play->expected == VERDICT_BAD || play->expected == VERDICT_LATE)
        return verdict_so_far(play) == VERDICT_BAD ? VERDICT_LATE : play->verdict;
    if (play->verdict == VERDICT_GOOD)
        return play->count == play->answered + 1 && play->statuses[play->answered] == 200 ? VERDICT_GOOD : VERDICT_MORE;
    return play->count == 0 && play->client.ended ? VERDICT_PART : VERDICT_NONE;
}

/* ---- all of them */

struct plays {
    struct play all[VECTORS_MAX];
    int count;
};

/* Which bytes of a vector, and how. */
struct way {
    const char *name;
    bool hosted, stepped;
};

/* Waits until nothing comes any more. */
static void settle(struct plays *plays)
{
    long long begin = now_ms(), heard = begin;
    while (now_ms() - heard < QUIET_MS && now_ms() - begin < SETTLED_MS) {
        bool open = false;
        for (int i = 0; i < plays->count; i++) {
            if (gather(&plays->all[i]))
                heard = now_ms();
            open = open || !plays->all[i].client.ended;
        }
        if (!open)
            return;
        pause_ms(5);
    }
}

/* Opens a connection for a vector that can be played in this way. */
static void add(struct plays *plays, const struct vector *vector, const struct way *way, int port)
{
    const struct bytes *bytes = way->hosted ? &vector->hosted : &vector->bytes;
    if (!bytes->data || (way->stepped && bytes->len > STEPPED_MAX))
        return;
    struct play *play = &plays->all[plays->count++];
    *play = (struct play){.vector = vector, .bytes = bytes, .expected = vector->ours};
    if (vector->hosted.data && !way->hosted && vector->ours != VERDICT_LATE)
        play->expected = VERDICT_BAD;
    if (!client_open(&play->client, port)) {
        fprintf(stderr, "vectors: cannot connect: %s\n", vector->id);
        exit(2);
    }
}

static void send_whole(struct plays *plays)
{
    for (int i = 0; i < plays->count; i++)
        client_send(&plays->all[i].client, plays->all[i].bytes->data, plays->all[i].bytes->len);
}

/* A byte of each, then the next byte of each. What comes is taken at once: bytes to one who has closed can cost it. */
static void send_stepped(struct plays *plays)
{
    for (size_t at = 0; at < STEPPED_MAX; at++) {
        for (int i = 0; i < plays->count; i++) {
            struct play *play = &plays->all[i];
            gather(play);
            if (at < play->bytes->len && !play->client.ended)
                client_send(&play->client, play->bytes->data + at, 1);
        }
    }
}

static void tell(const struct play *play, const struct way *way)
{
    printf("FAILED %s, %s: expected %s, and it is %s (they say %s)\n  ", play->vector->id, way->name,
           verdict_name(play->expected), verdict_name(play->verdict), verdict_name(play->vector->theirs));
    if (play->problem)
        printf(" broken law: %s;", play->problem);
    for (int i = 0; i < play->count; i++)
        printf(" %d", play->statuses[i]);
    printf(" and %s\n", play->client.ended ? "closed" : "open");
}

static void count(struct tally *tally, const struct play *play, const struct way *way)
{
    bool noticed_late = way->stepped && play->expected == VERDICT_BAD && play->verdict == VERDICT_LATE;
    bool passed = (play->verdict == play->expected || noticed_late) && !play->problem;
    tally_count(tally, passed);
    if (!passed)
        tell(play, way);
}

static void play_way(const struct vectors *vectors, const struct way *way, int port, struct tally *tally)
{
    struct plays plays = {.count = 0};
    for (int i = 0; i < vectors->count; i++)
        add(&plays, &vectors->all[i], way, port);
    (way->stepped ? send_stepped : send_whole)(&plays);
    settle(&plays);
    for (int i = 0; i < plays.count; i++)
        follow_up(&plays.all[i]);
    settle(&plays);
    for (int i = 0; i < plays.count; i++) {
        plays.all[i].verdict = verdict_after_all(&plays.all[i]);
        count(tally, &plays.all[i], way);
        client_close(&plays.all[i].client);
    }
}

/* Plays them in all their ways against a server that must end well and say nothing but its banner. */
static void play_all(const struct vectors *vectors, const struct harness *harness, const struct site *site,
                     struct tally *tally)
{
    static const struct way ways[] = {{"as it stands", false, false},
                                      {"byte by byte", false, true},
                                      {"with a Host", true, false},
                                      {"with a Host, byte by byte", true, true}};
    struct server server;
    if (!server_start(&server, harness, &(struct server_setup){.root = site->root})) {
        printf("FAILED the server did not start:\n%s\n", server.said);
        tally->failed++;
        return;
    }
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        play_way(vectors, &ways[i], server.ports[0], tally);
    const char *problem = server_finish(&server, NULL);
    tally_count(tally, !problem);
    if (problem)
        printf("FAILED %s\n", problem);
}

int main(int argc, char **argv)
{
    struct vectors vectors;
    struct tally tally = {0};
    struct site site;
    signal(SIGPIPE, SIG_IGN);
    if (argc < 4 || (argc > 4 && strcmp(argv[4], "--") != 0)) {
        fprintf(stderr, "usage: vectors SHUNT FILE JUDGEMENTS [-- OPTION ...]\n");
        return 2;
    }
    struct harness harness = {argv[1], argc > 4 ? argv + 5 : argv + argc};
    vectors_open(&vectors, argv[2]);
    tally.failed += vectors_judge(&vectors, argv[3]);
    site_build(&site);
    play_all(&vectors, &harness, &site, &tally);
    site_remove(&site);
    vectors_close(&vectors);
    return tally_tell(&tally);
}
