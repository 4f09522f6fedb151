/*
 * Each row is what a peer and a connection do in turn, and what the peer has got in the end, to the byte. There is no
 * thread and no poller: a row calls the stages itself, and holds what each of them says comes next against what should.
 */
#include "conn/conn.h"

#include "files/hot.h"
#include "lib/sample.h"
#include "lib/scarce.h"
#include "os/poller.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    STEPS_MAX = 12,
    PARTS_MAX = 8,
    ROUNDS_MAX = 10000, /* of writing and taking: more is a connection that gets nowhere */
    TURN = 2 << 20,
    BODY_MAX = 100,
    SMALL_LEN = sizeof SAMPLE_SMALL - 1,
    MIDDLE_HEAD_LEN = sizeof SAMPLE_MIDDLE_HEAD - 1,
};

enum action {
    SAYS = 1, /* the peer sends text */
    TAKES,    /* the peer takes all that is there */
    ENDS,     /* the peer sends no more */
    LEAVES,   /* the peer closes */
    SHRINKS,  /* /large.bin is cut short */
    DRAINS,   /* the server stops */
    EXPIRES,  /* the deadline passes */
    READS,    /* conn_read */
    WRITES,   /* conn_write */
    BLOCKS,   /* conn_block */
    GOES_ON,  /* conn_write and conn_block, whichever is next, and the peer takes, until the next stage is another */
};

struct step {
    enum action action;
    const char *text;
    enum stage stage; /* what comes next; 0: nothing was asked */
    enum conn_phase phase;
    bool pending;
};

#define SAY(text)                                                                                                      \
    {                                                                                                                  \
        SAYS, text, 0, 0, false                                                                                        \
    }
#define DO(action)                                                                                                     \
    {                                                                                                                  \
        action, NULL, 0, 0, false                                                                                      \
    }
#define EXPECT(action, stage, phase)                                                                                   \
    {                                                                                                                  \
        action, NULL, stage, phase, false                                                                              \
    }
#define EXPECT_PENDING(action, stage, phase)                                                                           \
    {                                                                                                                  \
        action, NULL, stage, phase, true                                                                               \
    }
#define CLOSED(action)                                                                                                 \
    {                                                                                                                  \
        action, NULL, STAGE_CLOSE, 0, false                                                                            \
    }

#define GET(path)               "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"
#define GET_AND_CLOSE(path)     "GET " path " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
#define GET_WITH(path, len)     "GET " path " HTTP/1.1\r\nHost: x\r\nContent-Length: " len "\r\n\r\n"
#define HEAD_WITH(path, len)    "HEAD " path " HTTP/1.1\r\nHost: x\r\nContent-Length: " len "\r\n\r\n"
#define GET_CHUNKED(path)       "GET " path " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
#define POST_5                  "POST /small.txt HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n"
#define EXPECTING               "GET /small.txt HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
#define GET_PARTS(path, ranges) "GET " path " HTTP/1.1\r\nHost: x\r\nRange: bytes=" ranges "\r\n\r\n"
#define BYTES_10                "0123456789"
#define BYTES_100               BYTES_10 BYTES_10 BYTES_10 BYTES_10 BYTES_10 BYTES_10 BYTES_10 BYTES_10 BYTES_10 BYTES_10
#define BYTES_1000              BYTES_100 BYTES_100 BYTES_100 BYTES_100 BYTES_100 BYTES_100 BYTES_100 BYTES_100 BYTES_100 BYTES_100
#define SMALL_AND_CLOSE                                                                                                \
    SAMPLE_BEGIN("200 OK") SAMPLE_FIELDS(SAMPLE_TEXT, "6") "Connection: close\r\nContent-Length: 6\r\n\r\nsmall\n"
#define MIDDLE_AND_CLOSE                                                                                               \
    {.text = SAMPLE_BEGIN("200 OK")                                                                                    \
         SAMPLE_FIELDS(SAMPLE_BYTES, "4e20") "Connection: close\r\nContent-Length: 20000\r\n\r\n"},                    \
        SAMPLE_BODY(0, SAMPLE_MIDDLE)
#define NOT_ALLOWED {.text = SAMPLE_BEGIN("405 Method Not Allowed") "Allow: GET, HEAD, OPTIONS\r\n"}, SAMPLE_PAGE(405)
#define OPTIONS_REPLY                                                                                                  \
    {                                                                                                                  \
        .text = SAMPLE_BEGIN("200 OK") "Allow: GET, HEAD, OPTIONS\r\nContent-Length: 0\r\n\r\n"                        \
    }
#define LARGE                 {.text = SAMPLE_LARGE_HEAD}, SAMPLE_BODY(0, SAMPLE_LARGE)
#define REFUSED(line, status) {.text = SAMPLE_BEGIN(line) "Connection: close\r\n"}, SAMPLE_PAGE(status)

/* Two parts of each of two files. */
#define GET_MIDDLE_PARTS GET_PARTS("/middle.bin", "18000-,0-14999")
#define GET_LARGE_PARTS  GET_PARTS("/large.bin", "1500000-,0-1299999")
#define GET_SMALL_PARTS  GET_PARTS("/middle.bin", "0-9,1000-1019")
#define MIDDLE_PARTS                                                                                                   \
    SAMPLE_SEVERAL("4e20", "", "17246"), SAMPLE_PART(SAMPLE_BYTES, "18000-19999/20000"), SAMPLE_BODY(18000, 2000),     \
        SAMPLE_PART(SAMPLE_BYTES, "0-14999/20000"), SAMPLE_BODY(0, 15000), SAMPLE_PARTS_END
#define LARGE_PARTS                                                                                                    \
    SAMPLE_SEVERAL("2dc6c0", "", "2800256"), SAMPLE_PART(SAMPLE_BYTES, "1500000-2999999/3000000"),                     \
        SAMPLE_BODY(1500000, 1500000), SAMPLE_PART(SAMPLE_BYTES, "0-1299999/3000000"), SAMPLE_BODY(0, 1300000),        \
        SAMPLE_PARTS_END
#define SMALL_PARTS                                                                                                    \
    SAMPLE_SEVERAL("4e20", "", "270"), SAMPLE_PART(SAMPLE_BYTES, "0-9/20000"), SAMPLE_BODY(0, 10),                     \
        SAMPLE_PART(SAMPLE_BYTES, "1000-1019/20000"), SAMPLE_BODY(1000, 20), SAMPLE_PARTS_END

