/*
 * source: what all threads share of the directory that is served: where its path leads now, the ways in it that were
 * found, and what the kernel tells of changes. One for all threads.
 */
#ifndef SHUNT_FILES_SOURCE_H
#define SHUNT_FILES_SOURCE_H

#include "files/closer.h"
#include "files/root.h"
#include "files/ways.h"

struct source {
    struct changes changes;
    struct ways ways;
    struct root_path path;
    struct closer closer;
};

/* `directory` isn't copied. `valid_ms`: see struct site; with 0 nobody listens, as each request looks anyway.
 * `listens`: to what is told of changes, if that can be had; not in a process that will be forked. 0, or -1 with errno:
 * the directory can't be opened as one, or there is no memory; source_close() is owed either way. */
int source_open(struct source *source, const char *directory, uint32_t valid_ms, bool listens);

/* Safe on a zeroed source, and to repeat. */
void source_close(struct source *source);

#endif
