#include "http/path.h"

#include "lib/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define TEXT(literal)                                                                                                  \
    {                                                                                                                  \
        (literal), sizeof(literal) - 1                                                                                 \
    }

enum { ROOM = 4096 };

static const struct row {
    const char *name;
    struct slice raw;
    int status; /* 0: it becomes `normal` */
    struct slice normal;
} rows[] = {
    {"the root", TEXT("/"), 0, TEXT("/")},
    {"a file", TEXT("/a"), 0, TEXT("/a")},
    {"a directory", TEXT("/a/"), 0, TEXT("/a/")},
    {"several segments", TEXT("/a/b/c.html"), 0, TEXT("/a/b/c.html")},
    {"slashes are joined", TEXT("//a///b//"), 0, TEXT("/a/b/")},
    {"slashes alone", TEXT("////"), 0, TEXT("/")},
    {"a dot is nothing", TEXT("/./a/./b"), 0, TEXT("/a/b")},
    {"a dot at the end names a directory", TEXT("/a/."), 0, TEXT("/a/")},
    {"a dot alone", TEXT("/."), 0, TEXT("/")},
    {"two dots take a segment back", TEXT("/a/../b"), 0, TEXT("/b")},
    {"two dots at the end name a directory", TEXT("/a/b/.."), 0, TEXT("/a/")},
    {"two dots back to the root", TEXT("/a/.."), 0, TEXT("/")},
    {"two dots behind two slashes", TEXT("/a//../b"), 0, TEXT("/b")},
    {"two dots twice", TEXT("/a/b/../../c"), 0, TEXT("/c")},
    {"two dots behind a dot", TEXT("/a/./../b"), 0, TEXT("/b")},
    {"three dots are a name", TEXT("/a/.../b"), 0, TEXT("/a/.../b")},
    {"names that begin or end with dots", TEXT("/..a/b../.c/d."), 0, TEXT("/..a/b../.c/d.")},
    {"a letter, encoded", TEXT("/%61%62"), 0, TEXT("/ab")},
    {"digits in either case", TEXT("/%c3%A4"), 0, TEXT("/\xc3\xa4")},
    {"decoded once, not twice", TEXT("/%2561"), 0, TEXT("/%61")},
    {"two dots encoded twice are a name", TEXT("/a/%252e%252e/b"), 0, TEXT("/a/%2e%2e/b")},
    {"encoded dots are dots", TEXT("/a/%2e%2E/b"), 0, TEXT("/b")},
    {"half encoded dots are dots", TEXT("/a/.%2e/b/%2e./c/%2e/d"), 0, TEXT("/c/d")},
    {"a question mark, a hash and a percent sign in a name", TEXT("/a%3Fb%23c%25"), 0, TEXT("/a?b#c%")},
    {"a backslash is a byte like any other", TEXT("/a%5C..%5cb\\c"), 0, TEXT("/a\\..\\b\\c")},
    {"control bytes, spaces and bytes that are no UTF-8", TEXT("/%01%0a%20%7f%ff%c0%ae"), 0,
     TEXT("/\x01\n \x7f\xff\xc0\xae")},
    {"a plus is a plus", TEXT("/a+b"), 0, TEXT("/a+b")},
    {"a percent sign alone", TEXT("/%"), 400, {0}},
    {"a percent sign and one digit", TEXT("/%6"), 400, {0}},
    {"a percent sign before a slash", TEXT("/%6/"), 400, {0}},
    {"a percent sign before no digit", TEXT("/%g1"), 400, {0}},
    {"a second digit that is none", TEXT("/%1g"), 400, {0}},
    {"digits with a sign", TEXT("/%+1"), 400, {0}},
    {"an encoded NUL", TEXT("/a%00.html"), 400, {0}},
    {"a NUL", TEXT("/a\0b"), 400, {0}},
    {"an encoded slash", TEXT("/a%2fb"), 404, {0}},
    {"an encoded slash behind two dots", TEXT("/..%2Fetc"), 404, {0}},
    {"above the root", TEXT("/.."), 400, {0}},
    {"above the root and back", TEXT("/../a"), 400, {0}},
    {"above the root after a while", TEXT("/a/../../b"), 400, {0}},
    {"above the root, encoded", TEXT("/%2e%2e/etc/passwd"), 400, {0}},
    {"above the root behind slashes", TEXT("//../a"), 400, {0}},
};