static const struct row {
    const char *name;
    struct step steps[STEPS_MAX];
    struct sample_part got[PARTS_MAX];
    uint32_t turn_bytes; /* 0: TURN */
    uint32_t requests_max;
    bool cold, refused;
    bool elsewhere; /* the files are a network's */
    bool cut_short; /* the peer got less than that, and nothing else */
    bool later;     /* another thread sends what this one answers */
} rows[] = {
    {"silence is waited for", {EXPECT(READS, STAGE_READ, PHASE_FRESH)}, .got = {{0}}},
    {"a peer that goes without a word", {DO(ENDS), CLOSED(READS)}, .got = {{0}}},
    {"a whole request",
     {SAY(GET("/small.txt")), EXPECT(READS, STAGE_READ, PHASE_IDLE), EXPECT(READS, STAGE_READ, PHASE_IDLE), DO(ENDS),
      CLOSED(READS)},
     .got = {{.text = SAMPLE_SMALL}}},
    {"a request after the other",
     {SAY(GET("/small.txt")), EXPECT(READS, STAGE_READ, PHASE_IDLE), SAY(GET("/missing")),
      EXPECT(READS, STAGE_READ, PHASE_IDLE)},
     .got = {{.text = SAMPLE_SMALL}, {.text = SAMPLE_BEGIN("404 Not Found")}, SAMPLE_PAGE(404)}},
    {"half a head, and the rest",
     {SAY("GET /small.txt HTTP/1.1\r\nHo"), EXPECT(READS, STAGE_READ, PHASE_HEAD), SAY("st: x\r\n\r\n"),
      EXPECT(READS, STAGE_READ, PHASE_IDLE)},
     .got = {{.text = SAMPLE_SMALL}}},
    {"a head in pieces without a line's end",
     {SAY("GET"), EXPECT(READS, STAGE_READ, PHASE_HEAD), SAY(" /sm"), EXPECT(READS, STAGE_READ, PHASE_HEAD),
      SAY("all.txt HTTP/1.1\r"), EXPECT(READS, STAGE_READ, PHASE_HEAD), SAY("\nHost: x\r\n\r\n"),
      EXPECT(READS, STAGE_READ, PHASE_IDLE)},
     .got = {{.text = SAMPLE_SMALL}}},
    {"a peer that goes in the middle of a head",
     {SAY("GET /small.txt HTTP/1.1\r\n"), EXPECT(READS, STAGE_READ, PHASE_HEAD), DO(ENDS), CLOSED(READS)},
     .got = {{0}}},
    {"two requests and a half",
     {SAY(GET("/small.txt") GET("/small.txt") "GET /small.txt HT"), EXPECT(READS, STAGE_READ, PHASE_HEAD),
      SAY("TP/1.1\r\nHost: x\r\n\r\n"), EXPECT(READS, STAGE_READ, PHASE_IDLE)},
     .got = {{.text = SAMPLE_SMALL}, {.text = SAMPLE_SMALL}, {.text = SAMPLE_SMALL}}},
    {"a body is discarded",
     {SAY(POST_5 "abcde" GET("/small.txt")), EXPECT(READS, STAGE_READ, PHASE_IDLE)},
     .got = {NOT_ALLOWED, {.text = SAMPLE_SMALL}}},
    {"a body in pieces is discarded",
     {SAY(POST_5 "ab"), EXPECT(READS, STAGE_READ, PHASE_BODY), SAY("c"), EXPECT(READS, STAGE_READ, PHASE_BODY),
      SAY("de" GET("/small.txt")), EXPECT(READS, STAGE_READ, PHASE_IDLE)},
     .got = {NOT_ALLOWED, {.text = SAMPLE_SMALL}}},
    {"a body that looks like a request is a body",
     {SAY("GET /small.txt HTTP/1.1\r\nHost: x\r\nContent-Length: 36\r\n\r\n" GET("/dir/a")),
      EXPECT(READS, STAGE_READ, PHASE_BODY), SAY("1234"), EXPECT(READS, STAGE_READ, PHASE_IDLE)},
     .got = {{.text = SAMPLE_SMALL}}},
    {"a body is waited for before there is an answer",
     {SAY(GET_WITH("/small.txt", "3") "ab"), EXPECT(READS, STAGE_READ, PHASE_BODY), DO(TAKES),
      EXPECT(READS, STAGE_READ, PHASE_BODY), SAY("c"), EXPECT(READS, STAGE_READ, PHASE_IDLE)},
     .got = {{.text = SAMPLE_SMALL}}},
    {"what is before a body does not wait for it",
     {SAY(GET("/small.txt") POST_5 "ab"), EXPECT(READS, STAGE_READ, PHASE_BODY), DO(LEAVES), CLOSED(READS)},
     .got = {{.text = SAMPLE_SMALL}}},
    {"a peer that goes in the middle of a body",
     {SAY(POST_5), EXPECT(READS, STAGE_READ, PHASE_BODY), DO(ENDS), CLOSED(READS)},
     .got = {{0}}},
    {"a peer that goes in the middle of a chunk",
     {SAY(GET_CHUNKED("/small.txt") "5\r\nabc"), EXPECT(READS, STAGE_READ, PHASE_BODY), DO(ENDS), CLOSED(READS)},
     .got = {{0}}},
    {"a body of a request for a large file",
     {SAY(GET_WITH("/large.bin", "3") "a"), EXPECT(READS, STAGE_READ, PHASE_BODY), SAY("bc" GET("/small.txt")),
      EXPECT_PENDING(READS, STAGE_WRITE, PHASE_REPLY), EXPECT_PENDING(GOES_ON, STAGE_READ, PHASE_REPLY),
      EXPECT(READS, STAGE_READ, PHASE_IDLE)},
     .got = {LARGE, {.text = SAMPLE_SMALL}}},
    {"a body behind a large file",
     {SAY(GET("/large.bin") POST_5 "ab"), EXPECT_PENDING(READS, STAGE_WRITE, PHASE_REPLY), SAY("c"),
      EXPECT_PENDING(GOES_ON, STAGE_READ, PHASE_REPLY), EXPECT(READS, STAGE_READ, PHASE_BODY),
      EXPECT(READS, STAGE_READ, PHASE_BODY), SAY("de"), EXPECT(READS, STAGE_READ, PHASE_IDLE)},
     .got = {LARGE, NOT_ALLOWED}},
    {"as much of a body as may be",
     {SAY(GET_WITH("/small.txt", "100") BYTES_100 GET("/small.txt")), EXPECT(READS, STAGE_READ, PHASE_IDLE)},
     .got = {{.text = SAMPLE_SMALL}, {.text = SAMPLE_SMALL}}},
    {"a body that is too large",
     {SAY(GET_WITH("/small.txt", "101")), EXPECT(READS, STAGE_READ, PHASE_LINGER), DO(ENDS), CLOSED(READS)},
     .got = {REFUSED("413 Content Too Large", 413)}},
    {"a body that is too large, and looks like a request",
     {SAY(HEAD_WITH("/small.txt", "9999999999") GET("/small.txt")), EXPECT(READS, STAGE_READ, PHASE_LINGER), DO(ENDS),
      CLOSED(READS)},
     .got = {{.text = SAMPLE_BEGIN("413 Content Too Large") "Connection: close\r\n"}, SAMPLE_PAGE_HEAD(413)}},
    {"a body that is too large, of what is not allowed in any case",
     {SAY("POST /small.txt HTTP/1.1\r\nHost: x\r\nContent-Length: 101\r\n\r\n" GET("/small.txt")),
      EXPECT(READS, STAGE_READ, PHASE_LINGER), DO(ENDS), CLOSED(READS)},
     .got = {REFUSED("413 Content Too Large", 413)}},
    {"a body that waits to be wanted, of what is not allowed",
     {SAY("POST /small.txt HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"),
      EXPECT(READS, STAGE_READ, PHASE_LINGER), DO(ENDS), CLOSED(READS)},
     .got = {{.text = SAMPLE_BEGIN("405 Method Not Allowed") "Allow: GET, HEAD, OPTIONS\r\nConnection: close\r\n"},
             SAMPLE_PAGE(405)}},
    {"a chunked body, and another request",
     {SAY(GET_CHUNKED("/small.txt") "3\r\nabc\r\n0\r\n\r\n" GET("/missing")), EXPECT(READS, STAGE_READ, PHASE_IDLE)},
     .got = {{.text = SAMPLE_SMALL}, {.text = SAMPLE_BEGIN("404 Not Found")}, SAMPLE_PAGE(404)}},
    {"a chunk that looks like a request is a chunk",
     {SAY(GET_CHUNKED("/small.txt") "24\r\n" GET("/dir/a") "0123\r\n0\r\n"), EXPECT(READS, STAGE_READ, PHASE_BODY),
      SAY("\r\n"), EXPECT(READS, STAGE_READ, PHASE_IDLE)},
     .got = {{.text = SAMPLE_SMALL}}},
    {"as many chunks as may be",
     {SAY(GET_CHUNKED("/small.txt") "32\r\n" BYTES_10 BYTES_10 BYTES_10 BYTES_10 BYTES_10
                                    "\r\n32\r\n" BYTES_10 BYTES_10 BYTES_10 BYTES_10 BYTES_10 "\r\n0\r\n\r\n"),
      EXPECT(READS, STAGE_READ, PHASE_IDLE)},
     .got = {{.text = SAMPLE_SMALL}}},
    {"a chunk too many",
     {SAY(GET_CHUNKED("/small.txt") "64\r\n" BYTES_100 "\r\n"), EXPECT(READS, STAGE_READ, PHASE_BODY), SAY("1\r\n"),
      EXPECT(READS, STAGE_READ, PHASE_LINGER), DO(ENDS), CLOSED(READS)},
     .got = {REFUSED("413 Content Too Large", 413)}},
    {"more said of a chunk than may be",
     {SAY(GET_CHUNKED("/small.txt") "1;" BYTES_1000 BYTES_1000 BYTES_1000), EXPECT(READS, STAGE_READ, PHASE_BODY),
      SAY(BYTES_1000 BYTES_1000 BYTES_1000), EXPECT(READS, STAGE_READ, PHASE_BODY),
      SAY(BYTES_1000 BYTES_1000 BYTES_1000), EXPECT(READS, STAGE_READ, PHASE_LINGER), DO(ENDS), CLOSED(READS)},
     .got = {REFUSED("431 Request Header Fields Too Large", 431)}},
    {"a broken chunk, and what may be a request",
     {SAY(GET_CHUNKED("/small.txt") "3\r\nabcd\r\n0\r\n\r\n" GET("/small.txt")),
      EXPECT(READS, STAGE_READ, PHASE_LINGER), SAY(GET("/small.txt")), EXPECT(READS, STAGE_READ, PHASE_LINGER),
      DO(ENDS), CLOSED(READS)},
     .got = {REFUSED("400 Bad Request", 400)}},
    {"a broken chunk behind a request",
     {SAY(GET("/small.txt") GET_CHUNKED("/small.txt") "3\r\n"), EXPECT(READS, STAGE_READ, PHASE_BODY), SAY("abc\n"),
      EXPECT(READS, STAGE_READ, PHASE_LINGER), DO(ENDS), CLOSED(READS)},
     .got = {{.text = SAMPLE_SMALL}, REFUSED("400 Bad Request", 400)}},
    {"a body that waits to be wanted is not waited for",
     {SAY(EXPECTING "Content-Length: 3\r\n\r\n"), EXPECT(READS, STAGE_READ, PHASE_LINGER), SAY("abc"),
      EXPECT(READS, STAGE_READ, PHASE_LINGER), EXPECT(READS, STAGE_READ, PHASE_LINGER), DO(ENDS), CLOSED(READS)},
     .got = {{.text = SMALL_AND_CLOSE}}},
    {"chunks that wait to be wanted are not waited for, nor read",
     {SAY(EXPECTING "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" GET("/small.txt")),
      EXPECT(READS, STAGE_READ, PHASE_LINGER), DO(ENDS), CLOSED(READS)},
     .got = {{.text = SMALL_AND_CLOSE}}},
    {"a body that waits to be wanted and is too large",
     {SAY(EXPECTING "Content-Length: 101\r\n\r\n"), EXPECT(READS, STAGE_READ, PHASE_LINGER), DO(ENDS), CLOSED(READS)},
     .got = {REFUSED("413 Content Too Large", 413)}},
    {"who waits to be wanted without a body is answered, and stays",
     {SAY(EXPECTING "\r\n" EXPECTING "Content-Length: 0\r\n\r\n"), EXPECT(READS, STAGE_READ, PHASE_IDLE)},
     .got = {{.text = SAMPLE_SMALL}, {.text = SAMPLE_SMALL}}},
    {"a body of one connection too many",
     {SAY(POST_5), EXPECT(READS, STAGE_READ, PHASE_LINGER), DO(ENDS), CLOSED(READS)},
     .got = {{.text = SAMPLE_BEGIN("503 Service Unavailable") "Retry-After: 5\r\nConnection: close\r\n"},
             SAMPLE_PAGE(503)},
     .refused = true},
    {"what a server does, and a body that it doesn't want",
     {SAY("OPTIONS * HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab" GET("/small.txt")),
      EXPECT(READS, STAGE_READ, PHASE_IDLE)},
     .got = {OPTIONS_REPLY, {.text = SAMPLE_SMALL}}},
    {"turns of one byte behind a body",
     {SAY(GET("/small.txt") POST_5 "ab"), EXPECT_PENDING(READS, STAGE_WRITE, PHASE_REPLY), SAY("cde" GET("/small.txt")),
      EXPECT_PENDING(GOES_ON, STAGE_READ, PHASE_REPLY), EXPECT(READS, STAGE_READ, PHASE_BODY),
      EXPECT(READS, STAGE_WRITE, PHASE_REPLY), EXPECT(GOES_ON, STAGE_READ, PHASE_RETURNED)},
     .got = {{.text = SAMPLE_SMALL}, NOT_ALLOWED, {.text = SAMPLE_SMALL}},
     .turn_bytes = 1},
    {"a request that is the last one there may be",
     {SAY(GET("/small.txt")), EXPECT(READS, STAGE_READ, PHASE_LINGER), DO(ENDS), CLOSED(READS)},
     .got = {{.text = SMALL_AND_CLOSE}},
     .requests_max = 1},
    {"a last request that there may be, and more behind it",
     {SAY(GET("/small.txt") GET("/small.txt") GET("/small.txt")), EXPECT(READS, STAGE_READ, PHASE_LINGER), DO(ENDS),
      CLOSED(READS)},
     .got = {{.text = SAMPLE_SMALL}, {.text = SMALL_AND_CLOSE}},
     .requests_max = 2},
    {"one after the other, up to as many as there may be",
     {SAY(GET("/small.txt")), EXPECT(READS, STAGE_READ, PHASE_IDLE), SAY(POST_5), EXPECT(READS, STAGE_READ, PHASE_BODY),
      SAY("abcde"), EXPECT(READS, STAGE_READ, PHASE_IDLE), SAY(GET("/small.txt")),
      EXPECT(READS, STAGE_READ, PHASE_LINGER), DO(ENDS), CLOSED(READS)},
     .got = {{.text = SAMPLE_SMALL}, NOT_ALLOWED, {.text = SMALL_AND_CLOSE}},
     .requests_max = 3},
    {"fewer than there may be, which the peer wants",
     {SAY(GET("/small.txt") GET_AND_CLOSE("/small.txt") GET("/small.txt")), EXPECT(READS, STAGE_READ, PHASE_LINGER),
      DO(ENDS), CLOSED(READS)},
     .got = {{.text = SAMPLE_SMALL}, {.text = SMALL_AND_CLOSE}},
     .requests_max = 3},
    {"a body of the last request there may be",
     {SAY(GET_WITH("/small.txt", "2") "a"), EXPECT(READS, STAGE_READ, PHASE_BODY), SAY("b"),
      EXPECT(READS, STAGE_READ, PHASE_LINGER), DO(ENDS), CLOSED(READS)},
     .got = {{.text = SMALL_AND_CLOSE}},
     .requests_max = 1},
    {"gathered, as many as there may be",
     {SAY(GET("/small.txt") GET("/small.txt") GET("/small.txt")), EXPECT(READS, STAGE_WRITE, PHASE_REPLY),
      EXPECT(WRITES, STAGE_READ, PHASE_LINGER), DO(ENDS), CLOSED(READS)},
     .got = {{.text = SAMPLE_SMALL}, {.text = SMALL_AND_CLOSE}},
     .requests_max = 2,
     .later = true},
    {"two parts that are copied",
     {SAY(GET_SMALL_PARTS GET("/small.txt")), EXPECT(READS, STAGE_READ, PHASE_IDLE)},
     .got = {SMALL_PARTS, {.text = SAMPLE_SMALL}}},
    {"two parts of a body in memory",
     {SAY(GET_MIDDLE_PARTS GET("/small.txt")), EXPECT(READS, STAGE_READ, PHASE_IDLE)},
     .got = {MIDDLE_PARTS, {.text = SAMPLE_SMALL}}},
    {"what is gathered before two parts goes first",
     {SAY(GET("/small.txt") GET_MIDDLE_PARTS), EXPECT(READS, STAGE_READ, PHASE_IDLE)},
     .got = {{.text = SAMPLE_SMALL}, MIDDLE_PARTS}},
    {"two parts that the socket does not take at once",
     {SAY(GET_LARGE_PARTS GET("/small.txt")), EXPECT_PENDING(READS, STAGE_WRITE, PHASE_REPLY),
      EXPECT_PENDING(WRITES, STAGE_WRITE, PHASE_REPLY), EXPECT_PENDING(GOES_ON, STAGE_READ, PHASE_REPLY),
      EXPECT(READS, STAGE_READ, PHASE_IDLE)},
     .got = {LARGE_PARTS, {.text = SAMPLE_SMALL}}},
    {"two parts in turns of ten bytes",
     {SAY(GET_MIDDLE_PARTS GET("/small.txt")), EXPECT_PENDING(READS, STAGE_WRITE, PHASE_REPLY),
      EXPECT_PENDING(WRITES, STAGE_WRITE, PHASE_REPLY), EXPECT_PENDING(GOES_ON, STAGE_READ, PHASE_REPLY),
      EXPECT(READS, STAGE_WRITE, PHASE_REPLY), EXPECT(GOES_ON, STAGE_READ, PHASE_RETURNED)},
     .got = {MIDDLE_PARTS, {.text = SAMPLE_SMALL}},
     .turn_bytes = 10},
    {"two parts in turns of odd length",
     {SAY(GET_LARGE_PARTS), EXPECT(READS, STAGE_WRITE, PHASE_REPLY), EXPECT(GOES_ON, STAGE_READ, PHASE_RETURNED)},
     .got = {LARGE_PARTS},
     .turn_bytes = 991},
    {"two cold parts",
     {SAY(GET_LARGE_PARTS GET("/small.txt")), EXPECT_PENDING(READS, STAGE_BLOCK, PHASE_BLOCKED),
      EXPECT_PENDING(BLOCKS, STAGE_WRITE, PHASE_REPLY), EXPECT_PENDING(GOES_ON, STAGE_READ, PHASE_REPLY),
      EXPECT(READS, STAGE_READ, PHASE_IDLE)},
     .got = {LARGE_PARTS, {.text = SAMPLE_SMALL}},
     .cold = true},
    {"a part is not in memory because the one before it is",
     {SAY(GET_PARTS("/large.bin", "2000000-2000009,0-9")), EXPECT(READS, STAGE_BLOCK, PHASE_BLOCKED),
      EXPECT(BLOCKS, STAGE_WRITE, PHASE_REPLY), EXPECT(WRITES, STAGE_BLOCK, PHASE_BLOCKED),
      EXPECT(BLOCKS, STAGE_WRITE, PHASE_REPLY), EXPECT(WRITES, STAGE_READ, PHASE_RETURNED)},
     .got = {SAMPLE_SEVERAL("2dc6c0", "", "270"), SAMPLE_PART(SAMPLE_BYTES, "2000000-2000009/3000000"),
             SAMPLE_BODY(2000000, 10), SAMPLE_PART(SAMPLE_BYTES, "0-9/3000000"), SAMPLE_BODY(0, 10), SAMPLE_PARTS_END},
     .cold = true},
    {"two cold parts in turns of odd length",
     {SAY(GET_LARGE_PARTS), EXPECT(READS, STAGE_BLOCK, PHASE_BLOCKED), EXPECT(GOES_ON, STAGE_READ, PHASE_RETURNED)},
     .got = {LARGE_PARTS},
     .turn_bytes = 99991,
     .cold = true},
    {"gathered, two parts",
     {SAY(GET("/small.txt") GET_MIDDLE_PARTS), EXPECT(READS, STAGE_WRITE, PHASE_REPLY),
      EXPECT(WRITES, STAGE_READ, PHASE_RETURNED)},
     .got = {{.text = SAMPLE_SMALL}, MIDDLE_PARTS},
     .later = true},
    {"gathered, two parts in turns of ten bytes",
     {SAY(GET_MIDDLE_PARTS), EXPECT(READS, STAGE_WRITE, PHASE_REPLY), EXPECT(GOES_ON, STAGE_READ, PHASE_RETURNED)},
     .got = {MIDDLE_PARTS},
     .turn_bytes = 10,
     .later = true},
    {"two parts, the first of which a peer goes in",
     {SAY(GET_LARGE_PARTS), EXPECT(READS, STAGE_WRITE, PHASE_REPLY), DO(LEAVES), CLOSED(WRITES)},
     .got = {LARGE_PARTS},
     .cut_short = true},
    {"two parts of a file that shrinks",
     {SAY(GET_LARGE_PARTS GET("/small.txt")), EXPECT_PENDING(READS, STAGE_WRITE, PHASE_REPLY), DO(SHRINKS),
      CLOSED(GOES_ON)},
     .got = {LARGE_PARTS},
     .cut_short = true},
    {"two parts that are the last reply",
     {SAY("GET /middle.bin HTTP/1.1\r\nHost: x\r\nRange: bytes=0-9,1000-1019\r\nConnection: close\r\n\r\n"),
      CLOSED(READS)},
     .got = {SAMPLE_SEVERAL("4e20", "Connection: close\r\n", "270"), SAMPLE_PART(SAMPLE_BYTES, "0-9/20000"),
             SAMPLE_BODY(0, 10), SAMPLE_PART(SAMPLE_BYTES, "1000-1019/20000"), SAMPLE_BODY(1000, 20),
             SAMPLE_PARTS_END}},
    {"two parts that are the last reply of as many as there may be",
     {SAY(GET("/small.txt") GET_LARGE_PARTS), EXPECT(READS, STAGE_WRITE, PHASE_REPLY),
      EXPECT(GOES_ON, STAGE_READ, PHASE_LINGER), DO(ENDS), CLOSED(READS)},
     .got = {{.text = SAMPLE_SMALL},
             SAMPLE_SEVERAL("2dc6c0", "Connection: close\r\n", "2800256"),
             SAMPLE_PART(SAMPLE_BYTES, "1500000-2999999/3000000"),
             SAMPLE_BODY(1500000, 1500000),
             SAMPLE_PART(SAMPLE_BYTES, "0-1299999/3000000"),
             SAMPLE_BODY(0, 1300000),
             SAMPLE_PARTS_END},
     .requests_max = 2},
    {"a file that the socket does not take at once",
     {SAY(GET("/large.bin")), EXPECT(READS, STAGE_WRITE, PHASE_REPLY), EXPECT(WRITES, STAGE_WRITE, PHASE_REPLY),
      EXPECT(GOES_ON, STAGE_READ, PHASE_RETURNED), EXPECT(READS, STAGE_READ, PHASE_RETURNED), SAY(GET("/small.txt")),
      EXPECT(READS, STAGE_READ, PHASE_IDLE)},
     .got = {LARGE, {.text = SAMPLE_SMALL}}},
    {"a file whose head came in pieces",
     {SAY("GET /large"), EXPECT(READS, STAGE_READ, PHASE_HEAD), SAY(".bin HTTP/1.1\r\nHost: x\r\n\r\n"),
      EXPECT(READS, STAGE_WRITE, PHASE_REPLY), EXPECT(GOES_ON, STAGE_READ, PHASE_RETURNED)},
     .got = {LARGE}},
    {"what was gathered before a file goes first",
     {SAY(GET("/small.txt") GET("/large.bin")), EXPECT(READS, STAGE_WRITE, PHASE_REPLY),
      EXPECT(GOES_ON, STAGE_READ, PHASE_RETURNED)},
     .got = {{.text = SAMPLE_SMALL}, LARGE}},
    {"a request behind a file waits for it",
     {SAY(GET("/large.bin") GET("/small.txt")), EXPECT_PENDING(READS, STAGE_WRITE, PHASE_REPLY),
      EXPECT_PENDING(GOES_ON, STAGE_READ, PHASE_REPLY), EXPECT(READS, STAGE_READ, PHASE_IDLE)},
     .got = {LARGE, {.text = SAMPLE_SMALL}}},
    {"half a request behind a file waits for it",
     {SAY(GET("/large.bin") "GET /small.txt "), EXPECT_PENDING(READS, STAGE_WRITE, PHASE_REPLY),
      EXPECT_PENDING(GOES_ON, STAGE_READ, PHASE_REPLY), EXPECT(READS, STAGE_READ, PHASE_HEAD),
      SAY("HTTP/1.1\r\nHost: x\r\n\r\n"), EXPECT(READS, STAGE_READ, PHASE_IDLE)},
     .got = {LARGE, {.text = SAMPLE_SMALL}}},
    {"what comes while a file is sent is read behind it",
     {SAY(GET("/large.bin") GET("/missing")), EXPECT_PENDING(READS, STAGE_WRITE, PHASE_REPLY), SAY(GET("/small.txt")),
      EXPECT_PENDING(GOES_ON, STAGE_READ, PHASE_REPLY), EXPECT(READS, STAGE_READ, PHASE_IDLE),
      EXPECT(READS, STAGE_READ, PHASE_IDLE)},
     .got = {LARGE, {.text = SAMPLE_BEGIN("404 Not Found")}, SAMPLE_PAGE(404), {.text = SAMPLE_SMALL}}},
    {"a file behind a file",
     {SAY(GET("/large.bin") GET("/large.bin")), EXPECT_PENDING(READS, STAGE_WRITE, PHASE_REPLY),
      EXPECT_PENDING(GOES_ON, STAGE_READ, PHASE_REPLY), EXPECT(READS, STAGE_WRITE, PHASE_REPLY),
      EXPECT(GOES_ON, STAGE_READ, PHASE_RETURNED)},
     .got = {LARGE, LARGE}},
    {"a peer that goes while a file is sent",
     {SAY(GET("/large.bin")), EXPECT(READS, STAGE_WRITE, PHASE_REPLY), DO(TAKES), DO(LEAVES), CLOSED(WRITES)},
     .got = {LARGE},
     .cut_short = true},
    {"a file that shrinks while it is sent",
     {SAY(GET("/large.bin") GET("/small.txt")), EXPECT_PENDING(READS, STAGE_WRITE, PHASE_REPLY), DO(SHRINKS),
      CLOSED(GOES_ON)},
     .got = {LARGE},
     .cut_short = true},
    {"a turn of one byte",
     {SAY(GET("/small.txt")), EXPECT(READS, STAGE_WRITE, PHASE_REPLY), EXPECT(WRITES, STAGE_WRITE, PHASE_REPLY),
      EXPECT(GOES_ON, STAGE_READ, PHASE_RETURNED)},
     .got = {{.text = SAMPLE_SMALL}},
     .turn_bytes = 1},
    {"turns of one byte for two requests and a half",
     {SAY(GET("/small.txt") GET("/empty.txt") "GET /sm"), EXPECT_PENDING(READS, STAGE_WRITE, PHASE_REPLY),
      EXPECT_PENDING(GOES_ON, STAGE_READ, PHASE_REPLY), EXPECT(READS, STAGE_READ, PHASE_HEAD),
      SAY("all.txt HTTP/1.1\r\nHost: x\r\n\r\n"), EXPECT(READS, STAGE_WRITE, PHASE_REPLY),
      EXPECT(GOES_ON, STAGE_READ, PHASE_RETURNED)},
     .got = {{.text = SAMPLE_SMALL},
             {.text = SAMPLE_BEGIN("200 OK") SAMPLE_FIELDS(SAMPLE_TEXT, "0") "Content-Length: 0\r\n\r\n"},
             {.text = SAMPLE_SMALL}},
     .turn_bytes = 1},
    {"turns of one byte for a body in memory",
     {SAY(GET("/middle.bin") GET("/small.txt")), EXPECT_PENDING(READS, STAGE_WRITE, PHASE_REPLY),
      EXPECT_PENDING(GOES_ON, STAGE_READ, PHASE_REPLY), EXPECT(READS, STAGE_WRITE, PHASE_REPLY),
      EXPECT(GOES_ON, STAGE_READ, PHASE_RETURNED)},
     .got = {{.text = SAMPLE_MIDDLE_HEAD}, SAMPLE_BODY(0, SAMPLE_MIDDLE), {.text = SAMPLE_SMALL}},
     .turn_bytes = 3},
    {"turns that end in a file",
     {SAY(GET("/large.bin")), EXPECT(READS, STAGE_WRITE, PHASE_REPLY), EXPECT(WRITES, STAGE_WRITE, PHASE_REPLY),
      EXPECT(GOES_ON, STAGE_READ, PHASE_RETURNED)},
     .got = {LARGE},
     .turn_bytes = 1000},
    {"a turn that ends with a body lets others go first",
     {SAY(GET("/middle.bin") GET("/small.txt")), EXPECT_PENDING(READS, STAGE_READ, PHASE_REPLY),
      EXPECT(READS, STAGE_READ, PHASE_IDLE)},
     .got = {{.text = SAMPLE_MIDDLE_HEAD}, SAMPLE_BODY(0, SAMPLE_MIDDLE), {.text = SAMPLE_SMALL}},
     .turn_bytes = MIDDLE_HEAD_LEN + SAMPLE_MIDDLE},
    {"a turn that ends with a head goes on with its body",
     {SAY(GET("/middle.bin")), EXPECT(READS, STAGE_WRITE, PHASE_REPLY), EXPECT(GOES_ON, STAGE_READ, PHASE_RETURNED)},
     .got = {{.text = SAMPLE_MIDDLE_HEAD}, SAMPLE_BODY(0, SAMPLE_MIDDLE)},
     .turn_bytes = MIDDLE_HEAD_LEN},
    {"turns of one byte for the last reply",
     {SAY(GET_AND_CLOSE("/small.txt")), EXPECT(READS, STAGE_WRITE, PHASE_REPLY),
      EXPECT(GOES_ON, STAGE_READ, PHASE_LINGER), DO(ENDS), CLOSED(READS)},
     .got = {{.text = SMALL_AND_CLOSE}},
     .turn_bytes = 1},
    {"turns of one byte for a refusal",
     {SAY("\x01"), EXPECT(READS, STAGE_WRITE, PHASE_REPLY), EXPECT(GOES_ON, STAGE_READ, PHASE_LINGER), DO(ENDS),
      CLOSED(READS)},
     .got = {REFUSED("400 Bad Request", 400)},
     .turn_bytes = 1},
    {"a connection that its peer wants to end",
     {SAY(GET_AND_CLOSE("/small.txt")), CLOSED(READS)},
     .got = {{.text = SMALL_AND_CLOSE}}},
    {"a last request with others behind it",
     {SAY(GET_AND_CLOSE("/small.txt") GET("/missing")), EXPECT(READS, STAGE_READ, PHASE_LINGER), SAY(GET("/missing")),
      EXPECT(READS, STAGE_READ, PHASE_LINGER), EXPECT(READS, STAGE_READ, PHASE_LINGER), DO(ENDS), CLOSED(READS)},
     .got = {{.text = SMALL_AND_CLOSE}}},
    {"a last request for a large file",
     {SAY(GET_AND_CLOSE("/large.bin")), EXPECT(READS, STAGE_WRITE, PHASE_REPLY),
      EXPECT(GOES_ON, STAGE_READ, PHASE_LINGER), DO(ENDS), CLOSED(READS)},
     .got = {{.text = SAMPLE_BEGIN("200 OK")
                  SAMPLE_FIELDS(SAMPLE_BYTES, "2dc6c0") "Connection: close\r\nContent-Length: 3000000\r\n\r\n"},
             SAMPLE_BODY(0, SAMPLE_LARGE)}},
    {"a last request for a large file with others behind it",
     {SAY(GET_AND_CLOSE("/large.bin") GET("/missing")), EXPECT(READS, STAGE_WRITE, PHASE_REPLY),
      EXPECT(GOES_ON, STAGE_READ, PHASE_LINGER), DO(ENDS), CLOSED(READS)},
     .got = {{.text = SAMPLE_BEGIN("200 OK")
                  SAMPLE_FIELDS(SAMPLE_BYTES, "2dc6c0") "Connection: close\r\nContent-Length: 3000000\r\n\r\n"},
             SAMPLE_BODY(0, SAMPLE_LARGE)}},
    {"HTTP/1.0", {SAY("GET /small.txt HTTP/1.0\r\n\r\n"), CLOSED(READS)}, .got = {{.text = SMALL_AND_CLOSE}}},
    {"HTTP/1.0 that wants to stay",
     {SAY("GET /small.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), EXPECT(READS, STAGE_READ, PHASE_IDLE)},
     .got = {{.text = SAMPLE_BEGIN("200 OK")
                  SAMPLE_FIELDS(SAMPLE_TEXT, "6") "Connection: keep-alive\r\nContent-Length: 6\r\n\r\nsmall\n"}}},
    {"what is no request",
     {SAY("no request\r\n\r\n"), EXPECT(READS, STAGE_READ, PHASE_LINGER), SAY("nor this"),
      EXPECT(READS, STAGE_READ, PHASE_LINGER), DO(ENDS), CLOSED(READS)},
     .got = {REFUSED("400 Bad Request", 400)}},
    {"what is no request behind one that is",
     {SAY(GET("/small.txt") "no request\r\n\r\n"), EXPECT(READS, STAGE_READ, PHASE_LINGER), DO(LEAVES), CLOSED(READS)},
     .got = {{.text = SAMPLE_SMALL}, REFUSED("400 Bad Request", 400)}},
    {"what is no request behind a large file",
     {SAY(GET("/large.bin") "no request\r\n\r\n"), EXPECT_PENDING(READS, STAGE_WRITE, PHASE_REPLY),
      EXPECT_PENDING(GOES_ON, STAGE_READ, PHASE_REPLY), EXPECT(READS, STAGE_READ, PHASE_LINGER), DO(ENDS),
      CLOSED(READS)},
     .got = {LARGE, REFUSED("400 Bad Request", 400)}},
    {"one connection too many",
     {SAY(GET("/small.txt")), EXPECT(READS, STAGE_READ, PHASE_LINGER), DO(ENDS), CLOSED(READS)},
     .got = {{.text = SAMPLE_BEGIN("503 Service Unavailable") "Retry-After: 5\r\nConnection: close\r\n"},
             SAMPLE_PAGE(503)},
     .refused = true},
    {"a server that stops ends a connection with its next reply",
     {DO(DRAINS), SAY(GET("/small.txt")), EXPECT(READS, STAGE_READ, PHASE_LINGER), DO(ENDS), CLOSED(READS)},
     .got = {{.text = SMALL_AND_CLOSE}}},
    {"a server that stops ends a new connection", {DO(DRAINS), CLOSED(READS)}, .got = {{0}}},
    {"a server that stops ends an idle connection",
     {SAY(GET("/small.txt")), EXPECT(READS, STAGE_READ, PHASE_IDLE), DO(DRAINS), CLOSED(READS)},
     .got = {{.text = SAMPLE_SMALL}}},
    {"a server that stops lets a head be completed",
     {SAY("GET /small.txt "), EXPECT(READS, STAGE_READ, PHASE_HEAD), DO(DRAINS), EXPECT(READS, STAGE_READ, PHASE_HEAD),
      SAY("HTTP/1.1\r\nHost: x\r\n\r\n"), EXPECT(READS, STAGE_READ, PHASE_LINGER), DO(ENDS), CLOSED(READS)},
     .got = {{.text = SMALL_AND_CLOSE}}},
    {"a server that stops sends a file to its end",
     {SAY(GET("/large.bin")), EXPECT(READS, STAGE_WRITE, PHASE_REPLY), DO(DRAINS),
      EXPECT(GOES_ON, STAGE_READ, PHASE_LINGER), DO(ENDS), CLOSED(READS)},
     .got = {LARGE}},
    {"a server that stops answers what waits behind a file, once",
     {SAY(GET("/large.bin") GET("/small.txt") GET("/missing")), EXPECT_PENDING(READS, STAGE_WRITE, PHASE_REPLY),
      DO(DRAINS), EXPECT_PENDING(GOES_ON, STAGE_READ, PHASE_REPLY), EXPECT(READS, STAGE_READ, PHASE_LINGER), DO(ENDS),
      CLOSED(READS)},
     .got = {LARGE, {.text = SMALL_AND_CLOSE}}},
    {"a deadline in the middle of a head is told",
     {SAY("GET /small.txt "), EXPECT(READS, STAGE_READ, PHASE_HEAD), DO(EXPIRES),
      EXPECT(READS, STAGE_READ, PHASE_LINGER), DO(ENDS), CLOSED(READS)},
     .got = {REFUSED("408 Request Timeout", 408)}},
    {"a deadline before a request is not", {DO(EXPIRES), CLOSED(READS)}, .got = {{0}}},
    {"a deadline between requests is not",
     {SAY(GET("/small.txt")), EXPECT(READS, STAGE_READ, PHASE_IDLE), DO(EXPIRES), CLOSED(READS)},
     .got = {{.text = SAMPLE_SMALL}}},
    {"a deadline in the middle of a body is told",
     {SAY(GET_WITH("/small.txt", "3") "ab"), EXPECT(READS, STAGE_READ, PHASE_BODY), DO(EXPIRES),
      EXPECT(READS, STAGE_READ, PHASE_LINGER), DO(ENDS), CLOSED(READS)},
     .got = {REFUSED("408 Request Timeout", 408)}},
    {"a deadline in the middle of a body of HEAD is told without a page",
     {SAY(HEAD_WITH("/small.txt", "3") "ab"), EXPECT(READS, STAGE_READ, PHASE_BODY), DO(EXPIRES),
      EXPECT(READS, STAGE_READ, PHASE_LINGER), DO(ENDS), CLOSED(READS)},
     .got = {{.text = SAMPLE_BEGIN("408 Request Timeout") "Connection: close\r\n"}, SAMPLE_PAGE_HEAD(408)}},
    {"a deadline in the middle of a chunk is told",
     {SAY(GET("/small.txt") GET_CHUNKED("/small.txt") "5\r\na"), EXPECT(READS, STAGE_READ, PHASE_BODY), DO(EXPIRES),
      EXPECT(READS, STAGE_READ, PHASE_LINGER), DO(ENDS), CLOSED(READS)},
     .got = {{.text = SAMPLE_SMALL}, REFUSED("408 Request Timeout", 408)}},
    {"who goes on after a deadline is read until the next",
     {SAY(GET_WITH("/small.txt", "9") "ab"), EXPECT(READS, STAGE_READ, PHASE_BODY), DO(EXPIRES), SAY("cd"),
      EXPECT(READS, STAGE_READ, PHASE_LINGER), DO(EXPIRES), CLOSED(READS)},
     .got = {REFUSED("408 Request Timeout", 408)}},
    {"a server that stops lets a body be completed",
     {SAY(POST_5 "ab"), EXPECT(READS, STAGE_READ, PHASE_BODY), DO(DRAINS), EXPECT(READS, STAGE_READ, PHASE_BODY),
      SAY("cde"), EXPECT(READS, STAGE_READ, PHASE_LINGER), DO(ENDS), CLOSED(READS)},
     .got = {{.text = SAMPLE_BEGIN("405 Method Not Allowed") "Allow: GET, HEAD, OPTIONS\r\nConnection: close\r\n"},
             SAMPLE_PAGE(405)}},
    {"a deadline while a file is sent ends it",
     {SAY(GET("/large.bin")), EXPECT(READS, STAGE_WRITE, PHASE_REPLY), DO(EXPIRES), CLOSED(WRITES)},
     .got = {LARGE},
     .cut_short = true},
    {"a deadline while a peer is waited for ends it",
     {SAY("\x01"), EXPECT(READS, STAGE_READ, PHASE_LINGER), DO(EXPIRES), CLOSED(READS)},
     .got = {REFUSED("400 Bad Request", 400)}},
    {"a cold file is read first",
     {SAY(GET("/large.bin")), EXPECT(READS, STAGE_BLOCK, PHASE_BLOCKED), EXPECT(BLOCKS, STAGE_WRITE, PHASE_REPLY),
      EXPECT(WRITES, STAGE_WRITE, PHASE_REPLY), EXPECT(GOES_ON, STAGE_READ, PHASE_RETURNED)},
     .got = {LARGE},
     .turn_bytes = 65536,
     .cold = true},
    {"a cold file is sent in turns that are longer than what is read at once",
     {SAY(GET("/large.bin")), EXPECT(READS, STAGE_BLOCK, PHASE_BLOCKED), EXPECT(BLOCKS, STAGE_WRITE, PHASE_REPLY),
      EXPECT(GOES_ON, STAGE_READ, PHASE_RETURNED)},
     .got = {LARGE},
     .cold = true},
    {"a cold file and turns of odd length",
     {SAY(GET("/large.bin") GET("/small.txt")), EXPECT_PENDING(READS, STAGE_BLOCK, PHASE_BLOCKED),
      EXPECT_PENDING(GOES_ON, STAGE_READ, PHASE_REPLY), EXPECT(READS, STAGE_READ, PHASE_IDLE)},
     .got = {LARGE, {.text = SAMPLE_SMALL}},
     .turn_bytes = 99991,
     .cold = true},
    {"what is in memory is not cold",
     {SAY(GET("/middle.bin")), EXPECT(READS, STAGE_READ, PHASE_IDLE)},
     .got = {{.text = SAMPLE_MIDDLE_HEAD}, SAMPLE_BODY(0, SAMPLE_MIDDLE)},
     .cold = true},
    {"what is ready does not wait for a cold file",
     {SAY(GET("/small.txt") GET("/large.bin")), EXPECT(READS, STAGE_BLOCK, PHASE_BLOCKED), DO(TAKES), DO(LEAVES)},
     .got = {{.text = SAMPLE_SMALL}, {.text = SAMPLE_LARGE_HEAD}},
     .cold = true},
    {"a cold file that shrinks",
     {SAY(GET("/large.bin")), EXPECT(READS, STAGE_BLOCK, PHASE_BLOCKED), DO(SHRINKS),
      EXPECT(BLOCKS, STAGE_WRITE, PHASE_REPLY), CLOSED(GOES_ON)},
     .got = {LARGE},
     .turn_bytes = 65536,
     .cold = true,
     .cut_short = true},
    {"of a file elsewhere one window after the other is read, and nothing is sent that wasn't",
     {SAY(GET("/large.bin")), EXPECT(READS, STAGE_BLOCK, PHASE_BLOCKED), EXPECT(BLOCKS, STAGE_WRITE, PHASE_REPLY),
      EXPECT(WRITES, STAGE_WRITE, PHASE_REPLY), DO(TAKES), EXPECT(WRITES, STAGE_BLOCK, PHASE_BLOCKED),
      EXPECT(BLOCKS, STAGE_WRITE, PHASE_REPLY), EXPECT(GOES_ON, STAGE_READ, PHASE_RETURNED)},
     .got = {LARGE},
     .turn_bytes = 100000,
     .elsewhere = true},
    {"a file elsewhere and turns of odd length",
     {SAY(GET("/large.bin") GET("/small.txt")), EXPECT_PENDING(READS, STAGE_BLOCK, PHASE_BLOCKED),
      EXPECT_PENDING(GOES_ON, STAGE_READ, PHASE_REPLY), EXPECT(READS, STAGE_READ, PHASE_IDLE)},
     .got = {LARGE, {.text = SAMPLE_SMALL}},
     .turn_bytes = 99991,
     .elsewhere = true},
    {"what was read of a file elsewhere is sent without a look at it",
     {SAY(GET("/large.bin")), EXPECT(READS, STAGE_BLOCK, PHASE_BLOCKED), EXPECT(BLOCKS, STAGE_WRITE, PHASE_REPLY),
      DO(SHRINKS), EXPECT(WRITES, STAGE_WRITE, PHASE_REPLY), EXPECT(WRITES, STAGE_WRITE, PHASE_REPLY), CLOSED(GOES_ON)},
     .got = {LARGE},
     .turn_bytes = 50000,
     .cut_short = true,
     .elsewhere = true},
    {"two parts of a file elsewhere",
     {SAY(GET_LARGE_PARTS GET("/small.txt")), EXPECT_PENDING(READS, STAGE_BLOCK, PHASE_BLOCKED),
      EXPECT_PENDING(GOES_ON, STAGE_READ, PHASE_REPLY), EXPECT(READS, STAGE_READ, PHASE_IDLE)},
     .got = {LARGE_PARTS, {.text = SAMPLE_SMALL}},
     .elsewhere = true},
    {"a peer goes in the middle of a file elsewhere",
     {SAY(GET("/large.bin")), EXPECT(READS, STAGE_BLOCK, PHASE_BLOCKED), EXPECT(BLOCKS, STAGE_WRITE, PHASE_REPLY),
      EXPECT(WRITES, STAGE_WRITE, PHASE_REPLY), DO(LEAVES), CLOSED(WRITES)},
     .got = {LARGE},
     .turn_bytes = 65536,
     .cut_short = true,
     .elsewhere = true},
    {"the last reply is a cold file",
     {SAY(GET_AND_CLOSE("/large.bin")), EXPECT(READS, STAGE_BLOCK, PHASE_BLOCKED),
      EXPECT(GOES_ON, STAGE_READ, PHASE_LINGER), DO(ENDS), CLOSED(READS)},
     .got = {{.text = SAMPLE_BEGIN("200 OK")
                  SAMPLE_FIELDS(SAMPLE_BYTES, "2dc6c0") "Connection: close\r\nContent-Length: 3000000\r\n\r\n"},
             SAMPLE_BODY(0, SAMPLE_LARGE)},
     .turn_bytes = 65536,
     .cold = true},
    {"a last reply of more than a first flight is waited for",
     {SAY(GET_AND_CLOSE("/middle.bin")), EXPECT(READS, STAGE_READ, PHASE_LINGER), DO(ENDS), CLOSED(READS)},
     .got = {MIDDLE_AND_CLOSE}},
    {"what is gathered for another thread is sent by it",
     {SAY(GET("/small.txt") GET("/small.txt")), EXPECT(READS, STAGE_WRITE, PHASE_REPLY),
      EXPECT(WRITES, STAGE_READ, PHASE_RETURNED), EXPECT(READS, STAGE_READ, PHASE_RETURNED), SAY(GET("/missing")),
      EXPECT(READS, STAGE_WRITE, PHASE_REPLY), EXPECT(WRITES, STAGE_READ, PHASE_RETURNED), DO(ENDS), CLOSED(READS)},
     .got = {{.text = SAMPLE_SMALL}, {.text = SAMPLE_SMALL}, {.text = SAMPLE_BEGIN("404 Not Found")}, SAMPLE_PAGE(404)},
     .later = true},
    {"gathered, half a request behind it",
     {SAY(GET("/small.txt") "GET /small.txt HT"), EXPECT_PENDING(READS, STAGE_WRITE, PHASE_REPLY),
      EXPECT_PENDING(WRITES, STAGE_READ, PHASE_REPLY), EXPECT(READS, STAGE_READ, PHASE_HEAD),
      SAY("TP/1.1\r\nHost: x\r\n\r\n"), EXPECT(READS, STAGE_WRITE, PHASE_REPLY),
      EXPECT(WRITES, STAGE_READ, PHASE_RETURNED)},
     .got = {{.text = SAMPLE_SMALL}, {.text = SAMPLE_SMALL}},
     .later = true},
    {"gathered, half a body behind it",
     {SAY(GET("/small.txt") POST_5 "ab"), EXPECT_PENDING(READS, STAGE_WRITE, PHASE_REPLY),
      EXPECT_PENDING(WRITES, STAGE_READ, PHASE_REPLY), EXPECT(READS, STAGE_READ, PHASE_BODY), SAY("c"),
      EXPECT(READS, STAGE_READ, PHASE_BODY), SAY("de" GET("/small.txt")), EXPECT(READS, STAGE_WRITE, PHASE_REPLY),
      EXPECT(WRITES, STAGE_READ, PHASE_RETURNED)},
     .got = {{.text = SAMPLE_SMALL}, NOT_ALLOWED, {.text = SAMPLE_SMALL}},
     .later = true},
    {"gathered, a file the last of it",
     {SAY(GET("/small.txt") GET("/large.bin")), EXPECT(READS, STAGE_WRITE, PHASE_REPLY),
      EXPECT(WRITES, STAGE_WRITE, PHASE_REPLY), EXPECT(GOES_ON, STAGE_READ, PHASE_RETURNED)},
     .got = {{.text = SAMPLE_SMALL}, LARGE},
     .later = true},
    {"gathered, requests behind a file",
     {SAY(GET("/middle.bin") GET("/small.txt") GET("/small.txt")), EXPECT_PENDING(READS, STAGE_WRITE, PHASE_REPLY),
      EXPECT_PENDING(WRITES, STAGE_READ, PHASE_REPLY), EXPECT(READS, STAGE_WRITE, PHASE_REPLY),
      EXPECT(WRITES, STAGE_READ, PHASE_RETURNED)},
     .got =
         {{.text = SAMPLE_MIDDLE_HEAD}, SAMPLE_BODY(0, SAMPLE_MIDDLE), {.text = SAMPLE_SMALL}, {.text = SAMPLE_SMALL}},
     .later = true},
    {"gathered, a file elsewhere",
     {SAY(GET("/large.bin")), EXPECT(READS, STAGE_WRITE, PHASE_REPLY), EXPECT(WRITES, STAGE_BLOCK, PHASE_BLOCKED),
      EXPECT(BLOCKS, STAGE_WRITE, PHASE_REPLY), EXPECT(GOES_ON, STAGE_READ, PHASE_RETURNED)},
     .got = {LARGE},
     .later = true,
     .elsewhere = true},
    {"gathered, a cold file",
     {SAY(GET("/large.bin")), EXPECT(READS, STAGE_WRITE, PHASE_REPLY), EXPECT(WRITES, STAGE_BLOCK, PHASE_BLOCKED),
      EXPECT(GOES_ON, STAGE_READ, PHASE_RETURNED)},
     .got = {LARGE},
     .later = true,
     .cold = true},
    {"gathered, turns of one byte",
     {SAY(GET("/small.txt") GET("/small.txt")), EXPECT(READS, STAGE_WRITE, PHASE_REPLY),
      EXPECT(WRITES, STAGE_WRITE, PHASE_REPLY), EXPECT(GOES_ON, STAGE_READ, PHASE_RETURNED)},
     .got = {{.text = SAMPLE_SMALL}, {.text = SAMPLE_SMALL}},
     .later = true,
     .turn_bytes = 1},
    {"gathered, a small last reply: the end",
     {SAY(GET_AND_CLOSE("/small.txt")), EXPECT(READS, STAGE_WRITE, PHASE_REPLY), CLOSED(WRITES)},
     .got = {{.text = SMALL_AND_CLOSE}},
     .later = true},
    {"gathered, a last reply with others behind it",
     {SAY(GET_AND_CLOSE("/small.txt") GET("/missing")), EXPECT(READS, STAGE_WRITE, PHASE_REPLY),
      EXPECT(WRITES, STAGE_READ, PHASE_LINGER), DO(ENDS), CLOSED(READS)},
     .got = {{.text = SMALL_AND_CLOSE}},
     .later = true},
    {"gathered, a last reply of more than a first flight",
     {SAY(GET_AND_CLOSE("/middle.bin")), EXPECT(READS, STAGE_WRITE, PHASE_REPLY),
      EXPECT(WRITES, STAGE_READ, PHASE_LINGER), DO(ENDS), CLOSED(READS)},
     .got = {MIDDLE_AND_CLOSE},
     .later = true},
    {"gathered, a small last reply that has to wait",
     {SAY(GET_AND_CLOSE("/small.txt")), EXPECT(READS, STAGE_WRITE, PHASE_REPLY),
      EXPECT(WRITES, STAGE_WRITE, PHASE_REPLY), EXPECT(GOES_ON, STAGE_READ, PHASE_LINGER), DO(ENDS), CLOSED(READS)},
     .got = {{.text = SMALL_AND_CLOSE}},
     .later = true,
     .turn_bytes = 100},
    {"gathered, what is no request behind one that is",
     {SAY(GET("/small.txt") "no request\r\n\r\n"), EXPECT(READS, STAGE_WRITE, PHASE_REPLY),
      EXPECT(WRITES, STAGE_READ, PHASE_LINGER), DO(ENDS), CLOSED(READS)},
     .got = {{.text = SAMPLE_SMALL}, REFUSED("400 Bad Request", 400)},
     .later = true},
    {"gathered, and the server stops before it is sent",
     {SAY(GET("/small.txt")), EXPECT(READS, STAGE_WRITE, PHASE_REPLY), DO(DRAINS),
      EXPECT(WRITES, STAGE_READ, PHASE_LINGER), DO(ENDS), CLOSED(READS)},
     .got = {{.text = SAMPLE_SMALL}},
     .later = true},
    {"gathered, and its peer leaves before it is sent",
     {SAY(GET("/small.txt")), EXPECT(READS, STAGE_WRITE, PHASE_REPLY), DO(LEAVES), CLOSED(WRITES)},
     .got = {{0}},
     .later = true},
};

struct world {
    struct sample sample;
    struct docroot docroot;
    struct conn_limits limits;
    struct conn_env env;
    struct conn c;
    bool in_a_cohort;  /* is how it is read, if only of one */
    int peer;          /* -1: it has left */
    struct buffer got; /* what it took */
};

static const struct socket_peer nobody = {.family = AF_UNIX};

static void open_connection(struct world *w, bool refused)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    w->peer = ends[1];
    buffer_clear(&w->got);
    conn_open(&w->c, ends[0], &nobody, 3, refused);
}

static void close_connection(struct world *w)
{
    conn_fini(&w->c, &w->env);
    close(w->c.fd);
    if (w->peer >= 0)
        close(w->peer);
}

static void stop_clock(struct world *w)
{
    w->env.clock = (struct clock){1000000, SAMPLE_NOW};
    memcpy(w->env.date, SAMPLE_NOW_DATE, DATE_LEN);
}

/* What the rows ask for is in the cache, and hot, so that they are the same on every file system. */
static void fill_cache(struct world *w, bool elsewhere)
{
    static const char *const paths[] = {"/small.txt", "/empty.txt", "/middle.bin", "/large.bin", "/missing"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct entry *entry = sample_learn(&w->docroot, paths[i], &w->env.clock);
        entry->never_cold = !elsewhere;
        entry->elsewhere = elsewhere && entry->fd >= 0;
    }
}

static void open_world(struct world *w, const struct row *row)
{
    *w = (struct world){.peer = -1};
    const struct cache_limits cache = {.entries = 100, .bytes = 1 << 22, .files = 10};
    w->limits = (struct conn_limits){
        .request = {REQUEST_LINE_MAX, REQUEST_HEAD_MAX, REQUEST_FIELDS_MAX},
        .body_max = BODY_MAX,
        .turn_bytes = row->turn_bytes == 0 ? TURN : row->turn_bytes,
        .requests_max = row->requests_max,
        .head_ms = 10,
        .keepalive_ms = 20,
        .send_ms = 30,
        .assume_cold = row->cold,
    };
    sample_open(&w->sample);
    assert_int_equal(docroot_open(&w->docroot, &w->sample.site, &cache), 0);
    assert_int_equal(conn_env_open(&w->env, &w->limits, &w->docroot, NULL), 0);
    w->docroot.assume_cold = false; /* rows are about cold bodies; what is cold before that has a test of its own */
    w->env.sends_later = row->later;
    stop_clock(w);
    fill_cache(w, row->elsewhere);
}

static void close_world(struct world *w)
{
    buffer_fini(&w->got);
    conn_env_close(&w->env);
    docroot_close(&w->docroot);
    sample_close(&w->sample);
}

static void take_all(struct world *w)
{
    for (;;) {
        assert_int_equal(buffer_reserve(&w->got, 65536), 0);
        ssize_t n = recv(w->peer, buffer_tail(&w->got), buffer_room(&w->got), MSG_DONTWAIT);
        if (n <= 0)
            return;
        buffer_extend(&w->got, (size_t)n);
    }
}

/* To nothing: what is on its way shares its pages with the file, and the kernel zeroes the rest of a page that is cut.
 */
static void shrink_large(const struct world *w)
{
    char path[TREE_PATH_MAX];
    tree_path(&w->sample.tree, "root/large.bin", path);
    assert_int_equal(truncate(path, 0), 0);
}

static enum stage read_in_a_cohort(struct world *w)
{
    cohort_receive(&w->env, (struct conn *const[]){&w->c}, 1);
    enum stage stage = conn_read(&w->c, &w->env);
    cohort_end(&w->env.cohort);
    return stage;
}

static enum stage run_stage(struct world *w, enum stage stage)
{
    switch (stage) {
    case STAGE_READ:
        return w->in_a_cohort ? read_in_a_cohort(w) : conn_read(&w->c, &w->env);
    case STAGE_WRITE:
        return conn_write(&w->c, &w->env);
    case STAGE_BLOCK:
        stage = conn_block(&w->c, &w->env);
        stop_clock(w); /* it goes on there: a disk takes its time */
        return stage;
    case STAGE_CLOSE:
        break;
    }
    return STAGE_CLOSE;
}

static enum stage go_on(struct world *w)
{
    enum stage stage = w->c.rest.length > 0 && w->c.phase == PHASE_BLOCKED ? STAGE_BLOCK : STAGE_WRITE;
    for (int i = 0; i < ROUNDS_MAX; i++) {
        take_all(w);
        stage = run_stage(w, stage);
        if (stage != STAGE_WRITE && stage != STAGE_BLOCK)
            return stage;
    }
    return stage;
}

/* What the peer and the world do. */
static void act(struct world *w, const struct step *step)
{
    switch (step->action) {
    case SAYS:
        assert_int_equal(send(w->peer, step->text, strlen(step->text), MSG_NOSIGNAL), strlen(step->text));
        break;
    case TAKES:
        take_all(w);
        break;
    case ENDS:
        assert_int_equal(shutdown(w->peer, SHUT_WR), 0);
        break;
    case LEAVES:
        take_all(w);
        close(w->peer);
        w->peer = -1;
        break;
    case SHRINKS:
        shrink_large(w);
        break;
    case DRAINS:
        w->env.draining = true;
        break;
    case EXPIRES:
        take_all(w);
        conn_expire(&w->c, &w->env);
        break;
    default:
        break;
    }
}

/* Where another thread sends, nothing leaves by this one. */
static enum stage read_and_send_nothing(struct world *w)
{
    if (w->peer >= 0)
        take_all(w);
    size_t before = buffer_length(&w->got);
    enum stage stage = run_stage(w, STAGE_READ);
    if (w->peer >= 0)
        take_all(w);
    assert_int_equal(buffer_length(&w->got), before);
    return stage;
}

static enum stage stage_of(struct world *w, enum action action)
{
    switch (action) {
    case WRITES:
        return run_stage(w, STAGE_WRITE);
    case BLOCKS:
        return run_stage(w, STAGE_BLOCK);
    case GOES_ON:
        return go_on(w);
    default:
        return w->env.sends_later ? read_and_send_nothing(w) : run_stage(w, STAGE_READ);
    }
}

static uint32_t expected_patience(enum conn_phase phase)
{
    switch (phase) {
    case PHASE_FRESH:
    case PHASE_HEAD:
    case PHASE_BODY:
        return 10;
    case PHASE_IDLE:
    case PHASE_RETURNED:
        return 20;
    case PHASE_REPLY:
        return 30;
    case PHASE_BLOCKED:
    case PHASE_QUEUED:
        return 0;
    case PHASE_LINGER:
        return CONN_LINGER_MS;
    }
    return 0;
}

static bool waits_for_a_request(const struct conn *c)
{
    return c->phase == PHASE_FRESH || c->phase == PHASE_IDLE || c->phase == PHASE_RETURNED;
}

static void expect_step(const struct world *w, const struct row *row, const struct step *step, enum stage stage,
                        uint8_t phase_before)
{
    const struct conn *c = &w->c;
    long n = step - row->steps + 1;
    if (stage != step->stage)
        fail_msg("%s: step %ld: the next stage is %d, not %d", row->name, n, stage, step->stage);
    if (stage == STAGE_CLOSE)
        return;
    if (c->phase != (uint8_t)step->phase || c->pending != step->pending)
        fail_msg("%s: step %ld: the phase is %d, not %d; pending %d", row->name, n, c->phase, step->phase, c->pending);
    uint32_t interest = stage == STAGE_WRITE ? POLLER_OUT : step->pending ? POLLER_IN | POLLER_OUT : POLLER_IN;
    if (stage != STAGE_BLOCK)
        assert_int_equal(conn_interest(c, stage), interest);
    assert_int_equal(conn_patience(c, &w->limits), row->refused ? CONN_REFUSED_MS : expected_patience(step->phase));
    if (c->phase != phase_before && !w->env.rearm)
        fail_msg("%s: step %ld: its new phase has an old deadline", row->name, n);
    if (waits_for_a_request(c) && (c->in.bytes != NULL || c->out.bytes != NULL || c->window.bytes != NULL ||
                                   c->rest.entry != NULL || c->found != NULL))
        fail_msg("%s: step %ld: it waits, and holds memory: in %p, out %p, window %p, body %p, found %p", row->name, n,
                 (void *)c->in.bytes, (void *)c->out.bytes, (void *)c->window.bytes, (void *)c->rest.entry,
                 (void *)c->found);
}

static void expect_got(struct world *w, const struct row *row)
{
    struct buffer expected;
    buffer_init(&expected);
    sample_put(&expected, row->got, PARTS_MAX);
    sample_hide_boundaries(&w->got);
    struct slice want = buffer_bytes(&expected), got = buffer_bytes(&w->got);
    bool same = row->cut_short ? got.len < want.len && slice_starts_with(want, got) : slice_equal(got, want);
    if (!same)
        fail_msg("%s: got %zu bytes\n%.*s\nnot %zu\n%.*s", row->name, got.len, (int)(got.len < 800 ? got.len : 800),
                 got.at, want.len, (int)(want.len < 800 ? want.len : 800), want.at);
    buffer_fini(&expected);
}

static void run_row(struct world *w, const struct row *row)
{
    open_connection(w, row->refused);
    for (const struct step *step = row->steps; step < row->steps + STEPS_MAX && step->action != 0; step++) {
        if (step->action < READS) {
            act(w, step);
            continue;
        }
        uint8_t phase = w->c.phase;
        w->env.rearm = false;
        enum stage stage = stage_of(w, step->action);
        expect_step(w, row, step, stage, phase);
    }
    if (w->peer >= 0)
        take_all(w);
    expect_got(w, row);
    close_connection(w);
}

static void run_rows(bool in_a_cohort)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct world w;
        open_world(&w, &rows[i]);
        w.in_a_cohort = in_a_cohort;
        run_row(&w, &rows[i]);
        close_world(&w);
    }
}

