#include "reply/reply.h"

#include "http/conditional.h"
#include "http/head.h"
#include "http/path.h"
#include "http/range.h"
#include "http/status.h"
#include "reply/page.h"

#include <errno.h>

/* What a reply is made of, besides the replier. */
struct draft {
    const struct request *request;
    struct slice path; /* normalised; empty until it is known */
    struct buffer *out;
    struct reply *reply;
};

static bool is_head(const struct draft *draft)
{
    return draft->request->method == METHOD_HEAD;
}

/* Connection, where it says something that the version doesn't (RFC 9112 9.3). */
static int put_connection(struct buffer *out, bool close, int minor)
{
    if (close)
        return head_field(out, SLICE("Connection"), SLICE("close"));
    if (minor == 0)
        return head_field(out, SLICE("Connection"), SLICE("keep-alive"));
    return 0;
}

/* ---- replies without a file */

/* The fields that belong to one status. */
static int put_status_fields(struct buffer *out, int status)
{
    if (status == 405)
        return head_field(out, SLICE("Allow"), SLICE("GET, HEAD"));
    if (status == 503)
        return head_number(out, SLICE("Retry-After"), REPLY_RETRY_AFTER);
    return 0;
}

/* Ends a head and puts the status's page behind it. */
static int put_page(struct buffer *out, int status, bool head_only)
{
    if (head_field(out, SLICE("Content-Type"), SLICE("text/html; charset=utf-8")) < 0 ||
        head_number(out, SLICE("Content-Length"), page_length(status)) < 0 || head_end(out) < 0)
        return -1;
    return head_only ? 0 : page_put(out, status);
}

static int put_refusal(struct buffer *out, const char *date, int status, const struct reply *reply, int minor,
                       bool head_only)
{
    if (head_begin(out, status, date) < 0 || put_status_fields(out, status) < 0 ||
        put_connection(out, reply->close, minor) < 0)
        return -1;
    return put_page(out, status, head_only);
}

int reply_refuse(const char *date, int status, bool head_only, struct buffer *out, struct reply *reply)
{
    reply->status = status;
    reply->body_bytes = head_only ? 0 : page_length(status);
    return put_refusal(out, date, status, reply, 1, head_only);
}

static int refuse(const struct replier *replier, struct draft *draft, int status)
{
    draft->reply->status = status;
    draft->reply->body_bytes = is_head(draft) ? 0 : page_length(status);
    return put_refusal(draft->out, replier->date, status, draft->reply, draft->request->minor, is_head(draft));
}

/* Location: the same path with its slash, encoded again, and the query as it came. It is only a path, and begins with one
 * slash exactly, so that it can't lead to another host. */
static int put_location(struct draft *draft)
{
    static const struct slice name = {"Location: ", 10};
    struct buffer *out = draft->out;
    struct slice query = draft->request->query;
    if (buffer_append(out, name) < 0 || buffer_reserve(out, 3 * draft->path.len + query.len + 3) < 0)
        return -1;
    buffer_extend(out, path_encode(draft->path, buffer_tail(out)));
    buffer_append(out, SLICE("/"));
    buffer_append(out, query);
    return buffer_append(out, SLICE("\r\n"));
}

static int redirect(const struct replier *replier, struct draft *draft)
{
    struct reply *reply = draft->reply;
    reply->status = 301;
    reply->body_bytes = is_head(draft) ? 0 : page_length(301);
    if (head_begin(draft->out, 301, replier->date) < 0 || put_location(draft) < 0 ||
        put_connection(draft->out, reply->close, draft->request->minor) < 0)
        return -1;
    return put_page(draft->out, 301, is_head(draft));
}

/* ---- replies with a file */

/* Puts `length` bytes of the body from `offset` behind the head, or notes them as a span to be sent from the entry. */
static int put_body(struct draft *draft, struct entry *entry, uint64_t offset, uint64_t length)
{
    struct reply *reply = draft->reply;
    if (is_head(draft) || length == 0)
        return 0;
    reply->body_bytes = length;
    if (entry->in_memory && length <= REPLY_COPY_MAX)
        return buffer_append(draft->out, (struct slice){entry_body(entry) + offset, length});
    reply->entry = entry_hold(entry);
    reply->offset = offset;
    reply->length = length;
    return 0;
}

