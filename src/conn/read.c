/*
 * The read stage: bytes in, requests out of them, replies into one buffer, one send.
 *
 * All complete requests that one recv() brought are answered before anything is sent, as long as the replies are small;
 * a body that isn't takes what was gathered before it along. The loop ends when the bytes do, or when something has to
 * be waited for: then what is unread moves into the connection's own buffer, and the next stage is what is waited for.
 *
 * A request with a body is answered when that has come to its end:
 *
 *     head | some of its body           is read and dropped; the head stays, to wait for more
 *     head | the body's end | more      is cut out from between
 *     head | more                       is parsed once more, and now answered
 */
#include "conn/steps.h"

#include "conn/record.h"
#include "files/hot.h"

/* How the loop over requests goes on. */
enum step {
    STEP_PARSE = 1, /* look at what stands at the front now */
    STEP_WAIT,      /* the bytes end here */
    STEP_LEAVE,     /* the connection's next stage is decided: *next */
};

/* One call of conn_read. */
struct reading {
    struct conn *c;
    struct conn_env *env;
    struct buffer *in, *out; /* the thread's */
    struct conn_turn turn;
    size_t head_len;   /* while a request's body is being read: of its head, at the front of `in` */
    uint64_t run_from; /* where in its file the body being sent begins, */
    bool one_run;      /* which is one run of it, so that what was seen in the page cache is one, too */
    bool answered;     /* a request was */
    enum stage next;
};

static enum step leave(struct reading *r, enum stage next)
{
    r->next = next;
    return STEP_LEAVE;
}

/* What is unread becomes the connection's, who has whole requests in hand if `pending`. */
static bool keep_unread(struct reading *r, bool pending)
{
    r->c->pending = pending && buffer_length(r->in) > 0;
    return buffer_append(&r->c->in, buffer_bytes(r->in)) == 0;
}

/* Leaves with replies unsent. */
static enum step leave_to_send(struct reading *r)
{
    if (!keep_unread(r, true))
        return leave(r, STAGE_CLOSE);
    return leave(r, conn_send_later(r->c, r->env, r->out));
}

/* Sends all that was gathered. */
static enum step send_gathered(struct reading *r)
{
    if (r->env->sends_later && (buffer_length(r->out) > 0 || r->c->rest.entry != NULL))
        return leave_to_send(r);
    enum io io = conn_send(r->c, r->env, r->out, &r->turn);
    if (r->c->rest.entry != NULL && r->one_run)
        hot_note(r->c->rest.entry, r->run_from, r->c->hot_upto, r->env->clock.now_ms);
    switch (io) {
    case IO_AGAIN:
        r->c->lingering = true;
        return leave_to_send(r);
    case IO_FAILED:
        return leave(r, STAGE_CLOSE);
    case IO_DONE:
        break;
    }
    conn_finish_reply(r->c, r->env);
    return STEP_PARSE;
}

/* No further request is read from this connection. */
static enum step last_reply(struct reading *r)
{
    r->c->closing = true;
    buffer_clear(r->in);
    enum step step = send_gathered(r);
    if (step != STEP_PARSE)
        return step;
    return leave(r, conn_end(r->c, r->env, &r->turn));
}

/* A request has been answered. */
static void count(struct conn_env *env, const struct request *request)
{
    struct meter *meter = env->meter;
    env->requests++;
    if (meter == NULL)
        return;
    const char *end = request->target.at == NULL ? request->line.at : request->target.at + request->target.len;
    uint32_t key =
        (uint32_t)hash_bytes(meter->hash, (struct slice){request->line.at, (size_t)(end - request->line.at)});
    if (meter->count < METER_KEYS)
        meter->keys[meter->count] = key == 0 ? 1 : key;
    meter->count++;
}

/* Answers with a status alone, and ends the connection: nobody can tell where the next request begins, or there must be
 * none. */
static enum step refuse(struct reading *r, const struct request *request, int status)
{
    struct reply reply;
    if (reply_refuse(&r->env->replier, status, request->method == METHOD_HEAD, r->out, &reply) != REPLY_MADE)
        return leave(r, STAGE_CLOSE);
    count(r->env, request);
    record_now(r->env, r->c, request, status, reply.body_bytes);
    r->c->lingering = true;
    return last_reply(r);
}

/* The file must be looked for where sleeping is allowed. The replies gathered so far don't wait for that. */
static enum step leave_to_block(struct reading *r)
{
    enum step sent = send_gathered(r);
    if (sent != STEP_PARSE)
        return sent;
    if (!keep_unread(r, true))
        return leave(r, STAGE_CLOSE);
    conn_enter(r->c, r->env, PHASE_BLOCKED);
    return leave(r, STAGE_BLOCK);
}

/* Whether the request's body is to be read before the request is answered: unless its sender holds it back until it
 * hears of us. It gets the final answer at once (RFC 9110 10.1.1). */