static void assert_normal(struct slice raw, int status, struct slice expected)
{
    char out[ROOM];
    struct slice normal = {0};
    memset(out, '!', sizeof out);
    assert_int_equal(path_normalise(raw, out, &normal), status);
    assert_int_equal(out[raw.len + 1], '!');
    if (status != 0)
        return;
    assert_int_equal(normal.len, expected.len);
    assert_memory_equal(normal.at, expected.at, expected.len);
    assert_ptr_equal(normal.at, out);
    assert_int_equal(out[normal.len], '\0');
}

/* What came out is encoded and goes in again: the same must come out. */
static void assert_same_again(struct slice normal)
{
    char encoded[3 * ROOM];
    size_t len = path_encode(normal, encoded);
    assert_normal((struct slice){encoded, len}, 0, normal);
}

static void play(void **state)
{
    const struct row *row = *state;
    struct guard guard;
    guard_open(&guard, ROOM);
    assert_normal(guard_lay(&guard, row->raw), row->status, row->normal);
    if (row->status == 0)
        assert_same_again(guard_lay(&guard, row->normal));
    guard_close(&guard);
}

static const struct hidden {
    const char *name;
    struct slice path;
    int hidden;
} hiddens[] = {
    {"the root is seen", TEXT("/"), 0},
    {"a name with a dot in it is seen", TEXT("/a.b/c."), 0},
    {"a dotfile is hidden", TEXT("/.a"), 1},
    {"a dotfile below is hidden", TEXT("/a/.b"), 1},
    {"what is below a hidden directory is hidden", TEXT("/.git/config"), 1},
    {"three dots are hidden", TEXT("/..."), 1},
    {".well-known is seen", TEXT("/.well-known"), 0},
    {"what is below .well-known is seen", TEXT("/.well-known/a/b"), 0},
    {"a dotfile below .well-known is hidden", TEXT("/.well-known/.a"), 1},
    {".well-known in second place is hidden", TEXT("/a/.well-known/b"), 1},
    {".well-known below itself is hidden", TEXT("/.well-known/.well-known"), 1},
    {"what only begins like .well-known is hidden", TEXT("/.well-known2"), 1},
    {"what .well-known begins with is hidden", TEXT("/.well"), 1},
    {".well-known in another case is hidden", TEXT("/.Well-Known"), 1},
};

static void play_hidden(void **state)
{
    const struct hidden *row = *state;
    struct guard guard;
    guard_open(&guard, ROOM);
    assert_int_equal(path_is_hidden(guard_lay(&guard, row->path)), row->hidden);
    guard_close(&guard);
}

static void every_byte_is_encoded_unless_a_path_may_hold_it(void **state)
{
    (void)state;
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/!$&'()*+,;=:@";
    for (int i = 0; i < 256; i++) {
        char byte = (char)i, out[3], hex[16];
        bool stays = i != 0 && strchr(plain, i) != NULL;
        assert_int_equal(path_encode((struct slice){&byte, 1}, out), stays ? 1 : 3);
        snprintf(hex, sizeof hex, "%%%02X", (unsigned)i);
        assert_memory_equal(out, stays ? &byte : hex, stays ? 1 : 3);
    }
}

static void every_byte_survives_encoding_and_decoding(void **state)
{
    (void)state;
    char path[256] = "/";
    size_t len = 1;
    for (int i = 1; i < 256; i++)
        if (i != '/')
            path[len++] = (char)i;
    assert_same_again((struct slice){path, len});
}

/* ---- any path, and other ways to spell it */

enum { SPELLINGS = 20000, SEGMENTS_MAX = 5, SEGMENT_MAX = 6 };

/* A path as it was meant, and as it was spelt. */
struct spelling {
    char meant[ROOM], spelt[ROOM];
    size_t meant_len, spelt_len;
    unsigned seed;
};

static int pick(struct spelling *spelling, int count)
{
    return rand_r(&spelling->seed) % count;
}

static void spell(struct spelling *spelling, const char *text)
{
    size_t len = strlen(text);
    memcpy(spelling->spelt + spelling->spelt_len, text, len);
    spelling->spelt_len += len;
}

