#include "reply/page.h"

#include "http/status.h"

#include <stdio.h>

/* A page is these pieces, one behind the other: styled enough to be read, small enough for one packet. */
enum { PIECES = 9 };

static void pieces_of(int status, char number[4], struct slice pieces[PIECES])
{
    snprintf(number, 4, "%03u", (unsigned)status % 1000);
    struct slice title = status_reason(status), code = {number, 3};
    const struct slice page[PIECES] = {
        SLICE("<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">"
              "<meta name=\"viewport\" content=\"width=device-width\"><title>"),
        code,
        SLICE(" "),
        title,
        SLICE("</title>\n<style>:root{color-scheme:light dark}body{font:1.1rem/1.5 system-ui,sans-serif;"
              "max-width:36rem;margin:15vh auto;padding:0 1rem}</style>\n<h1>"),
        title,
        SLICE("</h1>\n<p>"),
        status_explanation(status),
        SLICE("</p></html>\n"),
    };
    memcpy(pieces, page, sizeof page);
}

int page_put(struct buffer *out, int status)
{
    char number[4];
    struct slice pieces[PIECES];
    pieces_of(status, number, pieces);
    return buffer_append_all(out, pieces, PIECES);
}

size_t page_length(int status)
{
    char number[4];
    struct slice pieces[PIECES];
    pieces_of(status, number, pieces);
    return slices_length(pieces, PIECES);
}