static void a_connection_does_what_its_row_says(void **state)
{
    (void)state;
    run_rows(false);
}

static void one_of_a_cohort_does_what_its_row_says(void **state)
{
    (void)state;
    run_rows(true);
}

/* ---- turns of every length end somewhere else in the replies */

static const struct row two_bodies = {
    .got = {
        {.text = SAMPLE_SMALL}, {.text = SAMPLE_MIDDLE_HEAD}, SAMPLE_BODY(0, SAMPLE_MIDDLE), {.text = SAMPLE_SMALL}}};

static void play_to_the_end(struct world *w, enum stage stage)
{
    for (int i = 0; i < ROUNDS_MAX && (stage != STAGE_READ || w->c.pending); i++) {
        stage = run_stage(w, stage);
        take_all(w);
    }
    assert_int_equal(stage, STAGE_READ);
    assert_true(waits_for_a_request(&w->c));
}

static const struct row two_parts = {.got = {{.text = SAMPLE_SMALL}, MIDDLE_PARTS, {.text = SAMPLE_SMALL}}};

/* Turns as long as a request and its neighbours take, one by one where heads stand, and with gaps where bytes do. */
static void end_turns_anywhere(const char *said, const struct row *row, uint32_t longest)
{
    struct world w;
    open_world(&w, row);
    for (uint32_t turn = 10; turn < longest; turn += turn < 1200 || turn > longest - 1500 ? 1 : 997) {
        open_connection(&w, false);
        w.limits.turn_bytes = turn;
        act(&w, &(struct step){SAYS, said, 0, 0, false});
        enum stage stage = run_stage(&w, STAGE_READ);
        take_all(&w);
        assert_true(buffer_length(&w.got) <= turn);
        if (stage != STAGE_READ || w.c.pending)
            play_to_the_end(&w, stage);
        expect_got(&w, row);
        close_connection(&w);
    }
    close_world(&w);
}

