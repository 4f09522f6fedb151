/* page: the short HTML body of a reply that has no file: an error, a redirect. */
#ifndef SHUNT_REPLY_PAGE_H
#define SHUNT_REPLY_PAGE_H

#include "base/buffer.h"

/* Appends the page for a status: its number, its words, and one sentence on what happened. Nothing of the request
 * stands in it. 0, or -1 with errno ENOMEM. */
int page_put(struct buffer *out, int status);

/* The length of that page in bytes. */
size_t page_length(int status);

#endif
