#include "reply/reply.h"

#include "http/conditional.h"
#include "http/head.h"
#include "http/multipart.h"
#include "http/path.h"
#include "http/range.h"
#include "reply/page.h"

#include <string.h>

/* A reply in the making. */
struct draft {
    const struct replier *replier;
    int minor;      /* of the request's version */
    bool head_only; /* no body is sent */
    bool last;      /* of its connection */
    struct buffer *out;
    struct reply *reply;
};

static const struct head_rules *rules_of(const struct draft *draft)
{
    return &draft->replier->docroot->site->head;
}

/* ---- what every reply has. 0, or -1 with errno ENOMEM, like all that append. */

static int begin(const struct draft *draft, int status)
{
    draft->reply->status = status;
    return head_begin(draft->out, status, draft->replier->date, rules_of(draft));
}

/* Connection, where it says something that the version doesn't (RFC 9112 9.3). */
static int put_connection(const struct draft *draft)
{
    if (draft->last)
        return head_field(draft->out, SLICE("Connection"), SLICE("close"));
    if (draft->minor == 0)
        return head_field(draft->out, SLICE("Connection"), SLICE("keep-alive"));
    return 0;
}

/* The rest of a reply whose body is its status's page. */
static int finish_with_page(const struct draft *draft)
{
    int status = draft->reply->status;
    struct buffer *out = draft->out;
    if (put_connection(draft) < 0 || head_type(out, SLICE("text/html; charset=utf-8"), rules_of(draft)) < 0 ||
        head_number(out, SLICE("Content-Length"), page_length(status)) < 0 || head_end(out) < 0)
        return -1;
    if (draft->head_only)
        return 0;
    draft->reply->body_bytes = page_length(status);
    return page_put(out, status);
}

/* ---- replies without a file */

static int put_allow(const struct draft *draft)
{
    return head_field(draft->out, SLICE("Allow"), SLICE("GET, HEAD, OPTIONS"));
}

/* OPTIONS, of the server or of whatever may be at a path: here all are alike, so that no file is looked at.
 * Content-Length says that nothing follows (RFC 7231 4.3.7), which a 204 may not (RFC 9110 8.6). */
static int put_options(const struct draft *draft)
{
    if (begin(draft, 200) < 0 || put_allow(draft) < 0 || put_connection(draft) < 0 ||
        head_number(draft->out, SLICE("Content-Length"), 0) < 0)
        return -1;
    return head_end(draft->out);
}

static int refuse(const struct draft *draft, int status)
{
    int failed = begin(draft, status);
    if (failed == 0 && status == 405)
        failed = put_allow(draft);
    if (failed == 0 && status == 503)
        failed = head_number(draft->out, SLICE("Retry-After"), REPLY_RETRY_AFTER);
    return failed < 0 ? failed : finish_with_page(draft);
}

/* Location: the same path with its slash, encoded again, and the query as it came. It is only a path, and begins with
 * one slash exactly, so that it can't lead to another host. */
static int redirect(const struct draft *draft, struct slice path, struct slice query)
{
    struct buffer *out = draft->out;
    struct slice name = SLICE("Location: ");
    if (begin(draft, 301) < 0 || buffer_reserve(out, name.len + 3 * path.len + query.len + 3) < 0)
        return -1;
    buffer_append(out, name); /* there is room for all of it */
    buffer_extend(out, path_encode(path, buffer_tail(out)));
    buffer_append(out, SLICE("/"));
    buffer_append(out, query);
    buffer_append(out, SLICE("\r\n"));
    return finish_with_page(draft);
}

/* ---- replies with a file */

/* Puts `length` bytes of the body from `offset` behind the head, or notes them as a span to be sent from the entry. */
static int put_body(const struct draft *draft, struct entry *entry, struct range part)
{
    struct reply *reply = draft->reply;
    if (draft->head_only || part.length == 0)
        return 0;
    reply->body_bytes = part.length;
    if (entry->in_memory && part.length <= REPLY_COPY_MAX)
        return buffer_append(draft->out, (struct slice){entry_body(entry) + part.first, part.length});
    reply->entry = entry_hold(entry);
    reply->offset = part.first;
    reply->length = part.length;
    return 0;
}

