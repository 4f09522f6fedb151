#include "lib/nobody.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

bool nobody_become(void)
{
    return geteuid() != 0 || seteuid(NOBODY) == 0;
}

void nobody_no_more(void)
{
    assert_int_equal(seteuid(getuid()), 0);
}
