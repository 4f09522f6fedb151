#include "base/slice.h"

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

bool slice_equal_fold(struct slice a, struct slice b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (lower(a.at[i]) != lower(b.at[i]))
            return false;
    return true;
}

bool slice_starts_with(struct slice whole, struct slice start)
{
    return whole.len >= start.len && slice_equal((struct slice){whole.at, start.len}, start);
}

size_t slices_length(const struct slice *slices, size_t count)
{
    size_t len = 0;
    for (size_t i = 0; i < count; i++)
        len += slices[i].len;
    return len;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct slice slice_trim(struct slice s)
{
    while (s.len > 0 && is_blank(s.at[0]))
        s = (struct slice){s.at + 1, s.len - 1};
    while (s.len > 0 && is_blank(s.at[s.len - 1]))
        s.len--;
    return s;
}

/* Bytes up to the comma that ends the first element, or up to the end. Within quotes a backslash hides the next byte.
 */
static size_t element_length(struct slice list)
{
    bool quoted = false;
    size_t i = 0;
    for (; i < list.len; i++) {
        char c = list.at[i];
        if (c == '"')
            quoted = !quoted;
        else if (quoted && c == '\\' && i + 1 < list.len)
            i++;
        else if (!quoted && c == ',')
            break;
    }
    return i;
}

bool slice_next_element(struct slice *list, struct slice *element)
{
    while (list->len > 0) {
        size_t len = element_length(*list);
        size_t step = len < list->len ? len + 1 : len;
        *element = slice_trim((struct slice){list->at, len});
        *list = (struct slice){list->at + step, list->len - step};
        if (element->len > 0)
            return true;
    }
    return false;
}
