/*
 * Each row is a request and the reply to it, to the byte. The site is lib/sample's; its clock stands still, so that the
 * dates are literals. HTTP/1.1 and Host are added to a request that doesn't end in a version.
 */
#include "reply/reply.h"

#include "http/head.h"
#include "lib/response.h"
#include "lib/sample.h"
#include "lib/scarce.h"
#include "reply/page.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

enum { TEXT_MAX = 8192, PARTS_MAX = 5, START_MS = 1000000 };

static const struct request_limits limits = {REQUEST_LINE_MAX, REQUEST_HEAD_MAX, REQUEST_FIELDS_MAX};

static const struct cache_limits cache_limits = {.entries = 100, .bytes = 1 << 22, .files = 10};

struct world {
    struct sample sample;
    struct docroot docroot;
    struct clock clock;
    char path[TEXT_MAX];
    char text[TEXT_MAX]; /* of the request */
    struct request request;
    struct replier replier;
    struct buffer out;
    struct reply reply;
};

/* Files with variants. Those of /varies.js are as large as each other; none of /heavy.js's is copied. */
static const struct tree_row varying[] = {
    {TREE_FILE, "root/varies.js", "of a text there are variants\n", 0},
    {TREE_FILE, "root/varies.js.gz", "by gzip\n", 0},
    {TREE_FILE, "root/varies.js.br", "by br..\n", 0},
    {TREE_FILE, "root/heavy.js", NULL, 300000},
    {TREE_FILE, "root/heavy.js.gz", NULL, 200000},
    {TREE_FILE, "root/heavy.js.zst", NULL, SAMPLE_MIDDLE},
    {TREE_FILE, "root/pages/index.html", "<p>a page\n", 0},
    {TREE_FILE, "root/pages/index.html.zst", "<p>zst\n", 0},
};

static void add_varying(const struct sample *sample)
{
    for (size_t i = 0; i < sizeof varying / sizeof *varying; i++) {
        tree_make(&sample->tree, &varying[i]);
        sample_date(sample, varying[i].path, SAMPLE_MODIFIED);
    }
    tree_settle();
}

static int make_world(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    if (w == NULL)
        return -1;
    sample_open(&w->sample);
    add_varying(&w->sample);
    w->clock = (struct clock){START_MS, SAMPLE_NOW};
    w->replier = (struct replier){&w->docroot, &w->clock, SAMPLE_NOW_DATE, {1, 2}, w->path};
    *state = w;
    return docroot_open(&w->docroot, &w->sample.site, &cache_limits);
}

/* What the last reply holds. */
static void let_go(struct world *w)
{
    span_drop(&w->reply.rest);
}

static int end_world(void **state)
{
    struct world *w = *state;
    let_go(w);
    buffer_fini(&w->out);
    docroot_close(&w->docroot);
    sample_close(&w->sample);
    free(w);
    return 0;
}

/* "GET /small.txt" and fields, each on its line; NULL: none. */
static void parse(struct world *w, const char *line, const char *fields)
{
    size_t length;
    int status;
    bool whole = strstr(line, " HTTP/1.") != NULL;
    snprintf(w->text, sizeof w->text, "%s%s%s%s\r\n", line, whole ? "\r\n" : " HTTP/1.1\r\n",
             whole ? "" : "Host: example\r\n", fields == NULL ? "" : fields);
    if (request_parse(slice_of(w->text), &limits, &w->request, &length, &status) != REQUEST_COMPLETE)
        fail_msg("not a request: %s", w->text);
}

/* Makes the reply, by way of a thread that may sleep where that is needed. */
static enum reply_outcome make_into(struct world *w, bool last, struct buffer *out)
{
    size_t before = buffer_length(out);
    let_go(w);
    enum reply_outcome outcome = reply_make(&w->replier, &w->request, NULL, last, out, &w->reply);
    if (outcome != REPLY_SLEEPS)
        return outcome;
    assert_int_equal(buffer_length(out), before);
    struct entry *found = reply_look_up(&w->replier, &w->request);
    assert_non_null(found);
    return reply_make(&w->replier, &w->request, found, last, out, &w->reply);
}

static enum reply_outcome make(struct world *w, bool last)
{
    buffer_clear(&w->out);
    return make_into(w, last, &w->out);
}

static struct slice ask(struct world *w, const char *line, const char *fields)
{
    parse(w, line, fields);
    assert_int_equal(make(w, false), REPLY_MADE);
    return buffer_bytes(&w->out);
}

struct run {
    uint64_t offset, length;
};

#define PARTIAL(type, range, hex_size)                                                                                 \
    SAMPLE_BEGIN("206 Partial Content")                                                                                \
    SAMPLE_TYPE(type) "Content-Range: bytes " range "\r\n" SAMPLE_STATE(hex_size, "")
#define PART(range, length, body)                                                                                      \
    {                                                                                                                  \
        {                                                                                                              \
            .text = PARTIAL(SAMPLE_TEXT, range, "6") "Content-Length: " length "\r\n\r\n" body                         \
        }                                                                                                              \
    }
#define SAMPLE_JS   "text/javascript; charset=utf-8"
#define VARY        "Vary: Accept-Encoding\r\n"
#define CODED(name) VARY "Content-Encoding: " name "\r\n"
#define ORIGINAL    VARIES("1d", VARY, "29", "of a text there are variants\n")
#define BY_GZIP     VARIES("8-gzip", CODED("gzip"), "8", "by gzip\n")
#define BY_BR       VARIES("8-br", CODED("br"), "8", "by br..\n")
#define VARIES(tag, more, length, body)                                                                                \
    {                                                                                                                  \
        {                                                                                                              \
            .text = SAMPLE_BEGIN("200 OK") SAMPLE_TYPE(SAMPLE_JS) SAMPLE_STATE(tag, more) "Content-Length: " length    \
                                                                                          "\r\n\r\n" body              \
        }                                                                                                              \
    }
#define HEAVY(tag, more, length)                                                                                       \
    {                                                                                                                  \
        {                                                                                                              \
            .text = SAMPLE_BEGIN("200 OK") SAMPLE_TYPE(SAMPLE_JS) SAMPLE_STATE(tag, more) "Content-Length: " length    \
                                                                                          "\r\n\r\n"                   \
        }                                                                                                              \
    }
#define VARIES_NOT(tag)                                                                                                \
    {                                                                                                                  \
        {                                                                                                              \
            .text = SAMPLE_BEGIN("304 Not Modified") "ETag: " SAMPLE_TAG(tag) "\r\n" VARY "\r\n"                       \
        }                                                                                                              \
    }
#define VARIES_PART(tag, more, range, length, body)                                                                    \
    {                                                                                                                  \
        {                                                                                                              \
            .text = SAMPLE_BEGIN("206 Partial Content")                                                                \
                SAMPLE_TYPE(SAMPLE_JS) "Content-Range: bytes " range                                                   \
                                       "\r\n" SAMPLE_STATE(tag, more) "Content-Length: " length "\r\n\r\n" body        \
        }                                                                                                              \
    }
#define OPTIONS_REPLY(connection)                                                                                      \
    SAMPLE_BEGIN("200 OK") "Allow: GET, HEAD, OPTIONS\r\n" connection "Content-Length: 0\r\n\r\n"
#define MOVED(location)                                                                                                \
    {                                                                                                                  \
        {.text = SAMPLE_BEGIN("301 Moved Permanently") "Location: " location "\r\n"}, SAMPLE_PAGE(301)                 \
    }

