/* field: what the fields of a request head say about it (RFC 9110, RFC 9112 3.2, 6, 9.3). Pure. */
#ifndef SHUNT_HTTP_FIELD_H
#define SHUNT_HTTP_FIELD_H

#include "http/request.h"

/* A request whose fields are being read: what was seen so far. */
struct fields {
    struct request *request; /* its request line is read */
    bool host, content_length, content_type, transfer_encoding;
    bool close, keep_alive; /* said by Connection */
};

static inline void fields_init(struct fields *fields, struct request *request)
{
    *fields = (struct fields){.request = request};
}

/* Takes the next field in: its name, a token, and what stands behind the colon, as scan_value() lets it through. 0, or
 * an HTTP status: 400, 417, 501. */
int fields_take(struct fields *fields, struct slice name, struct slice value);

/* No more fields: draws the conclusions. 0, 400, or 501. */
int fields_finish(struct fields *fields);

/* Cuts the first line off *lines, which are a complete head's (request->fields): the next field's name, and its value
 * trimmed. False when there is none. */
bool field_next(struct slice *lines, struct slice *name, struct slice *value);

/* Cuts lines off up to and with the next field of this name, in any case: its value, trimmed. False when there is none:
 * *lines is then empty. */
bool field_next_named(struct slice *lines, struct slice name, struct slice *value);

#endif
