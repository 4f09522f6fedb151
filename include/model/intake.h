/* intake: the way in. New connections get their place in the table and their home, and are counted. It is one thread's.
 */
#ifndef SHUNT_MODEL_INTAKE_H
#define SHUNT_MODEL_INTAKE_H

#include "model/engine.h"

struct intake {
    struct engine *engine;
    uint64_t accepted;   /* connections that came in */
    uint64_t ended_seen; /* connections that were known to have ended when last counted */
};

/* Gives the engine a new connection, and the descriptor with it. `refused`: only to be told that there is no room. */
void intake_adopt(struct intake *intake, int fd, const struct socket_peer *peer, bool refused);

/* Connections that are open. The threads' counters are only summed up when there may be `limit` of them; else it may be
 * too many. */
uint64_t intake_connections(struct intake *intake, uint64_t limit);

#endif
