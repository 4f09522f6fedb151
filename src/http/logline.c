/* The room for the longest line that these parts could become is made first, so that writing can't fail half way. */
#include "http/logline.h"

#include "http/date.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    ESCAPED = 4,                    /* bytes that one byte of input may become: \xNN */
    AROUND_PART = 6,                /* a space, two quotes, "..." */
    AROUND_ALL = LOG_DATE_LEN + 64, /* the date, status, bytes, and what stands between */
};

/* Where the next byte goes. */
struct writer {
    char *at;
};

static void put(struct writer *w, struct slice text)
{
    if (text.len > 0)
        memcpy(w->at, text.at, text.len);
    w->at += text.len;
}

static void put_escaped(struct writer *w, struct slice text)
{
    static const char hex[] = "0123456789abcdef";
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];
        if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\')
            *w->at++ = (char)c;
        else
            put(w, (struct slice){(const char[]){'\\', 'x', hex[c >> 4], hex[c & 15]}, ESCAPED});
    }
}

static size_t shown_length(struct slice part)
{
    return part.len < LOGLINE_PART_MAX ? part.len : LOGLINE_PART_MAX;
}

static size_t part_room(struct slice part)
{
    return AROUND_PART + ESCAPED * shown_length(part);
}

static void put_part(struct writer *w, struct slice part)
{
    put(w, SLICE("\""));
    if (part.len == 0)
        put(w, SLICE("-"));
    put_escaped(w, (struct slice){part.at, shown_length(part)});
    if (part.len > LOGLINE_PART_MAX)
        put(w, SLICE("..."));
    put(w, SLICE("\""));
}

static void put_date(struct writer *w, int64_t second)
{
    date_format_log(second, w->at);
    w->at += LOG_DATE_LEN;
}

static void put_numbers(struct writer *w, int status, uint64_t body_bytes)
{
    char text[AROUND_ALL];
    int len = body_bytes == 0 ? snprintf(text, sizeof text, " %d - ", status)
                              : snprintf(text, sizeof text, " %d %" PRIu64 " ", status, body_bytes);
    put(w, (struct slice){text, (size_t)len});
}

int logline_format(struct buffer *out, const struct logline *line)
{
    size_t room = line->peer.len + AROUND_ALL + part_room(line->request_line) + part_room(line->referer) +
                  part_room(line->user_agent);
    if (buffer_reserve(out, room) < 0)
        return -1;
    struct writer w = {buffer_tail(out)};
    put(&w, line->peer);
    put(&w, SLICE(" - - ["));
    put_date(&w, line->second);
    put(&w, SLICE("] "));
    put_part(&w, line->request_line);
    put_numbers(&w, line->status, line->body_bytes);
    put_part(&w, line->referer);
    put(&w, SLICE(" "));
    put_part(&w, line->user_agent);
    put(&w, SLICE("\n"));
    buffer_extend(out, (size_t)(w.at - buffer_tail(out)));
    return 0;
}
