#include "http/multipart.h"

#include "http/media.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define NONCE UINT64_C(0x0123456789abcdef)

static void the_type_names_the_boundary(void **state)
{
    (void)state;
    struct multipart multipart;
    struct buffer out;
    buffer_init(&out);
    multipart_init(&multipart, SLICE("text/plain"), 13, NONCE);
    assert_int_equal(multipart_put_type(&multipart, &out), 0);
    assert_true(slice_equal(buffer_bytes(&out),
                            SLICE("Content-Type: multipart/byteranges; boundary=shunt-0123456789abcdef\r\n")));
    buffer_fini(&out);
}

static const struct boundary_row {
    uint64_t nonce;
    const char *boundary;
} boundary_rows[] = {
    {0, "shunt-0000000000000000"},          {1, "shunt-0000000000000001"},
    {NONCE, "shunt-0123456789abcdef"},      {UINT64_C(0xf000000000000000), "shunt-f000000000000000"},
    {UINT64_MAX, "shunt-ffffffffffffffff"},
};

static void every_nonce_has_its_boundary(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof boundary_rows / sizeof *boundary_rows; i++) {
        struct multipart multipart;
        multipart_init(&multipart, SLICE("text/plain"), 13, boundary_rows[i].nonce);
        assert_memory_equal(multipart.boundary, boundary_rows[i].boundary, MULTIPART_BOUNDARY_LEN);
    }
}

/* A body as it is sent, of a file that is dots. */
static void put_body(const struct multipart *multipart, const struct ranges *ranges, struct buffer *out)
{
    for (uint32_t i = 0; i < ranges->count; i++) {
        struct range range = ranges->at[i];
        assert_int_equal(multipart_put_part(multipart, range, out), 0);
        assert_int_equal(buffer_reserve(out, range.length), 0);
        memset(buffer_tail(out), '.', range.length);
        buffer_extend(out, range.length);
    }
    assert_int_equal(multipart_put_end(multipart, out), 0);
}

static const struct row {
    const char *name;
    const char *type;
    uint64_t size;
    struct ranges ranges;
    const char *body;
} rows[] = {
    {"two parts of a text",
     "text/plain; charset=utf-8",
     1000,
     {2, {{0, 2}, {500, 3}}},
     "\r\n--shunt-0123456789abcdef\r\n"
     "Content-Type: text/plain; charset=utf-8\r\nContent-Range: bytes 0-1/1000\r\n\r\n"
     ".."
     "\r\n--shunt-0123456789abcdef\r\n"
     "Content-Type: text/plain; charset=utf-8\r\nContent-Range: bytes 500-502/1000\r\n\r\n"
     "..."
     "\r\n--shunt-0123456789abcdef--\r\n"},
    {"three parts in the order that was asked for",
     "video/mp4",
     10000,
     {3, {{9999, 1}, {0, 1}, {5000, 1}}},
     "\r\n--shunt-0123456789abcdef\r\nContent-Type: video/mp4\r\nContent-Range: bytes 9999-9999/10000\r\n\r\n."
     "\r\n--shunt-0123456789abcdef\r\nContent-Type: video/mp4\r\nContent-Range: bytes 0-0/10000\r\n\r\n."
     "\r\n--shunt-0123456789abcdef\r\nContent-Type: video/mp4\r\nContent-Range: bytes 5000-5000/10000\r\n\r\n."
     "\r\n--shunt-0123456789abcdef--\r\n"},
    {"numbers of twenty digits",
     "a/b",
     UINT64_MAX,
     {2, {{UINT64_MAX - 1, 1}, {0, 1}}},
     "\r\n--shunt-0123456789abcdef\r\nContent-Type: a/b\r\n"
     "Content-Range: bytes 18446744073709551614-18446744073709551614/18446744073709551615\r\n\r\n."
     "\r\n--shunt-0123456789abcdef\r\nContent-Type: a/b\r\n"
     "Content-Range: bytes 0-0/18446744073709551615\r\n\r\n."
     "\r\n--shunt-0123456789abcdef--\r\n"},
};

static void play(void **state)
{
    const struct row *row = *state;
    struct multipart multipart;
    struct buffer out;
    buffer_init(&out);
    multipart_init(&multipart, slice_of(row->type), row->size, NONCE);
    put_body(&multipart, &row->ranges, &out);
    assert_int_equal(buffer_length(&out), strlen(row->body));
    assert_memory_equal(buffer_bytes(&out).at, row->body, strlen(row->body));
    assert_int_equal(multipart_length(&multipart, &row->ranges), strlen(row->body));
    buffer_fini(&out);
}

/* ---- sets of ranges, read back as a client would */

/* Cuts `text` off the front of *body. */
static void expect(struct slice *body, struct slice text)
{
    assert_true(slice_starts_with(*body, text));
    *body = (struct slice){body->at + text.len, body->len - text.len};
}

static uint64_t expect_number(struct slice *body)
{
    char *end;
    uint64_t number = strtoull(body->at, &end, 10);
    assert_true(end > body->at && (*body->at != '0' || end == body->at + 1));
    *body = (struct slice){end, body->len - (size_t)(end - body->at)};
    return number;
}

static void expect_boundary(struct slice *body, const struct multipart *multipart)
{
    expect(body, SLICE("\r\n--"));
    expect(body, (struct slice){multipart->boundary, MULTIPART_BOUNDARY_LEN});
}

