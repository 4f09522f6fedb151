/* status: the status codes that we send, and their words (RFC 9110 15). Pure. */
#ifndef SHUNT_HTTP_STATUS_H
#define SHUNT_HTTP_STATUS_H

#include "base/slice.h"

/* "HTTP/1.1 404 Not Found\r\n". A code that we never send is shown as 500. */
struct slice status_line(int status);

/* "Not Found": the line's words alone. */
struct slice status_reason(int status);

/* One plain sentence for the person who reads the error page: what happened, and what helps. Printable ASCII. */
struct slice status_explanation(int status);

#endif
