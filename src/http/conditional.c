/*
 * The order of RFC 9110 13.2.2:
 *
 *     If-Match             when there is one: false → 412
 *     If-Unmodified-Since  else: false → 412
 *     If-None-Match        when there is one: false → 304
 *     If-Modified-Since    else: false → 304
 *
 * An entity tag outranks a date by being there, even where it can't be read (13.1.3, 13.1.4). Of a list that is broken
 * we know only its beginning: a tag found there counts, and one not found proves nothing. A list that goes on over
 * several lines is read as if its lines were joined by commas (5.3).
 */
#include "http/conditional.h"

#include "http/date.h"
#include "http/field.h"

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

/* What is looked for in a list. */
struct search {
    struct slice etag; /* strong */
    bool weakly;       /* the weakness of the others doesn't matter (RFC 9110 8.8.3.2) */
    bool any;          /* a tag was read */
};

/* Whether one of the tags in a line of the list is it. */
static enum outcome search_line(struct search *search, struct slice line)
{
    struct tag tag;
    skip_commas(&line);
    while (line.len > 0) {
        if (!cut_tag(&line, &tag))
            return OUTCOME_UNKNOWN;
        search->any = true;
        if ((search->weakly || !tag.weak) && slice_equal(tag.opaque, search->etag))
            return OUTCOME_TRUE;
        if (!skip_commas(&line) && line.len > 0)
            return OUTCOME_UNKNOWN;
    }
    return OUTCOME_FALSE;
}

static enum outcome search_lines(struct search *search, struct slice lines, struct slice field)
{
    enum outcome outcome = OUTCOME_FALSE;
    struct slice value;
    while (outcome == OUTCOME_FALSE && field_next_named(&lines, field, &value))
        outcome = search_line(search, value);
    return outcome;
}

/* Whether a list is "*" or has the tag. One without any tag can't be meant. */
static enum outcome match(const struct request *request, struct slice field, uint32_t bit, struct slice value,
                          struct search search)
{
    enum outcome outcome;
    if (request_repeats(request, bit))
        outcome = search_lines(&search, request->fields, field);
    else if (slice_equal(value, SLICE("*")))
        return OUTCOME_TRUE;
    else
        outcome = search_line(&search, value);
    return outcome == OUTCOME_FALSE && !search.any ? OUTCOME_UNKNOWN : outcome;
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

/* If-Match, or else If-Unmodified-Since: whether it is false. */
static bool precondition_fails(const struct request *request, const struct validators *validators, int64_t now)
{
    if (request->if_match.at != NULL)
        return match(request, SLICE("if-match"), REPEATED_IF_MATCH, request->if_match,
                     (struct search){.etag = validators->etag}) == OUTCOME_FALSE;
    if (request->if_unmodified_since.at == NULL || request_repeats(request, REPEATED_IF_UNMODIFIED_SINCE))
        return false;
    return unmodified_since(request->if_unmodified_since, validators, now, INT64_MAX) == OUTCOME_FALSE;
}

/* If-None-Match, or else If-Modified-Since: whether the client has what we would send. */
static bool client_has_it(const struct request *request, const struct validators *validators, int64_t now)
{
    if (request->if_none_match.at != NULL)
        return match(request, SLICE("if-none-match"), REPEATED_IF_NONE_MATCH, request->if_none_match,
                     (struct search){.etag = validators->etag, .weakly = true}) == OUTCOME_TRUE;
    if (request->if_modified_since.at == NULL || request_repeats(request, REPEATED_IF_MODIFIED_SINCE))
        return false;
    return unmodified_since(request->if_modified_since, validators, now, now) == OUTCOME_TRUE;
}

int conditional_evaluate(const struct request *request, const struct validators *validators, int64_t now)
{
    if (precondition_fails(request, validators, now))
        return 412;
    return client_has_it(request, validators, now) ? 304 : 0;
}

/* Whether it is the date of the last modification, and no later one can have it: the second is over (8.8.2.2). */
static bool is_strong_date(struct slice date, const struct validators *validators, int64_t now)
{
    int64_t seconds;
    return validators->has_last_modified && validators->last_modified < now && date_parse(date, now, &seconds) &&
           seconds == validators->last_modified;
}

bool conditional_range_applies(const struct request *request, const struct validators *validators, int64_t now)
{
    struct slice value = request->if_range;
    struct tag tag;
    if (value.at == NULL)
        return true;
    if (request_repeats(request, REPEATED_IF_RANGE))
        return false;
    if (cut_tag(&value, &tag))
        return value.len == 0 && !tag.weak && slice_equal(tag.opaque, validators->etag);
    return is_strong_date(value, validators, now);
}
