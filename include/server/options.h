/*
 * options: what was asked for on the command line, read once and never changed after.
 *
 * Every option has a long name. A wrong one is told in one line that says what, where, and what would be right.
 */
#ifndef SHUNT_SERVER_OPTIONS_H
#define SHUNT_SERVER_OPTIONS_H

#include "model/engine.h"
#include "os/socket.h"

#include <stdbool.h>

struct options {
    const char *directory; /* what is served */
    bool whole_system;     /* even if that is every file of the machine */
    struct socket_address listen[ACCEPTOR_LISTENERS_MAX];
    const char *listen_text[ACCEPTOR_LISTENERS_MAX]; /* as it was written, for messages */
    int listeners;
    const struct model *model;
    int workers; /* 0: one per usable core */
    int writers; /* -1: by the number of cores */
    int blockers;
    bool processes;                    /* model forked: processes instead of threads */
    int weights[SETTINGS_WEIGHTS_MAX]; /* of the readers; `weight_count` were given */
    int weight_count;
    int active_limit;  /* 0: none */
    int reserve_cores; /* left to the system */
    bool pin;
    int max_connections; /* 0: what the limit on files leaves */
    bool access_log_given;
    const char *access_log; /* a path, "-", or NULL: none */
    const char *report;     /* a file's path, or NULL */
    bool quiet;
    int send_buffer;        /* bytes, 0: the kernel's affair */
    const char *congestion; /* the kernel's name for it, or NULL: its default */
    bool defer_accept, nodelay;
    int linger_s;     /* -1: close(2) doesn't wait; else SO_LINGER's seconds */
    uint32_t stop_ms; /* for running responses when stopping */
    struct conn_limits limits;
    struct site site;       /* but for its source */
    uint32_t cache_entries; /* of each thread's cache */
    uint32_t cache_bytes;   /* of all caches together */
};

enum options_outcome {
    OPTIONS_SERVE = 1, /* go on */
    OPTIONS_DONE,      /* --help or --version was asked for, and answered on standard output: exit 0 */
    OPTIONS_WRONG,     /* a line was logged: exit 2 */
};

/* Reads the command line. Strings point into argv. */
enum options_outcome options_read(struct options *options, int argc, char **argv);

#endif