static void a_turn_may_end_anywhere(void **state)
{
    (void)state;
    end_turns_anywhere(GET("/small.txt") GET("/middle.bin") GET("/small.txt"), &two_bodies,
                       3 * SMALL_LEN + MIDDLE_HEAD_LEN + SAMPLE_MIDDLE);
}

static void a_turn_may_end_anywhere_in_parts(void **state)
{
    (void)state;
    end_turns_anywhere(GET("/small.txt") GET_MIDDLE_PARTS GET("/small.txt"), &two_parts,
                       3 * SMALL_LEN + 2 * MIDDLE_HEAD_LEN + 17246);
}

/* A peer may cut its bytes anywhere; each piece brings an event. */
static const struct cut_row {
    const char *said;
    struct row row;
} cut_rows[] = {
    {POST_5 "abcde" GET("/small.txt") GET_AND_CLOSE("/small.txt"),
     {.name = "a body with a length", .got = {NOT_ALLOWED, {.text = SAMPLE_SMALL}, {.text = SMALL_AND_CLOSE}}}},
    {GET_CHUNKED("/small.txt") "5\r\nGET /\r\n1;a=\"b\"\r\n \r\n000\r\nX: y\r\n\r\n" GET("/small.txt")
         GET_AND_CLOSE("/small.txt"),
     {.name = "a body in chunks", .got = {{.text = SAMPLE_SMALL}, {.text = SAMPLE_SMALL}, {.text = SMALL_AND_CLOSE}}}},
    {GET_WITH("/middle.bin", "2") "ab" GET_CHUNKED("/small.txt") "0\r\n\r\n" GET_AND_CLOSE("/small.txt"),
     {.name = "a body, and a file that isn't copied",
      .got = {{.text = SAMPLE_MIDDLE_HEAD},
              SAMPLE_BODY(0, SAMPLE_MIDDLE),
              {.text = SAMPLE_SMALL},
              {.text = SMALL_AND_CLOSE}}}},
    {GET_SMALL_PARTS GET_AND_CLOSE("/small.txt"), {.name = "parts", .got = {SMALL_PARTS, {.text = SMALL_AND_CLOSE}}}},
};