/* One byte of a name, plain where it can be, or as three. */
static void spell_byte(struct spelling *spelling, char byte)
{
    char encoded[4];
    snprintf(encoded, sizeof encoded, pick(spelling, 2) == 0 ? "%%%02x" : "%%%02X", (unsigned char)byte);
    if (byte == '%' || pick(spelling, 3) == 0)
        spell(spelling, encoded);
    else
        spelling->spelt[spelling->spelt_len++] = byte;
    spelling->meant[spelling->meant_len++] = byte;
}

/* A slash, or what comes to the same. */
static void spell_slash(struct spelling *spelling)
{
    static const char *const slashes[] = {"/", "/", "/", "//", "/./", "/%2e//", "/x/../", "/.git/%2E./"};
    spelling->meant[spelling->meant_len++] = '/';
    spell(spelling, slashes[pick(spelling, sizeof slashes / sizeof *slashes)]);
}

/* A segment made of bytes that mean something to somebody; one that would be all dots ends in a letter. */
static void spell_segment(struct spelling *spelling)
{
    static const char bytes[] = "abAB.%25efEF?#\\+; \n\r\x7f\xc0\xae\xff";
    int len = 1 + pick(spelling, SEGMENT_MAX);
    bool dots = true;
    for (int i = 0; i < len; i++) {
        char byte = bytes[pick(spelling, sizeof bytes - 1)];
        if (i == len - 1 && dots && byte == '.')
            byte = 'a';
        dots = dots && byte == '.';
        spell_byte(spelling, byte);
    }
}

static void spell_path(struct spelling *spelling)
{
    int segments = pick(spelling, SEGMENTS_MAX);
    spelling->meant_len = spelling->spelt_len = 0;
    spell_slash(spelling);
    for (int i = 0; i < segments; i++) {
        spell_segment(spelling);
        if (i < segments - 1 || pick(spelling, 2) == 0)
            spell_slash(spelling);
    }
}

static void however_a_path_is_spelt_it_has_one_name(void **state)
{
    (void)state;
    struct spelling spelling = {.seed = 1};
    for (int i = 0; i < SPELLINGS; i++) {
        spell_path(&spelling);
        struct slice meant = {spelling.meant, spelling.meant_len};
        assert_normal((struct slice){spelling.spelt, spelling.spelt_len}, 0, meant);
        assert_same_again(meant);
    }
}

static void a_name_without_a_percent_sign_is_its_own_name(void **state)
{
    (void)state;
    struct spelling spelling = {.seed = 2};
    int alike = 0;
    for (int i = 0; i < SPELLINGS; i++) {
        spell_path(&spelling);
        struct slice meant = {spelling.meant, spelling.meant_len};
        if (memchr(meant.at, '%', meant.len) != NULL)
            continue;
        assert_normal(meant, 0, meant);
        alike++;
    }
    assert_in_range(alike, SPELLINGS / 20, SPELLINGS);
}

enum { ROWS = sizeof rows / sizeof *rows, HIDDENS = sizeof hiddens / sizeof *hiddens };

int main(void)
{
    struct CMUnitTest played[ROWS], hidden[HIDDENS];
    for (int i = 0; i < ROWS; i++)
        played[i] = (struct CMUnitTest){rows[i].name, play, NULL, NULL, (void *)(uintptr_t)&rows[i]};
    for (int i = 0; i < HIDDENS; i++)
        hidden[i] = (struct CMUnitTest){hiddens[i].name, play_hidden, NULL, NULL, (void *)(uintptr_t)&hiddens[i]};
    const struct CMUnitTest told[] = {
        cmocka_unit_test(every_byte_is_encoded_unless_a_path_may_hold_it),
        cmocka_unit_test(every_byte_survives_encoding_and_decoding),
        cmocka_unit_test(however_a_path_is_spelt_it_has_one_name),
        cmocka_unit_test(a_name_without_a_percent_sign_is_its_own_name),
    };
    return cmocka_run_group_tests(played, NULL, NULL) + cmocka_run_group_tests(hidden, NULL, NULL) +
           cmocka_run_group_tests(told, NULL, NULL);
}
