/*
 * A text is a row of pieces, made in one place: its length is their sum, and putting it is appending them, so that the
 * two can't disagree.
 */
#include "http/multipart.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    NUMBER_MAX = 20, /* digits of UINT64_MAX */
    PIECES_MAX = 7,
};

struct text {
    struct slice pieces[PIECES_MAX];            /* empty where there are fewer */
    char numbers[3 * NUMBER_MAX + sizeof "-/"]; /* "first-last/size" */
};

static struct slice boundary_of(const struct multipart *multipart)
{
    return (struct slice){multipart->boundary, MULTIPART_BOUNDARY_LEN};
}

/* ---- the texts */

static struct text text_of_type(const struct multipart *multipart)
{
    return (struct text){.pieces = {
                             SLICE("Content-Type: multipart/byteranges; boundary="),
                             boundary_of(multipart),
                             SLICE("\r\n"),
                         }};
}

/* In place: one of the pieces points into the text. */
static void make_part(struct text *text, const struct multipart *multipart, struct range range)
{
    uint64_t last = range.first + range.length - 1;
    int len = snprintf(text->numbers, sizeof text->numbers, "%" PRIu64 "-%" PRIu64 "/%" PRIu64, range.first, last,
                       multipart->size);
    const struct slice pieces[PIECES_MAX] = {
        SLICE("\r\n--"),
        boundary_of(multipart),
        SLICE("\r\nContent-Type: "),
        multipart->type,
        SLICE("\r\nContent-Range: bytes "),
        {text->numbers, (size_t)len},
        SLICE("\r\n\r\n"),
    };
    memcpy(text->pieces, pieces, sizeof pieces);
}

static struct text text_of_end(const struct multipart *multipart)
{
    return (struct text){.pieces = {SLICE("\r\n--"), boundary_of(multipart), SLICE("--\r\n")}};
}

/* ---- the interface */

void multipart_init(struct multipart *multipart, struct slice type, uint64_t size, uint64_t nonce)
{
    static const char start[] = "shunt-", hex[] = "0123456789abcdef";
    multipart->type = type;
    multipart->size = size;
    memcpy(multipart->boundary, start, sizeof start - 1);
    for (char *at = multipart->boundary + MULTIPART_BOUNDARY_LEN; at > multipart->boundary + sizeof start - 1;) {
        *--at = hex[nonce & 15];
        nonce >>= 4;
    }
}

int multipart_put_type(const struct multipart *multipart, struct buffer *out)
{
    struct text text = text_of_type(multipart);
    return buffer_append_all(out, text.pieces, PIECES_MAX);
}

int multipart_put_part(const struct multipart *multipart, struct range range, struct buffer *out)
{
    struct text text;
    make_part(&text, multipart, range);
    return buffer_append_all(out, text.pieces, PIECES_MAX);
}

int multipart_put_end(const struct multipart *multipart, struct buffer *out)
{
    struct text text = text_of_end(multipart);
    return buffer_append_all(out, text.pieces, PIECES_MAX);
}

uint64_t multipart_length(const struct multipart *multipart, const struct ranges *ranges)
{
    struct text text = text_of_end(multipart);
    uint64_t length = slices_length(text.pieces, PIECES_MAX);
    for (uint32_t i = 0; i < ranges->count; i++) {
        make_part(&text, multipart, ranges->at[i]);
        length += slices_length(text.pieces, PIECES_MAX) + ranges->at[i].length;
    }
    return length;
}
