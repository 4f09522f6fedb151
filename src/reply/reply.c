#include "reply/reply.h"

#include "http/conditional.h"
#include "http/path.h"
#include "reply/draft.h"

static struct draft begin_draft(const struct replier *replier, struct buffer *out, struct reply *reply)
{
    *reply = (struct reply){0};
    return (struct draft){
        .date = replier->date,
        .rules = &replier->docroot->site->head,
        .secret = &replier->secret,
        .minor = 1,
        .out = out,
        .reply = reply,
    };
}

/* ---- what a file is asked for */

/* Range is defined for GET alone (RFC 9110 14.2). */
static enum range_kind ranges_wanted(const struct request *request, const struct entry *entry, int64_t now,
                                     struct ranges *ranges)
{
    if (request->range.at == NULL || request->method != METHOD_GET || request_repeats(request, REPEATED_RANGE) ||
        !conditional_range_applies(request, &entry->validators, now))
        return RANGE_WHOLE;
    return range_parse(request->range, entry->size, ranges);
}

/* On no condition, and not for parts of it. */
static bool asks_for_all(const struct request *request)
{
    return request->range.at == NULL && request->if_none_match.at == NULL && request->if_modified_since.at == NULL &&
           request->if_match.at == NULL && request->if_unmodified_since.at == NULL;
}

static int reply_with_file(const struct draft *draft, const struct request *request, struct entry *entry, int64_t now)
{
    struct ranges ranges;
    entry = entry_choose(entry, request);
    if (asks_for_all(request))
        return draft_file(draft, entry);
    int status = conditional_evaluate(request, &entry->validators, now);
    if (status != 0)
        return status == 304 ? draft_not_modified(draft, entry) : draft_page(draft, status);
    switch (ranges_wanted(request, entry, now, &ranges)) {
    case RANGE_UNSATISFIABLE:
        return draft_unsatisfiable(draft, entry);
    case RANGE_PARTS:
        return draft_ranges(draft, entry, &ranges);
    case RANGE_WHOLE:
        break;
    }
    return draft_file(draft, entry);
}

/* ---- the decision */

/* What stands in the way before any file is looked at; 0: nothing, and *path is the one to look for. */
static int judge(const struct replier *replier, const struct request *request, struct slice *path)
{
    switch (request->method) {
    case METHOD_UNKNOWN:
        return 501;
    case METHOD_OTHER:
        return 405;
    case METHOD_OPTIONS:
        if (request->path.len == 0) /* "*" */
            return 0;
        break;
    case METHOD_GET:
    case METHOD_HEAD:
        break;
    }
    return path_normalise(request->path, replier->path, path);
}

static int reply_with_entry(const struct draft *draft, const struct request *request, struct slice path,
                            struct entry *entry, int64_t now)
{
    if (entry->status == 200)
        return reply_with_file(draft, request, entry, now);
    if (entry->status == 301)
        return draft_redirect(draft, path, request->query);
    return draft_page(draft, entry->status);
}

static enum reply_outcome outcome_of(int failed, const struct draft *draft, size_t before)
{
    if (failed == 0)
        return REPLY_MADE;
    buffer_truncate(draft->out, before);
    return REPLY_FAILED;
}

enum reply_outcome reply_make(const struct replier *replier, const struct request *request, struct entry *found,
                              bool last, struct buffer *out, struct reply *reply)
{
    struct draft draft = begin_draft(replier, out, reply);
    size_t before = buffer_length(out);
    struct slice path;
    struct entry *entry;
    draft.minor = request->minor;
    draft.head_only = request->method == METHOD_HEAD;
    draft.last = last;
    int status = judge(replier, request, &path);
    if (status != 0 || request->method == METHOD_OPTIONS) {
        entry_drop(found);
        return outcome_of(status != 0 ? draft_page(&draft, status) : draft_options(&draft), &draft, before);
    }
    switch (docroot_find(replier->docroot, path, found, request->accept_encoding.at != NULL, replier->clock, &entry)) {
    case DOCROOT_SLEEPS:
        return REPLY_SLEEPS;
    case DOCROOT_FULL:
        return outcome_of(draft_page(&draft, 503), &draft, before);
    case DOCROOT_FOUND:
        break;
    }
    return outcome_of(reply_with_entry(&draft, request, path, entry, replier->clock->second), &draft, before);
}

enum reply_outcome reply_refuse(const struct replier *replier, int status, bool head_only, struct buffer *out,
                                struct reply *reply)
{
    struct draft draft = begin_draft(replier, out, reply);
    size_t before = buffer_length(out);
    draft.head_only = head_only;
    draft.last = true;
    return outcome_of(draft_page(&draft, status), &draft, before);
}

struct entry *reply_look_up(const struct replier *replier, const struct request *request)
{
    struct slice path;
    if (path_normalise(request->path, replier->path, &path) != 0) /* it was found to be a file's path before */
        return NULL;
    return docroot_look_up(replier->docroot, path, replier->clock);
}