static const struct row {
    const char *name, *line, *fields;
    bool close; /* the connection must end */
    int status;
    struct sample_part reply[PARTS_MAX];
    struct run span; /* of the body that is not appended */
} rows[] = {
    {"a small file", "GET /small.txt", .status = 200, .reply = {{.text = SAMPLE_SMALL}}},
    {"an empty file", "GET /empty.txt", .status = 200,
     .reply = {{.text = SAMPLE_BEGIN("200 OK") SAMPLE_FIELDS(SAMPLE_TEXT, "0") "Content-Length: 0\r\n\r\n"}}},
    {"a body in memory that is not copied", "GET /middle.bin", .status = 200, .reply = {{.text = SAMPLE_MIDDLE_HEAD}},
     .span = {0, SAMPLE_MIDDLE}},
    {"a body that stays in its file", "GET /large.bin", .status = 200, .reply = {{.text = SAMPLE_LARGE_HEAD}},
     .span = {0, SAMPLE_LARGE}},
    {"an index", "GET /dir/", .status = 200,
     .reply = {{.text =
                    SAMPLE_BEGIN("200 OK") SAMPLE_INDEX_FIELDS(SAMPLE_HTML, "7") "Content-Length: 7\r\n\r\n<p>dir\n"}}},
    {"the site's own index", "GET /?x=y", .status = 200,
     .reply = {{.text =
                    SAMPLE_BEGIN("200 OK") SAMPLE_INDEX_FIELDS(SAMPLE_HTML, "7") "Content-Length: 7\r\n\r\n<p>top\n"}}},
    {"the path is normalised", "GET //bare/..//%73mall.txt", .status = 200, .reply = {{.text = SAMPLE_SMALL}}},
    {"an absolute target", "GET http://example/small.txt", .status = 200, .reply = {{.text = SAMPLE_SMALL}}},
    {"HEAD of a small file", "HEAD /small.txt", .status = 200, .reply = {{.text = SAMPLE_SMALL_HEAD}}},
    {"HEAD of a large file", "HEAD /large.bin", .status = 200, .reply = {{.text = SAMPLE_LARGE_HEAD}}},
    {"the connection must end", "GET /small.txt", .close = true, .status = 200,
     .reply = {{.text = SAMPLE_BEGIN("200 OK")
                    SAMPLE_FIELDS(SAMPLE_TEXT, "6") "Connection: close\r\nContent-Length: 6\r\n\r\nsmall\n"}}},
    {"HTTP/1.0 with keep-alive is told that it has it", "GET /small.txt HTTP/1.0", "Connection: keep-alive\r\n",
     .status = 200,
     .reply = {{.text = SAMPLE_BEGIN("200 OK")
                    SAMPLE_FIELDS(SAMPLE_TEXT, "6") "Connection: keep-alive\r\nContent-Length: 6\r\n\r\nsmall\n"}}},
    {"HTTP/1.0 is told that the connection ends", "GET /small.txt HTTP/1.0", .close = true, .status = 200,
     .reply = {{.text = SAMPLE_BEGIN("200 OK")
                    SAMPLE_FIELDS(SAMPLE_TEXT, "6") "Connection: close\r\nContent-Length: 6\r\n\r\nsmall\n"}}},
    {"a page of a connection that must end", "GET /missing", .close = true, .status = 404,
     .reply = {{.text = SAMPLE_BEGIN("404 Not Found") "Connection: close\r\n"}, SAMPLE_PAGE(404)}},
    {"a redirect of a connection that must end", "GET /dir", .close = true, .status = 301,
     .reply = {{.text = SAMPLE_BEGIN("301 Moved Permanently") "Location: /dir/\r\nConnection: close\r\n"},
               SAMPLE_PAGE(301)}},
    {"a 304 of a connection that must end", "GET /small.txt", "If-None-Match: *\r\n", .close = true, .status = 304,
     .reply = {{.text = SAMPLE_BEGIN("304 Not Modified") "ETag: " SAMPLE_TAG("6") "\r\nConnection: close\r\n\r\n"}}},
    {"a 416 of a connection that must end", "GET /small.txt", "Range: bytes=6-\r\n", .close = true, .status = 416,
     .reply = {{.text = SAMPLE_BEGIN("416 Range Not Satisfiable") "Content-Range: bytes */6\r\nConnection: close\r\n"},
               SAMPLE_PAGE(416)}},
    {"a 206 in HTTP/1.0", "GET /small.txt HTTP/1.0", "Connection: keep-alive\r\nRange: bytes=1-2\r\n", .status = 206,
     .reply = {{.text = PARTIAL(SAMPLE_TEXT, "1-2/6", "6") "Connection: keep-alive\r\nContent-Length: 2\r\n\r\nma"}}},
    {"the same entity tag", "GET /small.txt", "If-None-Match: " SAMPLE_TAG("6") "\r\n", .status = 304,
     .reply = {{.text = SAMPLE_BEGIN("304 Not Modified") "ETag: " SAMPLE_TAG("6") "\r\n\r\n"}}},
    {"the same date", "GET /small.txt", "If-Modified-Since: " SAMPLE_MODIFIED_DATE "\r\n", .status = 304,
     .reply = {{.text = SAMPLE_BEGIN("304 Not Modified") "ETag: " SAMPLE_TAG("6") "\r\n\r\n"}}},
    {"HEAD with the same entity tag", "HEAD /small.txt", "If-None-Match: " SAMPLE_TAG("6") "\r\n", .status = 304,
     .reply = {{.text = SAMPLE_BEGIN("304 Not Modified") "ETag: " SAMPLE_TAG("6") "\r\n\r\n"}}},
    {"another entity tag", "GET /small.txt", "If-None-Match: \"x\"\r\n", .status = 200,
     .reply = {{.text = SAMPLE_SMALL}}},
    {"another entity tag of a large file", "GET /large.bin", "If-None-Match: \"x\"\r\n", .status = 200,
     .reply = {{.text = SAMPLE_LARGE_HEAD}}, .span = {0, SAMPLE_LARGE}},
    {"a 304 comes before a range", "GET /small.txt", "If-None-Match: " SAMPLE_TAG("6") "\r\nRange: bytes=0-0\r\n",
     .status = 304, .reply = {{.text = SAMPLE_BEGIN("304 Not Modified") "ETag: " SAMPLE_TAG("6") "\r\n\r\n"}}},
    {"conditions mean nothing where nothing is", "GET /missing", "If-None-Match: *\r\n", .status = 404,
     .reply = {{.text = SAMPLE_BEGIN("404 Not Found")}, SAMPLE_PAGE(404)}},
    {"a precondition that fails", "GET /small.txt", "If-Match: \"x\"\r\n", .status = 412,
     .reply = {{.text = SAMPLE_BEGIN("412 Precondition Failed")}, SAMPLE_PAGE(412)}},
    {"a precondition by date that fails", "GET /small.txt", "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:36 GMT\r\n",
     .status = 412, .reply = {{.text = SAMPLE_BEGIN("412 Precondition Failed")}, SAMPLE_PAGE(412)}},
    {"a precondition of HEAD that fails", "HEAD /small.txt", "If-Match: \"x\"\r\n", .status = 412,
     .reply = {{.text = SAMPLE_BEGIN("412 Precondition Failed")}, SAMPLE_PAGE_HEAD(412)}},
    {"a precondition that holds", "GET /small.txt", "If-Match: " SAMPLE_TAG("6") "\r\n", .status = 200,
     .reply = {{.text = SAMPLE_SMALL}}},
    {"a range", "GET /small.txt", "Range: bytes=1-2\r\n", .status = 206, .reply = PART("1-2/6", "2", "ma")},
    {"a range to the end", "GET /small.txt", "Range: bytes=3-\r\n", .status = 206, .reply = PART("3-5/6", "3", "ll\n")},
    {"a range of all", "GET /small.txt", "Range: bytes=0-\r\n", .status = 206, .reply = PART("0-5/6", "6", "small\n")},
    {"a range that goes on behind the end", "GET /small.txt", "Range: bytes=4-1000\r\n", .status = 206,
     .reply = PART("4-5/6", "2", "l\n")},
    {"a suffix", "GET /small.txt", "Range: bytes=-2\r\n", .status = 206, .reply = PART("4-5/6", "2", "l\n")},
    {"a suffix longer than the file", "GET /small.txt", "Range: bytes=-100\r\n", .status = 206,
     .reply = PART("0-5/6", "6", "small\n")},
    {"a range behind the end", "GET /small.txt", "Range: bytes=6-\r\n", .status = 416,
     .reply = {{.text = SAMPLE_BEGIN("416 Range Not Satisfiable") "Content-Range: bytes */6\r\n"}, SAMPLE_PAGE(416)}},
    {"a range of an empty file", "GET /empty.txt", "Range: bytes=0-\r\n", .status = 416,
     .reply = {{.text = SAMPLE_BEGIN("416 Range Not Satisfiable") "Content-Range: bytes */0\r\n"}, SAMPLE_PAGE(416)}},
    {"a range of a large file", "GET /large.bin", "Range: bytes=1000-2999\r\n", .status = 206,
     .reply = {{.text = PARTIAL(SAMPLE_BYTES, "1000-2999/3000000", "2dc6c0") "Content-Length: 2000\r\n\r\n"}},
     .span = {1000, 2000}},
    {"a short range of a file in memory is copied", "GET /middle.bin", "Range: bytes=15000-15999\r\n", .status = 206,
     .reply = {{.text = PARTIAL(SAMPLE_BYTES, "15000-15999/20000", "4e20") "Content-Length: 1000\r\n\r\n"},
               SAMPLE_BODY(15000, 1000)}},
    {"the longest that is copied", "GET /middle.bin", "Range: bytes=-16384\r\n", .status = 206,
     .reply = {{.text = PARTIAL(SAMPLE_BYTES, "3616-19999/20000", "4e20") "Content-Length: 16384\r\n\r\n"},
               SAMPLE_BODY(3616, 16384)}},
    {"a long range of a file in memory is not", "GET /middle.bin", "Range: bytes=-16385\r\n", .status = 206,
     .reply = {{.text = PARTIAL(SAMPLE_BYTES, "3615-19999/20000", "4e20") "Content-Length: 16385\r\n\r\n"}},
     .span = {3615, 16385}},
    {"a range whose file is still the same", "GET /small.txt", "Range: bytes=1-2\r\nIf-Range: " SAMPLE_TAG("6") "\r\n",
     .status = 206, .reply = PART("1-2/6", "2", "ma")},
    {"a range whose file has another tag", "GET /small.txt", "Range: bytes=1-2\r\nIf-Range: \"x\"\r\n", .status = 200,
     .reply = {{.text = SAMPLE_SMALL}}},
    {"a range behind the end of a file with another tag", "GET /small.txt", "Range: bytes=99-\r\nIf-Range: \"x\"\r\n",
     .status = 200, .reply = {{.text = SAMPLE_SMALL}}},
    {"a range whose file has another date", "GET /small.txt", "Range: bytes=1-2\r\nIf-Range: " SAMPLE_NOW_DATE "\r\n",
     .status = 200, .reply = {{.text = SAMPLE_SMALL}}},
    {"a repeated range is none", "GET /small.txt", "Range: bytes=1-2\r\nRange: bytes=1-2\r\n", .status = 200,
     .reply = {{.text = SAMPLE_SMALL}}},
    {"ranges that nearly touch are one", "GET /small.txt", "Range: bytes=0-1,3-4\r\n", .status = 206,
     .reply = PART("0-4/6", "5", "small")},
    {"ranges of which one can be had", "GET /small.txt", "Range: bytes=9-,1-2\r\n", .status = 206,
     .reply = PART("1-2/6", "2", "ma")},
    {"ranges of which none can be had", "GET /small.txt", "Range: bytes=6-,-0\r\n", .status = 416,
     .reply = {{.text = SAMPLE_BEGIN("416 Range Not Satisfiable") "Content-Range: bytes */6\r\n"}, SAMPLE_PAGE(416)}},
    {"ranges that ask for more than there is are the whole", "GET /small.txt", "Range: bytes=0-,0-\r\n", .status = 200,
     .reply = {{.text = SAMPLE_SMALL}}},
    {"a range of an index", "GET /dir/", "Range: bytes=0-2\r\n", .status = 206,
     .reply = {{.text = SAMPLE_BEGIN("206 Partial Content")
                    SAMPLE_TYPE(SAMPLE_HTML) "Content-Range: bytes 0-2/7\r\n" SAMPLE_STATE(
                        "7", SAMPLE_INDEX) "Content-Length: 3\r\n\r\n<p>"}}},
    {"an index that is known already", "GET /dir/", "If-None-Match: " SAMPLE_TAG("7") "\r\n", .status = 304,
     .reply = {{.text = SAMPLE_BEGIN("304 Not Modified") "ETag: " SAMPLE_TAG("7") "\r\n" SAMPLE_INDEX "\r\n"}}},
    {"an index asked for by its name", "GET /dir/index.html", .status = 200,
     .reply = {{.text = SAMPLE_BEGIN("200 OK") SAMPLE_FIELDS(SAMPLE_HTML, "7") "Content-Length: 7\r\n\r\n<p>dir\n"}}},
    {"an index asked for by its name that is known already", "GET /dir/index.html",
     "If-None-Match: " SAMPLE_TAG("7") "\r\n", .status = 304,
     .reply = {{.text = SAMPLE_BEGIN("304 Not Modified") "ETag: " SAMPLE_TAG("7") "\r\n\r\n"}}},
    {"another unit is the whole", "GET /small.txt", "Range: lines=0-1\r\n", .status = 200,
     .reply = {{.text = SAMPLE_SMALL}}},
    {"HEAD knows no range", "HEAD /small.txt", "Range: bytes=1-2\r\n", .status = 200,
     .reply = {{.text = SAMPLE_SMALL_HEAD}}},
    {"HEAD knows no range that can't be had", "HEAD /small.txt", "Range: bytes=99-\r\n", .status = 200,
     .reply = {{.text = SAMPLE_SMALL_HEAD}}},
    {"a page has no ranges", "GET /missing", "Range: bytes=0-1\r\n", .status = 404,
     .reply = {{.text = SAMPLE_BEGIN("404 Not Found")}, SAMPLE_PAGE(404)}},
    {"nothing there", "GET /missing", .status = 404,
     .reply = {{.text = SAMPLE_BEGIN("404 Not Found")}, SAMPLE_PAGE(404)}},
    {"HEAD of nothing", "HEAD /missing", .status = 404,
     .reply = {{.text = SAMPLE_BEGIN("404 Not Found")}, SAMPLE_PAGE_HEAD(404)}},
    {"a directory without an index", "GET /bare/", .status = 404,
     .reply = {{.text = SAMPLE_BEGIN("404 Not Found")}, SAMPLE_PAGE(404)}},
    {"a link outside", "GET /outside", .status = 404,
     .reply = {{.text = SAMPLE_BEGIN("404 Not Found")}, SAMPLE_PAGE(404)}},
    {"a FIFO", "GET /fifo", .status = 404, .reply = {{.text = SAMPLE_BEGIN("404 Not Found")}, SAMPLE_PAGE(404)}},
    {"a hidden file", "GET /.hidden", .status = 404,
     .reply = {{.text = SAMPLE_BEGIN("404 Not Found")}, SAMPLE_PAGE(404)}},
    {"a hidden file, encoded", "GET /%2ehidden", .status = 404,
     .reply = {{.text = SAMPLE_BEGIN("404 Not Found")}, SAMPLE_PAGE(404)}},
    {"a file in a hidden directory", "GET /.git/config", .status = 404,
     .reply = {{.text = SAMPLE_BEGIN("404 Not Found")}, SAMPLE_PAGE(404)}},
    {"a hidden directory is not redirected", "GET /.git", .status = 404,
     .reply = {{.text = SAMPLE_BEGIN("404 Not Found")}, SAMPLE_PAGE(404)}},
    {"what is well known is not hidden", "GET /.well-known/security.txt", .status = 200,
     .reply = {{.text = SAMPLE_BEGIN("200 OK") SAMPLE_FIELDS(SAMPLE_TEXT, "6") "Content-Length: 6\r\n\r\nknown\n"}}},
    {"an encoded slash", "GET /dir%2findex.html", .status = 404,
     .reply = {{.text = SAMPLE_BEGIN("404 Not Found")}, SAMPLE_PAGE(404)}},
    {"a path above the root", "GET /../secret", .status = 400,
     .reply = {{.text = SAMPLE_BEGIN("400 Bad Request")}, SAMPLE_PAGE(400)}},
    {"a broken encoding", "GET /%zz", .status = 400,
     .reply = {{.text = SAMPLE_BEGIN("400 Bad Request")}, SAMPLE_PAGE(400)}},
    {"an encoded NUL", "GET /small.txt%00", .status = 400,
     .reply = {{.text = SAMPLE_BEGIN("400 Bad Request")}, SAMPLE_PAGE(400)}},
    {"a method that is known elsewhere", "DELETE /small.txt", .status = 405,
     .reply = {{.text = SAMPLE_BEGIN("405 Method Not Allowed") "Allow: GET, HEAD, OPTIONS\r\n"}, SAMPLE_PAGE(405)}},
    {"POST where nothing is", "POST /missing", .status = 405,
     .reply = {{.text = SAMPLE_BEGIN("405 Method Not Allowed") "Allow: GET, HEAD, OPTIONS\r\n"}, SAMPLE_PAGE(405)}},
    {"OPTIONS of the server", "OPTIONS *", .status = 200, .reply = {{.text = OPTIONS_REPLY("")}}},
    {"OPTIONS of a file", "OPTIONS /small.txt", .status = 200, .reply = {{.text = OPTIONS_REPLY("")}}},
    {"OPTIONS of a directory", "OPTIONS /dir", .status = 200, .reply = {{.text = OPTIONS_REPLY("")}}},
    {"OPTIONS where nothing is", "OPTIONS /missing", .status = 200, .reply = {{.text = OPTIONS_REPLY("")}}},
    {"OPTIONS has nothing to compare, and nothing to cut", "OPTIONS /small.txt",
     "If-None-Match: *\r\nIf-Match: \"x\"\r\nRange: bytes=99-\r\n", .status = 200,
     .reply = {{.text = OPTIONS_REPLY("")}}},
    {"OPTIONS of a connection that must end", "OPTIONS *", .close = true, .status = 200,
     .reply = {{.text = OPTIONS_REPLY("Connection: close\r\n")}}},
    {"OPTIONS in HTTP/1.0", "OPTIONS / HTTP/1.0", "Connection: keep-alive\r\n", .status = 200,
     .reply = {{.text = OPTIONS_REPLY("Connection: keep-alive\r\n")}}},
    {"OPTIONS of what is hidden", "OPTIONS /.git", .status = 200, .reply = {{.text = OPTIONS_REPLY("")}}},
    {"OPTIONS of a broken encoding", "OPTIONS /%zz", .status = 400,
     .reply = {{.text = SAMPLE_BEGIN("400 Bad Request")}, SAMPLE_PAGE(400)}},
    {"CONNECT", "CONNECT example:80", .status = 405,
     .reply = {{.text = SAMPLE_BEGIN("405 Method Not Allowed") "Allow: GET, HEAD, OPTIONS\r\n"}, SAMPLE_PAGE(405)}},
    {"a method that nobody knows", "BREW /small.txt", .status = 501,
     .reply = {{.text = SAMPLE_BEGIN("501 Not Implemented")}, SAMPLE_PAGE(501)}},
    {"methods are told apart by case", "get /small.txt", .status = 501,
     .reply = {{.text = SAMPLE_BEGIN("501 Not Implemented")}, SAMPLE_PAGE(501)}},
    {"a directory", "GET /dir", .status = 301, .reply = MOVED("/dir/")},
    {"HEAD of a directory", "HEAD /dir", .status = 301,
     .reply = {{.text = SAMPLE_BEGIN("301 Moved Permanently") "Location: /dir/\r\n"}, SAMPLE_PAGE_HEAD(301)}},
    {"a directory's query is kept as it came", "GET /dir?x=%2f&/..//?", .status = 301,
     .reply = MOVED("/dir/?x=%2f&/..//?")},
    {"an empty query is kept", "GET /dir?", .status = 301, .reply = MOVED("/dir/?")},
    {"two slashes before a directory", "GET //dir", .status = 301, .reply = MOVED("/dir/")},
    {"two slashes before what looks like a host", "GET //example.com", .status = 301, .reply = MOVED("/example.com/")},
    {"a dot before a directory", "GET /%2e/dir", .status = 301, .reply = MOVED("/dir/")},
    {"a dot before what looks like a host", "GET /.//example.com", .status = 301, .reply = MOVED("/example.com/")},
    {"two dots before a directory", "GET /a/../dir", .status = 301, .reply = MOVED("/dir/")},
    {"two dots before what looks like a host", "GET /a/..//example.com", .status = 301,
     .reply = MOVED("/example.com/")},
    {"an absolute target is answered with a path", "GET http://example//example.com", .status = 301,
     .reply = MOVED("/example.com/")},
    {"a directory in another", "GET /bare/a%20b", .status = 301, .reply = MOVED("/bare/a%20b/")},
    {"bytes that need encoding", "GET /%c3%a4%25%3f%23%5c", .status = 301, .reply = MOVED("/%C3%A4%25%3F%23%5C/")},
    {"conditions mean nothing to a redirect", "GET /dir", "If-None-Match: *\r\n", .status = 301,
     .reply = MOVED("/dir/")},
    {"who names no coding gets the original", "GET /varies.js", .status = 200, .reply = ORIGINAL},
    {"who names an empty list, too", "GET /varies.js", "Accept-Encoding:\r\n", .status = 200, .reply = ORIGINAL},
    {"who names others, too", "GET /varies.js", "Accept-Encoding: zstd, deflate\r\n", .status = 200, .reply = ORIGINAL},
    {"who names gzip", "GET /varies.js", "Accept-Encoding: gzip\r\n", .status = 200, .reply = BY_GZIP},
    {"who names all", "GET /varies.js", "Accept-Encoding: gzip, deflate, br, zstd\r\n", .status = 200, .reply = BY_BR},
    {"who would rather have another", "GET /varies.js", "Accept-Encoding: br;q=0.5, gzip;q=0.501\r\n", .status = 200,
     .reply = BY_GZIP},
    {"who would rather have the original", "GET /varies.js", "Accept-Encoding: br;q=0.5, identity\r\n", .status = 200,
     .reply = ORIGINAL},
    {"who excludes one", "GET /varies.js", "Accept-Encoding: *, br;q=0\r\n", .status = 200, .reply = BY_GZIP},
    {"who excludes all", "GET /varies.js", "Accept-Encoding: *;q=0\r\n", .status = 200, .reply = ORIGINAL},
    {"a list in two lines", "GET /varies.js", "Accept-Encoding: gzip;q=0.5\r\nX: y\r\nAccept-Encoding: br\r\n",
     .status = 200, .reply = BY_BR},
    {"a list in two lines, the first of which excludes", "GET /varies.js",
     "Accept-Encoding: br;q=0\r\nAccept-Encoding: *\r\n", .status = 200, .reply = BY_GZIP},
    {"a list in two lines, the second of which is empty", "GET /varies.js",
     "Accept-Encoding: gzip\r\nAccept-Encoding:\r\n", .status = 200, .reply = BY_GZIP},
    {"a list in two lines, the first of which is empty", "GET /varies.js",
     "Accept-Encoding:\r\nAccept-Encoding: gzip\r\n", .status = 200, .reply = BY_GZIP},
    {"HEAD of a variant", "HEAD /varies.js", "Accept-Encoding: gzip\r\n", .status = 200,
     .reply = VARIES("8-gzip", CODED("gzip"), "8", "")},
    {"HEAD of an original", "HEAD /varies.js", .status = 200, .reply = VARIES("1d", VARY, "29", "")},
    {"a variant in HTTP/1.0", "GET /varies.js HTTP/1.0", "Accept-Encoding: gzip\r\n", .close = true, .status = 200,
     .reply = {{.text = SAMPLE_BEGIN("200 OK") SAMPLE_TYPE(SAMPLE_JS)
                    SAMPLE_STATE("8-gzip", CODED("gzip")) "Connection: close\r\nContent-Length: 8\r\n\r\nby gzip\n"}}},
    {"a variant that the client has", "GET /varies.js",
     "Accept-Encoding: gzip\r\nIf-None-Match: " SAMPLE_TAG("8-gzip") "\r\n", .status = 304,
     .reply = VARIES_NOT("8-gzip")},
    {"HEAD of a variant that the client has", "HEAD /varies.js",
     "Accept-Encoding: br\r\nIf-None-Match: " SAMPLE_TAG("8-br") "\r\n", .status = 304, .reply = VARIES_NOT("8-br")},
    {"an original that the client has", "GET /varies.js", "If-None-Match: " SAMPLE_TAG("1d") "\r\n", .status = 304,
     .reply = VARIES_NOT("1d")},
    {"a variant whose date the client has", "GET /varies.js",
     "Accept-Encoding: gzip\r\nIf-Modified-Since: " SAMPLE_MODIFIED_DATE "\r\n", .status = 304,
     .reply = VARIES_NOT("8-gzip")},
    {"a variant of the same size as the one that the client has", "GET /varies.js",
     "Accept-Encoding: gzip\r\nIf-None-Match: " SAMPLE_TAG("8-br") "\r\n", .status = 200, .reply = BY_GZIP},
    {"a variant of what the client has the original of", "GET /varies.js",
     "Accept-Encoding: gzip\r\nIf-None-Match: " SAMPLE_TAG("1d") "\r\n", .status = 200, .reply = BY_GZIP},
    {"the original of what the client has a variant of", "GET /varies.js",
     "If-None-Match: " SAMPLE_TAG("8-gzip") "\r\n", .status = 200, .reply = ORIGINAL},
    {"a variant as the sidecar's own tag names it", "GET /varies.js",
     "Accept-Encoding: gzip\r\nIf-None-Match: " SAMPLE_TAG("8") "\r\n", .status = 200, .reply = BY_GZIP},
    {"a precondition that the original would meet", "GET /varies.js",
     "Accept-Encoding: gzip\r\nIf-Match: " SAMPLE_TAG("1d") "\r\n", .status = 412,
     .reply = {{.text = SAMPLE_BEGIN("412 Precondition Failed")}, SAMPLE_PAGE(412)}},
    {"a precondition that a variant meets", "GET /varies.js",
     "Accept-Encoding: gzip\r\nIf-Match: " SAMPLE_TAG("8-gzip") "\r\n", .status = 200, .reply = BY_GZIP},
    {"a range of a variant", "GET /varies.js", "Accept-Encoding: gzip\r\nRange: bytes=3-\r\n", .status = 206,
     .reply = VARIES_PART("8-gzip", CODED("gzip"), "3-7/8", "5", "gzip\n")},
    {"a range of an original", "GET /varies.js", "Range: bytes=3-3\r\n", .status = 206,
     .reply = VARIES_PART("1d", VARY, "3-3/29", "1", "a")},
    {"a range that only the original has", "GET /varies.js", "Accept-Encoding: gzip\r\nRange: bytes=8-\r\n",
     .status = 416,
     .reply = {{.text = SAMPLE_BEGIN("416 Range Not Satisfiable") "Content-Range: bytes */8\r\n"}, SAMPLE_PAGE(416)}},
    {"a range of the variant that the client has a part of", "GET /varies.js",
     "Accept-Encoding: br\r\nRange: bytes=0-1\r\nIf-Range: " SAMPLE_TAG("8-br") "\r\n", .status = 206,
     .reply = VARIES_PART("8-br", CODED("br"), "0-1/8", "2", "by")},
    {"a range of another variant than the client has a part of", "GET /varies.js",
     "Accept-Encoding: br\r\nRange: bytes=0-1\r\nIf-Range: " SAMPLE_TAG("8-gzip") "\r\n", .status = 200,
     .reply = BY_BR},
    {"a range of a variant, by its date", "GET /varies.js",
     "Accept-Encoding: br\r\nRange: bytes=0-1\r\nIf-Range: " SAMPLE_MODIFIED_DATE "\r\n", .status = 206,
     .reply = VARIES_PART("8-br", CODED("br"), "0-1/8", "2", "by")},
    {"HEAD knows no range of a variant", "HEAD /varies.js", "Accept-Encoding: gzip\r\nRange: bytes=3-\r\n",
     .status = 200, .reply = VARIES("8-gzip", CODED("gzip"), "8", "")},
    {"a large original", "GET /heavy.js", .status = 200, .reply = HEAVY("493e0", VARY, "300000"), .span = {0, 300000}},
    {"a large variant", "GET /heavy.js", "Accept-Encoding: gzip\r\n", .status = 200,
     .reply = HEAVY("30d40-gzip", CODED("gzip"), "200000"), .span = {0, 200000}},
    {"a variant in memory of what stays in its file", "GET /heavy.js", "Accept-Encoding: zstd\r\n", .status = 200,
     .reply = HEAVY("4e20-zstd", CODED("zstd"), "20000"), .span = {0, SAMPLE_MIDDLE}},
    {"a range of a large variant", "GET /heavy.js", "Accept-Encoding: gzip\r\nRange: bytes=-50000\r\n", .status = 206,
     .reply = VARIES_PART("30d40-gzip", CODED("gzip"), "150000-199999/200000", "50000", ""), .span = {150000, 50000}},
    {"an index's variant", "GET /pages/", "Accept-Encoding: zstd\r\n", .status = 200,
     .reply = {{.text = SAMPLE_BEGIN("200 OK") SAMPLE_TYPE(SAMPLE_HTML)
                    SAMPLE_STATE("7-zstd", SAMPLE_INDEX CODED("zstd")) "Content-Length: 7\r\n\r\n<p>zst\n"}}},
    {"an index's variant that the client has", "GET /pages/",
     "Accept-Encoding: zstd\r\nIf-None-Match: " SAMPLE_TAG("7-zstd") "\r\n", .status = 304,
     .reply = {{.text =
                    SAMPLE_BEGIN("304 Not Modified") "ETag: " SAMPLE_TAG("7-zstd") "\r\n" SAMPLE_INDEX VARY "\r\n"}}},
    {"a directory does not vary", "GET /pages", "Accept-Encoding: zstd\r\n", .status = 301, .reply = MOVED("/pages/")},
    {"OPTIONS does not vary", "OPTIONS /varies.js", "Accept-Encoding: gzip\r\n", .status = 200,
     .reply = {{.text = OPTIONS_REPLY("")}}},
    {"a variant by its own name is a file", "GET /varies.js.gz", "Accept-Encoding: gzip, br\r\n", .status = 200,
     .reply = {{.text = SAMPLE_BEGIN("200 OK")
                    SAMPLE_FIELDS("application/gzip", "8") "Content-Length: 8\r\n\r\nby gzip\n"}}},
    {"a file without variants does not vary", "GET /small.txt", "Accept-Encoding: gzip, br, zstd\r\n", .status = 200,
     .reply = {{.text = SAMPLE_SMALL}}},
};

