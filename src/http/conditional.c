/*
 * The order of RFC 9110 13.2.2:
 *
 *     If-Match             when there is one: false → 412
 *     If-Unmodified-Since  else: false → 412
 *     If-None-Match        when there is one: false → 304
 *     If-Modified-Since    else: false → 304
 *
 * An entity tag outranks a date by being there, even where it can't be read (13.1.3, 13.1.4). Of a repeated field we
 * know only the last one, and of a broken list only its beginning: a tag found there counts, and one not found proves
 * nothing.
 */
#include "http/conditional.h"

#include "http/date.h"

enum outcome {
    OUTCOME_FALSE = 0,
    OUTCOME_TRUE,
    OUTCOME_UNKNOWN, /* it can't be read */
};

struct tag {
    struct slice opaque; /* with its quotes */
    bool weak;
};

/* RFC 9110 8.8.3: no escapes, so that a backslash before the closing quote is a byte like any other. */
static bool is_tag_byte(char c)
{
    unsigned char byte = (unsigned char)c;
    return byte >= 0x21 && byte != 0x7f && byte != '"';
}

/* Cuts an entity tag off the front. */
static bool cut_tag(struct slice *text, struct tag *tag)
{
    tag->weak = slice_starts_with(*text, SLICE("W/"));
    size_t start = tag->weak ? 2 : 0, end = start + 1;
    if (start == text->len || text->at[start] != '"')
        return false;
    while (end < text->len && is_tag_byte(text->at[end]))
        end++;
    if (end == text->len || text->at[end] != '"')
        return false;
    end++;
    tag->opaque = (struct slice){text->at + start, end - start};
    *text = (struct slice){text->at + end, text->len - end};
    return true;
}

/* Skips commas and white space; empty elements of a list are none (RFC 9110 5.6.1.2). */
static bool skip_commas(struct slice *list)
{
    bool comma = false;
    while (list->len > 0 && (list->at[0] == ',' || list->at[0] == ' ' || list->at[0] == '\t')) {
        comma = comma || list->at[0] == ',';
        *list = (struct slice){list->at + 1, list->len - 1};
    }
    return comma;
}

/* Whether one of the tags is `etag`, which is strong; `weakly`: their weakness doesn't matter (RFC 9110 8.8.3.2). */
static enum outcome match_list(struct slice list, struct slice etag, bool weakly)
{
    struct tag tag;
    if (slice_equal(list, SLICE("*")))
        return OUTCOME_TRUE;
    skip_commas(&list);
    do {
        if (!cut_tag(&list, &tag))
            return OUTCOME_UNKNOWN;
        if ((weakly || !tag.weak) && slice_equal(tag.opaque, etag))
            return OUTCOME_TRUE;
    } while (skip_commas(&list) && list.len > 0);
    return list.len == 0 ? OUTCOME_FALSE : OUTCOME_UNKNOWN;
}

/* Whether the representation is unchanged since the date; `latest`: a later date is none. */
static enum outcome unmodified_since(struct slice date, const struct validators *validators, int64_t now,
                                     int64_t latest)
{
    int64_t seconds;
    if (!validators->has_last_modified || !date_parse(date, now, &seconds) || seconds > latest)
        return OUTCOME_UNKNOWN;
    return validators->last_modified <= seconds ? OUTCOME_TRUE : OUTCOME_FALSE;
}

static bool is_repeated(const struct request *request, uint32_t bit)
{
    return (request->repeated & bit) != 0;
}

/* If-Match, or else If-Unmodified-Since: whether it is false. */
static bool precondition_fails(const struct request *request, const struct validators *validators, int64_t now)
{
    if (request->if_match.at != NULL)
        return !is_repeated(request, REPEATED_IF_MATCH) &&
               match_list(request->if_match, validators->etag, false) == OUTCOME_FALSE;
    if (request->if_unmodified_since.at == NULL || is_repeated(request, REPEATED_IF_UNMODIFIED_SINCE))
        return false;
    return unmodified_since(request->if_unmodified_since, validators, now, INT64_MAX) == OUTCOME_FALSE;
}

/* If-None-Match, or else If-Modified-Since: whether the client has what we would send. */
static bool client_has_it(const struct request *request, const struct validators *validators, int64_t now)
{
    if (request->if_none_match.at != NULL)
        return match_list(request->if_none_match, validators->etag, true) == OUTCOME_TRUE;
    if (request->if_modified_since.at == NULL || is_repeated(request, REPEATED_IF_MODIFIED_SINCE))
        return false;
    return unmodified_since(request->if_modified_since, validators, now, now) == OUTCOME_TRUE;
}

int conditional_evaluate(const struct request *request, const struct validators *validators, int64_t now)
{
    if (precondition_fails(request, validators, now))
        return 412;
    return client_has_it(request, validators, now) ? 304 : 0;
}

bool conditional_range_applies(const struct request *request, const struct validators *validators, int64_t now)
{
    struct slice value = request->if_range;
    struct tag tag;
    int64_t seconds;
    if (value.at == NULL)
        return true;
    if (is_repeated(request, REPEATED_IF_RANGE))
        return false;
    if (cut_tag(&value, &tag))
        return value.len == 0 && !tag.weak && slice_equal(tag.opaque, validators->etag);
    return validators->has_last_modified && date_parse(value, now, &seconds) && seconds == validators->last_modified;
}
