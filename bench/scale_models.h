/* The models as scale_sim.c simulates them, a row each: which threads there are, and what steps a connection is led
 * through, each by which thread and at which cost. Where a step is another thread's than the one before, the connection
 * is passed, and a thread that sleeps is woken for it.
 *
 * What each row takes for granted:
 *  - balanced: the main thread reads every worker's load, and all workers write one entry of the load table. Nobody
 *    steals: requests that are all alike leave nothing to steal.
 *  - amped: no file is cold, its helpers sleep. So it is sped.
 *  - seda: one thread waits for all sockets; a queue leads to the readers, one to the senders, each a thread a core.
 *  - forked: threads, used again when a connection ends. They sleep once a request, in ppoll(2).
 *  - 1m-far: no reply fits into its socket's buffer, as over a network: half of it is sent by whoever read the request,
 *    the rest when there is room, which in staged is the write stage's. */
#ifndef SHUNT_BENCH_SCALE_MODELS_H
#define SHUNT_BENCH_SCALE_MODELS_H

#include <stdbool.h>

enum { STEPS_MAX = 12 };

enum role { MAIN, GATE, WORKER, HELPER, CLIENT, ROLES }; /* GATE: waits for sockets in the place of others */
enum size { NONE, ONE, EACH, EIGHTH, CROWD };            /* threads: one a core, one for 8 cores, one a connection */
enum inbox { OWN, POOL, BOUND };   /* each its own; one for all; one for all, then the connection's own */
enum choice { TURN, HASH, LEAST }; /* how a connection gets a worker, where each has an inbox */

enum cost {
    END,
    ACCEPT,
    LOOK,
    ADD,
    ADD_SHARED,
    DEL,
    MOD,
    POLL,
    PASS,
    PASS_OWN,
    CHOOSE,
    LEARN,
    SLEEP,
    PARSE,
    SEND,
    SEND_HALF,
    SHUT,
    ASK_US,
    COSTS
};

struct step {
    enum role role;
    enum cost cost;
};

struct crew_row {
    enum size size;
    enum inbox inbox;
};

struct model {
    const char *name;
    struct crew_row crews[CLIENT];
    enum choice choice;
    struct step open[STEPS_MAX], request[STEPS_MAX], far[STEPS_MAX], close[STEPS_MAX];
};

/* clang-format off */
#define M(cost) {MAIN, cost}
#define G(cost) {GATE, cost}
#define W(cost) {WORKER, cost}
#define H(cost) {HELPER, cost}

static const struct model models[] = {
    {"staged", {[MAIN] = {ONE, OWN}, [WORKER] = {EACH, OWN}, [HELPER] = {EIGHTH, OWN}}, TURN,
        .open    = {M(ACCEPT), M(ADD), M(LOOK)},
        .request = {W(PARSE), W(SEND)},
        .far     = {W(PARSE), W(SEND_HALF), W(DEL), W(ADD), H(SEND_HALF), H(DEL), H(ADD)},
        .close   = {W(SHUT)}},
    {"symped", {[MAIN] = {ONE, OWN}, [WORKER] = {EACH, OWN}}, TURN,
        .open    = {M(ACCEPT), M(ADD), M(LOOK)},
        .request = {W(PARSE), W(SEND)},
        .far     = {W(PARSE), W(SEND_HALF), W(MOD), W(SEND_HALF), W(MOD)},
        .close   = {W(SHUT)}},
    {"symmetric", {[WORKER] = {EACH, OWN}}, HASH,
        .open    = {W(ACCEPT), W(ADD), W(LOOK)},
        .request = {W(PARSE), W(SEND)},
        .far     = {W(PARSE), W(SEND_HALF), W(MOD), W(SEND_HALF), W(MOD)},
        .close   = {W(SHUT)}},
    {"turns", {[WORKER] = {EACH, POOL}}, HASH,
        .open    = {W(ACCEPT), W(ADD_SHARED), W(LOOK)},
        .request = {W(PARSE), W(SEND), W(POLL)},
        .far     = {W(PARSE), W(SEND_HALF), W(POLL), W(SEND_HALF), W(POLL)},
        .close   = {W(SHUT)}},
    {"sped", {[WORKER] = {ONE, OWN}}, TURN,
        .open    = {W(ACCEPT), W(ADD), W(LOOK)},
        .request = {W(PARSE), W(SEND)},
        .far     = {W(PARSE), W(SEND_HALF), W(MOD), W(SEND_HALF), W(MOD)},
        .close   = {W(SHUT)}},
    {"balanced", {[MAIN] = {ONE, OWN}, [WORKER] = {EACH, OWN}}, LEAST,
        .open    = {M(ACCEPT), M(CHOOSE), M(PASS_OWN), M(LOOK), W(PASS_OWN), W(ADD)},
        .request = {W(PARSE), W(SEND), W(LEARN)},
        .far     = {W(PARSE), W(SEND_HALF), W(MOD), W(SEND_HALF), W(MOD), W(LEARN)},
        .close   = {W(SHUT)}},
    {"amped", {[WORKER] = {ONE, OWN}}, TURN,
        .open    = {W(ACCEPT), W(ADD), W(LOOK)},
        .request = {W(PARSE), W(SEND)},
        .far     = {W(PARSE), W(SEND_HALF), W(MOD), W(SEND_HALF), W(MOD)},
        .close   = {W(SHUT)}},
    {"seda", {[MAIN] = {ONE, OWN}, [GATE] = {ONE, OWN}, [WORKER] = {EACH, POOL}, [HELPER] = {EACH, POOL}}, HASH,
        .open    = {M(ACCEPT), M(PASS), M(LOOK)},
        .request = {G(PASS), W(PASS), W(PARSE), W(PASS), H(PASS), H(SEND), H(POLL)},
        .far     = {G(PASS), W(PASS), W(PARSE), W(PASS), H(PASS), H(SEND_HALF), H(POLL), G(PASS), H(PASS), H(SEND_HALF), H(POLL)},
        .close   = {H(SHUT)}},
    {"forked", {[MAIN] = {ONE, OWN}, [WORKER] = {CROWD, BOUND}}, HASH,
        .open    = {M(ACCEPT), M(PASS), M(LOOK), W(PASS)},
        .request = {W(PARSE), W(SEND), W(SLEEP)},
        .far     = {W(PARSE), W(SEND), W(SLEEP)},
        .close   = {W(SHUT)}},
};
/* clang-format on */

struct workload {
    const char *name;
    const char *serve, *ask; /* costs: of a whole request in one thread, and the client's */
    int requests;            /* a connection */
    bool far;
};

static const struct workload workloads[] = {
    {"1k", "serve_1k", "ask_1k", 1000, false},
    {"close", "serve_1k", "ask_close", 1, false},
    {"1m", "serve_1m", "ask_1m", 1000, false},
    {"1m-far", "serve_1m", "ask_1m", 1000, true},
};

#endif