static uint64_t expected_body_bytes(const struct row *row, struct slice reply)
{
    if (strncmp(row->line, "HEAD ", 5) == 0 || row->status == 304)
        return 0;
    return row->span.length > 0 ? row->span.length : reply.len - response_head_len(reply);
}

static void expect_span(const struct world *w, const struct row *row)
{
    const struct reply *reply = &w->reply;
    if ((reply->rest.entry != NULL) != (row->span.length > 0))
        fail_msg("%s: the body is %s", row->name, reply->rest.entry == NULL ? "copied, or lost" : "a span");
    if (reply->rest.entry == NULL)
        return;
    assert_int_equal(reply->rest.offset, row->span.offset);
    assert_int_equal(reply->rest.length, row->span.length);
    assert_int_equal(reply->rest.entry->references, 2); /* the cache's, and ours */
}

static void expect_reply(struct world *w, const struct row *row)
{
    struct buffer expected;
    buffer_init(&expected);
    sample_put(&expected, row->reply, PARTS_MAX);
    struct slice want = buffer_bytes(&expected), got = buffer_bytes(&w->out);
    if (!slice_equal(got, want))
        fail_msg("%s: got\n%.*s\nnot\n%.*s", row->name, (int)got.len, got.at, (int)want.len, want.at);
    if (w->reply.status != row->status)
        fail_msg("%s: is %d", row->name, w->reply.status);
    if (w->reply.body_bytes != expected_body_bytes(row, want))
        fail_msg("%s: says that its body has %llu bytes", row->name, (unsigned long long)w->reply.body_bytes);
    expect_span(w, row);
    buffer_fini(&expected);
}

