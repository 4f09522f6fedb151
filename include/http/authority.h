/* authority: uri-host [ ":" port ] (RFC 9110 4.2, 7.2), as in Host, in an absolute target, and for CONNECT. Pure. */
#ifndef SHUNT_HTTP_AUTHORITY_H
#define SHUNT_HTTP_AUTHORITY_H

#include "base/slice.h"

/*
 * Whether the bytes are a host, which isn't empty, and maybe a port. The host is a registered name or an IPv4 address
 * (RFC 3986 3.2.2: unreserved, sub-delims, percent-encoded), or an IPv6 address in brackets, without a zone; IPvFuture,
 * which nobody assigned, is none. The port, digits up to 65535, may be empty. User information is refused (RFC
 * 9110 4.2.4).
 */
bool authority_is_valid(struct slice authority);

/* The same, with a port that isn't empty: authority-form (RFC 9112 3.2.3). */
bool authority_has_port(struct slice authority);

#endif
