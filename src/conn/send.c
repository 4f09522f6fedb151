/*
 * Sending: the head and as much of the body as the socket takes, in one attempt of at most one turn's bytes.
 *
 * Before bytes leave a file, a few samples tell whether they are in the page cache; if not, the connection goes to
 * STAGE_BLOCK for them, so that no thread that polls sockets ever waits for a disk. Of a file elsewhere no sample is
 * taken, and nothing is sent but the window that STAGE_BLOCK has read.
 */
#include "conn/steps.h"

#include "files/hot.h"
#include "os/sendfile.h"

#include <errno.h>

static size_t smaller(uint64_t a, size_t b)
{
    return a < b ? (size_t)a : b;
}

/* How many of the next `len` bytes of the body can be sent without waiting for a disk. */
static size_t ready_bytes(struct conn *c, const struct conn_env *env, size_t len)
{
    if (c->rest.entry->in_memory)
        return len;
    if (c->rest.entry->elsewhere)
        return smaller(len, buffer_length(&c->window));
    if (c->rest.offset < c->hot_upto)
        return smaller(c->hot_upto - c->rest.offset, len);
    if (env->limits->assume_cold || !hot_look(c->rest.entry, c->rest.offset, len))
        return 0;
    c->hot_upto = c->rest.offset + len;
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

/* Its next bytes, where they are in memory of ours. */
static const char *body_in_memory(const struct conn *c)
{
    return c->rest.entry->elsewhere ? buffer_bytes(&c->window).at : entry_body(c->rest.entry) + c->rest.offset;
}

static enum io send_both(struct conn *c, struct buffer *head, size_t body_len, struct conn_turn *turn)
{
    struct slice bytes = buffer_bytes(head);
    size_t head_sent = 0, body_sent = 0;
    enum io io;
    if (c->rest.entry->in_memory || c->rest.entry->elsewhere)
        io = sendfile_memory(c->fd, bytes.at, bytes.len, body_in_memory(c), body_len, &head_sent, &body_sent);
    else
        io = sendfile_range(c->fd, bytes.at, bytes.len, c->rest.entry->fd, (off_t)c->rest.offset, body_len, &head_sent,
                            &body_sent);
    buffer_consume(head, head_sent);
    if (c->rest.entry->elsewhere)
        buffer_consume(&c->window, body_sent);
    c->rest.offset += body_sent;
    c->rest.length -= body_sent;
    turn->left -= head_sent + body_sent;
    return io;
}

static enum io send_some(struct conn *c, struct conn_env *env, struct buffer *head, struct conn_turn *turn)
{
    size_t head_len = smaller(buffer_length(head), turn->left);
    size_t body_len = smaller(c->rest.length, turn->left - head_len);
    if (body_len == 0)
        return send_head(c, head, head_len, turn);
    size_t ready = ready_bytes(c, env, body_len);
    c->cold = ready == 0;
    if (ready == 0) /* the head goes out meanwhile */
        return send_head(c, head, head_len, turn);
    enum io io = send_both(c, head, ready, turn);
    c->cold = io == IO_DONE && ready < body_len && c->rest.entry->elsewhere;
    return io;
}

/* A reply in parts goes on with the next one when a run is sent, and with what stands between. */
static enum io send_parts(struct conn *c, struct conn_env *env, struct buffer *head, struct conn_turn *turn)
{
    for (;;) {
        enum io io = send_some(c, env, head, turn);
        if (io != IO_DONE || buffer_length(head) > 0 || c->rest.length > 0 || c->rest.parts == NULL)
            return io;
        if (span_go_on(&c->rest, head) < 0)
            return IO_FAILED;
        c->hot_upto = 0;
    }
}

/* The peer was promised more than there is: only closing tells it so. */
static void tell_of_shrinking(const struct conn *c, struct conn_env *env)
{
    if (errno != EIO || c->rest.entry == NULL || c->rest.entry->in_memory ||
        !log_gate_opens(&env->gate, env->clock.now_ms))
        return;
    log_line(LOG_LEVEL_WARNING, "%s: shorter than it was, or unreadable, while it was sent: its connection is closed",
             c->rest.entry->path);
}

enum io conn_send(struct conn *c, struct conn_env *env, struct buffer *head, struct conn_turn *turn)
{
    size_t before = turn->left;
    enum io io = send_parts(c, env, head, turn);
    if (io == IO_FAILED)
        tell_of_shrinking(c, env);
    if (turn->left < before)
        conn_enter(c, env, PHASE_REPLY);
    if (io == IO_DONE && (buffer_length(head) > 0 || c->rest.length > 0))
        return IO_AGAIN;
    return io;
}
