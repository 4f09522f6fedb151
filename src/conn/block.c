/*
 * The stage that may sleep. It leaves its outcome in the connection and sends nothing: whoever gets the connection next
 * goes on as if it had never been away.
 */
#include "conn/steps.h"

#include "files/hot.h"

enum {
    WARM_WINDOW = 1 << 20
}; /* bytes read ahead of a cold body: a disk likes one large read better than many small ones */

/* Reads the body's next window into the page cache. */
static enum stage warm_body(struct conn *c, struct conn_env *env)
{
    uint64_t length = c->rest.length < WARM_WINDOW ? c->rest.length : WARM_WINDOW;
    active_leave(env->active);
    int warmed = hot_warm(c->rest.entry, c->rest.offset, length);
    active_enter(env->active);
    if (warmed < 0) {
        if (log_gate_opens(&env->gate, env->clock.now_ms))
            log_errno(LOG_LEVEL_ERROR, "read %s", c->rest.entry->path);
        return STAGE_CLOSE;
    }
    c->hot_upto = c->rest.offset + length;
    c->cold = false;
    conn_enter(c, env, PHASE_REPLY);
    return STAGE_WRITE;
}

/* Finds the file of the first request in hand. The request stays there: the reader parses it again, with `found` beside
 * it. */
static enum stage look_up(struct conn *c, struct conn_env *env)
{
    struct request request;
    size_t length;
    int status;
    if (request_parse(buffer_bytes(&c->in), &env->limits->request, &request, &length, &status) != REQUEST_COMPLETE)
        return STAGE_CLOSE;
    active_leave(env->active);
    c->found = reply_look_up(&env->replier, &request);
    active_enter(env->active);
    c->looked_up = true;
    conn_enter(c, env, PHASE_REPLY);
    return STAGE_READ;
}

enum stage conn_block(struct conn *c, struct conn_env *env)
{
    enum stage next = c->rest.length > 0 ? warm_body(c, env) : look_up(c, env);
    conn_env_tick(env); /* a disk's time has passed: the next deadline counts from now */
    return next;
}
