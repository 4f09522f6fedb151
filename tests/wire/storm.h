/*
 * storm: a server whose site changes all the time while many clients ask, for as long as one likes.
 *
 * A storm is a function that starts the server and returns NULL, or says what went wrong, in one line or several. It
 * runs in a process and with a directory of its own; the server dies with that process, so a storm may return at any
 * point. What it counted stands in `summary`, whether it went well or not.
 */
#ifndef WIRE_STORM_H
#define WIRE_STORM_H

#include "server.h"
#include "site.h"

enum { STORM_SAID = 16384 };

struct storm_stage {
    const struct harness *harness;
    struct site site;
    struct server server;
    int port;
    int seconds; /* so long it plays; longer where that is too short to have seen enough, at most STORM_LONGER times */
    char verdict[STORM_SAID], summary[STORM_SAID];
};

enum { STORM_LONGER = 10, STORM_SPARE_SECONDS = 60 /* to begin and to end */ };

struct storm {
    const char *sentence;
    const char *(*play)(struct storm_stage *stage);
};

/* Each ends in an empty row. */
extern const struct storm storms_of_changes[], storms_of_links[];

/* Writes the verdict and returns it. */
const char *storm_say(struct storm_stage *stage, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Starts the server on a directory, which need not be of the site. NULL, or why it didn't. */
const char *storm_start(struct storm_stage *stage, const char *root, const char *const *options);

/* Ends the server: it must exit with 0 and have said nothing, but for lines with these words in them (NULL: none).
 * NULL, or what was wrong. */
const char *storm_finish(struct storm_stage *stage, const char *expected);

#endif
