#include "conn/record.h"

#include "http/logline.h"

#include <stdlib.h>

struct conn_record {
    struct logline line; /* its slices point into `text`; the peer is filled in at the end */
    char text[];
};

static void put_line(struct conn_env *env, const struct conn *c, struct logline line)
{
    char peer[SOCKET_NAME_MAX];
    line.peer = (struct slice){peer, socket_peer_print(&c->peer, peer)};
    buffer_clear(&env->line);
    if (logline_format(&env->line, &line) < 0)
        return;
    ring_put(env->access, buffer_bytes(&env->line));
    env->logged = true;
    env->log_full |= ring_is_filling(env->access);
}

static struct logline line_of(const struct conn_env *env, const struct request *request, int status,
                              uint64_t body_bytes)
{
    struct logline line = {.second = env->clock.second, .status = status, .body_bytes = body_bytes};
    if (request != NULL) {
        line.request_line = request->line;
        line.referer = request->referer;
        line.user_agent = request->user_agent;
    }
    return line;
}

void record_now(struct conn_env *env, const struct conn *c, const struct request *request, int status,
                uint64_t body_bytes)
{
    if (env->access != NULL)
        put_line(env, c, line_of(env, request, status, body_bytes));
}

static struct slice cut(struct slice s)
{
    /* One byte more than is shown, so that the line still tells that it was cut. */
    return (struct slice){s.at, s.len > LOGLINE_PART_MAX ? LOGLINE_PART_MAX + 1 : s.len};
}

/* Copies the slice to *to and moves *to behind it. */
static struct slice keep(char **to, struct slice s)
{
    struct slice kept = {*to, s.len};
    if (s.len > 0)
        memcpy(*to, s.at, s.len);
    *to += s.len;
    return kept;
}

void record_begin(struct conn_env *env, struct conn *c, const struct request *request, int status, uint64_t body_bytes)
{
    if (env->access == NULL)
        return;
    struct logline line = line_of(env, request, status, body_bytes);
    struct slice words[] = {cut(line.request_line), cut(line.referer), cut(line.user_agent)};
    struct conn_record *record = malloc(sizeof *record + words[0].len + words[1].len + words[2].len);
    if (record == NULL) {
        put_line(env, c, line);
        return;
    }
    char *to = record->text;
    line.request_line = keep(&to, words[0]);
    line.referer = keep(&to, words[1]);
    line.user_agent = keep(&to, words[2]);
    record->line = line;
    c->record = record;
}

void record_end(struct conn_env *env, struct conn *c, uint64_t missing)
{
    struct conn_record *record = c->record;
    if (record == NULL)
        return;
    record->line.body_bytes -= missing;
    put_line(env, c, record->line);
    free(record);
    c->record = NULL;
}
