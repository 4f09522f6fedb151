/*
 * site: what is served, and what every head of it says. Filled in once, at the start; all threads refer to the one, and
 * nobody changes it. What `source` points to changes, under locks of its own.
 */
#ifndef SHUNT_FILES_SITE_H
#define SHUNT_FILES_SITE_H

#include "files/source.h"
#include "http/head.h"

enum { SITE_VALID_MS = 1000 };

struct site {
    struct source *source; /* of all files; not owned */
    struct head_rules head;
    uint32_t valid_ms; /* after so long what was found is looked at again, though no change was told; 0: each time
                          [SITE_VALID_MS] */
    enum beneath_links links; /* which symbolic links are followed */
    bool dotfiles;            /* names that begin with a dot are served too, see path_is_hidden() */
};

#endif