/* A plain 200: the ready-made head, with today's date, and the body behind it where that lies ready too. */
static int put_image(const struct replier *replier, struct draft *draft, struct entry *entry)
{
    size_t date_at = buffer_length(draft->out) + head_date_offset(200);
    bool copied = entry->in_memory && entry->size <= REPLY_COPY_MAX && !is_head(draft);
    draft->reply->status = 200;
    draft->reply->body_bytes = copied ? entry->size : 0;
    if (buffer_append(draft->out, (struct slice){entry->image, entry->head_len + (copied ? entry->size : 0)}) < 0)
        return -1;
    memcpy(draft->out->bytes + draft->out->begin + date_at, replier->date, DATE_LEN);
    return copied ? 0 : put_body(draft, entry, 0, entry->size);
}

/* 200 or 206 with a head of its own. */
static int put_file(const struct replier *replier, struct draft *draft, struct entry *entry, int status, struct range part)
{
    struct buffer *out = draft->out;
    draft->reply->status = status;
    if (head_begin(out, status, replier->date) < 0 || entry_put_fields(entry, out) < 0 ||
        put_connection(out, draft->reply->close, draft->request->minor) < 0)
        return -1;
    if (status == 206 && head_content_range(out, part.first, part.length, entry->size) < 0)
        return -1;
    if (head_number(out, SLICE("Content-Length"), part.length) < 0 || head_end(out) < 0)
        return -1;
    return put_body(draft, entry, part.first, part.length);
}

/* 304: what a cache needs to go on using what it has, and no field about a body (RFC 9110 15.4.5). */
static int put_not_modified(const struct replier *replier, struct draft *draft, const struct entry *entry)
{
    draft->reply->status = 304;
    if (head_begin(draft->out, 304, replier->date) < 0 ||
        head_field(draft->out, SLICE("ETag"), entry->validators.etag) < 0 ||
        put_connection(draft->out, draft->reply->close, draft->request->minor) < 0)
        return -1;
    return head_end(draft->out);
}

static int put_unsatisfiable(const struct replier *replier, struct draft *draft, const struct entry *entry)
{
    draft->reply->status = 416;
    draft->reply->body_bytes = page_length(416); /* HEAD has no ranges */
    if (head_begin(draft->out, 416, replier->date) < 0 || head_content_range(draft->out, 0, 0, entry->size) < 0 ||
        put_connection(draft->out, draft->reply->close, draft->request->minor) < 0)
        return -1;
    return put_page(draft->out, 416, false);
}

/* Which part of the file is asked for. Range is defined for GET alone (RFC 9110 14.2). */
static enum range_kind range_wanted(const struct replier *replier, const struct request *request,
                                    const struct entry *entry, struct range *part)
{
    *part = (struct range){0, entry->size};
    if (request->range.at == NULL || request->method != METHOD_GET || (request->repeated & REPEATED_RANGE) ||
        !conditional_range_applies(request, &entry->validators, replier->clock->second))
        return RANGE_WHOLE;
    struct range asked;
    enum range_kind kind = range_parse(request->range, entry->size, &asked);
    if (kind == RANGE_PART)
        *part = asked;
    return kind;
}

/* No field in the request changes what a plain reply is. */
static bool is_plain(const struct request *request)
{
    return request->range.at == NULL && request->if_none_match.at == NULL && request->if_modified_since.at == NULL &&
           request->if_match.at == NULL && request->if_unmodified_since.at == NULL;
}

