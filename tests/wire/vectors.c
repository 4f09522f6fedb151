/*
 * vectors: plays requests from the test suites of other parsers against the server.
 *
 *     vectors SHUNT FILE JUDGEMENTS [-- OPTION ...]
 *
 * FILE has a JSON object a line: "id"; "hex", the bytes; "kind", what those parsers make of them: good, bad, or part
 * (well so far, and not at an end). They judge as parsers, some of them lenient ones. A server is told from outside:
 *
 *     good   each request is answered, none is refused, and a further one on the same connection is served
 *     bad    the last answer is a refusal, and the server closes
 *     part   nothing is said, the connection stays open, and ends without an answer when we say that this was all
 *     late   as bad, but the refusal comes when an empty line ends the last line
 *     more   as good, but the last bytes are the beginning of another request
 *
 * Where we judge otherwise than FILE does, JUDGEMENTS has a line: the id, our verdict, and why, with tabs between. A
 * line whose id isn't in FILE, or that says what FILE says, is a mistake. A line that begins with # is a comment.
 *
 * A vector is played as it stands and, if it isn't long, byte by byte: there, bad may be late, since what is wrong in a
 * line need not be seen before the line is whole. Many are HTTP/1.1 without a Host, which to those parsers is nobody's
 * affair. To us that alone makes them bad (RFC 9112 3.2), and as they stand they must be so; the verdict is about the
 * same bytes with a Host behind each HTTP/1.1 request line.
 *
 * All vectors are played at once on a connection each, so that the time in which a server must not speak passes for
 * all of them together. Ends with a line "N passed, N failed".
 */
#include "client.h"
#include "pause.h"
#include "server.h"
#include "site.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

enum {
    VECTORS_MAX = 512,
    LINE_MAX_BYTES = 65536, /* of either file */
    STEPPED_MAX = 1024,     /* bytes of a vector that is played byte by byte, too */
    ANSWERS_MAX = 16,
    QUIET_MS = 1500, /* so long nothing came from anywhere: nothing will come */
    SETTLED_MS = 20000,
};

enum verdict { VERDICT_NONE = 0, GOOD, BAD, PART, LATE, MORE, VERDICTS };
static const char *const verdict_names[VERDICTS] = {"neither", "good", "bad", "part", "late", "more"};

struct bytes {
    char *data;
    size_t len;
};

struct vector {
    char *id;
    struct bytes bytes, hosted; /* hosted.data is NULL where nothing is missing */
    enum verdict theirs, ours;  /* the same, unless judged otherwise */
};

struct vectors {
    struct vector all[VECTORS_MAX];
    int count;
};

struct tally {
    int passed, failed;
};

/* ---- files */

static void give_up(const char *what, const char *name)
{
    fprintf(stderr, "vectors: %s: %s\n", what, name);
    exit(2);
}

static void *allocate(size_t size)
{
    void *memory = calloc(1, size);
    if (!memory)
        give_up("out of memory", "for a vector");
    return memory;
}

static enum verdict read_verdict(const char *name)
{
    int verdict = GOOD;
    while (verdict < VERDICTS && strcmp(name, verdict_names[verdict]) != 0)
        verdict++;
    if (verdict == VERDICTS)
        give_up("this is no verdict", name);
    return (enum verdict)verdict;
}

/* The string under a key of a JSON object that holds nothing but strings, and in them no escapes but of quotes and
 * backslashes. */
static char *read_member(const char *line, const char *key)
{
    char name[32];
    snprintf(name, sizeof name, "\"%s\": \"", key);
    const char *from = strstr(line, name);
    if (!from)
        give_up("there is no such member in a line", key);
    char *text = allocate(strlen(from)), *to = text;
    for (from += strlen(name); *from && *from != '"'; from++) {
        if (*from == '\\' && !strchr("\"\\/", *++from))
            give_up("this escape is not understood", from);
        *to++ = *from;
    }
    return text;
}