static void expect_part(struct slice *body, const struct multipart *multipart, struct range range)
{
    expect_boundary(body, multipart);
    expect(body, SLICE("\r\nContent-Type: "));
    expect(body, multipart->type);
    expect(body, SLICE("\r\nContent-Range: bytes "));
    assert_int_equal(expect_number(body), range.first);
    expect(body, SLICE("-"));
    assert_int_equal(expect_number(body), range.first + range.length - 1);
    expect(body, SLICE("/"));
    assert_int_equal(expect_number(body), multipart->size);
    expect(body, SLICE("\r\n\r\n"));
    for (uint64_t i = 0; i < range.length; i++)
        expect(body, SLICE("."));
}

static const struct set_row {
    const char *name;
    const char *value;
    uint64_t size;
    uint32_t parts;
} set_rows[] = {
    {"two", "bytes=0-0,-1", 1000, 2},
    {"out of order", "bytes=800-899,0-99,400-499", 1000, 3},
    {"joined", "bytes=0-9,500-509,10-99,600-620", 1000, 2},
    {"as far apart as they must be", "bytes=0-0,130-130,260-260,390-390,520-520,650-650", 700, 6},
    {"nearly all of the file", "bytes=0-49999,50129-99999", 100000, 2},
    {"far into a huge file", "bytes=0-9,99999999990-,50000000000-50000000009", 100000000000, 3},
};

static void play_set(void **state)
{
    const struct set_row *row = *state;
    struct multipart multipart;
    struct ranges ranges;
    struct buffer out;
    buffer_init(&out);
    assert_int_equal(range_parse(slice_of(row->value), row->size, &ranges), RANGE_PARTS);
    assert_int_equal(ranges.count, row->parts);
    multipart_init(&multipart, SLICE("application/octet-stream"), row->size, NONCE);
    put_body(&multipart, &ranges, &out);
    struct slice body = buffer_bytes(&out);
    assert_int_equal(multipart_length(&multipart, &ranges), body.len);
    for (uint32_t i = 0; i < ranges.count; i++)
        expect_part(&body, &multipart, ranges.at[i]);
    expect_boundary(&body, &multipart);
    expect(&body, SLICE("--\r\n"));
    assert_int_equal(body.len, 0);
    buffer_fini(&out);
}

/* ---- how much it can become (nginx, January 2026: many tiny ranges make a flood of their heads) */

static struct slice longest_type(void)
{
    struct slice longest = {0};
    for (size_t i = 0; i < media_count; i++)
        if (strlen(media_table[i].type) > longest.len)
            longest = slice_of(media_table[i].type);
    return longest;
}

/* As many parts as there can be, each as near to the next as it can be, so that they are of a file of `size` bytes. */
static void spread(uint64_t size, struct ranges *ranges)
{
    uint64_t apart = size / RANGES_MAX;
    assert_true(apart > RANGES_GAP + 1);
    ranges->count = RANGES_MAX;
    for (uint32_t i = 0; i < RANGES_MAX; i++)
        ranges->at[i] = (struct range){i * apart, apart - RANGES_GAP - 1};
}

static void all_that_is_sent_is_at_most_the_file_and_8_kb(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {RANGES_MAX * (RANGES_GAP + 2), 100000, 1000000000, 1000000000000, INT64_MAX};
    struct slice type = longest_type();
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct multipart multipart;
        struct ranges ranges;
        spread(sizes[i], &ranges);
        multipart_init(&multipart, type, sizes[i], NONCE);
        uint64_t length = multipart_length(&multipart, &ranges);
        assert_true(length > RANGES_MAX * (type.len + MULTIPART_BOUNDARY_LEN));
        assert_true(length <= sizes[i] + 8192);
    }
}

static void without_memory_nothing_is_appended(void **state)
{
    (void)state;
    struct multipart multipart;
    char bytes[8] = "before";
    /* As large as a buffer gets, so that it refuses before it would look at its memory. */
    struct buffer full = {.bytes = bytes, .begin = 0, .end = BUFFER_MAX, .size = BUFFER_MAX};
    multipart_init(&multipart, SLICE("text/plain"), 13, NONCE);
    errno = 0;
    assert_int_equal(multipart_put_type(&multipart, &full), -1);
    assert_int_equal(errno, ENOMEM);
    assert_int_equal(multipart_put_part(&multipart, (struct range){0, 1}, &full), -1);
    assert_int_equal(multipart_put_end(&multipart, &full), -1);
    assert_int_equal(full.end, BUFFER_MAX);
    assert_string_equal(bytes, "before");
}

enum { ROWS = sizeof rows / sizeof *rows, SET_ROWS = sizeof set_rows / sizeof *set_rows };

int main(void)
{
    struct CMUnitTest played[ROWS], sets[SET_ROWS];
    for (int i = 0; i < ROWS; i++)
        played[i] = (struct CMUnitTest){rows[i].name, play, NULL, NULL, (void *)(uintptr_t)&rows[i]};
    for (int i = 0; i < SET_ROWS; i++)
        sets[i] = (struct CMUnitTest){set_rows[i].name, play_set, NULL, NULL, (void *)(uintptr_t)&set_rows[i]};
    const struct CMUnitTest told[] = {
        cmocka_unit_test(the_type_names_the_boundary),
        cmocka_unit_test(every_nonce_has_its_boundary),
        cmocka_unit_test(all_that_is_sent_is_at_most_the_file_and_8_kb),
        cmocka_unit_test(without_memory_nothing_is_appended),
    };
    return cmocka_run_group_tests(played, NULL, NULL) + cmocka_run_group_tests(sets, NULL, NULL) +
           cmocka_run_group_tests(told, NULL, NULL);
}
