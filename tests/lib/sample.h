/*
 * sample: a small site whose every answer is known to the byte, and the words to spell such an answer.
 *
 * All of its files were last changed on one day in 1994, so that Last-Modified and ETag are literals here. The clock of
 * whoever answers is to be set to SAMPLE_NOW.
 */
#ifndef SHUNT_TESTS_LIB_SAMPLE_H
#define SHUNT_TESTS_LIB_SAMPLE_H

#include "lib/tree.h"

#include "base/buffer.h"
#include "files/docroot.h"

enum {
    SAMPLE_MODIFIED = 784111777, /* SAMPLE_MODIFIED_DATE */
    SAMPLE_NOW = 1000000000,     /* SAMPLE_NOW_DATE */
    SAMPLE_MIDDLE = 20000,       /* bytes of /middle.bin: in memory, but sent as a span */
    SAMPLE_LARGE = 3000000,      /* bytes of /large.bin: more than a socket takes at once */
};

#define SAMPLE_MODIFIED_DATE "Sun, 06 Nov 1994 08:49:37 GMT"
#define SAMPLE_NOW_DATE      "Sun, 09 Sep 2001 01:46:40 GMT"
#define SAMPLE_TAG(hex_size) "\"2ebc98a1.0-" hex_size "\""

/* How every head begins. */
#define SAMPLE_BEGIN(status) "HTTP/1.1 " status "\r\nDate: " SAMPLE_NOW_DATE "\r\nServer: shunt\r\n"

/* The fields of a file's own: its type, which stands before Content-Range, and the others, behind that; of an index
 * they are more. */
#define SAMPLE_TYPE(type) "Content-Type: " type "\r\nX-Content-Type-Options: nosniff\r\n"
#define SAMPLE_STATE(hex_size, more)                                                                                   \
    "Last-Modified: " SAMPLE_MODIFIED_DATE "\r\nETag: " SAMPLE_TAG(hex_size) "\r\n" more "Accept-Ranges: bytes\r\n"
#define SAMPLE_FIELDS(type, hex_size)       SAMPLE_TYPE(type) SAMPLE_STATE(hex_size, "")
#define SAMPLE_INDEX_FIELDS(type, hex_size) SAMPLE_TYPE(type) SAMPLE_STATE(hex_size, SAMPLE_INDEX)
#define SAMPLE_INDEX                        "Content-Location: index.html\r\n"
#define SAMPLE_HTML                         "text/html; charset=utf-8"
#define SAMPLE_TEXT                         "text/plain; charset=utf-8"
#define SAMPLE_BYTES                        "application/octet-stream"

/* The plain answers. /small.txt is "small\n", /dir/index.html "<p>dir\n", /empty.txt nothing. */
#define SAMPLE_SMALL_HEAD  SAMPLE_BEGIN("200 OK") SAMPLE_FIELDS(SAMPLE_TEXT, "6") "Content-Length: 6\r\n\r\n"
#define SAMPLE_SMALL       SAMPLE_SMALL_HEAD "small\n"
#define SAMPLE_MIDDLE_HEAD SAMPLE_BEGIN("200 OK") SAMPLE_FIELDS(SAMPLE_BYTES, "4e20") "Content-Length: 20000\r\n\r\n"

#define SAMPLE_LARGE_HEAD SAMPLE_BEGIN("200 OK") SAMPLE_FIELDS(SAMPLE_BYTES, "2dc6c0") "Content-Length: 3000000\r\n\r\n"

struct sample {
    struct tree tree; /* what is served lies in its directory "root" */
    char root[TREE_PATH_MAX];
    struct source source; /* of that directory */
    struct site site;     /* of that source; every head says what a server's says by default */
};

void sample_open(struct sample *sample);
void sample_close(struct sample *sample);

/* A file or directory of the site gets a time of its own, which makes a file young; */
void sample_date(const struct sample *sample, const char *relative, long seconds);

/* and it isn't any more. */
void sample_set_modified(const struct sample *sample, const char *relative, long seconds);

/* What a path of the site is, looked up by who may sleep, and from now on in this docroot's cache. */
struct entry *sample_learn(struct docroot *docroot, const char *path, const struct clock *now);

/* A piece of what is expected. Either text, or bytes of a file that was made by size, or the end of a head and a page.
 */
struct sample_part {
    const char *text;
    size_t from, length; /* of tree_byte()s */
    int page;            /* Content-Type, Content-Length, the empty line, and this status's page */
    bool without_body;   /* the page is announced, not sent */
};

#define SAMPLE_BODY(from, length)                                                                                      \
    {                                                                                                                  \
        NULL, from, length, 0, false                                                                                   \
    }
#define SAMPLE_PAGE(status)                                                                                            \
    {                                                                                                                  \
        NULL, 0, 0, status, false                                                                                      \
    }
#define SAMPLE_PAGE_HEAD(status)                                                                                       \
    {                                                                                                                  \
        NULL, 0, 0, status, true                                                                                       \
    }

/* What each boundary of a reply in several parts is made to be: it is a secret of the server's. */
#define SAMPLE_BOUNDARY "shunt-0123456789abcdef"

/* Such a reply: its head, what stands before each part, whose `range` is "first-last/size", and its end. */
#define SAMPLE_SEVERAL(hex_size, connection, length)                                                                   \
    {                                                                                                                  \
        .text =                                                                                                        \
            SAMPLE_BEGIN("206 Partial Content") "Content-Type: multipart/byteranges; boundary=" SAMPLE_BOUNDARY        \
                                                "\r\nX-Content-Type-Options: nosniff\r\n" SAMPLE_STATE(hex_size, "")   \
                                                    connection "Content-Length: " length "\r\n\r\n"                    \
    }
#define SAMPLE_PART(type, range)                                                                                       \
    {                                                                                                                  \
        .text = "\r\n--" SAMPLE_BOUNDARY "\r\nContent-Type: " type "\r\nContent-Range: bytes " range "\r\n\r\n"        \
    }
#define SAMPLE_PARTS_END                                                                                               \
    {                                                                                                                  \
        .text = "\r\n--" SAMPLE_BOUNDARY "--\r\n"                                                                      \
    }

/* Puts SAMPLE_BOUNDARY in the place of each boundary that a head in `bytes` names, wherever it stands behind that. */
void sample_hide_boundaries(struct buffer *bytes);

/* Appends the parts, up to the first that is all zero or `max`. */
void sample_put(struct buffer *out, const struct sample_part *parts, size_t max);

#endif
