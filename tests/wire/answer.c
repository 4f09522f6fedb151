#include "answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { PAGE_MAX = 2048, VALUE_MAX = 512 };

static bool has_no_body(int status)
{
    return status / 100 == 1 || status == 204 || status == 304;
}

enum answer_result answer_read(const char *bytes, size_t len, bool to_head, struct answer *answer)
{
    static const char version[] = "HTTP/1.1 ";
    size_t seen = len < sizeof version - 1 ? len : sizeof version - 1;
    if (memcmp(bytes, version, seen) != 0)
        return ANSWER_BROKEN;
    const char *end = memmem(bytes, len, "\r\n\r\n", 4);
    if (!end)
        return ANSWER_PARTIAL;
    *answer = (struct answer){.status = (int)strtol(bytes + 9, NULL, 10), .head = bytes, .body = end + 4};
    answer->head_len = (size_t)(end + 4 - bytes);
    answer->bodiless = to_head || has_no_body(answer->status);
    if (answer->bodiless)
        return ANSWER_COMPLETE;
    char length[32];
    if (answer_field(answer, "Content-Length", length, sizeof length) != 1)
        return ANSWER_BROKEN;
    answer->body_len = strtoul(length, NULL, 10);
    return len - answer->head_len >= answer->body_len ? ANSWER_COMPLETE : ANSWER_PARTIAL;
}

int answer_field(const struct answer *answer, const char *name, char *value, size_t room)
{
    int count = 0;
    size_t name_len = strlen(name);
    const char *end = answer->head + answer->head_len - 2;
    const char *line = (const char *)memchr(answer->head, '\n', answer->head_len) + 1;
    while (line < end) {
        const char *line_end = memmem(line, (size_t)(end - line), "\r\n", 2);
        if (!line_end)
            break;
        if (strncasecmp(line, name, name_len) == 0 && line[name_len] == ':') {
            const char *at = line + name_len + 1;
            while (at < line_end && *at == ' ')
                at++;
            snprintf(value, room, "%.*s", (int)(line_end - at), at);
            count++;
        }
        line = line_end + 2;
    }
    return count;
}

