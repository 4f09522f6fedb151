/*
 * The scanners, those of this processor and the plain ones alike: each byte in each place, and then whatever chance
 * brings, where both must find what the table of classes says. `make SCAN=plain` tests the plain ones twice.
 */
#include "http/scan.h"

#include "lib/guard.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define ALPHANUMERIC "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

enum { ROOM = 4096, LONGEST = 40 };

static bool is_in(int byte, const char *set)
{
    return byte != 0 && strchr(set, byte) != NULL;
}

/* The classes once more, as the RFCs tell them. */
static bool belongs(int byte, enum scan_class class)
{
    bool visible = byte > 0x20 && byte < 0x7f;
    switch (class) {
    case SCAN_TOKEN:
        return is_in(byte, "!#$%&'*+-.^_`|~" ALPHANUMERIC);
    case SCAN_TARGET:
        return visible && byte != '#';
    case SCAN_VALUE:
        return visible || byte == ' ' || byte == '\t' || byte >= 0x80;
    case SCAN_URI:
        return is_in(byte, "-._~!$&'()*+,;=" ALPHANUMERIC);
    }
    return false;
}

static void every_byte_is_in_its_classes(void **state)
{
    (void)state;
    for (int class = SCAN_TOKEN; class <= SCAN_URI; class <<= 1)
        for (int byte = 0; byte < 256; byte++)
            assert_int_equal(scan_is((char)byte, (enum scan_class) class), belongs(byte, (enum scan_class) class));
}

typedef const char *(*scanner)(const char *at, const char *end);

/* Each byte at each place of texts of each length: found where it is, if it doesn't belong, whatever stands behind it.
 */
static void find_every_byte(scanner scan, enum scan_class class, char filler, char behind)
{
    struct guard guard;
    guard_open(&guard, ROOM);
    for (size_t len = 1; len <= LONGEST; len++) {
        for (size_t place = 0; place < len; place++) {
            char text[LONGEST];
            memset(text, filler, place);
            memset(text + place, behind, len - place);
            for (int byte = 0; byte < 256; byte++) {
                text[place] = (char)byte;
                struct slice laid = guard_lay(&guard, (struct slice){text, len});
                size_t expected = belongs(byte, class) ? place + 1 : place;
                if (expected == place + 1 && belongs((unsigned char)behind, class))
                    expected = len;
                assert_int_equal(scan(laid.at, laid.at + len) - laid.at, expected);
            }
        }
    }
    guard_close(&guard);
}

static const struct scanners {
    const char *name;
    enum scan_class class;
    scanner fast, plain;
} scanners[] = {
    {"scan_token", SCAN_TOKEN, scan_token, scan_token_plain},
    {"scan_target", SCAN_TARGET, scan_target, scan_target_plain},
    {"scan_value", SCAN_VALUE, scan_value, scan_value_plain},
};

enum { SCANNERS = sizeof scanners / sizeof *scanners };

static void find_every_byte_with_both(const struct scanners *with, char filler, char behind)
{
    find_every_byte(with->fast, with->class, filler, behind);
    find_every_byte(with->plain, with->class, filler, behind);
}

static void tokens_end_where_they_end(void **state)
{
    (void)state;
    find_every_byte_with_both(&scanners[0], 'x', 'x');
    find_every_byte_with_both(&scanners[0], '-', ':');
}

static void targets_end_where_they_end(void **state)
{
    (void)state;
    find_every_byte_with_both(&scanners[1], '!', 'x');
    find_every_byte_with_both(&scanners[1], '~', '\xff');
}

static void values_end_where_they_end(void **state)
{
    (void)state;
    find_every_byte_with_both(&scanners[2], '\t', 'x');
    find_every_byte_with_both(&scanners[2], ' ', '\0');
    find_every_byte_with_both(&scanners[2], '\x80', '\xff');
}

/* Chance, the same each time (splitmix64). */
enum { SEED = 20241105, CASES = 400000, CHANCE_LONGEST = 100, BEHIND_MAX = 32 };

static uint64_t chance(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* The bytes of a class, of which there are at most 256; how many. */
static size_t list_class(enum scan_class class, char *bytes)
{
    size_t count = 0;
    for (int byte = 0; byte < 256; byte++)
        if (belongs(byte, class))
            bytes[count++] = (char)byte;
    return count;
}

/* Fills `text` with bytes that belong, out of a few or many of them, but for up to three that may be any. */
static void draw(uint64_t *state, const char *members, size_t count, char *text, size_t len)
{
    size_t first = chance(state) % count, some = 1 + chance(state) % (count - first);
    for (size_t i = 0; i < len; i++)
        text[i] = members[first + chance(state) % some];
    for (uint64_t others = chance(state) % 4; others > 0 && len > 0; others--)
        text[chance(state) % len] = (char)chance(state);
}

static size_t first_stranger(struct slice text, enum scan_class class)
{
    size_t place = 0;
    while (place < text.len && scan_is(text.at[place], class))
        place++;
    return place;
}

/* A text that ends where the bad page begins, or, each second time, before other bytes that aren't its own. */
static void agree_once(const struct scanners *with, const struct guard *guard, const char *members, size_t count,
                       uint64_t seed)
{
    char room[CHANCE_LONGEST + BEHIND_MAX];
    uint64_t state = seed;
    size_t len = chance(&state) % (CHANCE_LONGEST + 1), behind = chance(&state) % 2 * (chance(&state) % BEHIND_MAX);
    draw(&state, members, count, room, len + behind);
    struct slice text = {guard_lay(guard, (struct slice){room, len + behind}).at, len};
    size_t expected = first_stranger(text, with->class);
    size_t fast = (size_t)(with->fast(text.at, text.at + len) - text.at);
    size_t plain = (size_t)(with->plain(text.at, text.at + len) - text.at);
    if (fast != expected || plain != expected)
        fail_msg("%s of %zu bytes with %zu behind, seed %" PRIu64 ": %zu, plainly %zu, but should be %zu", with->name,
                 len, behind, seed, fast, plain, expected);
}

static void the_scanners_agree_on_whatever_comes(void **unused)
{
    (void)unused;
    struct guard guard;
    guard_open(&guard, ROOM);
    for (int i = 0; i < SCANNERS; i++) {
        char members[256];
        size_t count = list_class(scanners[i].class, members);
        for (uint64_t seed = SEED; seed < SEED + CASES; seed++)
            agree_once(&scanners[i], &guard, members, count, seed);
    }
    guard_close(&guard);
}

static void digits_of_sixteen(void **state)
{
    (void)state;
    static const char digits[] = "0123456789abcdefABCDEF";
    for (int byte = 0; byte < 256; byte++) {
        int place = is_in(byte, digits) ? (int)(strchr(digits, byte) - digits) : -1;
        assert_int_equal(scan_hex((char)byte), place > 15 ? place - 6 : place);
    }
}

int main(void)
{
    const struct CMUnitTest told[] = {
        cmocka_unit_test(every_byte_is_in_its_classes),         cmocka_unit_test(tokens_end_where_they_end),
        cmocka_unit_test(targets_end_where_they_end),           cmocka_unit_test(values_end_where_they_end),
        cmocka_unit_test(the_scanners_agree_on_whatever_comes), cmocka_unit_test(digits_of_sixteen),
    };
    return cmocka_run_group_tests(told, NULL, NULL);
}