static int reply_with_file(const struct replier *replier, struct draft *draft, struct entry *entry)
{
    const struct request *request = draft->request;
    if (is_plain(request)) {
        if (request->minor == 1 && !draft->reply->close)
            return put_image(replier, draft, entry);
        return put_file(replier, draft, entry, 200, (struct range){0, entry->size});
    }
    int status = conditional_evaluate(request, &entry->validators, replier->clock->second);
    if (status == 304)
        return put_not_modified(replier, draft, entry);
    if (status != 0)
        return refuse(replier, draft, status);
    struct range part;
    enum range_kind kind = range_wanted(replier, request, entry, &part);
    if (kind == RANGE_UNSATISFIABLE)
        return put_unsatisfiable(replier, draft, entry);
    return put_file(replier, draft, entry, kind == RANGE_PART ? 206 : 200, part);
}

/* ---- finding the file */

/* 0 with the normalised path, or the status that says why the target names nothing here. */
static int locate(const struct request *request, char *scratch, struct slice *path)
{
    if (request->path.len == 0) /* "*", or CONNECT's authority: no GET has one */
        return 400;
    int status = path_normalise(request->path, scratch, path);
    if (status != 0)
        return status;
    return path_is_hidden(*path) ? 404 : 0;
}

/* The cached entry, if it is young enough or still true. NULL with errno 0, EAGAIN, EMFILE …: not to be had from the cache. */
static struct entry *find_cached(const struct replier *replier, struct slice path)
{
    uint64_t now_ms = replier->clock->now_ms;
    if (replier->assume_cold) {
        errno = EAGAIN;
        return NULL;
    }
    struct entry *entry = cache_find(replier->cache, path);
    errno = 0;
    if (entry == NULL || now_ms - entry->checked_ms < REPLY_VALID_MS)
        return entry;
    switch (entry_still_holds(entry, replier->site->root, path, BENEATH_NOW)) {
    case 1:
        entry->checked_ms = now_ms;
        return entry;
    case 0:
        cache_remove(replier->cache, entry);
        errno = 0;
        return NULL;
    default:
        return NULL;
    }
}

/* Opens without sleeping. When there are no descriptors left, those that the cache holds are given up for this one. */
static struct entry *open_now(const struct replier *replier, struct slice path)
{
    struct entry *entry = entry_open(replier->site->root, path, BENEATH_NOW, replier->clock->now_ms);
    if (entry == NULL && (errno == EMFILE || errno == ENFILE) && cache_shed_files(replier->cache) > 0)
        entry = entry_open(replier->site->root, path, BENEATH_NOW, replier->clock->now_ms);
    return entry;
}

/* The entry for the path, in the cache's keeping. NULL with errno. */
static struct entry *find(const struct replier *replier, struct slice path, struct entry *found)
{
    struct entry *entry = found;
    if (entry == NULL) {
        entry = find_cached(replier, path);
        if (entry != NULL || errno != 0)
            return entry;
        entry = open_now(replier, path);
    }
    return entry == NULL ? NULL : cache_insert(replier->cache, path, entry);
}

int reply_make(struct replier *replier, const struct request *request, struct entry *found, struct buffer *out,
               struct reply *reply)
{
    struct draft draft = {.request = request, .out = out, .reply = reply};
    size_t before = buffer_length(out);
    int status = request->method == METHOD_UNKNOWN ? 501
                 : request->method == METHOD_OTHER ? 405
                                                   : locate(request, replier->path, &draft.path);
    struct entry *entry = NULL;
    if (status != 0) {
        entry_drop(found);
    } else {
        entry = find(replier, draft.path, found);
        if (entry == NULL && errno != EMFILE && errno != ENFILE)
            return -1;
        status = entry == NULL ? 503 : entry->status;
    }
    int made = status == 200   ? reply_with_file(replier, &draft, entry)
               : status == 301 ? redirect(replier, &draft)
                               : refuse(replier, &draft, status);
    if (made < 0)
        out->end = out->begin + (uint32_t)before;
    return made;
}

struct entry *reply_find(const struct site *site, const struct request *request, char *path, uint64_t now_ms)
{
    struct slice normal;
    if (locate(request, path, &normal) != 0) { /* it was asked for because this can't be */
        errno = EINVAL;
        return NULL;
    }
    return entry_open(site->root, normal, BENEATH_WAIT, now_ms);
}
