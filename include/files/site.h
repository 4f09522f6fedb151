/*
 * site: what is served, and what every head of it says. Filled in once, at the start; all threads refer to the one, and
 * nobody changes it.
 */
#ifndef SHUNT_FILES_SITE_H
#define SHUNT_FILES_SITE_H

#include "http/head.h"

struct site {
    int root; /* a directory's fd, see beneath_root(); not owned */
    struct head_rules head;
};

#endif
