#include "reply/span.h"

uint64_t span_left(const struct span *span)
{
    return span->length + (span->parts == NULL ? 0 : span->parts->left);
}

int span_go_on(struct span *span, struct buffer *out)
{
    struct range part = {0, 0};
    switch (parts_next(span->parts, out, &part)) {
    case PARTS_FAILED:
        return -1;
    case PARTS_END:
        parts_free(span->parts);
        span->parts = NULL;
        break;
    case PARTS_MORE:
        break;
    }
    span->offset = part.first;
    span->length = part.length;
    return 0;
}

void span_drop(struct span *span)
{
    entry_drop(span->entry);
    parts_free(span->parts);
    *span = (struct span){0};
}
