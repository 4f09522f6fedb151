#include "reply/parts.h"

#include <stdlib.h>

struct parts *parts_new(const struct multipart *multipart, const struct ranges *ranges)
{
    struct parts *parts = malloc(sizeof *parts + ranges->count * sizeof *parts->at);
    if (parts == NULL)
        return NULL;
    *parts = (struct parts){
        .multipart = *multipart,
        .left = multipart_length(multipart, ranges),
        .count = ranges->count,
    };
    memcpy(parts->at, ranges->at, ranges->count * sizeof *parts->at);
    return parts;
}

void parts_free(struct parts *parts)
{
    free(parts);
}

enum parts_outcome parts_next(struct parts *parts, struct buffer *out, struct range *range)
{
    size_t before = buffer_length(out);
    if (parts->next == parts->count) {
        if (multipart_put_end(&parts->multipart, out) < 0)
            return PARTS_FAILED;
        parts->left = 0;
        return PARTS_END;
    }
    *range = parts->at[parts->next];
    if (multipart_put_part(&parts->multipart, *range, out) < 0)
        return PARTS_FAILED;
    parts->next++;
    parts->left -= buffer_length(out) - before + range->length;
    return PARTS_MORE;
}