static bool wants_body(const struct request *request)
{
    return body_is_expected(request) && !request->expect_continue;
}

/* Nobody can tell whether the body still comes: nothing can be read behind such a request. */
static bool body_may_come(const struct conn *c, const struct request *request)
{
    return body_is_expected(request) && !body_has_ended(&c->body);
}

/* Refuses the request whose body is being read. */
static enum step refuse_body(struct reading *r, int status)
{
    struct request request;
    size_t length;
    int ignored;
    request_parse(buffer_bytes(r->in), &r->env->limits->request, &request, &length, &ignored);
    return refuse(r, &request, status);
}

/* Reads on in the body, which follows the head. */
static enum step read_body(struct reading *r)
{
    struct slice bytes = buffer_bytes(r->in);
    size_t used;
    switch (body_read(&r->c->body, (struct slice){bytes.at + r->head_len, bytes.len - r->head_len}, &used)) {
    case BODY_INVALID:
        return refuse_body(r, 400);
    case BODY_TOO_LARGE:
        return refuse_body(r, 413);
    case BODY_TOO_MUCH_EXTRA:
        return refuse_body(r, 431);
    case BODY_MORE:
        buffer_truncate(r->in, r->head_len);
        return STEP_WAIT;
    case BODY_DONE:
        break;
    }
    buffer_cut(r->in, r->head_len, used);
    return STEP_PARSE;
}

/* CONNECT: what comes behind it may be meant for the other end of the tunnel that there will not be. */
static bool wants_tunnel(const struct request *request)
{
    return request->method == METHOD_OTHER && request->path.len == 0;
}

/* Whether the connection ends after this request, whatever its sender wants. */
static bool must_close(const struct reading *r, const struct request *request)
{
    uint32_t most = r->env->limits->requests_max;
    return r->env->draining || !request->keep_alive || body_may_come(r->c, request) || wants_tunnel(request) ||
           (most > 0 && r->c->requests + 1 >= most);
}

/* Takes over what reply_make() decided. */
static void begin_reply(struct reading *r, const struct request *request, const struct reply *reply)
{
    struct conn *c = r->c;
    r->answered = true;
    count(r->env, request);
    c->requests++;
    c->body = (struct body){0};
    if (reply->rest.entry == NULL) {
        record_now(r->env, c, request, reply->status, reply->body_bytes);
        return;
    }
    record_begin(r->env, c, request, reply->status, reply->body_bytes);
    c->rest = reply->rest;
    r->run_from = c->rest.offset;
    r->one_run = c->rest.parts == NULL;
    c->hot_upto = hot_known(c->rest.entry, c->rest.offset, r->env->clock.now_ms);
    c->cold = false;
}

/* Descriptors have run out: for the next who asks, caches give up theirs. */
static void want_files(const struct conn_env *env)
{
    docroot_shed_files(env->replier.docroot);
    if (env->shed_calls != NULL)
        atomic_fetch_add_explicit(env->shed_calls, 1, memory_order_relaxed);
}

/* What stands in the way of a request before anybody looks for its file: an HTTP status, or 0. */
static int obstacle(struct reading *r, const struct request *request)
{
    struct conn *c = r->c;
    bool out_of_files = c->looked_up && c->found == NULL;
    c->looked_up = false;
    if (out_of_files)
        want_files(r->env);
    if (c->refused || out_of_files)
        return 503;
    return request->content_length > r->env->limits->body_max ? 413 : 0;
}

static enum step answer(struct reading *r, const struct request *request, size_t head_len)
{
    struct conn *c = r->c;
    int status = obstacle(r, request);
    if (status != 0)
        return refuse(r, request, status);
    if (wants_body(request) && !body_has_ended(&c->body)) {
        body_begin(&c->body, request, r->env->limits->body_max);
        r->head_len = head_len;
        return read_body(r);
    }
    struct reply reply;
    struct entry *found = c->found;
    bool last = must_close(r, request);
    c->found = NULL;
    switch (reply_make(&r->env->replier, request, found, last, r->out, &reply)) {
    case REPLY_SLEEPS:
        return leave_to_block(r);
    case REPLY_FAILED:
        return leave(r, STAGE_CLOSE);
    case REPLY_MADE:
        break;
    }
    if (reply.status == 503)
        want_files(r->env);
    /* Where the end is our idea, the client may be sending its body, or its next request, already; and some send an
     * empty line behind a body. */
    c->lingering = request->keep_alive || body_is_expected(request) || buffer_length(r->in) > head_len;
    begin_reply(r, request, &reply);
    buffer_consume(r->in, head_len);
    if (last)
        return last_reply(r);
    return c->rest.entry != NULL || buffer_length(r->out) >= ENV_SCRATCH ? send_gathered(r) : STEP_PARSE;
}

/* The turn's bytes are sent: others first, then the requests still in hand. */
static enum step leave_for_others(struct reading *r)
{
    if (buffer_length(r->out) > 0)
        return leave_to_send(r);
    conn_enter(r->c, r->env, PHASE_REPLY);
    return leave(r, keep_unread(r, true) ? STAGE_READ : STAGE_CLOSE);
}

