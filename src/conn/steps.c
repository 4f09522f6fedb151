#include "conn/steps.h"

#include "conn/record.h"

enum { LINGER_ABOVE = 16384 }; /* bytes: what fits into a new connection's first flight (RFC 6928) */

void conn_enter(struct conn *c, struct conn_env *env, enum conn_phase phase)
{
    c->phase = (uint8_t)phase;
    env->rearm = true;
}

enum stage conn_send_later(struct conn *c, struct conn_env *env, struct buffer *head)
{
    if (head != &c->out) {
        if (buffer_append(&c->out, buffer_bytes(head)) < 0)
            return STAGE_CLOSE;
        buffer_clear(head);
    }
    if (c->cold) {
        conn_enter(c, env, PHASE_BLOCKED);
        return STAGE_BLOCK;
    }
    if (c->phase != PHASE_REPLY)
        conn_enter(c, env, PHASE_REPLY);
    return STAGE_WRITE;
}

void conn_finish_reply(struct conn *c, struct conn_env *env)
{
    record_end(env, c, 0);
    span_drop(&c->rest);
    buffer_fini(&c->window);
}

enum stage conn_end(struct conn *c, struct conn_env *env, const struct conn_turn *turn)
{
    /* Much of a large reply is on its way yet: a byte that its client sends meanwhile, needless as it may be, must not
     * destroy it. A small one is as good as there. */
    if (!c->lingering && env->limits->turn_bytes - turn->left <= LINGER_ABOVE)
        return STAGE_CLOSE;
    socket_shutdown_send(c->fd);
    buffer_fini(&c->in);
    c->unsent = 0;
    c->pending = false;
    conn_enter(c, env, PHASE_LINGER);
    return STAGE_READ;
}
