/*
 * Sending: the head and as much of the body as the socket takes, in one attempt of at most one turn's bytes.
 *
 * Before bytes leave a file, a few samples tell whether they are in the page cache; if not, the connection goes to
 * STAGE_BLOCK for them, so that no thread that polls sockets ever waits for a disk.
 */
#include "conn/steps.h"

#include "os/sendfile.h"

#include <errno.h>

static size_t smaller(uint64_t a, size_t b)
{
    return a < b ? (size_t)a : b;
}

/* How many of the next `len` bytes of the body can be sent without waiting for a disk. */
static size_t ready_bytes(struct conn *c, const struct conn_env *env, size_t len)
{
    if (c->body->in_memory)
        return len;
    if (c->body_offset < c->hot_upto)
        return smaller(c->hot_upto - c->body_offset, len);
    if (env->limits->assume_cold || !entry_is_hot(c->body, c->body_offset, len))
        return 0;
    c->hot_upto = c->body_offset + len;
    return len;
}

static enum io send_head(struct conn *c, struct buffer *head, size_t len, struct conn_turn *turn)
{
    size_t sent = 0;
    enum io io = len > 0 ? socket_send(c->fd, buffer_bytes(head).at, len, &sent) : IO_DONE;
    buffer_consume(head, sent);
    turn->left -= sent;
    return io;
}

static enum io send_both(struct conn *c, struct buffer *head, size_t body_len, struct conn_turn *turn)
{
    struct slice bytes = buffer_bytes(head);
    size_t head_sent = 0, body_sent = 0;
    enum io io;
    if (c->body->in_memory)
        io = sendfile_memory(c->fd, bytes.at, bytes.len, entry_body(c->body) + c->body_offset, body_len, &head_sent,
                             &body_sent);
    else
        io = sendfile_range(c->fd, bytes.at, bytes.len, c->body->fd, (off_t)c->body_offset, body_len, &head_sent,
                            &body_sent);
    buffer_consume(head, head_sent);
    c->body_offset += body_sent;
    c->body_length -= body_sent;
    turn->left -= head_sent + body_sent;
    return io;
}

static enum io send_some(struct conn *c, struct conn_env *env, struct buffer *head, struct conn_turn *turn)
{
    size_t head_len = smaller(buffer_length(head), turn->left);
    size_t body_len = smaller(c->body_length, turn->left - head_len);
    if (body_len == 0)
        return send_head(c, head, head_len, turn);
    size_t ready = ready_bytes(c, env, body_len);
    if (ready > 0)
        return send_both(c, head, ready, turn);
    c->cold = true; /* what is ready goes out meanwhile */
    return send_head(c, head, head_len, turn);
}

/* What stands before the next part goes behind the head, and its bytes become those to be sent. */
static int begin_next_part(struct conn *c, struct buffer *head)
{
    struct range part = {0, 0};
    enum parts_outcome outcome = parts_next(c->parts, head, &part);
    if (outcome == PARTS_FAILED)
        return -1;
    if (outcome == PARTS_END) {
        parts_free(c->parts);
        c->parts = NULL;
    }
    c->body_offset = part.first;
    c->body_length = part.length;
    c->hot_upto = 0;
    return 0;
}

static enum io send_parts(struct conn *c, struct conn_env *env, struct buffer *head, struct conn_turn *turn)
{
    for (;;) {
        enum io io = send_some(c, env, head, turn);
        if (io != IO_DONE || buffer_length(head) > 0 || c->body_length > 0 || c->parts == NULL)
            return io;
        if (begin_next_part(c, head) < 0)
            return IO_FAILED;
    }
}

/* The peer was promised more than there is: only closing tells it so. */
static void tell_of_shrinking(const struct conn *c, struct conn_env *env)
{
    if (errno != EIO || c->body == NULL || c->body->in_memory || !log_gate_opens(&env->gate, env->clock.now_ms))
        return;
    log_line(LOG_LEVEL_WARNING, "%s: shorter than it was, or unreadable, while it was sent: its connection is closed",
             c->body->path);
}

enum io conn_send(struct conn *c, struct conn_env *env, struct buffer *head, struct conn_turn *turn)
{
    size_t before = turn->left;
    enum io io = send_parts(c, env, head, turn);
    if (io == IO_FAILED)
        tell_of_shrinking(c, env);
    if (turn->left < before)
        conn_enter(c, env, PHASE_REPLY);
    if (io == IO_DONE && (buffer_length(head) > 0 || c->body_length > 0))
        return IO_AGAIN;
    return io;
}