static void say_bytes(struct world *w, const char *bytes, size_t len)
{
    assert_int_equal(send(w->peer, bytes, len, 0), len);
}

static void a_request_may_be_cut_anywhere(void **state)
{
    (void)state;
    struct world w;
    open_world(&w, &cut_rows[0].row);
    for (size_t r = 0; r < sizeof cut_rows / sizeof *cut_rows; r++) {
        const char *said = cut_rows[r].said;
        size_t len = strlen(said);
        for (size_t cut = 1; cut < len; cut++) {
            open_connection(&w, false);
            say_bytes(&w, said, cut);
            assert_int_equal(conn_read(&w.c, &w.env), STAGE_READ);
            take_all(&w);
            say_bytes(&w, said + cut, len - cut);
            enum stage stage = conn_read(&w.c, &w.env);
            assert_int_equal(stage,
                             w.c.phase == PHASE_LINGER ? STAGE_READ : STAGE_CLOSE); /* much in one turn lingers */
            take_all(&w);
            expect_got(&w, &cut_rows[r].row);
            close_connection(&w);
        }
    }
    close_world(&w);
}

static void a_request_may_come_byte_by_byte(void **state)
{
    (void)state;
    struct world w;
    open_world(&w, &cut_rows[0].row);
    for (size_t r = 0; r < sizeof cut_rows / sizeof *cut_rows; r++) {
        const char *said = cut_rows[r].said;
        open_connection(&w, false);
        for (size_t i = 0; said[i] != '\0'; i++) {
            say_bytes(&w, said + i, 1);
            assert_int_equal(conn_read(&w.c, &w.env), said[i + 1] == '\0' ? STAGE_CLOSE : STAGE_READ);
            take_all(&w);
        }
        expect_got(&w, &cut_rows[r].row);
        close_connection(&w);
    }
    close_world(&w);
}

