/*
 * guard: bytes right against a page that can't be read (mmap(2), mprotect(2)), so that a parser that looks at one byte
 * too many dies of it.
 *
 * A test can't go on without it, so that nothing here returns an error: it prints what failed and aborts.
 */
#ifndef SHUNT_TESTS_LIB_GUARD_H
#define SHUNT_TESTS_LIB_GUARD_H

#include "base/slice.h"

struct guard {
    char *pages; /* owned */
    size_t room; /* bytes before the page that can't be read */
};

/* Makes room for texts of `room` bytes at most. */
void guard_open(struct guard *guard, size_t room);

/* A copy of the text that ends where the bad page begins. What was laid before is gone. */
struct slice guard_lay(const struct guard *guard, struct slice text);

void guard_close(struct guard *guard);

#endif
