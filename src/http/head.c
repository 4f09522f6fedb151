#include "http/head.h"

#include "http/date.h"
#include "http/status.h"

enum { NUMBER_MAX = 20 }; /* digits of UINT64_MAX */

/* The decimal digits of a number, at the end of `digits`. */
static struct slice print_number(uint64_t number, char digits[NUMBER_MAX])
{
    char *at = digits + NUMBER_MAX;
    do
        *--at = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    return (struct slice){at, (size_t)(digits + NUMBER_MAX - at)};
}

int head_begin(struct buffer *out, int status, const char *date, const struct head_rules *rules)
{
    const struct slice pieces[] = {
        status_line(status), SLICE("Date: "),
        {date, DATE_LEN},    rules->server.len > 0 ? SLICE("\r\nServer: ") : SLICE(""),
        rules->server,       SLICE("\r\n"),
    };
    return buffer_append_all(out, pieces, sizeof pieces / sizeof *pieces);
}

int head_field(struct buffer *out, struct slice name, struct slice value)
{
    const struct slice pieces[] = {name, SLICE(": "), value, SLICE("\r\n")};
    return buffer_append_all(out, pieces, sizeof pieces / sizeof *pieces);
}

int head_type(struct buffer *out, struct slice type, const struct head_rules *rules)
{
    return head_field(out, SLICE("Content-Type"), type) < 0 ? -1 : head_nosniff(out, rules);
}

int head_nosniff(struct buffer *out, const struct head_rules *rules)
{
    return rules->nosniff ? head_field(out, SLICE("X-Content-Type-Options"), SLICE("nosniff")) : 0;
}

int head_number(struct buffer *out, struct slice name, uint64_t number)
{
    char digits[NUMBER_MAX];
    return head_field(out, name, print_number(number, digits));
}

int head_content_range(struct buffer *out, uint64_t first, uint64_t length, uint64_t size)
{
    char a[NUMBER_MAX], b[NUMBER_MAX], c[NUMBER_MAX];
    const struct slice start = SLICE("Content-Range: bytes "), slash = SLICE("/"), crlf = SLICE("\r\n");
    if (length == 0) {
        const struct slice none[] = {start, SLICE("*"), slash, print_number(size, c), crlf};
        return buffer_append_all(out, none, sizeof none / sizeof *none);
    }
    const struct slice some[] = {
        start, print_number(first, a), SLICE("-"), print_number(first + length - 1, b),
        slash, print_number(size, c),  crlf,
    };
    return buffer_append_all(out, some, sizeof some / sizeof *some);
}

int head_end(struct buffer *out)
{
    return buffer_append(out, SLICE("\r\n"));
}

size_t head_date_offset(int status)
{
    return status_line(status).len + SLICE("Date: ").len;
}