static struct bytes read_hex(const char *hex)
{
    struct bytes bytes = {allocate(strlen(hex) / 2 + 1), strlen(hex) / 2};
    for (size_t i = 0; i < bytes.len; i++) {
        unsigned byte;
        if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
            give_up("this is not hexadecimal", hex);
        bytes.data[i] = (char)byte;
    }
    return bytes;
}

/* In any case of letters. */
static bool contains(const struct bytes *bytes, const char *word)
{
    for (size_t i = 0; i + strlen(word) <= bytes->len; i++) {
        if (strncasecmp(bytes->data + i, word, strlen(word)) == 0)
            return true;
    }
    return false;
}

/* Whether the request (the first, if there are several) is HTTP/1.1, and no line says its Host. The bytes end in NUL.
 */
static bool lacks_host(const struct bytes *bytes)
{
    static const char version[] = " HTTP/1.1\r\n";
    const char *line = bytes->data + strspn(bytes->data, "\r\n");
    const char *end = strstr(line, "\r\n");
    bool is_new = end && end - line > 9 && memcmp(end - 9, version, sizeof version - 1) == 0;
    return is_new && !contains(bytes, "\nhost:");
}

/* A copy of the bytes with a Host behind each HTTP/1.1 request line. */
static struct bytes with_host(const struct bytes *bytes)
{
    static const char version[] = " HTTP/1.1\r\n", host[] = "Host: a\r\n";
    struct bytes hosted = {allocate(2 * bytes->len + 1), 0};
    for (size_t i = 0; i < bytes->len; i++) {
        hosted.data[hosted.len++] = bytes->data[i];
        if (i + 1 >= sizeof version - 1 &&
            memcmp(bytes->data + i + 2 - sizeof version, version, sizeof version - 1) == 0) {
            memcpy(hosted.data + hosted.len, host, sizeof host - 1);
            hosted.len += sizeof host - 1;
        }
    }
    return hosted;
}

static struct vector read_vector(const char *line)
{
    char *hex = read_member(line, "hex"), *kind = read_member(line, "kind");
    struct vector vector = {.id = read_member(line, "id"), .bytes = read_hex(hex), .theirs = read_verdict(kind)};
    vector.ours = vector.theirs;
    if (lacks_host(&vector.bytes))
        vector.hosted = with_host(&vector.bytes);
    free(hex);
    free(kind);
    return vector;
}

static void read_vectors(struct vectors *vectors, const char *name)
{
    char line[LINE_MAX_BYTES];
    FILE *file = fopen(name, "re");
    if (!file)
        give_up("cannot read the vectors", name);
    while (vectors->count < VECTORS_MAX && fgets(line, sizeof line, file))
        vectors->all[vectors->count++] = read_vector(line);
    if (vectors->count == 0 || !feof(file))
        give_up("these are no vectors, or too many", name);
    fclose(file);
}

static void free_vectors(struct vectors *vectors)
{
    for (int i = 0; i < vectors->count; i++) {
        free(vectors->all[i].id);
        free(vectors->all[i].bytes.data);
        free(vectors->all[i].hosted.data);
    }
}

/* Applies a judgement to the vectors with its id. NULL, or what is wrong with it. */
static const char *judge(struct vectors *vectors, char *line)
{
    char *rest = line, *id = strsep(&rest, "\t"), *verdict = strsep(&rest, "\t");
    bool found = false;
    if (!verdict || !rest || strcspn(rest, "\n") < 10)
        return "a judgement has an id, a verdict and a reason";
    for (int i = 0; i < vectors->count; i++) {
        struct vector *vector = &vectors->all[i];
        if (strcmp(vector->id, id) != 0)
            continue;
        vector->ours = read_verdict(verdict);
        found = true;
        if (vector->ours == vector->theirs)
            return "a judgement says what they say, too";
    }
    return found ? NULL : "a judgement is about none of the vectors";
}