static void a_request_gets_the_reply_of_its_row(void **state)
{
    struct world *w = *state;
    /* Twice: at first nothing is in the cache, then everything. */
    for (int i = 0; i < 2; i++)
        for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
            parse(w, rows[r].line, rows[r].fields);
            if (make(w, rows[r].close) != REPLY_MADE)
                fail_msg("%s: there is no reply", rows[r].name);
            expect_reply(w, &rows[r]);
        }
}

/* RFC 9110 9.3.2: HEAD's fields are those of GET. A range and its refusal are GET's alone. */
static void the_head_of_head_is_that_of_get(void **state)
{
    struct world *w = *state;
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        char line[256];
        struct buffer head;
        if (strncmp(rows[r].line, "GET ", 4) != 0 || rows[r].status == 206 || rows[r].status == 416)
            continue;
        buffer_init(&head);
        snprintf(line, sizeof line, "HEAD %s", rows[r].line + 4);
        parse(w, line, rows[r].fields);
        assert_int_equal(make(w, rows[r].close), REPLY_MADE);
        assert_int_equal(buffer_append(&head, buffer_bytes(&w->out)), 0);
        parse(w, rows[r].line, rows[r].fields);
        assert_int_equal(make(w, rows[r].close), REPLY_MADE);
        struct slice of_get = {buffer_bytes(&w->out).at, response_head_len(buffer_bytes(&w->out))};
        if (!slice_equal(buffer_bytes(&head), of_get))
            fail_msg("%s: HEAD has another head", rows[r].name);
        buffer_fini(&head);
    }
}

