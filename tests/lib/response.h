/* response: looks things up in the bytes of a response, without believing that they are well-formed. */
#ifndef SHUNT_TESTS_LIB_RESPONSE_H
#define SHUNT_TESTS_LIB_RESPONSE_H

#include "base/slice.h"

/* Bytes of the head with its empty line; 0 when there is no empty line. */
size_t response_head_len(struct slice bytes);

/* The three digits behind "HTTP/1.1 ", or 0. */
int response_status(struct slice bytes);

/* How many fields of this name (in any case) stand in the head. */
int response_count(struct slice bytes, const char *name);

/* The value of the first of them; at == NULL when there is none. */
struct slice response_field(struct slice bytes, const char *name);

#endif
