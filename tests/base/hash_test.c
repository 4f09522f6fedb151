#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct hash_key counting = {0x0706050403020100, 0x0f0e0d0c0b0a0908};

/* Key 00 01 … 0f, input 00 01 … as in the paper's appendix, with one and three rounds instead of two and four. The
 * values are those of another implementation, which gives the paper's own for its rounds. */
static void known_inputs_have_known_values(void **state)
{
    (void)state;
    static const struct {
        size_t len;
        uint64_t want;
    } rows[] = {
        {0, 0xabac0158050fc4dc}, {1, 0xc9f49bf37d57ca93},  {7, 0xd3927d989bb11140},  {8, 0x369095118d299a8e},
        {9, 0x25a48eb36c063de4}, {15, 0xd320d86d2a519956}, {16, 0xcc4fdd1a7d908b66}, {63, 0x9d199062b7bbb3a8},
    };
    char input[64];
    for (size_t i = 0; i < sizeof input; i++)
        input[i] = (char)i;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(hash_bytes(counting, (struct slice){input, rows[i].len}), rows[i].want);
}

static void the_key_changes_every_value(void **state)
{
    (void)state;
    struct hash_key other = {counting.a, counting.b ^ 1};
    for (size_t len = 0; len <= 16; len++)
        assert_true(hash_bytes(counting, (struct slice){"/a/path/of/sorts", len}) !=
                    hash_bytes(other, (struct slice){"/a/path/of/sorts", len}));
}

/* Words whose highest bits cancel each other: whatever the key, a mix by multiplication alone takes these two for one.
 */
static void differences_in_the_highest_bits_do_not_cancel(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 1000; seed++) {
        struct hash_key key = {seed * 0x9e3779b97f4a7c15, seed * 0xc2b2ae3d27d4eb4f};
        char one[17] = "abcdefghijklmnop", two[17];
        memcpy(two, one, sizeof one);
        two[7] = (char)(two[7] ^ 0x80);
        two[15] = (char)(two[15] ^ 0x80);
        two[11] = (char)(two[11] ^ 0x80);
        assert_true(hash_bytes(key, (struct slice){one, 16}) != hash_bytes(key, (struct slice){two, 16}));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_inputs_have_known_values),
        cmocka_unit_test(the_key_changes_every_value),
        cmocka_unit_test(differences_in_the_highest_bits_do_not_cancel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
