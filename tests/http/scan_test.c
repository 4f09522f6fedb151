#include "http/scan.h"

#include "lib/guard.h"

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

static void tokens_end_where_they_end(void **state)
{
    (void)state;
    find_every_byte(scan_token, SCAN_TOKEN, 'x', 'x');
}

static void targets_end_where_they_end(void **state)
{
    (void)state;
    find_every_byte(scan_target, SCAN_TARGET, '!', 'x');
    find_every_byte(scan_target, SCAN_TARGET, '~', '\xff');
}

static void values_end_where_they_end(void **state)
{
    (void)state;
    find_every_byte(scan_value, SCAN_VALUE, '\t', 'x');
    find_every_byte(scan_value, SCAN_VALUE, ' ', '\0');
    find_every_byte(scan_value, SCAN_VALUE, '\x80', '\xff');
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
        cmocka_unit_test(every_byte_is_in_its_classes),
        cmocka_unit_test(tokens_end_where_they_end),
        cmocka_unit_test(targets_end_where_they_end),
        cmocka_unit_test(values_end_where_they_end),
        cmocka_unit_test(digits_of_sixteen),
    };
    return cmocka_run_group_tests(told, NULL, NULL);
}
