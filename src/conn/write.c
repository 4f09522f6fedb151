#include "conn/steps.h"

enum stage conn_write(struct conn *c, struct conn_env *env)
{
    struct conn_turn turn = {env->limits->turn_bytes};
    switch (conn_send(c, env, &c->out, &turn)) {
    case IO_AGAIN:
        c->lingering = true; /* nobody looks at what comes while we wait */
        return conn_send_later(c, env, &c->out);
    case IO_FAILED:
        return STAGE_CLOSE;
    case IO_DONE:
        break;
    }
    conn_finish_reply(c, env);
    buffer_fini(&c->out);
    c->pending = buffer_length(&c->in) > 0;
    if (c->closing || (env->draining && !c->pending)) {
        c->lingering |= !c->closing; /* the end is our idea: the next request may be on its way */
        return conn_end(c, env, &turn);
    }
    if (!c->pending)
        buffer_fini(&c->in);
    conn_enter(c, env, c->pending ? PHASE_REPLY : PHASE_RETURNED);
    return STAGE_READ;
}
