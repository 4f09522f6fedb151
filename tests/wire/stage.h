/*
 * stage: where scenes are played, which are what is more than a row: many clients, signals, files that change, limits
 * that are reached.
 *
 * A scene is a function that starts the server it needs and returns NULL, or says what went wrong, in one line or
 * several. It runs in a process and with a site of its own; the server dies with that process, so a scene may return at
 * any point. What it counted stands in `summary`, if anywhere, whether it went well or not.
 */
#ifndef WIRE_STAGE_H
#define WIRE_STAGE_H

#include "client.h"
#include "pause.h"
#include "server.h"
#include "site.h"

enum { STAGE_SAID = 16384 };

struct stage {
    const struct harness *harness;
    struct site site;
    struct server server;
    int port;    /* of the server's first listener */
    int seconds; /* for scenes that last as long as one likes; else 0 */
    char verdict[STAGE_SAID];
    char summary[STAGE_SAID];
    bool skipped; /* the verdict is a reason, not a complaint */
};

struct scene {
    const char *sentence;
    const char *(*play)(struct stage *stage);
};

#define OPTIONS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* Writes the verdict and returns it. */
const char *stage_say(struct stage *stage, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same, but it says why this scene can't be played here. */
const char *stage_skip(struct stage *stage, const char *reason);

/* Leaves the scene when the condition doesn't hold. */
#define EXPECT(condition, ...)                                                                                         \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            return stage_say(stage, __VA_ARGS__);                                                                      \
    } while (0)

/* Starts the server on the scene's site. NULL, or why it didn't. */
const char *stage_start(struct stage *stage, const char *const *options);
const char *stage_start_with(struct stage *stage, const struct server_setup *setup);

/* Ends the server: it must exit with 0 and have said nothing, or as server_finish() has it. NULL, or what was wrong. */
const char *stage_finish(struct stage *stage);
const char *stage_finish_but(struct stage *stage, const char *words);

/* A plain GET on a connection of its own: the status, or -1. */
int stage_get(struct stage *stage, const char *path);

/* Asks on so many connections that every worker has answered, and holds in its cache what it will. */
bool stage_warm(struct stage *stage, const char *path);

/* Asks until the answer has this status, at most so long. */
bool stage_get_within(struct stage *stage, const char *path, int status, int timeout_ms);

/* Whether the server has at most so many fds, at some moment within the time. */
bool stage_fds_within(struct stage *stage, int fds, int timeout_ms);

/* Whether the server runs this model: "forked" by threads or by processes. */
bool stage_model_is(const struct stage *stage, const char *name);

/* Whether the server is built with a sanitizer, whose memory and time say nothing. */
bool stage_is_instrumented(struct stage *stage);

/* ---- words */

int text_lines(const char *text);
bool text_begins(const char *text, const char *with);

/* Whether it is a complaint of the server's in one line. */
bool text_is_one_line(const char *text);

#endif
