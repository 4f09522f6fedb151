/*
 * beneath_walk: beneath_open() by hand, a component at a time, for kernels that lack openat2(2) or forbid it.
 *
 * For the kernels' own beneath_*.c alone.
 */
#ifndef SHUNT_OS_BENEATH_WALK_H
#define SHUNT_OS_BENEATH_WALK_H

#include "os/beneath.h"

/* As beneath_open() in mode BENEATH_WAIT, with the same answers. `search` is the open(2) flag that asks for no more
 * than passing through a directory: O_PATH, O_SEARCH or, at worst, O_RDONLY. `visitor`: or NULL. One difference: what
 * proc(5) calls a magic link is here the link that its text spells. */
int beneath_walk(int root, const char *path, enum beneath_links links, int search,
                 const struct beneath_visitor *visitor);

#endif
