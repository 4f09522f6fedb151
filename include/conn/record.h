/*
 * record: what the access log says of a reply. A reply that leaves in one send is logged at once; for one that goes on,
 * the words are kept until its last byte, so that the line tells how much was really sent.
 */
#ifndef SHUNT_CONN_RECORD_H
#define SHUNT_CONN_RECORD_H

#include "conn/conn.h"

/* Logs a reply that is complete. `request` may be NULL where nothing could be read. */
void record_now(struct conn_env *env, const struct conn *c, const struct request *request, int status,
                uint64_t body_bytes);

/* Keeps what is to be logged of a reply of body_bytes that has only begun. Without memory for it, it is logged at once.
 */
void record_begin(struct conn_env *env, struct conn *c, const struct request *request, int status, uint64_t body_bytes);

/* Logs what was kept, if anything was: `missing` bytes of the body have not been sent. */
void record_end(struct conn_env *env, struct conn *c, uint64_t missing);

#endif
