/*
 * rig: a whole engine in this process, over a directory of the test's and a listener, as serve() would run it;
 * and peers' ends of connections to it.
 *
 * A thread stands in for the main one while the engine runs. After rig_halt() the caller is the main thread: whatever
 * only that one may do is the caller's from then on.
 *
 * A test can't go on without it, so that what fails while it is opened or closed is printed, and aborts.
 */
#ifndef SHUNT_TESTS_LIB_RIG_H
#define SHUNT_TESTS_LIB_RIG_H

#include "lib/tree.h"

#include "model/models.h"

enum { RIG_FILES_MAX = 512, RIG_PATIENCE_MS = 20000 };

/* What is asked of the engine; what is zero has its default, which is meant in brackets. */
struct rig_plan {
    const struct model *model;
    int workers;           /* by the cores */
    int writers;           /* none! */
    int blockers;          /* 1 */
    int active_limit;      /* any number */
    int connections_max;   /* as many as can be */
    uint32_t turn_bytes;   /* 2 MiB */
    uint32_t keepalive_ms; /* a minute, as are all patiences */
    uint32_t head_ms, send_ms;
    bool assume_cold;
    bool processes;
    bool over_unix;  /* the listener is a unix socket, in the directory that is served */
    int send_buffer; /* the kernel's affair */
    const int *weights;
    int weight_count;
    const char *access_log; /* none */
};

struct rig {
    struct engine engine;
    struct socket_address address;
    struct source source; /* of the tree */
    int control;          /* what the main thread watches besides */
    pthread_t main;
    bool runs;          /* `main` does */
    uint64_t connected; /* peers, so far */
};

/* The settings of a plan as the engine would get them, settled. */
void rig_settle(struct engine_settings *settings, const struct rig_plan *plan);

/* `tree`: what is served; it outlives the rig. */
void rig_open(struct rig *rig, const struct rig_plan *plan, const struct tree *tree);

/* The main thread's wait ends, as at a signal. Safe to repeat. */
void rig_halt(struct rig *rig);

/* Halts it, and stops and frees the engine, in whatever state its connections are. */
void rig_close(struct rig *rig);

/* A peer's end of a new connection, non-blocking. `receive_buffer`: bytes, 0: the kernel's affair. */
int rig_connect(struct rig *rig, int receive_buffer);

/* Waits until all that has connected was let in, and so many connections are left; whether they are. */
bool rig_wait_for(struct rig *rig, uint64_t left);

/* Sends text. */
void rig_say(int sock, const char *text);

/* What is received until there are `least` bytes, the peer ends, or patience does; how many. Less than `room`, and
 * ended with NUL. */
size_t rig_hear(int sock, char *to, size_t room, size_t least);

/* Whether the connection ends, by a last byte or a reset, before patience does. What comes before is thrown away. */
bool rig_hears_the_end(int sock);

#endif
