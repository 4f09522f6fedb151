/* steps: what conn_read, conn_write and conn_block have in common. Within conn/ only. */
#ifndef SHUNT_CONN_STEPS_H
#define SHUNT_CONN_STEPS_H

#include "conn/conn.h"

/* The connection is in this phase from now on, and its deadline counts anew. */
void conn_enter(struct conn *c, struct conn_env *env, enum conn_phase phase);

/* Bytes that it may send in this turn. */
struct conn_turn {
    size_t left;
};

/* Sends what is in `head` (consumed as it goes) and then of the body, as much as the socket and the turn take. IO_AGAIN
 * with c->cold set: the body's next bytes must be read from the disk first. */
enum io conn_send(struct conn *c, struct conn_env *env, struct buffer *head, struct conn_turn *turn);

/* The stage for a reply that isn't all sent: what is left of `head` becomes the connection's. */
enum stage conn_send_later(struct conn *c, struct conn_env *env, struct buffer *head);

/* The body's last byte is sent: logs the reply, and lets go of the file. */
void conn_finish_reply(struct conn *c, struct conn_env *env);

/* All that it will ever be sent, was, the last of it in this turn: the stage in which it ends. */
enum stage conn_end(struct conn *c, struct conn_env *env, const struct conn_turn *turn);

#endif
