/*
 * site: what is served, and what every head of it says. Filled in once, at the start; all threads refer to the one, and
 * nobody changes it.
 */
#ifndef SHUNT_FILES_SITE_H
#define SHUNT_FILES_SITE_H

#include "http/head.h"
#include "os/beneath.h"

enum { SITE_VALID_MS = 1000 };

struct site {
    int root; /* a directory's fd, see beneath_root(); not owned */
    struct head_rules head;
    uint32_t valid_ms;        /* what was found out about a path is believed for so long; 0: never [SITE_VALID_MS] */
    enum beneath_links links; /* which symbolic links are followed */
    bool dotfiles;            /* names that begin with a dot are served too, see path_is_hidden() */
    bool asleep;              /* nothing beneath the root is opened without sleeping, see beneath_may_sleep() */
};

#endif
