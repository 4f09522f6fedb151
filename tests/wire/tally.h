/* tally: what tests came to, and the last line of a program that played them. */
#ifndef WIRE_TALLY_H
#define WIRE_TALLY_H

#include <stdbool.h>
#include <stdio.h>

struct tally {
    int passed, failed, skipped;
};

static inline void tally_count(struct tally *tally, bool passed)
{
    tally->passed += passed;
    tally->failed += !passed;
}

static inline void tally_add(struct tally *tally, const struct tally *more)
{
    tally->passed += more->passed;
    tally->failed += more->failed;
    tally->skipped += more->skipped;
}

/* Prints the line; returns the program's exit status. */
static inline int tally_tell(const struct tally *tally)
{
    printf("%d passed, %d failed", tally->passed, tally->failed);
    printf(tally->skipped ? ", %d skipped\n" : "\n", tally->skipped);
    return tally->failed > 0;
}

#endif
