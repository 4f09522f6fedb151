/* nobody: a thread that may read what everybody may, for tests of what is done where that isn't enough (seteuid(2)).
 * Root may read everything; whoever else runs the tests stays who he is. */
#ifndef SHUNT_TESTS_LIB_NOBODY_H
#define SHUNT_TESTS_LIB_NOBODY_H

#include <stdbool.h>

enum { NOBODY = 65534 };

/* Whether it worked. Nothing is to fail until nobody_no_more(). */
bool nobody_become(void);

void nobody_no_more(void);

#endif
