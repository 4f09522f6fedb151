#include "lib/response.h"

#include <stdlib.h>

size_t response_head_len(struct slice bytes)
{
    const char *end = bytes.len == 0 ? NULL : memmem(bytes.at, bytes.len, "\r\n\r\n", 4);
    return end == NULL ? 0 : (size_t)(end - bytes.at) + 4;
}

int response_status(struct slice bytes)
{
    const struct slice start = SLICE("HTTP/1.1 ");
    char digits[4] = "";
    if (!slice_starts_with(bytes, start) || bytes.len < start.len + 3)
        return 0;
    memcpy(digits, bytes.at + start.len, 3);
    return atoi(digits);
}

/* Cuts the next line off the front, without its end. */
static struct slice next_line(struct slice *head)
{
    const char *end = memmem(head->at, head->len, "\r\n", 2);
    struct slice line = {head->at, end == NULL ? head->len : (size_t)(end - head->at)};
    size_t used = end == NULL ? head->len : line.len + 2;
    *head = (struct slice){head->at + used, head->len - used};
    return line;
}

static int look(struct slice bytes, const char *name, struct slice *first)
{
    struct slice head = {bytes.at, response_head_len(bytes)}, wanted = slice_of(name);
    int count = 0;
    *first = (struct slice){NULL, 0};
    while (head.len > 0) {
        struct slice line = next_line(&head), start = {line.at, wanted.len};
        if (line.len < wanted.len + 2 || !slice_equal_fold(start, wanted) || memcmp(line.at + wanted.len, ": ", 2) != 0)
            continue;
        if (count++ == 0)
            *first = (struct slice){line.at + wanted.len + 2, line.len - wanted.len - 2};
    }
    return count;
}

int response_count(struct slice bytes, const char *name)
{
    struct slice first;
    return look(bytes, name, &first);
}

struct slice response_field(struct slice bytes, const char *name)
{
    struct slice first;
    look(bytes, name, &first);
    return first;
}
