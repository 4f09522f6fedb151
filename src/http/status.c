#include "http/status.h"

struct row {
    int status;
    struct slice line;
    struct slice explanation;
};

/* Initialisers of static tables must be constant expressions, and a compound literal is none. */
#define TEXT(literal)                                                                                                  \
    {                                                                                                                  \
        (literal), sizeof(literal) - 1                                                                                 \
    }
#define ROW(code, words, explanation)                                                                                  \
    {                                                                                                                  \
        code, TEXT("HTTP/1.1 " #code " " words "\r\n"), TEXT(explanation)                                              \
    }

/* The frequent ones first. */
static const struct row rows[] = {
    ROW(200, "OK", "Here it is."),
    ROW(304, "Not Modified", "It has not changed since you last asked for it."),
    ROW(206, "Partial Content", "Here is the part that you asked for."),
    ROW(301, "Moved Permanently", "This page has another address, which your browser should have opened by itself."),
    ROW(404, "Not Found",
        "There is nothing at this address; check its spelling, or go up one level and look from there."),
    ROW(400, "Bad Request",
        "The request was not understood because it is not well-formed HTTP; try again, and if it persists, use another "
        "client."),
    ROW(403, "Forbidden", "This server may not read what is at this address; whoever runs it can change that."),
    ROW(405, "Method Not Allowed", "Pages here can only be read: GET and HEAD are the methods that work."),
    ROW(408, "Request Timeout", "The request did not arrive in time; try again."),
    ROW(412, "Precondition Failed", "The page has changed since you last saw it; load it again."),
    ROW(413, "Content Too Large", "The request carries more data than this server accepts, and it needs none."),
    ROW(414, "URI Too Long", "The address is longer than this server accepts; shorten it."),
    ROW(416, "Range Not Satisfiable",
        "The part that was asked for lies beyond the end of the file; ask for the whole file."),
    ROW(417, "Expectation Failed",
        "The request expects something that this server does not do; send it without Expect."),
    ROW(421, "Misdirected Request",
        "The request asks for a page of https, but was sent here without encryption; ask for it with http."),
    ROW(431, "Request Header Fields Too Large",
        "The request has more or longer header fields than this server accepts; deleting the cookies for this site may "
        "help."),
    ROW(501, "Not Implemented", "The request needs something that this server does not know how to do."),
    ROW(503, "Service Unavailable", "The server has as much to do as it can right now; try again in a few seconds."),
    ROW(505, "HTTP Version Not Supported", "This server speaks HTTP/1.0 and HTTP/1.1 only; use one of them."),
    ROW(500, "Internal Server Error", "Something went wrong here, not with your request; the server's log says what."),
};

enum { ROWS = sizeof rows / sizeof *rows };

/* The last row is for whatever is not in the table. */
static const struct row *find(int status)
{
    int i = 0;
    while (i < ROWS - 1 && rows[i].status != status)
        i++;
    return &rows[i];
}

struct slice status_line(int status)
{
    return find(status)->line;
}

struct slice status_reason(int status)
{
    const size_t before = sizeof "HTTP/1.1 200 " - 1, crlf = 2;
    struct slice line = find(status)->line;
    return (struct slice){line.at + before, line.len - before - crlf};
}

struct slice status_explanation(int status)
{
    return find(status)->explanation;
}