/* A plain 200: the ready-made head with today's date, and the body behind it where that lies ready too: one copy. */
static int put_image(const struct draft *draft, struct entry *entry)
{
    struct buffer *out = draft->out;
    size_t before = buffer_length(out);
    bool whole = entry->in_memory && entry->size <= REPLY_COPY_MAX && !draft->head_only;
    struct slice image = {entry->image, entry->head_len + (whole ? (size_t)entry->size : 0)};
    draft->reply->status = 200;
    if (buffer_append(out, image) < 0)
        return -1;
    memcpy(buffer_tail(out) - (buffer_length(out) - before) + head_date_offset(200), draft->replier->date, DATE_LEN);
    if (!whole)
        return put_body(draft, entry, (struct range){0, entry->size});
    draft->reply->body_bytes = entry->size;
    return 0;
}

/* The rest of a head behind its type and maybe Content-Range. */
static int finish_head(const struct draft *draft, const struct entry *entry, uint64_t length)
{
    struct buffer *out = draft->out;
    if (entry_put_fields(entry, out) < 0 || put_connection(draft) < 0 ||
        head_number(out, SLICE("Content-Length"), length) < 0)
        return -1;
    return head_end(out);
}

/* 200 or 206 with a head of its own. */
static int put_file(const struct draft *draft, struct entry *entry, int status, struct range part)
{
    struct buffer *out = draft->out;
    if (begin(draft, status) < 0 || head_type(out, entry->type, rules_of(draft)) < 0)
        return -1;
    if (status == 206 && head_content_range(out, part.first, part.length, entry->size) < 0)
        return -1;
    return finish_head(draft, entry, part.length) < 0 ? -1 : put_body(draft, entry, part);
}

/* Appends a whole body in parts. */
static int copy_parts(const struct draft *draft, const struct entry *entry, struct parts *parts)
{
    struct range part;
    enum parts_outcome outcome;
    while ((outcome = parts_next(parts, draft->out, &part)) == PARTS_MORE)
        if (buffer_append(draft->out, (struct slice){entry_body(entry) + part.first, part.length}) < 0)
            return -1;
    return outcome == PARTS_END ? 0 : -1;
}

/* Takes the parts over: a short body goes behind its head, of a longer one the first part is begun. */
static int put_parts(const struct draft *draft, struct entry *entry, struct parts *parts)
{
    struct reply *reply = draft->reply;
    struct range part;
    int put = -1;
    reply->body_bytes = parts->left;
    if (entry->in_memory && parts->left <= REPLY_COPY_MAX) {
        put = copy_parts(draft, entry, parts);
    } else if (parts_next(parts, draft->out, &part) == PARTS_MORE) {
        *reply = (struct reply){reply->status, reply->body_bytes, entry_hold(entry), part.first, part.length, parts};
        return 0;
    }
    parts_free(parts);
    return put;
}

/* 206 with several parts. The boundary depends on the file's own tag: who writes the file can't know it before. */
static int put_several(const struct draft *draft, struct entry *entry, const struct ranges *ranges)
{
    struct multipart multipart;
    struct buffer *out = draft->out;
    multipart_init(&multipart, entry->type, entry->size, hash_bytes(draft->replier->secret, entry->validators.etag));
    uint64_t length = multipart_length(&multipart, ranges);
    if (length > entry->size + REPLY_PARTS_OVER)
        return put_file(draft, entry, 200, (struct range){0, entry->size});
    if (begin(draft, 206) < 0 || multipart_put_type(&multipart, out) < 0 || head_nosniff(out, rules_of(draft)) < 0 ||
        finish_head(draft, entry, length) < 0)
        return -1;
    struct parts *parts = parts_new(&multipart, ranges);
    return parts == NULL ? -1 : put_parts(draft, entry, parts);
}

/* 304: what a cache needs to go on using what it has, and no field about a body (RFC 9110 15.4.5). */
static int put_not_modified(const struct draft *draft, const struct entry *entry)
{
    if (begin(draft, 304) < 0 || entry_put_cache_fields(entry, draft->out) < 0 || put_connection(draft) < 0)
        return -1;
    return head_end(draft->out);
}

static int put_unsatisfiable(const struct draft *draft, const struct entry *entry)
{
    if (begin(draft, 416) < 0 || head_content_range(draft->out, 0, 0, entry->size) < 0)
        return -1;
    return finish_with_page(draft);
}