static void what_stands_before_in_the_buffer_stays(void **state)
{
    struct world *w = *state;
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        struct slice before = SLICE("HTTP/1.1 200 OK\r\nDate: another reply that is to be sent first");
        parse(w, rows[r].line, rows[r].fields);
        for (int i = 0; i < 2; i++)
            assert_int_equal(make(w, rows[r].close), REPLY_MADE); /* now it is in the cache */
        struct buffer alone = w->out;
        w->out = (struct buffer){0};
        assert_int_equal(buffer_append(&w->out, SLICE("consumed")), 0);
        buffer_consume(&w->out, 4);
        buffer_append(&w->out, before);
        buffer_consume(&w->out, 4);
        let_go(w);
        assert_int_equal(reply_make(&w->replier, &w->request, NULL, rows[r].close, &w->out, &w->reply), REPLY_MADE);
        assert_int_equal(buffer_length(&w->out), before.len + buffer_length(&alone));
        assert_memory_equal(buffer_bytes(&w->out).at, before.at, before.len);
        if (memcmp(buffer_bytes(&w->out).at + before.len, buffer_bytes(&alone).at, buffer_length(&alone)) != 0)
            fail_msg("%s: is another reply behind others", rows[r].name);
        buffer_fini(&alone);
    }
}

static void a_plain_reply_has_todays_date_every_day(void **state)
{
    struct world *w = *state;
    assert_true(slice_equal(ask(w, "GET /small.txt", NULL), SLICE(SAMPLE_SMALL)));
    w->replier.date = SAMPLE_MODIFIED_DATE;
    struct slice later = ask(w, "GET /small.txt", NULL);
    assert_true(slice_equal(response_field(later, "Date"), SLICE(SAMPLE_MODIFIED_DATE)));
    assert_int_equal(later.len, sizeof SAMPLE_SMALL - 1);
}

static void a_file_without_a_date_has_none_in_any_reply(void **state)
{
    struct world *w = *state;
    sample_set_modified(&w->sample, "root/small.txt", 1);
    assert_int_equal(response_count(ask(w, "GET /small.txt", NULL), "Last-Modified"), 0);
    assert_int_equal(response_count(ask(w, "GET /small.txt", "Range: bytes=0-1\r\n"), "Last-Modified"), 0);
    ask(w, "GET /small.txt", "If-Modified-Since: " SAMPLE_NOW_DATE "\r\n");
    assert_int_equal(w->reply.status, 200);
}

/* ---- several parts; what is told later is taken as a connection takes it */

#define MIDDLE_PART(range) SAMPLE_PART(SAMPLE_BYTES, range "/20000")
#define HEAVY_PART(range)  SAMPLE_PART(SAMPLE_JS, range)
#define LARGE_PART(range)  SAMPLE_PART(SAMPLE_BYTES, range "/3000000")

enum { SEVERAL_MAX = 9 };

static const struct several_row {
    const char *name, *line, *fields;
    bool close, whole; /* the reply is whole at once */
    struct sample_part reply[SEVERAL_MAX];
} several_rows[] = {
    {"two parts of a file in memory", "GET /middle.bin", "Range: bytes=0-9,1000-1019\r\n", .whole = true,
     .reply = {SAMPLE_SEVERAL("4e20", "", "270"), MIDDLE_PART("0-9"), SAMPLE_BODY(0, 10), MIDDLE_PART("1000-1019"),
               SAMPLE_BODY(1000, 20), SAMPLE_PARTS_END}},
    {"in the order in which they are asked for", "GET /middle.bin", "Range: bytes=-1,500-500,0-0\r\n", .whole = true,
     .reply = {SAMPLE_SEVERAL("4e20", "", "351"), MIDDLE_PART("19999-19999"), SAMPLE_BODY(19999, 1),
               MIDDLE_PART("500-500"), SAMPLE_BODY(500, 1), MIDDLE_PART("0-0"), SAMPLE_BODY(0, 1), SAMPLE_PARTS_END}},
    {"the longest that is copied", "GET /middle.bin", "Range: bytes=0-0,1000-17141\r\n", .whole = true,
     .reply = {SAMPLE_SEVERAL("4e20", "", "16384"), MIDDLE_PART("0-0"), SAMPLE_BODY(0, 1), MIDDLE_PART("1000-17141"),
               SAMPLE_BODY(1000, 16142), SAMPLE_PARTS_END}},
    {"a byte longer", "GET /middle.bin", "Range: bytes=0-0,1000-17142\r\n",
     .reply = {SAMPLE_SEVERAL("4e20", "", "16385"), MIDDLE_PART("0-0"), SAMPLE_BODY(0, 1), MIDDLE_PART("1000-17142"),
               SAMPLE_BODY(1000, 16143), SAMPLE_PARTS_END}},
    {"two parts of a file that is not in memory", "GET /large.bin", "Range: bytes=2999990-,100-199\r\n",
     .reply = {SAMPLE_SEVERAL("2dc6c0", "", "364"), LARGE_PART("2999990-2999999"), SAMPLE_BODY(2999990, 10),
               LARGE_PART("100-199"), SAMPLE_BODY(100, 100), SAMPLE_PARTS_END}},
    {"nearly all of a large file", "GET /large.bin", "Range: bytes=0-999999,1000129-\r\n",
     .reply = {SAMPLE_SEVERAL("2dc6c0", "", "3000126"), LARGE_PART("0-999999"), SAMPLE_BODY(0, 1000000),
               LARGE_PART("1000129-2999999"), SAMPLE_BODY(1000129, 1999871), SAMPLE_PARTS_END}},
    {"of a connection that must end", "GET /middle.bin", "Range: bytes=0-9,1000-1019\r\n", .close = true, .whole = true,
     .reply = {SAMPLE_SEVERAL("4e20", "Connection: close\r\n", "270"), MIDDLE_PART("0-9"), SAMPLE_BODY(0, 10),
               MIDDLE_PART("1000-1019"), SAMPLE_BODY(1000, 20), SAMPLE_PARTS_END}},
    {"in HTTP/1.0", "GET /middle.bin HTTP/1.0", "Connection: keep-alive\r\nRange: bytes=0-9,1000-1019\r\n",
     .whole = true,
     .reply = {SAMPLE_SEVERAL("4e20", "Connection: keep-alive\r\n", "270"), MIDDLE_PART("0-9"), SAMPLE_BODY(0, 10),
               MIDDLE_PART("1000-1019"), SAMPLE_BODY(1000, 20), SAMPLE_PARTS_END}},
    {"of a file that is still the same", "GET /middle.bin",
     "Range: bytes=0-9,1000-1019\r\nIf-Range: " SAMPLE_TAG("4e20") "\r\n", .whole = true,
     .reply = {SAMPLE_SEVERAL("4e20", "", "270"), MIDDLE_PART("0-9"), SAMPLE_BODY(0, 10), MIDDLE_PART("1000-1019"),
               SAMPLE_BODY(1000, 20), SAMPLE_PARTS_END}},
    {"of a variant", "GET /heavy.js", "Accept-Encoding: gzip\r\nRange: bytes=199990-,100-199\r\n",
     .reply = {{.text = SAMPLE_BEGIN("206 Partial Content") "Content-Type: multipart/byteranges; "
                                                            "boundary=" SAMPLE_BOUNDARY
                                                            "\r\nX-Content-Type-Options: nosniff\r\n" SAMPLE_STATE(
                                                                "30d40-gzip", CODED("gzip")) "Content-Length: 372"
                                                                                             "\r\n\r\n"},
               HEAVY_PART("199990-199999/200000"),
               SAMPLE_BODY(199990, 10),
               HEAVY_PART("100-199/200000"),
               SAMPLE_BODY(100, 100),
               SAMPLE_PARTS_END}},
};

static void append_span(struct buffer *all, const struct entry *entry, uint64_t offset, uint64_t length)
{
    assert_int_equal(buffer_reserve(all, length), 0);
    if (entry->in_memory)
        memcpy(buffer_tail(all), entry_body(entry) + offset, length);
    else
        assert_int_equal(pread(entry->fd, buffer_tail(all), length, (off_t)offset), length);
    buffer_extend(all, length);
}

