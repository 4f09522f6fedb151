#include "base/hash.h"

struct state {
    uint64_t v0, v1, v2, v3;
};

static uint64_t rotate(uint64_t v, int bits)
{
    return v << bits | v >> (64 - bits);
}

static void round_once(struct state *s)
{
    s->v0 += s->v1;
    s->v1 = rotate(s->v1, 13) ^ s->v0;
    s->v0 = rotate(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = rotate(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = rotate(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = rotate(s->v1, 17) ^ s->v2;
    s->v2 = rotate(s->v2, 32);
}

static void absorb(struct state *s, uint64_t word)
{
    s->v3 ^= word;
    round_once(s);
    s->v0 ^= word;
}

/* Up to eight bytes, the first one lowest; compilers make one load of it. */
static uint64_t word_of(const char *at, size_t len)
{
    uint64_t word = 0;
    for (size_t i = 0; i < len; i++)
        word |= (uint64_t)(unsigned char)at[i] << (8 * i);
    return word;
}

uint64_t hash_bytes(struct hash_key key, struct slice bytes)
{
    struct state s = {
        key.a ^ 0x736f6d6570736575,
        key.b ^ 0x646f72616e646f6d,
        key.a ^ 0x6c7967656e657261,
        key.b ^ 0x7465646279746573,
    };
    uint64_t last = (uint64_t)bytes.len << 56;
    for (; bytes.len >= 8; bytes = (struct slice){bytes.at + 8, bytes.len - 8})
        absorb(&s, word_of(bytes.at, 8));
    absorb(&s, last | word_of(bytes.at, bytes.len));
    s.v2 ^= 0xff;
    for (int i = 0; i < 3; i++)
        round_once(&s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
