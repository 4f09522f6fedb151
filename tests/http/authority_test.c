#include "http/authority.h"

#include "lib/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define TEXT(literal)                                                                                                  \
    {                                                                                                                  \
        (literal), sizeof(literal) - 1                                                                                 \
    }

enum { ROOM = 4096 };

static const struct row {
    const char *name;
    int valid, has_port;
    struct slice text;
} rows[] = {
    {"a name", 1, 0, TEXT("example.com")},
    {"a name with a port", 1, 1, TEXT("example.com:8080")},
    {"a name with an empty port", 1, 0, TEXT("example.com:")},
    {"a name of one letter", 1, 0, TEXT("a")},
    {"an underscore and a dot at the end", 1, 0, TEXT("_a.b.")},
    {"an encoded byte", 1, 0, TEXT("a%c3%A4b")},
    {"an IPv4 address", 1, 1, TEXT("127.0.0.1:80")},
    {"an IPv6 address", 1, 0, TEXT("[::1]")},
    {"an IPv6 address with a port", 1, 1, TEXT("[2001:db8:0:0:0:0:0:1]:443")},
    {"an IPv6 address with an IPv4 address in it", 1, 0, TEXT("[::ffff:192.168.100.200]")},
    {"the longest IPv6 address", 1, 0, TEXT("[0000:1111:2222:3333:4444:5555:255.255.255.255]")},
    {"port 65535", 1, 1, TEXT("a:65535")},
    {"port 0", 1, 1, TEXT("a:0")},
    {"a port with zeros before it", 1, 1, TEXT("a:00080")},
    {"nothing", 0, 0, TEXT("")},
    {"a port alone", 0, 0, TEXT(":80")},
    {"a colon alone", 0, 0, TEXT(":")},
    {"port 65536", 0, 0, TEXT("a:65536")},
    {"a port beyond any number", 0, 0, TEXT("a:18446744073709551696")},
    {"a port with a sign", 0, 0, TEXT("a:+80")},
    {"a port with a letter", 0, 0, TEXT("a:8o")},
    {"two ports", 0, 0, TEXT("a:80:80")},
    {"user information", 0, 0, TEXT("me@a")},
    {"user information with a password", 0, 0, TEXT("me:80@a")},
    {"a path", 0, 0, TEXT("a/b")},
    {"a query", 0, 0, TEXT("a?b")},
    {"a backslash", 0, 0, TEXT("a\\b")},
    {"a space", 0, 0, TEXT("a b")},
    {"a NUL", 0, 0, TEXT("a\0b")},
    {"a byte beyond ASCII", 0, 0, TEXT("\xc3\xa4")},
    {"a percent sign alone", 0, 0, TEXT("a%")},
    {"a percent sign and one digit", 0, 0, TEXT("a%4")},
    {"a percent sign before no digits", 0, 0, TEXT("a%zz")},
    {"an IPv6 address without brackets", 0, 0, TEXT("::1")},
    {"a bracket that isn't closed", 0, 0, TEXT("[::1")},
    {"a bracket alone", 0, 0, TEXT("[")},
    {"empty brackets", 0, 0, TEXT("[]")},
    {"a name in brackets", 0, 0, TEXT("[a]")},
    {"an IPv4 address in brackets", 0, 0, TEXT("[127.0.0.1]")},
    {"an IPv6 address with two gaps", 0, 0, TEXT("[1::2::3]")},
    {"an IPv6 address of nine parts", 0, 0, TEXT("[1:2:3:4:5:6:7:8:9]")},
    {"an IPv6 address with a zone", 0, 0, TEXT("[fe80::1%25eth0]")},
    {"an IPv6 address and a NUL", 0, 0, TEXT("[::1\0]")},
    {"an address too long for any", 0, 0, TEXT("[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]")},
    {"an address of a later version", 0, 0, TEXT("[v1.a]")},
    {"something behind the bracket", 0, 0, TEXT("[::1]a")},
    {"two brackets", 0, 0, TEXT("[::1]]")},
};

static void play(void **state)
{
    const struct row *row = *state;
    struct guard guard;
    guard_open(&guard, ROOM);
    struct slice text = guard_lay(&guard, row->text);
    assert_int_equal(authority_is_valid(text), row->valid);
    assert_int_equal(authority_has_port(text), row->has_port);
    guard_close(&guard);
}

enum { ROWS = sizeof rows / sizeof *rows };

int main(void)
{
    struct CMUnitTest played[ROWS];
    for (int i = 0; i < ROWS; i++)
        played[i] = (struct CMUnitTest){rows[i].name, play, NULL, NULL, (void *)(uintptr_t)&rows[i]};
    return cmocka_run_group_tests(played, NULL, NULL);
}