static void read_judgements(struct vectors *vectors, const char *name, struct tally *tally)
{
    char line[LINE_MAX_BYTES];
    FILE *file = fopen(name, "re");
    if (!file)
        give_up("cannot read the judgements", name);
    while (fgets(line, sizeof line, file)) {
        const char *wrong = *line == '#' || *line == '\n' ? NULL : judge(vectors, line);
        if (wrong) {
            printf("FAILED %s: %s\n", line, wrong);
            tally->failed++;
        }
    }
    fclose(file);
}

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
        return contains(play->bytes, "\ntransfer-encoding:");
    default:
        return false;
    }
}

/* Whether one of the requests is the last on its connection (RFC 9112 9.3). */
static bool wants_close(const struct bytes *bytes)
{
    return contains(bytes, " HTTP/1.0\r\n") || contains(bytes, "\nconnection: close");
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
        return ended ? VERDICT_NONE : PART;
    if (refuses(play, play->statuses[play->count - 1]))
        return ended ? BAD : VERDICT_NONE;
    if (ended && !wants_close(play->bytes))
        play->problem = "a connection persists, unless the request says otherwise";
    return GOOD;
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
    if (play->expected == BAD || play->expected == LATE)
        client_send(&play->client, "\r\n\r\n", 4);
    else if (play->verdict == GOOD)
        client_send(&play->client, further, sizeof further - 1);
    else
        shutdown(play->client.fd, SHUT_WR);
}

/* … and what came of that. */
static enum verdict verdict_after_all(struct play *play)
{
    if (!play->was_open || play->verdict == VERDICT_NONE)
        return play->verdict;
    if (play->expected == BAD || play->expected == LATE)
        return verdict_so_far(play) == BAD ? LATE : play->verdict;
    if (play->verdict == GOOD)
        return play->count == play->answered + 1 && play->statuses[play->answered] == 200 ? GOOD : MORE;
    return play->count == 0 && play->client.ended ? PART : VERDICT_NONE;
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
    if (vector->hosted.data && !way->hosted && vector->ours != LATE)
        play->expected = BAD;
    if (!client_open(&play->client, port))
        give_up("cannot connect", vector->id);
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
           verdict_names[play->expected], verdict_names[play->verdict], verdict_names[play->vector->theirs]);
    if (play->problem)
        printf(" broken law: %s;", play->problem);
    for (int i = 0; i < play->count; i++)
        printf(" %d", play->statuses[i]);
    printf(" and %s\n", play->client.ended ? "closed" : "open");
}

static void count(struct tally *tally, const struct play *play, const struct way *way)
{
    bool noticed_late = way->stepped && play->expected == BAD && play->verdict == LATE;
    bool passed = (play->verdict == play->expected || noticed_late) && !play->problem;
    tally->passed += passed;
    tally->failed += !passed;
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
    int status = server_stop(&server, SIGTERM);
    bool well = status == 0 && !*server_complaints(&server);
    tally->passed += well;
    tally->failed += !well;
    if (!well)
        printf("FAILED the server ended with %d and said:\n%s\n", status, server_complaints(&server));
}

int main(int argc, char **argv)
{
    struct vectors vectors = {.count = 0};
    struct tally tally = {0, 0};
    struct site site;
    signal(SIGPIPE, SIG_IGN);
    if (argc < 4 || (argc > 4 && strcmp(argv[4], "--") != 0)) {
        fprintf(stderr, "usage: vectors SHUNT FILE JUDGEMENTS [-- OPTION ...]\n");
        return 2;
    }
    struct harness harness = {argv[1], argc > 4 ? argv + 5 : argv + argc};
    read_vectors(&vectors, argv[2]);
    read_judgements(&vectors, argv[3], &tally);
    site_build(&site);
    play_all(&vectors, &harness, &site, &tally);
    site_remove(&site);
    free_vectors(&vectors);
    printf("%d passed, %d failed\n", tally.passed, tally.failed);
    return tally.failed > 0;
}
