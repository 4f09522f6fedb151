/*
 * models: what scenes of models have in common: the list of models with what is to be expected of each, the report that
 * a server writes at its end, and clients by the dozen.
 *
 * These scenes name their models themselves, and go through them one by one, each with a server of its own.
 */
#ifndef WIRE_MODELS_H
#define WIRE_MODELS_H

#include "scene.h"

enum {
    OPTIONS_MAX = 32,   /* of one server */
    FIRST_TOUCHES = 16, /* handoffs that may come of files not yet known to the readers */
    LARGE = 1048576,    /* bytes of /1m.bin */
    ANSWER_MS = 5000,
    SOON_MS = 3000,   /* for what must happen */
    SILENCE_MS = 150, /* for what mustn't */
};

/* ---- the models */

/* A model and its options. Roles are given by their beginning: "read" stands for "read 0" and "read 1". */
struct how {
    const char *name; /* as sentences say it */
    const char *options[8];
    const char *accepts;     /* the role of those who accept, */
    const char *answers;     /* who answer, */
    const char *helps;       /* and who do what may sleep; NULL: nobody does it for others */
    int connection_handoffs; /* that each connection causes, */
    int request_handoffs;    /* and each request, at least */
    int more_handoffs;       /* each request may cause so many more */
    bool pinned;             /* those who answer have a core each */
    bool waits;              /* everybody waits for a disk */
    bool together;           /* connections that are ready together are read together */
};

enum { STAGED, STAGED_ALONE, SYMMETRIC, TURNS, SPED, BALANCED, AMPED, SEDA, FORKED, PROCESSES, HOWS };
extern const struct how hows[HOWS];

/* Plays it under every model, up to the first that has a problem; which model that is, is said as well. */
const char *how_each(struct stage *stage, const char *(*play)(struct stage *stage, const struct how *how));
const char *how_say(struct stage *stage, const struct how *how, const char *problem);

/* Puts a model's options and then `more` into a list with room for OPTIONS_MAX. */
void how_options(const struct how *how, const char *const *more, const char **options);

/* Starts the server under a model, with a report, and with more options. NULL, or why it didn't. */
const char *how_start(struct stage *stage, const struct how *how, const char *const *more);

/* The same where the options name the listeners. */
const char *how_start_listening(struct stage *stage, const struct how *how, const char *const *more);

/* ---- reports */

enum column { CPU, ACCEPTED, REQUESTS, HANDOFFS, STEALS, TOGETHER, VOLUNTARY, INVOLUNTARY, COLUMNS };
extern const char *const column_names[COLUMNS];

enum { REPORT_LINES = 256 };

struct line {
    char role[32];
    long long values[COLUMNS];
};

struct report {
    char model[32];
    struct line lines[REPORT_LINES];
    int count;
    bool has_load;
    double targets, median_us; /* of the load */
};

/* Where a server that how_start() started writes its report. */
void report_path(const struct stage *stage, char path[SITE_PATH_MAX]);

/* Reads a report from a text that is nothing else. NULL, or why it is none. */
const char *report_read(struct stage *stage, const char *text, struct report *report);

/* Ends the server, which must have nothing to complain of, and reads its report. NULL, or what was wrong. */
const char *report_finish(struct stage *stage, struct report *report);

/* Of the lines with this role ("": of all): a column's sum; how many there are; how many have something in a column. */
long long report_sum(const struct report *report, const char *role, enum column column);
int report_count(const struct report *report, const char *role);
int report_busy(const struct report *report, const char *role, enum column column);

/* ---- clients. NULL, or what went wrong. */

/* Connects all of them. They may be closed whether it worked or not. */
const char *crowd_open(struct stage *stage, struct client *clients, int count);
void crowd_close(struct client *clients, int count);

/* Each asks; each has its answer, 200; and one behind the other. */
const char *crowd_get(struct stage *stage, struct client *clients, int count, const char *path);
const char *crowd_answered(struct stage *stage, struct client *clients, int count, const char *path);
const char *crowd_ask(struct stage *stage, struct client *clients, int count, const char *path);

/* New connections, which end together once each has asked so many times. */
const char *crowd_visit(struct stage *stage, int connections, int requests, const char *path);

/* One request, to be answered 200. */
const char *client_asks(struct stage *stage, struct client *client, const char *path);

#endif
