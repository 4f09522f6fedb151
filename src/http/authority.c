#include "http/authority.h"

#include "http/scan.h"

#include <arpa/inet.h>

/* How long the name at the front is; percent-encoded bytes count as three. */
static size_t name_length(struct slice text)
{
    size_t i = 0;
    while (i < text.len) {
        if (scan_is(text.at[i], SCAN_URI))
            i++;
        else if (text.at[i] == '%' && text.len - i >= 3 && scan_hex(text.at[i + 1]) >= 0 &&
                 scan_hex(text.at[i + 2]) >= 0)
            i += 3;
        else
            break;
    }
    return i;
}

static bool is_ipv6(struct slice text)
{
    char name[INET6_ADDRSTRLEN];
    struct in6_addr address;
    /* inet_pton() would stop at a NUL and take what stands before it. */
    if (text.len >= sizeof name || memchr(text.at, '\0', text.len) != NULL)
        return false;
    memcpy(name, text.at, text.len);
    name[text.len] = '\0';
    return inet_pton(AF_INET6, name, &address) == 1;
}

/* The length of the address in brackets at the front, or 0. */
static size_t literal_length(struct slice text)
{
    const char *bracket = memchr(text.at, ']', text.len);
    if (bracket == NULL)
        return 0;
    size_t len = (size_t)(bracket - text.at) + 1;
    return is_ipv6((struct slice){text.at + 1, len - 2}) ? len : 0;
}

static bool is_port(struct slice digits)
{
    unsigned port = 0;
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.at[i] < '0' || digits.at[i] > '9')
            return false;
        port = port * 10 + (unsigned)(digits.at[i] - '0');
        if (port > 65535)
            return false;
    }
    return true;
}

/* Cuts the host off the front, and its colon; false when there is no host, or something else behind it. */
static bool cut_host(struct slice *rest, bool *colon)
{
    if (rest->len == 0)
        return false;
    size_t len = rest->at[0] == '[' ? literal_length(*rest) : name_length(*rest);
    if (len == 0 || (len < rest->len && rest->at[len] != ':'))
        return false;
    *colon = len < rest->len;
    len += *colon;
    *rest = (struct slice){rest->at + len, rest->len - len};
    return true;
}

bool authority_is_valid(struct slice authority)
{
    bool colon;
    return cut_host(&authority, &colon) && is_port(authority);
}

bool authority_has_port(struct slice authority)
{
    bool colon;
    return cut_host(&authority, &colon) && authority.len > 0 && is_port(authority);
}