/* Every line ends in CRLF, holds printable bytes, and is a name, a colon, a space and a value. */
static bool head_is_well_formed(const struct answer *answer)
{
    const char *at = answer->head, *end = answer->head + answer->head_len - 2;
    for (int line = 0; at < end; line++) {
        const char *line_end = memmem(at, (size_t)(end - at), "\r\n", 2);
        if (!line_end)
            return false;
        size_t name = strspn(at, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-");
        if (line > 0 && (name == 0 || at[name] != ':' || at[name + 1] != ' '))
            return false;
        for (const char *c = at; c < line_end; c++) {
            if (*c < ' ' || *c > '~')
                return false;
        }
        at = line_end + 2;
    }
    return true;
}

static bool is_date(const char *text)
{
    char day[4], month[4], rest;
    int d, y, h, m, s;
    return strlen(text) == 29 &&
           sscanf(text, "%3[A-Z a-z], %2d %3[A-Za-z] %4d %2d:%2d:%2d GM%c", day, &d, month, &y, &h, &m, &s, &rest) ==
               8 &&
           rest == 'T' && y >= 2020;
}

bool answer_is_page(const struct answer *answer)
{
    char type[VALUE_MAX], number[16];
    snprintf(number, sizeof number, "%d", answer->status);
    return answer_field(answer, "Content-Type", type, sizeof type) == 1 &&
           strcmp(type, "text/html; charset=utf-8") == 0 && answer->body_len > 0 && answer->body_len < PAGE_MAX &&
           strncasecmp(answer->body, "<!doctype html>", 15) == 0 && memmem(answer->body, answer->body_len, number, 3);
}

/* The part whose delimiter, with the CRLF before it, stands at the front; false when it isn't one. */
static bool read_part(const char *at, const char *end, const char *delimiter, struct answer *part)
{
    size_t len = strlen(delimiter);
    const char *head_end = memmem(at, (size_t)(end - at), "\r\n\r\n", 4);
    if (!head_end || memcmp(at + len, "\r\n", 2) != 0)
        return false;
    const char *next = memmem(head_end + 4, (size_t)(end - head_end - 4), delimiter, len);
    if (!next)
        return false;
    *part = (struct answer){.status = 206, .head = at + 2, .body = head_end + 4};
    part->head_len = (size_t)(part->body - part->head);
    part->body_len = (size_t)(next - part->body);
    return head_is_well_formed(part);
}

int answer_parts(const struct answer *answer, struct answer *parts, int room)
{
    static const char start[] = "multipart/byteranges; boundary=";
    char type[VALUE_MAX], delimiter[VALUE_MAX + 4];
    const char *at = answer->body, *end = at + answer->body_len;
    if (answer_field(answer, "Content-Type", type, sizeof type) != 1 || strncmp(type, start, sizeof start - 1) != 0)
        return -1;
    size_t len = (size_t)snprintf(delimiter, sizeof delimiter, "\r\n--%s", type + sizeof start - 1);
    for (int count = 0; (size_t)(end - at) >= len + 4 && memcmp(at, delimiter, len) == 0; count++) {
        if (memcmp(at + len, "--\r\n", 4) == 0)
            return (size_t)(end - at) == len + 4 ? count : -1;
        if (count == room || !read_part(at, end, delimiter, &parts[count]))
            return -1;
        at = parts[count].body + parts[count].body_len;
    }
    return -1;
}

/* One Content-Range, and as many bytes as it says. */
static bool holds_its_range(const struct answer *answer)
{
    char value[VALUE_MAX], rest;
    size_t first, last, size;
    return answer_field(answer, "Content-Range", value, sizeof value) == 1 &&
           sscanf(value, "bytes %zu-%zu/%zu%c", &first, &last, &size, &rest) == 3 && first <= last && last < size &&
           answer->body_len == last - first + 1;
}

static const char *broken_law_of_206(const struct answer *answer)
{
    char value[VALUE_MAX];
    struct answer parts[ANSWER_PARTS];
    if (answer_field(answer, "Content-Type", value, sizeof value) != 1 || strncmp(value, "multipart/", 10) != 0)
        return holds_its_range(answer) ? NULL : "a 206 says which range it holds";
    if (answer_field(answer, "Content-Range", value, sizeof value))
        return "a 206 in parts has a range for each, and none for all";
    int count = answer_parts(answer, parts, ANSWER_PARTS);
    if (count < 2)
        return "a 206 in parts has at least two, and nothing around them";
    for (int i = 0; i < count; i++) {
        if (!holds_its_range(&parts[i]) || answer_field(&parts[i], "Content-Type", value, sizeof value) != 1)
            return "each part of a 206 says which range it holds, and its type";
    }
    return NULL;
}

static const char *broken_law_of_status(const struct answer *answer)
{
    char value[VALUE_MAX];
    switch (answer->status) {
    case 206:
        return broken_law_of_206(answer);
    case 304:
        if (answer_field(answer, "Content-Length", value, sizeof value) ||
            answer_field(answer, "Content-Type", value, sizeof value))
            return "a 304 describes no body";
        return NULL;
    case 405:
        return answer_field(answer, "Allow", value, sizeof value) == 1 && strcmp(value, "GET, HEAD, OPTIONS") == 0
                   ? NULL
                   : "a 405 says which methods are allowed";
    case 416:
        return answer_field(answer, "Content-Range", value, sizeof value) == 1 && strncmp(value, "bytes */", 8) == 0
                   ? NULL
                   : "a 416 says how long the file is";
    case 503:
        return answer_field(answer, "Retry-After", value, sizeof value) == 1 ? NULL : "a 503 says when to come back";
    default:
        return NULL;
    }
}

const char *answer_broken_law(const struct answer *answer)
{
    char value[VALUE_MAX];
    static const char *const single[] = {"Content-Length", "Content-Type", "ETag",     "Last-Modified",
                                         "Content-Range",  "Connection",   "Location", "Server"};
    if (answer->head_len < 20 || answer->head[12] != ' ' || !head_is_well_formed(answer))
        return "a head is lines of printable ASCII, each a field";
    if (answer->status / 100 == 1)
        return NULL;
    if (answer_field(answer, "Date", value, sizeof value) != 1 || !is_date(value))
        return "a response has one Date, in IMF-fixdate";
    for (size_t i = 0; i < sizeof single / sizeof *single; i++) {
        if (answer_field(answer, single[i], value, sizeof value) > 1)
            return "a field with one value stands once";
    }
    if (answer_field(answer, "Transfer-Encoding", value, sizeof value))
        return "a response of known length isn't chunked";
    if (answer->status >= 400 && !answer->bodiless && !answer_is_page(answer))
        return "an error has a short readable page";
    if (answer->status >= 400 &&
        (answer_field(answer, "ETag", value, sizeof value) ||
         answer_field(answer, "Last-Modified", value, sizeof value)) &&
        answer->status != 412)
        return "an error carries no validators";
    return broken_law_of_status(answer);
}
