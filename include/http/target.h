/* target: the four forms of a request target (RFC 9112 3.2). Pure. */
#ifndef SHUNT_HTTP_TARGET_H
#define SHUNT_HTTP_TARGET_H

#include "http/request.h"

/*
 * Splits request->target, whose bytes are known to be good, into path, query and host. Which form is allowed depends on
 * `method`, the method as sent: asterisk-form is for OPTIONS, authority-form for CONNECT and nothing else for it. The
 * path of an absolute target without one is a static "/". 0, or 400; 421 for one of https, since we speak no TLS.
 */
int target_parse(struct request *request, struct slice method);

#endif