/* A head has one deadline for all its pieces, and a body too; sending counts anew with each piece that leaves. */
static void a_deadline_is_counted_from_the_first_piece(void **state)
{
    static const struct {
        const char *said;
        bool rearmed;
    } pieces[] = {
        {"GET /small.txt HTTP/1.1\r\n", true},
        {"Host: x\r\n", false},
        {"X", false},
        {"-Y: z\r\n", false},
        {"\r\n", true},
        {"GET /", true},
        {"small.txt", false},
        {" HTTP/1.1\r\nHost: x\r\n\r\n", true},
        {POST_5, true},
        {"ab", false},
        {"cd", false},
        {"e", true},
        {GET_CHUNKED("/small.txt") "5", true},
        {"\r\nab", false},
        {"cde\r\n0", false},
        {"\r\n", false},
        {"\r\n" POST_5, true},
        {"abcde" POST_5 "ab", true},
        {"cde", true},
    };
    (void)state;
    struct world w;
    open_world(&w, &(const struct row){0});
    open_connection(&w, false);
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        act(&w, &(struct step){SAYS, pieces[i].said, 0, 0, false});
        w.env.rearm = false;
        assert_int_equal(conn_read(&w.c, &w.env), STAGE_READ);
        if (w.env.rearm != pieces[i].rearmed)
            fail_msg("piece %zu: rearmed %d", i, w.env.rearm);
    }
    close_connection(&w);
    close_world(&w);
}

