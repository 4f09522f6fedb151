#include "conn/conn.h"

#include "conn/record.h"
#include "os/poller.h"

void conn_open(struct conn *c, int fd, const struct socket_peer *peer, uint16_t home, bool refused)
{
    *c = (struct conn){
        .fd = fd,
        .home = home,
        .stage = STAGE_READ,
        .phase = PHASE_FRESH,
        .peer = *peer,
        .refused = refused,
    };
}

void conn_fini(struct conn *c, struct conn_env *env)
{
    record_end(env, c, span_left(&c->rest));
    buffer_fini(&c->in);
    buffer_fini(&c->out);
    buffer_fini(&c->window);
    entry_drop(c->found);
    span_drop(&c->rest);
    c->found = NULL;
}

uint32_t conn_interest(const struct conn *c, enum stage next)
{
    if (next == STAGE_WRITE)
        return POLLER_OUT;
    /* Requests in hand bring no read event. A peer that takes what it asked for brings a write event. */
    return c->pending ? POLLER_IN | POLLER_OUT : POLLER_IN;
}

static uint32_t patience_in(enum conn_phase phase, const struct conn_limits *limits)
{
    switch (phase) {
    case PHASE_FRESH:
    case PHASE_HEAD:
    case PHASE_BODY:
        return limits->head_ms;
    case PHASE_IDLE:
    case PHASE_RETURNED:
        return limits->keepalive_ms;
    case PHASE_REPLY:
        return limits->send_ms;
    case PHASE_LINGER:
        return CONN_LINGER_MS;
    case PHASE_BLOCKED:
    case PHASE_QUEUED:
        break;
    }
    return 0;
}

uint32_t conn_patience(const struct conn *c, const struct conn_limits *limits)
{
    return c->refused ? CONN_REFUSED_MS : patience_in((enum conn_phase)c->phase, limits);
}

struct conn_due conn_due(const struct conn *c, const struct conn_limits *limits, uint64_t now_ms)
{
    uint32_t patience_ms = conn_patience(c, limits);
    return (struct conn_due){patience_ms == 0 ? 0 : now_ms + patience_ms, c->refused ? 0 : (enum conn_phase)c->phase};
}

bool conn_takes(struct conn *c)
{
    int unsent = socket_unsent(c->fd);
    bool takes = unsent >= 0 && unsent < c->unsent;
    c->unsent = unsent;
    return takes;
}

/* 408 to as much of a request as has come. */
static void tell_timeout(struct conn *c, struct conn_env *env)
{
    struct request request;
    struct reply reply;
    size_t length, sent;
    int status;
    request_parse(buffer_bytes(&c->in), &env->limits->request, &request, &length, &status);
    buffer_clear(&env->out);
    if (reply_refuse(&env->replier, 408, request.method == METHOD_HEAD, &env->out, &reply) == REPLY_MADE)
        socket_send(c->fd, buffer_bytes(&env->out).at, buffer_length(&env->out), &sent);
    record_now(env, c, &request, 408, reply.body_bytes);
}

void conn_expire(struct conn *c, struct conn_env *env)
{
    bool speaks = c->phase == PHASE_HEAD || c->phase == PHASE_BODY;
    c->phase = PHASE_LINGER;
    if (!speaks) {
        socket_shutdown(c->fd);
        return;
    }
    /* It is sending still: another byte would make a reset of a close, and that would destroy what we say, and whatever
     * of earlier replies is on its way. */
    tell_timeout(c, env);
    socket_shutdown_send(c->fd);
}

static bool awaits_request(enum conn_phase phase)
{
    return phase == PHASE_FRESH || phase == PHASE_IDLE || phase == PHASE_RETURNED;
}

bool conn_awaits_request(const struct conn *c)
{
    return awaits_request((enum conn_phase)c->phase);
}

uint64_t conn_idle_ms(struct conn_due due, const struct conn_limits *limits, uint64_t now_ms)
{
    if (due.ms == 0 || (!awaits_request(due.phase) && due.phase != PHASE_LINGER))
        return 0;
    uint64_t since_ms = due.ms - patience_in(due.phase, limits);
    return now_ms > since_ms ? now_ms - since_ms : 0;
}