/* All that is to be sent: what was appended, and what is to follow that. */
static void collect(struct world *w, struct buffer *all)
{
    struct span *rest = &w->reply.rest;
    size_t head_len = response_head_len(buffer_bytes(&w->out));
    assert_int_equal(buffer_append(all, buffer_bytes(&w->out)), 0);
    while (rest->length > 0) {
        assert_true(buffer_length(all) - head_len + span_left(rest) == w->reply.body_bytes);
        append_span(all, rest->entry, rest->offset, rest->length);
        rest->length = 0;
        if (rest->parts != NULL)
            assert_int_equal(span_go_on(rest, all), 0);
    }
    assert_true(span_left(rest) == 0 && rest->parts == NULL);
}

static void parts_are_told_whole_and_in_their_order(void **state)
{
    struct world *w = *state;
    for (size_t r = 0; r < sizeof several_rows / sizeof *several_rows; r++) {
        const struct several_row *row = &several_rows[r];
        struct buffer expected, all;
        buffer_init(&expected);
        buffer_init(&all);
        sample_put(&expected, row->reply, SEVERAL_MAX);
        parse(w, row->line, row->fields);
        assert_int_equal(make(w, row->close), REPLY_MADE);
        if ((w->reply.rest.parts == NULL) != row->whole || (w->reply.rest.entry == NULL) != row->whole)
            fail_msg("%s: is whole, or isn't", row->name);
        collect(w, &all);
        sample_hide_boundaries(&all);
        struct slice want = buffer_bytes(&expected), got = buffer_bytes(&all);
        if (!slice_equal(got, want))
            fail_msg("%s: got %zu bytes\n%.*s\nnot %zu", row->name, got.len, (int)(got.len < 800 ? got.len : 800),
                     got.at, want.len);
        size_t body = got.len - response_head_len(got);
        if (w->reply.status != 206 || w->reply.body_bytes != body)
            fail_msg("%s: is %d, and says that its body has %llu bytes", row->name, w->reply.status,
                     (unsigned long long)w->reply.body_bytes);
        assert_int_equal(strtoull(response_field(got, "Content-Length").at, NULL, 10), body);
        buffer_fini(&expected);
        buffer_fini(&all);
    }
}

static void several_parts_are_not_for_head_nor_for_a_file_that_has_changed(void **state)
{
    struct world *w = *state;
    assert_true(slice_equal(ask(w, "HEAD /middle.bin", "Range: bytes=0-9,1000-1019\r\n"), SLICE(SAMPLE_MIDDLE_HEAD)));
    assert_null(w->reply.rest.parts);
    assert_true(slice_equal(ask(w, "GET /middle.bin", "Range: bytes=0-9,1000-1019\r\nIf-Range: \"x\"\r\n"),
                            SLICE(SAMPLE_MIDDLE_HEAD)));
    assert_null(w->reply.rest.parts);
    assert_int_equal(w->reply.rest.length, SAMPLE_MIDDLE);
}

static struct slice boundary_in(struct slice reply)
{
    struct slice type = response_field(reply, "Content-Type");
    assert_true(slice_starts_with(type, SLICE("multipart/byteranges; boundary=")));
    return (struct slice){type.at + type.len - MULTIPART_BOUNDARY_LEN, MULTIPART_BOUNDARY_LEN};
}

/* Who writes a file knows its bytes, and may know its tag, but not the key. */
static void the_boundary_is_a_secret_of_each_state_of_each_file(void **state)
{
    static const char fields[] = "Range: bytes=0-9,1000-1019\r\n";
    struct world *w = *state;
    char first[MULTIPART_BOUNDARY_LEN];
    memcpy(first, boundary_in(ask(w, "GET /middle.bin", fields)).at, sizeof first);
    assert_memory_equal(boundary_in(ask(w, "GET /middle.bin", fields)).at, first, sizeof first);
    w->replier.secret.b++;
    assert_memory_not_equal(boundary_in(ask(w, "GET /middle.bin", fields)).at, first, sizeof first);
    w->replier.secret.b--;
    sample_set_modified(&w->sample, "root/middle.bin", SAMPLE_MODIFIED + 1);
    w->clock.now_ms += SITE_VALID_MS;
    assert_memory_not_equal(boundary_in(ask(w, "GET /middle.bin", fields)).at, first, sizeof first);
}

static struct entry *cached_middle(struct world *w)
{
    return sample_learn(&w->docroot, "/middle.bin", &w->clock);
}

/* A media type as long as this is nobody's; it makes each part cost as much. */
static void parts_that_cost_much_more_than_the_file_are_the_whole_file(void **state)
{
    static const struct {
        const char *fields;
        size_t rest; /* what there is besides the types: see several_rows */
    } asked[] = {
        {"Range: bytes=0-0,1000-1000\r\n", 270 - 30 + 2 - 2 * (sizeof SAMPLE_BYTES - 1)},
        {"Range: bytes=0-0,1000-1001\r\n", 270 - 30 + 3 - 2 * (sizeof SAMPLE_BYTES - 1)},
    };
    const size_t most = SAMPLE_MIDDLE + REPLY_PARTS_OVER;
    struct world *w = *state;
    char type[REPLY_COPY_MAX];
    struct entry *entry = cached_middle(w);
    memset(type, 't', sizeof type);
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        entry->type = (struct slice){type, (most - asked[i].rest) / 2};
        ask(w, "GET /middle.bin", asked[i].fields);
        assert_int_equal(w->reply.status, 206);
        assert_int_equal(w->reply.body_bytes, most - i);
        assert_non_null(w->reply.rest.parts);
        entry->type.len++; /* one or two bytes too many */
        ask(w, "GET /middle.bin", asked[i].fields);
        assert_int_equal(w->reply.status, 200);
        assert_int_equal(w->reply.body_bytes, SAMPLE_MIDDLE);
        assert_null(w->reply.rest.parts);
    }
    entry->type = SLICE("");
}

static uint64_t next_random(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005 + 1442695040888963407;
    return *seed >> 33;
}

/* Whatever ranges are asked for. */
static void no_reply_has_8_kB_more_than_the_whole_file(void **state)
{
    enum { ROUNDS = 2000 };
    struct world *w = *state;
    uint64_t seed = 7, several = 0;
    cached_middle(w);
    for (int round = 0; round < ROUNDS; round++) {
        char fields[4096] = "Range: bytes=";
        uint64_t count = 1 + next_random(&seed) % RANGES_MAX, step = SAMPLE_MIDDLE / count, from = 0;
        for (uint64_t i = 0; i < count; i++, from += step) {
            uint64_t first = from + next_random(&seed) % 40, most = step - RANGES_GAP - next_random(&seed) % 20;
            snprintf(fields + strlen(fields), sizeof fields - strlen(fields), "%llu-%llu,", (unsigned long long)first,
                     (unsigned long long)(first + most - next_random(&seed) % 40));
        }
        strcat(fields, "\r\n");
        ask(w, "GET /middle.bin", fields);
        size_t head = response_head_len(buffer_bytes(&w->out));
        if (head + w->reply.body_bytes > SAMPLE_MIDDLE + 8192)
            fail_msg("%llu bytes to %s", (unsigned long long)w->reply.body_bytes, fields);
        several += w->reply.rest.parts != NULL;
    }
    assert_in_range(several, ROUNDS / 2, ROUNDS);
}

/* ---- without memory */

/* A buffer with so much room, and no more. */
static struct buffer nearly_full(char *pages, size_t room)
{
    return (struct buffer){.bytes = pages, .begin = 0, .end = BUFFER_MAX - (uint32_t)room, .size = BUFFER_MAX};
}

/* Nothing is appended, and nothing held or lost (which a sanitizer sees): however little room there is. */
static void a_reply_that_finds_no_room_leaves_nothing_behind(void **state)
{
    static const struct {
        const char *line, *fields;
    } asked[] = {
        {"GET /small.txt", NULL},
        {"GET /middle.bin", NULL},
        {"GET /middle.bin", "Range: bytes=0-99\r\n"},
        {"GET /middle.bin", "Range: bytes=0-9,1000-1019\r\n"},
        {"GET /middle.bin", "Range: bytes=0-0,1000-17142\r\n"},
        {"GET /middle.bin", "If-None-Match: *\r\n"},
        {"GET /varies.js", "Accept-Encoding: gzip\r\n"},
        {"GET /heavy.js", "Accept-Encoding: zstd\r\n"},
        {"GET /dir/", NULL},
        {"GET /dir/", "If-None-Match: *\r\n"},
        {"GET /dir", NULL},
        {"GET /missing", NULL},
        {"OPTIONS *", NULL},
        {"DELETE /", NULL},
    };
    struct world *w = *state;
    char *pages = mmap(NULL, BUFFER_MAX, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_ptr_not_equal(pages, MAP_FAILED);
    struct entry *entry = cached_middle(w);
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        size_t whole = ask(w, asked[i].line, asked[i].fields).len;
        let_go(w);
        for (size_t room = 0; room <= whole; room++) {
            struct buffer out = nearly_full(pages, room);
            enum reply_outcome outcome = make_into(w, false, &out);
            if (outcome != (room < whole ? REPLY_FAILED : REPLY_MADE))
                fail_msg("%s: with room for %zu of %zu bytes", asked[i].line, room, whole);
            if (outcome == REPLY_FAILED) {
                assert_int_equal(buffer_room(&out), room);
                assert_int_equal(entry->references, 1);
            }
            let_go(w);
        }
    }
    munmap(pages, BUFFER_MAX);
}

/* ---- what every head says */

static void a_server_without_a_name_has_none_in_any_reply(void **state)
{
    struct world *w = *state;
    w->sample.site.head.server = SLICE("");
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        struct slice reply = ask(w, rows[r].line, rows[r].fields);
        if (response_count(reply, "Server") != 0 || response_count(reply, "Date") != 1)
            fail_msg("%s:\n%.*s", rows[r].name, (int)reply.len, reply.at);
    }
    for (size_t r = 0; r < sizeof several_rows / sizeof *several_rows; r++)
        assert_int_equal(response_count(ask(w, several_rows[r].line, several_rows[r].fields), "Server"), 0);
}