/* What is seen of the page cache is noted for others, but of parts only what is seen of the first. */
static void what_lies_between_parts_is_not_known_to_be_in_memory(void **state)
{
    static const struct {
        const char *said;
        uint64_t least, most; /* the bytes from the first that are known to be in memory */
    } asked[] = {
        {GET("/large.bin"), SAMPLE_LARGE, SAMPLE_LARGE},
        {GET_PARTS("/large.bin", "0-9,1000000-"), 0, 10},
        {GET_PARTS("/large.bin", "0-9,1000000-1000009"), 0, 10},
    };
    (void)state;
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        struct world w;
        open_world(&w, &(const struct row){.turn_bytes = 2 * SAMPLE_LARGE});
        open_connection(&w, false);
        act(&w, &(struct step){SAYS, asked[i].said, 0, 0, false});
        conn_read(&w.c, &w.env);
        const struct entry *entry = cache_find(&w.docroot.cache, SLICE("/large.bin"));
        assert_non_null(entry);
        assert_in_range(hot_known(entry, 0, w.env.clock.now_ms), asked[i].least, asked[i].most);
        close_connection(&w);
        close_world(&w);
    }
}

static void a_reply_that_finds_no_room_at_all_waits_for_it(void **state)
{
    (void)state;
    struct world w;
    open_world(&w, &(const struct row){0});
    open_connection(&w, false);
    while (send(w.c.fd, "x", 1, MSG_DONTWAIT) == 1)
        ;
    act(&w, &(struct step){SAYS, GET("/small.txt"), 0, 0, false});
    w.env.rearm = false;
    assert_int_equal(conn_read(&w.c, &w.env), STAGE_WRITE);
    assert_int_equal(w.c.phase, PHASE_REPLY);
    assert_true(w.env.rearm);
    w.env.rearm = false;
    assert_int_equal(conn_write(&w.c, &w.env), STAGE_WRITE);
    assert_false(w.env.rearm); /* a peer that takes nothing has one deadline for that */
    take_all(&w);
    assert_null(memchr(buffer_bytes(&w.got).at, 'H', buffer_length(&w.got)));
    buffer_clear(&w.got);
    assert_int_equal(conn_write(&w.c, &w.env), STAGE_READ);
    assert_int_equal(w.c.phase, PHASE_RETURNED);
    take_all(&w);
    assert_true(slice_equal(buffer_bytes(&w.got), SLICE(SAMPLE_SMALL)));
    close_connection(&w);
    close_world(&w);
}

/* ---- the stage that may sleep, as conn_read leaves it a connection whose file could not be opened at once */

static void ask_the_blockers(struct world *w, const char *requests)
{
    open_connection(w, false);
    assert_int_equal(buffer_append(&w->c.in, slice_of(requests)), 0);
    w->c.pending = true;
    w->c.phase = PHASE_BLOCKED;
}

static void a_file_that_was_looked_for_is_answered_from(void **state)
{
    static const struct row row = {.name = "found", .got = {{.text = SAMPLE_SMALL}, {.text = SAMPLE_SMALL}}};
    (void)state;
    struct world w;
    open_world(&w, &row);
    ask_the_blockers(&w, GET("/small.txt") GET("/small.txt"));
    assert_int_equal(run_stage(&w, STAGE_BLOCK), STAGE_READ);
    struct entry *found = w.c.found;
    assert_non_null(found);
    assert_true(w.c.pending);
    assert_int_equal(w.c.phase, PHASE_REPLY);
    assert_int_equal(conn_interest(&w.c, STAGE_READ), POLLER_IN | POLLER_OUT);
    assert_int_equal(conn_read(&w.c, &w.env), STAGE_READ);
    assert_int_equal(w.c.phase, PHASE_IDLE);
    assert_ptr_equal(cache_find(&w.docroot.cache, SLICE("/small.txt")), found);
    take_all(&w);
    expect_got(&w, &row);
    close_connection(&w);
    close_world(&w);
}

static void what_was_found_for_a_connection_that_ends_is_dropped(void **state)
{
    (void)state;
    struct world w;
    open_world(&w, &(const struct row){0});
    ask_the_blockers(&w, GET("/large.bin"));
    assert_int_equal(run_stage(&w, STAGE_BLOCK), STAGE_READ);
    struct entry *found = entry_hold(w.c.found);
    close_connection(&w);
    assert_int_equal(found->references, 1);
    entry_drop(found);
    close_world(&w);
}

static void a_file_that_no_descriptor_is_left_for_is_503(void **state)
{
    static const struct row row = {
        .name = "no descriptors",
        .got = {{.text = SAMPLE_BEGIN("503 Service Unavailable") "Retry-After: 5\r\nConnection: close\r\n"},
                SAMPLE_PAGE(503)}};
    (void)state;
    struct world w;
    open_world(&w, &row);
    ask_the_blockers(&w, GET("/small.txt") GET("/small.txt"));
    struct rlimit limit = scarce_files(0);
    enum stage stage = run_stage(&w, STAGE_BLOCK);
    scarce_files_again(limit);
    assert_int_equal(stage, STAGE_READ);
    assert_int_equal(conn_read(&w.c, &w.env), STAGE_READ);
    assert_int_equal(w.c.phase, PHASE_LINGER);
    take_all(&w);
    expect_got(&w, &row);
    close_connection(&w);
    close_world(&w);
}

static void what_cannot_be_opened_at_once_goes_by_the_blockers(void **state)
{
    static const struct row row = {.name = "blockers",
                                   .got = {{.text = SAMPLE_SMALL},
                                           {.text = SAMPLE_MIDDLE_HEAD},
                                           SAMPLE_BODY(0, SAMPLE_MIDDLE),
                                           {.text = SAMPLE_SMALL}}};
    (void)state;
    struct world w;
    open_world(&w, &row);
    open_connection(&w, false);
    w.docroot.assume_cold = true;
    act(&w, &(struct step){SAYS, GET("/small.txt") GET("/middle.bin") GET("/small.txt"), 0, 0, false});
    for (int i = 0; i < 3; i++) {
        assert_int_equal(conn_read(&w.c, &w.env), STAGE_BLOCK);
        assert_int_equal(w.c.phase, PHASE_BLOCKED);
        assert_true(w.c.pending);
        take_all(&w);
        assert_int_equal(buffer_length(&w.got) > 0, i > 0); /* a reply doesn't wait for the next one's file */
        assert_int_equal(run_stage(&w, STAGE_BLOCK), STAGE_READ);
    }
    assert_int_equal(conn_read(&w.c, &w.env), STAGE_READ);
    assert_int_equal(w.c.phase, PHASE_IDLE);
    take_all(&w);
    expect_got(&w, &row);
    close_connection(&w);
    close_world(&w);
}

/* The body is read before the file is looked for; it isn't read a second time, and there is one answer. */
static void a_body_is_read_once_when_its_file_is_looked_for(void **state)
{
    static const char *const said[] = {GET_WITH("/small.txt", "5") "ab", "cde" GET("/middle.bin")};
    static const char *const chunked[] = {GET_CHUNKED("/small.txt") "2\r\nab", "\r\n0\r\n\r\n" GET("/middle.bin")};
    static const char *const *const cases[] = {said, chunked};
    static const struct row row = {
        .name = "a body, and blockers",
        .got = {{.text = SAMPLE_SMALL}, {.text = SAMPLE_MIDDLE_HEAD}, SAMPLE_BODY(0, SAMPLE_MIDDLE)}};
    (void)state;
    struct world w;
    open_world(&w, &row);
    w.docroot.assume_cold = true;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        open_connection(&w, false);
        act(&w, &(struct step){SAYS, cases[i][0], 0, 0, false});
        assert_int_equal(conn_read(&w.c, &w.env), STAGE_READ);
        assert_int_equal(w.c.phase, PHASE_BODY);
        act(&w, &(struct step){SAYS, cases[i][1], 0, 0, false});
        for (int file = 0; file < 2; file++) {
            assert_int_equal(conn_read(&w.c, &w.env), STAGE_BLOCK);
            assert_int_equal(w.c.phase, PHASE_BLOCKED);
            assert_int_equal(run_stage(&w, STAGE_BLOCK), STAGE_READ);
        }
        assert_int_equal(conn_read(&w.c, &w.env), STAGE_READ);
        assert_int_equal(w.c.phase, PHASE_IDLE);
        take_all(&w);
        expect_got(&w, &row);
        close_connection(&w);
    }
    close_world(&w);
}

