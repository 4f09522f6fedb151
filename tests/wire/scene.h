/*
 * scene: what is more than a row: many clients, signals, files that change, limits that are reached.
 *
 * A scene is a function that starts the server it needs and returns NULL, or says what went wrong. It runs in a process
 * and with a site of its own; the server dies with that process, so a scene may return at any point.
 */
#ifndef WIRE_SCENE_H
#define WIRE_SCENE_H

#include "client.h"
#include "pause.h"
#include "server.h"
#include "site.h"

struct stage {
    const struct harness *harness;
    struct site site;
    struct server server;
    int port;           /* of the server's first listener */
    char verdict[1024]; /* what stage_say wrote */
    bool skipped;       /* the verdict is a reason, not a complaint */
};

struct scene {
    const char *sentence;
    const char *(*play)(struct stage *stage);
};

/* Each file of scenes is a table that ends in an empty row. */
extern const struct scene scenes_of_streams[], scenes_of_files[], scenes_of_limits[], scenes_of_stopping[],
    scenes_of_listening[], scenes_of_logging[], scenes_of_commands[], scenes_of_tails[], scenes_of_the_stuck[],
    scenes_of_overload[], scenes_of_models[], scenes_of_reports[], scenes_of_the_balanced[], scenes_of_the_forked[],
    scenes_of_disks[], scenes_of_sockets[], scenes_of_ranges[], scenes_of_heads[], scenes_of_packing[],
    scenes_of_paths[], scenes_of_changes[], scenes_of_refusals[];

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

/* Ends the server with SIGTERM: it must exit with 0 and have said nothing. NULL, or what was wrong. */
const char *stage_finish(struct stage *stage);

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

#endif