/* Unless it is off, it stands wherever a type does, and nowhere else. */
static void sniffing_is_forbidden_where_there_is_a_type(void **state)
{
    struct world *w = *state;
    for (int off = 0; off < 2; off++) {
        docroot_close(&w->docroot);
        w->sample.site.head.nosniff = !off;
        assert_int_equal(docroot_open(&w->docroot, &w->sample.site, &cache_limits), 0);
        for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
            struct slice reply = ask(w, rows[r].line, rows[r].fields);
            int wanted = off ? 0 : response_count(reply, "Content-Type");
            if (response_count(reply, "X-Content-Type-Options") != wanted)
                fail_msg("%s:\n%.*s", rows[r].name, (int)reply.len, reply.at);
        }
        for (size_t r = 0; r < sizeof several_rows / sizeof *several_rows; r++) {
            struct slice reply = ask(w, several_rows[r].line, several_rows[r].fields);
            assert_int_equal(response_count(reply, "X-Content-Type-Options"), !off);
        }
        let_go(w);
    }
}

/* ---- where the file comes from */

static void a_found_entry_is_taken_over_and_kept(void **state)
{
    struct world *w = *state;
    parse(w, "GET /small.txt", NULL);
    struct entry *found = entry_hold(reply_look_up(&w->replier, &w->request));
    assert_int_equal(reply_make(&w->replier, &w->request, found, false, &w->out, &w->reply), REPLY_MADE);
    assert_true(slice_equal(buffer_bytes(&w->out), SLICE(SAMPLE_SMALL)));
    assert_ptr_equal(cache_find(&w->docroot.cache, SLICE("/small.txt")), found);
    assert_int_equal(found->references, 2);
    entry_drop(found);
}

static void a_found_entry_that_is_of_no_use_is_dropped(void **state)
{
    static const char *const lines[] = {"DELETE /small.txt", "BREW /small.txt", "GET /a%2fb", "GET /%zz",
                                        "OPTIONS /small.txt"};
    struct world *w = *state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct entry *found = docroot_look_up(&w->docroot, SLICE("/small.txt"), &w->clock);
        entry_hold(found);
        parse(w, lines[i], NULL);
        assert_int_equal(reply_make(&w->replier, &w->request, found, false, &w->out, &w->reply), REPLY_MADE);
        assert_int_equal(found->references, 1);
        entry_drop(found);
    }
}

static void what_would_sleep_is_asked_for_again_and_leaves_the_buffer_alone(void **state)
{
    struct world *w = *state;
    struct slice before = SLICE("before");
    w->docroot.assume_cold = true;
    parse(w, "GET /middle.bin", NULL);
    buffer_append(&w->out, before);
    assert_int_equal(reply_make(&w->replier, &w->request, NULL, false, &w->out, &w->reply), REPLY_SLEEPS);
    assert_true(slice_equal(buffer_bytes(&w->out), before));
    assert_null(w->reply.rest.entry);
    assert_null(cache_find(&w->docroot.cache, SLICE("/middle.bin")));
    struct entry *found = reply_look_up(&w->replier, &w->request);
    assert_int_equal(reply_make(&w->replier, &w->request, found, false, &w->out, &w->reply), REPLY_MADE);
    assert_int_equal(buffer_length(&w->out), before.len + sizeof SAMPLE_MIDDLE_HEAD - 1);
    assert_ptr_equal(w->reply.rest.entry, found);
}

static void what_names_no_file_is_not_looked_for(void **state)
{
    static const char *const lines[] = {"GET /a%2fb", "GET /%zz", "GET /../x"};
    struct world *w = *state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        parse(w, lines[i], NULL);
        assert_null(reply_look_up(&w->replier, &w->request));
    }
}

/* ---- how long it is believed: until the kernel tells of a change, and a second where it doesn't */

/* What is asked for twice is kept. */
static void learn(struct world *w, const char *line)
{
    for (int i = 0; i < 2; i++) {
        ask(w, line, NULL);
        let_go(w);
    }
}

/* By another name of the file, in a directory that isn't watched: nothing is told of it. */
static void change_small_untold(const struct world *w)
{
    static const char text[] = "bigger than it was\n";
    char path[TREE_PATH_MAX], other[TREE_PATH_MAX];
    tree_path(&w->sample.tree, "root/small.txt", path);
    tree_path(&w->sample.tree, "small-too", other);
    assert_int_equal(link(path, other), 0);
    int fd = open(other, O_WRONLY | O_TRUNC);
    assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
    close(fd);
    tree_settle();
    docroot_catch_up(&w->docroot);
}

static void an_entry_is_believed_until_its_change_is_told_of(void **state)
{
    struct world *w = *state;
    learn(w, "GET /small.txt");
    docroot_catch_up(&w->docroot);
    assert_true(slice_equal(ask(w, "GET /small.txt", NULL), SLICE(SAMPLE_SMALL)));
    tree_add(&w->sample.tree, &(struct tree_row){TREE_FILE, "root/small.txt", "bigger than it was\n", 0});
    assert_true(slice_equal(ask(w, "GET /small.txt", NULL), SLICE(SAMPLE_SMALL))); /* nobody has looked yet */
    docroot_catch_up(&w->docroot);
    assert_true(slice_equal(response_field(ask(w, "GET /small.txt", NULL), "Content-Length"), SLICE("19")));
}

static void an_entry_is_believed_for_a_second_and_then_looked_at_again(void **state)
{
    struct world *w = *state;
    learn(w, "GET /small.txt");
    change_small_untold(w);
    w->clock.now_ms = START_MS + SITE_VALID_MS - 1;
    assert_true(slice_equal(ask(w, "GET /small.txt", NULL), SLICE(SAMPLE_SMALL)));
    w->clock.now_ms = START_MS + SITE_VALID_MS;
    struct slice later = ask(w, "GET /small.txt", NULL);
    assert_true(slice_equal(response_field(later, "Content-Length"), SLICE("19")));
}

static void an_entry_that_still_holds_is_believed_for_another_second(void **state)
{
    struct world *w = *state;
    learn(w, "GET /small.txt");
    struct entry *entry = cache_find(&w->docroot.cache, SLICE("/small.txt"));
    w->clock.now_ms = START_MS + SITE_VALID_MS;
    ask(w, "GET /small.txt", NULL);
    assert_ptr_equal(cache_find(&w->docroot.cache, SLICE("/small.txt")), entry);
    assert_int_equal(entry->checked_ms, START_MS + SITE_VALID_MS);
    change_small_untold(w);
    w->clock.now_ms = START_MS + 2 * SITE_VALID_MS - 1;
    assert_true(slice_equal(ask(w, "GET /small.txt", NULL), SLICE(SAMPLE_SMALL)));
    w->clock.now_ms = START_MS + 2 * SITE_VALID_MS;
    assert_true(slice_equal(response_field(ask(w, "GET /small.txt", NULL), "Content-Length"), SLICE("19")));
}

static void what_was_missing_is_found_when_it_was_told_of(void **state)
{
    struct world *w = *state;
    learn(w, "GET /new.txt");
    assert_int_equal(w->reply.status, 404);
    tree_add(&w->sample.tree, &(struct tree_row){TREE_FILE, "root/new.txt", "new\n", 0});
    ask(w, "GET /new.txt", NULL);
    assert_int_equal(w->reply.status, 404);
    docroot_catch_up(&w->docroot);
    ask(w, "GET /new.txt", NULL);
    assert_int_equal(w->reply.status, 200);
}

static void a_body_being_sent_outlives_its_files_change(void **state)
{
    struct world *w = *state;
    ask(w, "GET /large.bin", NULL);
    struct entry *sending = entry_hold(w->reply.rest.entry);
    tree_add(&w->sample.tree, &(struct tree_row){TREE_FILE, "root/large.bin", "small now\n", 0});
    w->clock.now_ms = START_MS + SITE_VALID_MS;
    ask(w, "GET /large.bin", NULL);
    assert_true(slice_equal(response_field(buffer_bytes(&w->out), "Content-Length"), SLICE("10")));
    assert_int_equal(sending->references, 1);
    assert_true(fcntl(sending->fd, F_GETFD) >= 0);
    entry_drop(sending);
}

static void a_variant_being_sent_outlives_its_files_change(void **state)
{
    struct world *w = *state;
    learn(w, "GET /heavy.js");
    ask(w, "GET /heavy.js", "Accept-Encoding: gzip\r\n");
    struct entry *sending = entry_hold(w->reply.rest.entry);
    assert_ptr_equal(sending, cache_find(&w->docroot.cache, SLICE("/heavy.js"))->variants[CODING_GZIP]);
    tree_add(&w->sample.tree, &(struct tree_row){TREE_FILE, "root/heavy.js", "small now\n", 0});
    w->clock.now_ms = START_MS + SITE_VALID_MS;
    struct slice later = ask(w, "GET /heavy.js", "Accept-Encoding: gzip\r\n");
    assert_true(slice_equal(response_field(later, "Content-Length"), SLICE("10")));
    assert_int_equal(response_count(later, "Content-Encoding"), 0);
    assert_int_equal(sending->references, 1);
    assert_true(fcntl(sending->fd, F_GETFD) >= 0);
    entry_drop(sending);
}

static void a_variant_that_comes_or_goes_is_seen_when_it_was_told_of(void **state)
{
    const struct tree_row comes = {TREE_FILE, "root/small.txt.br", "br", 0};
    struct world *w = *state;
    char path[TREE_PATH_MAX];
    for (int i = 0; i < 2; i++) /* who takes one learns whether there are any */
        assert_true(slice_equal(ask(w, "GET /small.txt", "Accept-Encoding: br\r\n"), SLICE(SAMPLE_SMALL)));
    tree_add(&w->sample.tree, &comes);
    assert_true(slice_equal(ask(w, "GET /small.txt", "Accept-Encoding: br\r\n"), SLICE(SAMPLE_SMALL)));
    docroot_catch_up(&w->docroot);
    struct slice by_br = ask(w, "GET /small.txt", "Accept-Encoding: br\r\n");
    assert_true(slice_equal(response_field(by_br, "Content-Encoding"), SLICE("br")));
    assert_int_equal(response_count(ask(w, "GET /small.txt", NULL), "Vary"), 1);
    tree_path(&w->sample.tree, comes.path, path);
    assert_int_equal(unlink(path), 0);
    docroot_catch_up(&w->docroot);
    assert_true(slice_equal(ask(w, "GET /small.txt", "Accept-Encoding: br\r\n"), SLICE(SAMPLE_SMALL)));
}

