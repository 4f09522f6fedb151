/*
 * The stage that may sleep. It leaves its outcome in the connection and sends nothing: whoever gets the connection next
 * goes on as if it had never been away.
 */
#include "conn/steps.h"

#include "files/hot.h"

enum {
    WARM_WINDOW = 1 << 20,    /* bytes read ahead of a cold body: a disk likes one large read better than many */
    FETCH_WINDOW = 128 << 10, /* the same of a body elsewhere: so much memory its connection holds meanwhile */
};

static int warm(struct conn *c)
{
    uint64_t length = c->rest.length < WARM_WINDOW ? c->rest.length : WARM_WINDOW;
    if (hot_warm(c->rest.entry, c->rest.offset, length) < 0)
        return -1;
    c->hot_upto = c->rest.offset + length;
    return 0;
}

static int fetch(struct conn *c)
{
    size_t length = c->rest.length < FETCH_WINDOW ? (size_t)c->rest.length : FETCH_WINDOW;
    return hot_fetch(c->rest.entry, c->rest.offset, length, &c->window);
}

/* Reads the body's next window, into the page cache or into memory of the connection's. */
static enum stage read_ahead(struct conn *c, struct conn_env *env)
{
    active_leave(env->active);
    int failed = c->rest.entry->elsewhere ? fetch(c) : warm(c);
    active_enter(env->active);
    if (failed < 0) {
        if (log_gate_opens(&env->gate, env->clock.now_ms))
            log_errno(LOG_LEVEL_ERROR, "read %s", c->rest.entry->path);
        return STAGE_CLOSE;
    }
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
    enum stage next = c->rest.length > 0 ? read_ahead(c, env) : look_up(c, env);
    conn_env_tick(env); /* a disk's time has passed: the next deadline counts from now */
    return next;
}
