#include "reply/draft.h"

#include "http/head.h"
#include "http/multipart.h"
#include "http/path.h"
#include "reply/page.h"

/* ---- what every reply has. 0, or -1 with errno ENOMEM, like all that append. */

static int begin(const struct draft *draft, int status)
{
    draft->reply->status = status;
    return head_begin(draft->out, status, draft->date, draft->rules);
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

/* ---- replies without a file */

/* The rest of a reply whose body is its status's page. */
static int finish_with_page(const struct draft *draft)
{
    int status = draft->reply->status;
    struct buffer *out = draft->out;
    if (put_connection(draft) < 0 || head_type(out, SLICE("text/html; charset=utf-8"), draft->rules) < 0 ||
        head_number(out, SLICE("Content-Length"), page_length(status)) < 0 || head_end(out) < 0)
        return -1;
    if (draft->head_only)
        return 0;
    draft->reply->body_bytes = page_length(status);
    return page_put(out, status);
}

static int put_allow(const struct draft *draft)
{
    return head_field(draft->out, SLICE("Allow"), SLICE("GET, HEAD, OPTIONS"));
}

int draft_page(const struct draft *draft, int status)
{
    int failed = begin(draft, status);
    if (failed == 0 && status == 405)
        failed = put_allow(draft);
    if (failed == 0 && status == 503)
        failed = head_number(draft->out, SLICE("Retry-After"), REPLY_RETRY_AFTER);
    return failed < 0 ? failed : finish_with_page(draft);
}

/* Here all paths are alike, so that no file is looked at. Content-Length says that nothing follows (RFC 7231 4.3.7),
 * which a 204 may not (RFC 9110 8.6). */
int draft_options(const struct draft *draft)
{
    if (begin(draft, 200) < 0 || put_allow(draft) < 0 || put_connection(draft) < 0 ||
        head_number(draft->out, SLICE("Content-Length"), 0) < 0)
        return -1;
    return head_end(draft->out);
}

/* Location: the same path with its slash, encoded again, and the query as it came. It is only a path, and begins with
 * one slash exactly, so that it can't lead to another host. */
int draft_redirect(const struct draft *draft, struct slice path, struct slice query)
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
    reply->rest = (struct span){.entry = entry_hold(entry), .offset = part.first, .length = part.length};
    return 0;
}

/* A ready-made head says nothing of the connection: that fits where it just goes on. */
static bool takes_the_ready_made(const struct draft *draft)
{
    return draft->minor == 1 && !draft->last;
}

/* A ready-made head, brought up to date, and what lies ready behind it: one copy. */
static int put_ready(const struct draft *draft, int status, struct slice ready)
{
    struct buffer *out = draft->out;
    draft->reply->status = status;
    if (buffer_append(out, ready) < 0)
        return -1;
    memcpy(buffer_tail(out) - ready.len + head_date_offset(status), draft->date, DATE_LEN);
    return 0;
}

/* A plain 200. */
static int put_image(const struct draft *draft, struct entry *entry)
{
    bool whole = entry->in_memory && entry->size <= REPLY_COPY_MAX && !draft->head_only;
    struct slice image = {entry->image, entry->head_len + (whole ? (size_t)entry->size : 0)};
    if (put_ready(draft, 200, image) < 0)
        return -1;
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

int draft_file(const struct draft *draft, struct entry *entry)
{
    if (takes_the_ready_made(draft))
        return put_image(draft, entry);
    if (begin(draft, 200) < 0 || head_type(draft->out, entry->type, draft->rules) < 0 ||
        finish_head(draft, entry, entry->size) < 0)
        return -1;
    return put_body(draft, entry, (struct range){0, entry->size});
}

static int put_one(const struct draft *draft, struct entry *entry, struct range part)
{
    struct buffer *out = draft->out;
    if (begin(draft, 206) < 0 || head_type(out, entry->type, draft->rules) < 0 ||
        head_content_range(out, part.first, part.length, entry->size) < 0 || finish_head(draft, entry, part.length) < 0)
        return -1;
    return put_body(draft, entry, part);
}

/* A whole body in parts. */
static int copy_parts(const struct draft *draft, const struct entry *entry, const struct multipart *multipart,
                      const struct ranges *ranges)
{
    for (uint32_t i = 0; i < ranges->count; i++) {
        struct range part = ranges->at[i];
        if (multipart_put_part(multipart, part, draft->out) < 0 ||
            buffer_append(draft->out, (struct slice){entry_body(entry) + part.first, part.length}) < 0)
            return -1;
    }
    return multipart_put_end(multipart, draft->out);
}

/* The first part's beginning; its bytes, and the other parts, are sent from the entry. */
static int begin_parts(const struct draft *draft, struct entry *entry, const struct multipart *multipart,
                       const struct ranges *ranges)
{
    struct span span = {.parts = parts_new(multipart, ranges)};
    if (span.parts == NULL || span_go_on(&span, draft->out) < 0) {
        span_drop(&span);
        return -1;
    }
    span.entry = entry_hold(entry);
    draft->reply->rest = span;
    return 0;
}

/* What tells this state of the file from all others, and something that nobody knows: whoever writes the file can't
 * know the boundary that it will have. */
static uint64_t nonce_of(const struct draft *draft, const struct entry *entry)
{
    const struct identity *of = &entry->identity;
    const uint64_t words[] = {
        of->device,
        of->inode,
        of->size,
        (uint64_t)of->modified.tv_sec,
        (uint64_t)of->modified.tv_nsec,
        (uint64_t)of->changed.tv_sec,
        (uint64_t)of->changed.tv_nsec,
    };
    return hash_bytes(*draft->secret, (struct slice){(const char *)words, sizeof words});
}

static int put_several(const struct draft *draft, struct entry *entry, const struct ranges *ranges)
{
    struct multipart multipart;
    struct buffer *out = draft->out;
    multipart_init(&multipart, entry->type, entry->size, nonce_of(draft, entry));
    uint64_t length = multipart_length(&multipart, ranges);
    if (length > entry->size + REPLY_PARTS_OVER)
        return draft_file(draft, entry);
    if (begin(draft, 206) < 0 || multipart_put_type(&multipart, out) < 0 || head_nosniff(out, draft->rules) < 0 ||
        finish_head(draft, entry, length) < 0)
        return -1;
    draft->reply->body_bytes = length;
    if (entry->in_memory && length <= REPLY_COPY_MAX)
        return copy_parts(draft, entry, &multipart, ranges);
    return begin_parts(draft, entry, &multipart, ranges);
}

int draft_ranges(const struct draft *draft, struct entry *entry, const struct ranges *ranges)
{
    return ranges->count == 1 ? put_one(draft, entry, ranges->at[0]) : put_several(draft, entry, ranges);
}

/* What a cache needs to go on using what it has, and no field about a body (RFC 9110 15.4.5). */
int draft_not_modified(const struct draft *draft, const struct entry *entry)
{
    if (takes_the_ready_made(draft))
        return put_ready(draft, 304, entry->unmodified);
    if (begin(draft, 304) < 0 || entry_put_cache_fields(entry, draft->out) < 0 || put_connection(draft) < 0)
        return -1;
    return head_end(draft->out);
}

int draft_unsatisfiable(const struct draft *draft, const struct entry *entry)
{
    if (begin(draft, 416) < 0 || head_content_range(draft->out, 0, 0, entry->size) < 0)
        return -1;
    return finish_with_page(draft);
}