/* While somebody holds a lease on a file, nobody can open it at once: fcntl(2), open(2). The descriptor that holds it,
 * until end_lease(), or -1. */
static int lease(const struct world *w, const char *relative)
{
    char path[TREE_PATH_MAX];
    tree_path(&w->sample.tree, relative, path);
    int fd = open(path, O_RDWR);
    assert_ptr_not_equal(signal(SIGIO, SIG_IGN), SIG_ERR);
    if (fcntl(fd, F_SETLEASE, F_WRLCK) == 0)
        return fd;
    close(fd);
    print_message("skipped: the temporary directory's file system has no leases\n");
    return -1;
}

static void end_lease(int fd)
{
    close(fd);
    signal(SIGIO, SIG_DFL);
}

/* By a worker that remembers nothing. */
static enum reply_outcome make_anew(struct world *w, const char *fields)
{
    docroot_close(&w->docroot);
    assert_int_equal(docroot_open(&w->docroot, &w->sample.site, &cache_limits), 0);
    parse(w, "GET /varies.js", fields);
    buffer_clear(&w->out);
    return reply_make(&w->replier, &w->request, NULL, false, &w->out, &w->reply);
}

static void who_takes_no_variant_need_not_wait_until_it_is_known_whether_there_is_one(void **state)
{
    struct world *w = *state;
    ask(w, "GET /varies.js", "Accept-Encoding: gzip\r\n");
    enum reply_outcome known = make_anew(w, NULL); /* but where the kernel can't tell of any file */
    int fd = lease(w, "root/varies.js.gz");
    if (fd < 0)
        skip();
    enum reply_outcome coded = make_anew(w, "Accept-Encoding: gzip\r\n");
    size_t appended = buffer_length(&w->out);
    enum reply_outcome plain = make_anew(w, NULL);
    end_lease(fd);
    assert_int_equal(coded, REPLY_SLEEPS);
    assert_int_equal(appended, 0);
    assert_int_equal(plain, known);
    assert_int_equal(response_count(buffer_bytes(&w->out), "Content-Encoding"), 0);
    assert_int_equal(response_count(ask(w, "GET /varies.js", "Accept-Encoding: gzip\r\n"), "Content-Encoding"), 1);
}

static void a_variant_that_nobody_can_open_keeps_nobody_waiting_for_ever(void **state)
{
    struct world *w = *state;
    parse(w, "GET /varies.js", "Accept-Encoding: gzip\r\n");
    int fd = lease(w, "root/varies.js.gz");
    if (fd < 0)
        skip();
    enum reply_outcome outcome = make(w, false);
    end_lease(fd);
    assert_int_equal(outcome, REPLY_MADE);
    assert_int_equal(w->reply.status, 200);
    assert_int_equal(response_count(buffer_bytes(&w->out), "Content-Encoding"), 0);
}

/* ---- without descriptors */

static void without_a_descriptor_the_reply_is_503(void **state)
{
    struct world *w = *state;
    struct buffer expected;
    const struct sample_part parts[] = {{.text = SAMPLE_BEGIN("503 Service Unavailable") "Retry-After: 5\r\n"},
                                        SAMPLE_PAGE(503)};
    buffer_init(&expected);
    sample_put(&expected, parts, 2);
    parse(w, "GET /small.txt", NULL);
    struct rlimit limit = scarce_files(0);
    enum reply_outcome outcome = make(w, false);
    scarce_files_again(limit);
    assert_int_equal(outcome, REPLY_MADE);
    assert_int_equal(w->reply.status, 503);
    assert_true(slice_equal(buffer_bytes(&w->out), buffer_bytes(&expected)));
    assert_true(slice_equal(ask(w, "GET /small.txt", NULL), SLICE(SAMPLE_SMALL))); /* it isn't remembered */
    buffer_fini(&expected);
}

/* The cache's descriptor, and not the reader's: the reply's reference is given up first. */
static void fill_cache_with_a_file(struct world *w)
{
    sample_learn(&w->docroot, "/large.bin", &w->clock);
    assert_int_equal(w->docroot.cache.uses[1].entries, 1);
}

static void a_cached_file_gives_its_descriptor_up_for_another(void **state)
{
    struct world *w = *state;
    fill_cache_with_a_file(w);
    parse(w, "GET /small.txt", NULL);
    struct rlimit limit = scarce_files(0);
    enum reply_outcome outcome = make(w, false);
    scarce_files_again(limit);
    assert_int_equal(outcome, REPLY_MADE);
    assert_true(slice_equal(buffer_bytes(&w->out), SLICE(SAMPLE_SMALL)));
    assert_null(cache_find(&w->docroot.cache, SLICE("/large.bin")));
}

static void a_cached_file_gives_its_descriptor_up_for_a_look_at_another(void **state)
{
    struct world *w = *state;
    learn(w, "GET /small.txt");
    fill_cache_with_a_file(w);
    w->clock.now_ms = START_MS + SITE_VALID_MS;
    parse(w, "GET /small.txt", NULL);
    struct rlimit limit = scarce_files(0);
    enum reply_outcome outcome = make(w, false);
    scarce_files_again(limit);
    assert_int_equal(outcome, REPLY_MADE);
    assert_int_equal(w->reply.status, 200);
}

/* ---- refusals of what was not looked at */

static void a_refusal_has_its_page_and_ends_the_connection(void **state)
{
    static const struct {
        int status;
        bool head_only;
        struct sample_part reply[PARTS_MAX];
    } refusals[] = {
        {400, false, {{.text = SAMPLE_BEGIN("400 Bad Request") "Connection: close\r\n"}, SAMPLE_PAGE(400)}},
        {408, false, {{.text = SAMPLE_BEGIN("408 Request Timeout") "Connection: close\r\n"}, SAMPLE_PAGE(408)}},
        {413, true, {{.text = SAMPLE_BEGIN("413 Content Too Large") "Connection: close\r\n"}, SAMPLE_PAGE_HEAD(413)}},
        {503,
         false,
         {{.text = SAMPLE_BEGIN("503 Service Unavailable") "Retry-After: 5\r\nConnection: close\r\n"},
          SAMPLE_PAGE(503)}},
    };
    struct world *w = *state;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        struct buffer out, expected;
        struct reply reply;
        buffer_init(&out);
        buffer_init(&expected);
        sample_put(&expected, refusals[i].reply, PARTS_MAX);
        assert_int_equal(reply_refuse(&w->replier, refusals[i].status, refusals[i].head_only, &out, &reply),
                         REPLY_MADE);
        assert_true(slice_equal(buffer_bytes(&out), buffer_bytes(&expected)));
        assert_int_equal(reply.status, refusals[i].status);
        assert_int_equal(reply.body_bytes, refusals[i].head_only ? 0 : page_length(refusals[i].status));
        assert_null(reply.rest.entry);
        buffer_fini(&out);
        buffer_fini(&expected);
    }
}

#define IN_A_WORLD(test) cmocka_unit_test_setup_teardown(test, make_world, end_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_WORLD(a_request_gets_the_reply_of_its_row),
        IN_A_WORLD(the_head_of_head_is_that_of_get),
        IN_A_WORLD(what_stands_before_in_the_buffer_stays),
        IN_A_WORLD(a_plain_reply_has_todays_date_every_day),
        IN_A_WORLD(a_file_without_a_date_has_none_in_any_reply),
        IN_A_WORLD(parts_are_told_whole_and_in_their_order),
        IN_A_WORLD(several_parts_are_not_for_head_nor_for_a_file_that_has_changed),
        IN_A_WORLD(the_boundary_is_a_secret_of_each_state_of_each_file),
        IN_A_WORLD(parts_that_cost_much_more_than_the_file_are_the_whole_file),
        IN_A_WORLD(no_reply_has_8_kB_more_than_the_whole_file),
        IN_A_WORLD(a_reply_that_finds_no_room_leaves_nothing_behind),
        IN_A_WORLD(a_server_without_a_name_has_none_in_any_reply),
        IN_A_WORLD(sniffing_is_forbidden_where_there_is_a_type),
        IN_A_WORLD(a_found_entry_is_taken_over_and_kept),
        IN_A_WORLD(a_found_entry_that_is_of_no_use_is_dropped),
        IN_A_WORLD(what_would_sleep_is_asked_for_again_and_leaves_the_buffer_alone),
        IN_A_WORLD(what_names_no_file_is_not_looked_for),
        IN_A_WORLD(an_entry_is_believed_until_its_change_is_told_of),
        IN_A_WORLD(an_entry_is_believed_for_a_second_and_then_looked_at_again),
        IN_A_WORLD(an_entry_that_still_holds_is_believed_for_another_second),
        IN_A_WORLD(what_was_missing_is_found_when_it_was_told_of),
        IN_A_WORLD(a_body_being_sent_outlives_its_files_change),
        IN_A_WORLD(a_variant_being_sent_outlives_its_files_change),
        IN_A_WORLD(a_variant_that_comes_or_goes_is_seen_when_it_was_told_of),
        IN_A_WORLD(a_variant_that_nobody_can_open_keeps_nobody_waiting_for_ever),
        IN_A_WORLD(who_takes_no_variant_need_not_wait_until_it_is_known_whether_there_is_one),
        IN_A_WORLD(without_a_descriptor_the_reply_is_503),
        IN_A_WORLD(a_cached_file_gives_its_descriptor_up_for_another),
        IN_A_WORLD(a_cached_file_gives_its_descriptor_up_for_a_look_at_another),
        IN_A_WORLD(a_refusal_has_its_page_and_ends_the_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
