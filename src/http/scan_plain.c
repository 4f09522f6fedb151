/* A processor that we know nothing better for. */
#include "http/scan.h"

const char *scan_token(const char *at, const char *end)
{
    return scan_token_plain(at, end);
}

const char *scan_target(const char *at, const char *end)
{
    return scan_target_plain(at, end);
}

const char *scan_value(const char *at, const char *end)
{
    return scan_value_plain(at, end);
}
