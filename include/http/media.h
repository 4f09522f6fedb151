/* media: the media type of a file, by the extension of its name (IANA media types, RFC 9110 8.3.1). Pure. */
#ifndef SHUNT_HTTP_MEDIA_H
#define SHUNT_HTTP_MEDIA_H

#include "base/slice.h"

enum { MEDIA_EXTENSION_MAX = 11 }; /* bytes of the longest extension that is known */

struct media {
    char extension[MEDIA_EXTENSION_MAX + 1]; /* in lower case */
    const char *type;
};

/* What is known, sorted by extension, none twice. */
extern const struct media media_table[];
extern const size_t media_count;

/* `name`: a path or its last segment. A static string, text types with "; charset=utf-8"; for an extension that isn't
 * known, or none, "application/octet-stream". Extensions match in any case. */
struct slice media_type(struct slice name);

/* Whether files of this type, as media_type() names it, are worth compressing: text, and what is made like it. */
bool media_compresses(struct slice type);

#endif
