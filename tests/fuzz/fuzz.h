/*
 * fuzz: what all targets share (libFuzzer).
 *
 * A target is a file x_fuzz.c with one function, fuzz(), which throws its input at a module and checks what must hold
 * of what comes out; what must not happen, the sanitizers see. What a module reads is given to it in memory of exactly
 * its size, so that they see a byte read too many as well.
 *
 * An input is text wherever that can be, so that seeds (corpus/x/) are written and read by people: numbers and lines
 * stand before the bytes that they are about.
 */
#ifndef SHUNT_TESTS_FUZZ_H
#define SHUNT_TESTS_FUZZ_H

#include "base/buffer.h"
#include "http/request.h"

#include <stdlib.h>

#define CHECK(holds) ((holds) ? (void)0 : fuzz_fail(__FILE__, __LINE__, #holds))

/* Says what doesn't hold, and ends the program. */
_Noreturn void fuzz_fail(const char *file, int line, const char *what);

/* The target. The input lies in memory of exactly its size. */
void fuzz(struct slice input);

/* Memory of this size, and memory of exactly a slice's size with its bytes: to be freed. */
char *fuzz_take(size_t size);
char *fuzz_copy(struct slice bytes);

/* Cuts a decimal number, maybe with a minus, off the front of *input, and the byte behind it. What doesn't fit 64 bits
 * wraps around; where no digit stands, it is 0. */
uint64_t fuzz_number(struct slice *input);

/* Cuts a line off the front of *input, and the line feed behind it; all that is left where there is none. */
struct slice fuzz_line(struct slice *input);

/* A number made of nothing but the bytes, and the next one: where to cut them. */
uint64_t fuzz_seed(struct slice bytes);
uint64_t fuzz_next(uint64_t *seed);

void fuzz_put(struct buffer *out, struct slice bytes);

/* The limits that targets parse with. */
extern const struct request_limits fuzz_limits;

/* Reads the head of a GET with these field lines, which end in LF (empty ones are left out), and `more`, which end in
 * CRLF. The head, to be freed, which the request's slices point into; NULL where it isn't a valid one. */
char *fuzz_request(struct slice lines, struct slice more, struct request *request);

#endif
