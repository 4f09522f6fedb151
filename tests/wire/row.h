/*
 * row: one conversation with the server, as it stands in a file of rows/.
 *
 *     % --head-timeout 1           options of the server that plays this file's rows (first lines of a file)
 *
 *     a missing file is 404        a row begins with its sentence, and ends at an empty line
 *     > GET /missing HTTP/1.1      bytes to send, and CRLF
 *     > Host: a
 *     >
 *     < 404                        a response, with this status; those that follow are about it:
 *     < Content-Type: text/html*   it has this field, once, and the value matches the pattern of fnmatch(3)
 *     <! ETag                      it hasn't this field
 *     = page                       its body
 *     . open                       and then the connection answers another request
 *
 * Bytes: \r \n \t \\ \xHH; \{ab*3} is ababab; \{etag NAME} is that file's entity tag; a line that ends in a lone \ has
 * no CRLF behind it. A row with several requests expects as many responses. `<? 100` may come or not. Bodies: `=
 * "text"` (with escapes), `= file NAME`, `= file NAME FIRST-LAST`, `= parts NAME TYPE FIRST-LAST,...` (these parts of
 * the file as multipart/byteranges, each of that type), `= page` (a short HTML error page), `= none` (no body follows
 * the head, whatever its Content-Length). Without such a line any body will do. Time: `~ 300` pauses so
 * many milliseconds between what stands before and after; `~ fin` says that we won't send more; `~ reset` breaks the
 * connection. Ends: `. open` (where a row doesn't say), `. closed`, `. closed 800-3000` (so many milliseconds after our
 * last byte), `. either`.
 * `! once`: only as it stands, not byte by byte, split and in company.
 */
#ifndef WIRE_ROW_H
#define WIRE_ROW_H

#include <stdbool.h>
#include <stddef.h>

enum body_kind { BODY_ANY = 1, BODY_NONE, BODY_TEXT, BODY_FILE, BODY_PARTS, BODY_PAGE };

struct field_rule {
    bool absent;
    char *name, *pattern;
};

enum { ROW_FIELDS = 16, ROW_EXPECTED = 8, ROW_STOPS = 8, ROW_PARTS = 64 };

/* Bytes of a file, both ends included. */
struct span {
    size_t first, last;
};

struct expectation {
    int status;
    bool optional;
    enum body_kind kind;
    char *body; /* BODY_TEXT: its bytes; BODY_FILE, BODY_PARTS: the file's name */
    size_t body_len;
    size_t first, last; /* of the file; last is 0 for the whole of it */
    struct span *parts; /* of the file */
    int part_count;
    char *part_type; /* the media type of each */
    struct field_rule fields[ROW_FIELDS];
    int field_count;
};

/* A place in the bytes to send, and how long to wait there. */
struct stop {
    size_t at;
    int ms;
};

enum row_finish { FINISH_NOT = 1, FINISH_FIN, FINISH_RESET };
enum row_end { END_OPEN = 1, END_CLOSED, END_EITHER };

struct row {
    char *sentence;
    int line;
    char *bytes;
    size_t len;
    struct stop stops[ROW_STOPS];
    int stop_count;
    struct expectation expected[ROW_EXPECTED];
    int expected_count;
    enum row_finish finish;
    enum row_end end;
    int closed_from_ms, closed_to_ms;
    bool once;
};

enum { ROW_OPTIONS = 32, ROW_MAX = 512 };

struct row_file {
    const char *name;
    char *text;
    char *options[ROW_OPTIONS];
    struct row *rows;
    int count;
};

/* Where \{etag NAME} comes from: copies the tag of that file of the site. */
struct row_names {
    void *context;
    void (*etag)(void *context, const char *name, char *out, size_t room);
};

/* Reads the file and its options; the rows are read by the second call, when the server runs and its tags can be asked
 * for. A mistake in the file ends the program with a message. */
void row_file_open(struct row_file *file, const char *name);
void row_file_read(struct row_file *file, const struct row_names *names);
void row_file_close(struct row_file *file);

#endif