static enum step next_request(struct reading *r)
{
    if (buffer_length(r->in) == 0)
        return STEP_WAIT;
    if (body_is_open(&r->c->body))
        return read_body(r);
    if (r->turn.left == 0)
        return leave_for_others(r);
    struct request request;
    size_t head_len;
    int status;
    switch (request_parse(buffer_bytes(r->in), &r->env->limits->request, &request, &head_len, &status)) {
    case REQUEST_COMPLETE:
        return answer(r, &request, head_len);
    case REQUEST_INVALID:
        return refuse(r, &request, status);
    case REQUEST_PARTIAL:
        break;
    }
    return STEP_WAIT;
}

/* The bytes are used up: sends what was gathered, and names what the connection waits for now. */
static enum stage settle(struct reading *r)
{
    struct conn *c = r->c;
    if (buffer_length(r->out) > 0 && send_gathered(r) == STEP_LEAVE)
        return r->next;
    if (!keep_unread(r, false))
        return STAGE_CLOSE;
    enum conn_phase phase = body_is_open(&c->body) ? PHASE_BODY : buffer_length(&c->in) > 0 ? PHASE_HEAD : PHASE_IDLE;
    /* A head or a body has one deadline for all its pieces. */
    if (r->answered || c->phase != phase)
        conn_enter(c, r->env, phase);
    if (phase == PHASE_IDLE)
        buffer_fini(&c->in);
    return STAGE_READ;
}

/* `kept`: how many of the bytes are the connection's own; where a body is being read, the head that it belongs to. */
static enum stage answer_all(struct conn *c, struct conn_env *env, size_t kept)
{
    struct reading r = {
        .c = c,
        .env = env,
        .in = &env->in,
        .out = &env->out,
        .turn = {env->limits->turn_bytes},
        .head_len = kept,
    };
    enum step step;
    do
        step = next_request(&r);
    while (step == STEP_PARSE);
    return step == STEP_WAIT ? settle(&r) : r.next;
}

/* Waits for the peer to have seen our last words and to go: whatever it still sends is thrown away. */
static enum stage linger(struct conn *c, struct conn_env *env)
{
    size_t received;
    buffer_clear(&env->in);
    switch (socket_receive(c->fd, buffer_tail(&env->in), buffer_room(&env->in), &received)) {
    case IO_DONE:
        return received == 0 ? STAGE_CLOSE : STAGE_READ;
    case IO_AGAIN:
        return STAGE_READ;
    case IO_FAILED:
        break;
    }
    return STAGE_CLOSE;
}

/* More of a head without a line's end says nothing new, short of the limits: don't parse it all again for every byte.
 */
static bool is_mid_line(const struct conn *c, const struct conn_env *env, struct slice fresh)
{
    return c->phase == PHASE_HEAD && buffer_length(&c->in) + fresh.len < env->limits->request.line_max &&
           memchr(fresh.at, '\n', fresh.len) == NULL;
}

/* What comes next, at the tail of `in`: from the socket, or from the cohort, which has *looked since. */
static enum io receive(const struct conn *c, struct conn_env *env, struct slice *fresh, bool *looked)
{
    enum io io;
    fresh->at = buffer_tail(&env->in);
    struct slice received;
    *looked = cohort_take(&env->cohort, c, &io, &received);
    if (!*looked)
        return socket_receive(c->fd, buffer_tail(&env->in), buffer_room(&env->in), &fresh->len);
    memcpy(buffer_tail(&env->in), received.at, received.len);
    fresh->len = received.len;
    return io;
}

enum stage conn_read(struct conn *c, struct conn_env *env)
{
    if (c->phase == PHASE_LINGER)
        return linger(c, env);
    buffer_clear(&env->in);
    buffer_clear(&env->out);
    if (buffer_append(&env->in, buffer_bytes(&c->in)) < 0)
        return STAGE_CLOSE;
    if (!c->pending) {
        struct slice fresh;
        bool looked;
        enum io io = receive(c, env, &fresh, &looked);
        if (io == IO_AGAIN)
            return env->draining && (c->phase == PHASE_FRESH || c->phase == PHASE_IDLE) ? STAGE_CLOSE : STAGE_READ;
        if (io == IO_FAILED || fresh.len == 0)
            return STAGE_CLOSE;
        if (is_mid_line(c, env, fresh))
            return buffer_append(&c->in, fresh) < 0 ? STAGE_CLOSE : STAGE_READ;
        buffer_extend(&env->in, fresh.len);
        if (!looked)
            docroot_catch_up(env->replier.docroot); /* what was changed before these bytes were sent */
    }
    size_t kept = buffer_length(&c->in);
    buffer_clear(&c->in);
    c->pending = false;
    return answer_all(c, env, kept);
}