/* What was gathered before goes by the thread that sends, and only then to one that may sleep. */
static void what_is_gathered_does_not_wait_for_a_look_up(void **state)
{
    static const enum stage stages[] = {STAGE_BLOCK, STAGE_READ,  STAGE_WRITE, STAGE_READ, STAGE_BLOCK,
                                        STAGE_READ,  STAGE_WRITE, STAGE_READ,  STAGE_READ};
    static const struct row row = {
        .name = "gathered",
        .later = true,
        .got = {{.text = SAMPLE_SMALL}, {.text = SAMPLE_MIDDLE_HEAD}, SAMPLE_BODY(0, SAMPLE_MIDDLE)}};
    (void)state;
    struct world w;
    open_world(&w, &row);
    open_connection(&w, false);
    w.docroot.assume_cold = true;
    act(&w, &(struct step){SAYS, GET("/small.txt") GET("/middle.bin"), 0, 0, false});
    enum stage stage = STAGE_READ;
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
        stage = stage == STAGE_READ ? read_and_send_nothing(&w) : run_stage(&w, stage);
        if (stage != stages[i])
            fail_msg("step %zu: the next stage is %d", i + 1, stage);
    }
    assert_int_equal(w.env.requests, 2);
    take_all(&w);
    expect_got(&w, &row);
    close_connection(&w);
    close_world(&w);
}

/* ---- what is counted */

enum { COUNTED_MAX = 4 };

static void every_request_that_is_answered_counts_once(void **state)
{
    static const struct {
        const char *sentence;
        const char *said[COUNTED_MAX]; /* a conn_read after each */
        int answered;
        bool refused;
    } counts[] = {
        {"silence", {""}, 0, false},
        {"one", {GET("/small.txt")}, 1, false},
        {"one, not found", {GET("/missing")}, 1, false},
        {"one in pieces", {"GET /small.txt HTTP/1.1\r\n", "Host: ", "x\r\n\r\n"}, 1, false},
        {"half a head", {"GET /small.txt HTTP/1.1\r\n"}, 0, false},
        {"three at once", {GET("/small.txt") GET("/empty.txt") GET("/small.txt")}, 3, false},
        {"two, and two", {GET("/small.txt") GET("/empty.txt"), GET("/small.txt") GET("/empty.txt")}, 4, false},
        {"one with a body", {POST_5, "abcde"}, 1, false},
        {"one without its body", {POST_5, "abcd"}, 0, false},
        {"one in chunks", {GET_CHUNKED("/small.txt"), "1\r\na\r\n", "0\r\n", "\r\n"}, 1, false},
        {"one in broken chunks", {GET_CHUNKED("/small.txt"), "x"}, 1, false},
        {"one in two parts", {GET_LARGE_PARTS}, 1, false},
        {"one that can't be sent at once", {GET("/large.bin")}, 1, false},
        {"what is no request", {"no request\r\n\r\n", "nor this\r\n\r\n"}, 1, false},
        {"one, and what is behind the last", {GET_AND_CLOSE("/small.txt") GET("/small.txt")}, 1, false},
        {"one that is too many", {GET("/small.txt")}, 1, true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct world w;
        struct meter meter = {.hash = {1, 2}};
        open_world(&w, &(const struct row){0});
        open_connection(&w, counts[i].refused);
        w.env.meter = &meter;
        for (int n = 0; n < COUNTED_MAX && counts[i].said[n] != NULL; n++) {
            act(&w, &(struct step){SAYS, counts[i].said[n], 0, 0, false});
            conn_read(&w.c, &w.env);
        }
        if (w.env.requests != (uint64_t)counts[i].answered || meter.count != counts[i].answered)
            fail_msg("%s: %d requests, %d metered", counts[i].sentence, (int)w.env.requests, meter.count);
        for (int n = 0; n < counts[i].answered; n++)
            assert_int_not_equal(meter.keys[n], 0);
        close_connection(&w);
        close_world(&w);
    }
}

/* The key of one request, by a connection of its own. */
static uint32_t key_of(struct world *w, const char *request)
{
    struct meter meter = {.hash = {1, 2}};
    open_connection(w, false);
    w->env.meter = &meter;
    act(w, &(struct step){SAYS, request, 0, 0, false});
    conn_read(&w->c, &w->env);
    close_connection(w);
    w->env.meter = NULL;
    assert_int_equal(meter.count, 1);
    return meter.keys[0];
}

static void a_key_stands_for_verb_and_target_and_nothing_else(void **state)
{
    static const struct {
        const char *request;
        bool same; /* as GET /small.txt */
    } keys[] = {
        {GET("/small.txt"), true},
        {GET_AND_CLOSE("/small.txt"), true},
        {"GET /small.txt HTTP/1.0\r\n\r\n", true},
        {"GET /small.txt HTTP/1.1\r\nHost: another\r\nRange: bytes=0-1\r\n\r\n", true},
        {"HEAD /small.txt HTTP/1.1\r\nHost: x\r\n\r\n", false},
        {GET_WITH("/small.txt", "1") "a", true},
        {POST_5 "abcde", false},
        {"OPTIONS /small.txt HTTP/1.1\r\nHost: x\r\n\r\n", false},
        {GET("/small.txt?a"), false},
        {GET("/middle.bin"), false},
        {GET("/missing"), false},
        {GET("/empty.txt"), false},
    };
    (void)state;
    struct world w;
    open_world(&w, &(const struct row){0});
    uint32_t key = key_of(&w, GET("/small.txt"));
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if ((key_of(&w, keys[i].request) == key) != keys[i].same)
            fail_msg("key of %s", keys[i].request);
    close_world(&w);
}

static void more_requests_at_once_than_there_are_keys_are_counted_all_the_same(void **state)
{
    (void)state;
    struct world w;
    struct meter meter = {.hash = {1, 2}};
    open_world(&w, &(const struct row){0});
    open_connection(&w, false);
    w.env.meter = &meter;
    for (int i = 0; i < METER_KEYS + 9; i++)
        act(&w, &(struct step){SAYS, GET("/small.txt"), 0, 0, false});
    assert_int_equal(conn_read(&w.c, &w.env), STAGE_READ);
    assert_int_equal(meter.count, METER_KEYS + 9);
    for (int i = 1; i < METER_KEYS; i++)
        assert_int_equal(meter.keys[i], meter.keys[0]);
    assert_int_equal(w.env.requests, METER_KEYS + 9);
    close_connection(&w);
    close_world(&w);
}

/* ---- smaller things */

static void a_new_connection_is_fresh_at_home_and_waits_to_be_read(void **state)
{
    (void)state;
    struct conn c;
    memset(&c, 0xff, sizeof c);
    conn_open(&c, 5, &nobody, 3, false);
    assert_int_equal(c.fd, 5);
    assert_int_equal(c.home, 3);
    assert_int_equal(c.stage, STAGE_READ);
    assert_int_equal(c.phase, PHASE_FRESH);
    assert_int_equal(c.peer.family, AF_UNIX);
    assert_false(c.pending || c.closing || c.lingering || c.refused || c.looked_up || c.cold);
    assert_false(body_is_open(&c.body) || body_has_ended(&c.body));
    assert_int_equal(c.requests, 0);
    assert_null(c.rest.parts);
    assert_null(c.in.bytes);
    assert_null(c.out.bytes);
    assert_null(c.rest.entry);
    assert_null(c.found);
    assert_null(c.record);
}

static void a_peer_takes_when_less_is_unsent_than_before(void **state)
{
    (void)state;
    struct world w;
    open_world(&w, &(const struct row){0});
    open_connection(&w, false);
    act(&w, &(struct step){SAYS, GET("/large.bin"), 0, 0, false});
    assert_int_equal(conn_read(&w.c, &w.env), STAGE_WRITE);
    assert_false(conn_takes(&w.c));
    assert_false(conn_takes(&w.c));
    take_all(&w);
    assert_true(conn_takes(&w.c));
    assert_false(conn_takes(&w.c));
    assert_int_equal(conn_write(&w.c, &w.env), STAGE_WRITE);
    assert_false(conn_takes(&w.c));
    close_connection(&w);
    close_world(&w);
}

static void only_who_waits_for_a_request_is_idle(void **state)
{
    static const struct {
        enum conn_phase phase;
        uint64_t due_ms, now_ms, idle_ms;
    } idles[] = {
        {PHASE_IDLE, 1020, 1000, 0},      {PHASE_IDLE, 1020, 1015, 15}, {PHASE_RETURNED, 1020, 1019, 19},
        {PHASE_FRESH, 1010, 1005, 5},     {PHASE_IDLE, 1020, 999, 0},   {PHASE_HEAD, 1010, 1005, 0},
        {PHASE_BODY, 1020, 1005, 0},      {PHASE_REPLY, 1030, 1005, 0}, {PHASE_BLOCKED, 0, 1005, 0},
        {PHASE_LINGER, 6000, 5000, 4000}, {PHASE_IDLE, 0, 1005, 0},     {0, 1010, 1005, 0},
    };
    const struct conn_limits limits = {.head_ms = 10, .keepalive_ms = 20, .send_ms = 30};
    (void)state;
    for (size_t i = 0; i < sizeof idles / sizeof *idles; i++) {
        struct conn_due due = {idles[i].due_ms, idles[i].phase};
        if (conn_idle_ms(due, &limits, idles[i].now_ms) != idles[i].idle_ms)
            fail_msg("idle row %zu", i);
    }
}

static void a_connection_is_due_when_its_patience_ends(void **state)
{
    static const struct {
        enum conn_phase phase;
        bool refused;
        struct conn_due due;
    } dues[] = {
        {PHASE_FRESH, false, {1010, PHASE_FRESH}},  {PHASE_IDLE, false, {1020, PHASE_IDLE}},
        {PHASE_REPLY, false, {1030, PHASE_REPLY}},  {PHASE_LINGER, false, {1000 + CONN_LINGER_MS, PHASE_LINGER}},
        {PHASE_BLOCKED, false, {0, PHASE_BLOCKED}}, {PHASE_FRESH, true, {1000 + CONN_REFUSED_MS, 0}},
    };
    const struct conn_limits limits = {.head_ms = 10, .keepalive_ms = 20, .send_ms = 30};
    (void)state;
    for (size_t i = 0; i < sizeof dues / sizeof *dues; i++) {
        const struct conn c = {.phase = (uint8_t)dues[i].phase, .refused = dues[i].refused};
        struct conn_due due = conn_due(&c, &limits, 1000);
        if (due.ms != dues[i].due.ms || due.phase != dues[i].due.phase)
            fail_msg("due row %zu: %d, phase %d", i, (int)due.ms, due.phase);
    }
}

static void the_date_is_formatted_when_the_second_changes(void **state)
{
    (void)state;
    struct world w;
    char date[DATE_LEN];
    open_world(&w, &(const struct row){0});
    conn_env_tick(&w.env);
    date_format(w.env.clock.second, date);
    assert_memory_equal(w.env.date, date, DATE_LEN);
    assert_true(w.env.clock.second > SAMPLE_NOW);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_does_what_its_row_says),
        cmocka_unit_test(one_of_a_cohort_does_what_its_row_says),
        cmocka_unit_test(a_turn_may_end_anywhere),
        cmocka_unit_test(a_turn_may_end_anywhere_in_parts),
        cmocka_unit_test(a_request_may_be_cut_anywhere),
        cmocka_unit_test(a_request_may_come_byte_by_byte),
        cmocka_unit_test(a_deadline_is_counted_from_the_first_piece),
        cmocka_unit_test(what_lies_between_parts_is_not_known_to_be_in_memory),
        cmocka_unit_test(a_reply_that_finds_no_room_at_all_waits_for_it),
        cmocka_unit_test(a_file_that_was_looked_for_is_answered_from),
        cmocka_unit_test(what_was_found_for_a_connection_that_ends_is_dropped),
        cmocka_unit_test(a_file_that_no_descriptor_is_left_for_is_503),
        cmocka_unit_test(what_cannot_be_opened_at_once_goes_by_the_blockers),
        cmocka_unit_test(a_body_is_read_once_when_its_file_is_looked_for),
        cmocka_unit_test(what_is_gathered_does_not_wait_for_a_look_up),
        cmocka_unit_test(every_request_that_is_answered_counts_once),
        cmocka_unit_test(a_key_stands_for_verb_and_target_and_nothing_else),
        cmocka_unit_test(more_requests_at_once_than_there_are_keys_are_counted_all_the_same),
        cmocka_unit_test(a_new_connection_is_fresh_at_home_and_waits_to_be_read),
        cmocka_unit_test(a_peer_takes_when_less_is_unsent_than_before),
        cmocka_unit_test(only_who_waits_for_a_request_is_idle),
        cmocka_unit_test(a_connection_is_due_when_its_patience_ends),
        cmocka_unit_test(the_date_is_formatted_when_the_second_changes),
    };
    signal(SIGPIPE, SIG_IGN); /* sendfile(2) has no flag for it */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
