/*
 * shed: who must go when there is no room for one more: the connections that have been idle longest, wherever they are.
 *
 * Whoever has no room asks; the owners close. How long a connection has been idle is read from the table, so that
 * nobody touches one that isn't his.
 */
#ifndef SHUNT_MODEL_SHED_H
#define SHUNT_MODEL_SHED_H

#include "conn/table.h"

#include <stdint.h>

enum { SHED_SHY_MS = 1000 }; /* one that may have an event on its way is left alone so long */

struct engine;

/* Asks for up to `count` of the longest idle connections to be closed, and the caches' files. By any thread. How many
 * connections were found; where each has a thread of its own, 0. */
uint32_t shed_ask(struct engine *engine, uint32_t count);

/* How long it has been idle, for this purpose: a new connection is given a moment to say what it wants, and a last one
 * to take what it was told. 0: it stays. */
uint64_t shed_idle_ms(struct conn_due due, const struct conn_limits *limits, uint64_t now_ms);

enum { SHED_AGES = 128 }; /* how finely they are told apart: by seconds, the last for all that are older */

/* Which are the longest idle ones: count them, cut, and ask for each of them again. */
struct shed_cut {
    uint32_t number[SHED_AGES]; /* of each age */
    uint32_t age;               /* all from this age on go, … */
    uint32_t younger;           /* … and so many of the age below */
};

void shed_count(struct shed_cut *cut, uint64_t idle_ms);
void shed_cut(struct shed_cut *cut, uint32_t most);
bool shed_takes(struct shed_cut *cut, uint64_t idle_ms);

#endif