/* Which parts of the file are asked for. Range is defined for GET alone (RFC 9110 14.2). */
static enum range_kind ranges_wanted(const struct request *request, const struct entry *entry, int64_t now,
                                     struct ranges *ranges)
{
    if (request->range.at == NULL || request->method != METHOD_GET || (request->repeated & REPEATED_RANGE) ||
        !conditional_range_applies(request, &entry->validators, now))
        return RANGE_WHOLE;
    return range_parse(request->range, entry->size, ranges);
}

/* No field in the request changes what a plain reply is. */
static bool is_plain(const struct request *request)
{
    return request->range.at == NULL && request->if_none_match.at == NULL && request->if_modified_since.at == NULL &&
           request->if_match.at == NULL && request->if_unmodified_since.at == NULL;
}

static int reply_with_file(const struct draft *draft, const struct request *request, struct entry *entry, int64_t now)
{
    struct range whole = {0, entry->size};
    struct ranges ranges;
    if (is_plain(request))
        return draft->minor == 1 && !draft->last ? put_image(draft, entry) : put_file(draft, entry, 200, whole);
    int status = conditional_evaluate(request, &entry->validators, now);
    if (status != 0)
        return status == 304 ? put_not_modified(draft, entry) : refuse(draft, status);
    switch (ranges_wanted(request, entry, now, &ranges)) {
    case RANGE_UNSATISFIABLE:
        return put_unsatisfiable(draft, entry);
    case RANGE_PARTS:
        return ranges.count == 1 ? put_file(draft, entry, 206, ranges.at[0]) : put_several(draft, entry, &ranges);
    case RANGE_WHOLE:
        break;
    }
    return put_file(draft, entry, 200, whole);
}

/* ---- the decision */

/* 0 with the normalised path, or the status that says why the target names nothing here. */
static int locate(const struct request *request, char *scratch, struct slice *path)
{
    if (request->path.len == 0) /* "*", which names no file */
        return request->method == METHOD_OPTIONS ? 0 : 400;
    int status = path_normalise(request->path, scratch, path);
    if (status != 0)
        return status;
    return path_is_hidden(*path) ? 404 : 0;
}

/* What stands in the way before any file is looked at; 0: nothing, and *path is the one to look for. */
static int judge(const struct replier *replier, const struct request *request, struct slice *path)
{
    if (request->method == METHOD_UNKNOWN)
        return 501;
    if (request->method == METHOD_OTHER)
        return 405;
    return locate(request, replier->path, path);
}

static int put_reply(const struct draft *draft, const struct request *request, int status, struct slice path,
                     struct entry *entry)
{
    if (status == 0)
        return put_options(draft);
    if (status == 200)
        return reply_with_file(draft, request, entry, draft->replier->clock->second);
    if (status == 301)
        return redirect(draft, path, request->query);
    return refuse(draft, status);
}

enum reply_outcome reply_make(const struct replier *replier, const struct request *request, struct entry *found,
                              bool last, struct buffer *out, struct reply *reply)
{
    struct draft draft = {replier, request->minor, request->method == METHOD_HEAD, last, out, reply};
    size_t before = buffer_length(out);
    struct slice path = {0};
    struct entry *entry = NULL;
    *reply = (struct reply){0};
    int status = judge(replier, request, &path);
    if (status != 0 || request->method == METHOD_OPTIONS) {
        entry_drop(found);
    } else {
        switch (docroot_find(replier->docroot, path, found, replier->clock, &entry)) {
        case DOCROOT_FOUND:
            status = entry->status;
            break;
        case DOCROOT_SLEEPS:
            return REPLY_SLEEPS;
        case DOCROOT_FULL:
            status = 503;
            break;
        }
    }
    if (put_reply(&draft, request, status, path, entry) == 0)
        return REPLY_MADE;
    buffer_truncate(out, before);
    return REPLY_FAILED;
}

enum reply_outcome reply_refuse(const struct replier *replier, int status, bool head_only, struct buffer *out,
                                struct reply *reply)
{
    struct draft draft = {replier, 1, head_only, true, out, reply};
    size_t before = buffer_length(out);
    *reply = (struct reply){0};
    if (refuse(&draft, status) == 0)
        return REPLY_MADE;
    buffer_truncate(out, before);
    return REPLY_FAILED;
}

struct entry *reply_look_up(const struct replier *replier, const struct request *request)
{
    struct slice path;
    if (locate(request, replier->path, &path) != 0) /* it was found to be a file's path before */
        return NULL;
    return docroot_look_up(replier->docroot, path, replier->clock);
}
