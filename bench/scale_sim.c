/* Where each model saturates on more cores than this machine has: a simulation of the rows in scale_models.h, fed with
 * what their steps cost here.
 *
 * A thread takes connections from its inbox one by one. A core runs one thread at a time, for a slice while it has
 * work. A lock has one holder, the others spin. Waking a thread that sleeps on an idle core costs the one that does it,
 * and a latency until it runs. All connections are always asking: what comes out is the most that the model can do.
 *
 *   scale_sim COSTS            every model and workload, on 1 to 128 cores, with no client
 *   scale_sim COSTS check      on 1 and 2 cores, beside a client on the last of 2: what bench/scale can measure
 *
 * COSTS holds lines of "name microseconds". Out come lines of: model, workload, cores, requests a second, the same
 * where all connections get an equal share, CPU us a request, the accept thread's part of it, and what is in the way of
 * more.
 *
 * What it assumes, and leaves out:
 *  - Costs stay what they are on 2 cores: memory bandwidth has no end, caches stay warm, there is one socket and one
 *    NUMA node, no network card and no interrupt. All optimistic, most so for 1 MB bodies, which are bandwidth.
 *  - The serial part of a step is what it costs more when a second core does the same (Amdahl's law through two
 *    points); the wait for it grows linearly with those who wait. Optimistic, as a cache line travels farther in a
 *    large machine; and pessimistic, as two cores that do nothing else meet more often than those that have work in
 *    between.
 *  - The kernel's network stack scales, but for the table of descriptors that all threads of a process share.
 *  - Waking is as dear as here; on bare metal it takes no hypervisor, and is several times cheaper. */
#include "scale_models.h"

#include <err.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONNECTIONS_A_CORE = 64, REQUESTS_MIN = 10000, NAMES_MAX = 64 };

static const double slice_us = 3000, warm_us = 10000, measured_us = 20000;
static const double full = 0.9, much = 0.25; /* of the time: what is in the way of more */

enum phase { ASK, OPEN, REQUEST, CLOSE, PHASES };
enum lock { UNLOCKED, FILES, POLLER, QUEUE, TABLE, LOCKS };

struct table {
    int count;
    struct {
        char name[32];
        double us;
    } row[NAMES_MAX];
};

struct price {
    double us;     /* when nobody else is at it */
    double serial; /* of it, holding the lock; more than `us` where a cache line has to come from another core */
    enum lock lock;
};

struct list { /* of connections or threads, linked by ->next */
    int first, last;
};

struct conn {
    int next, step, home, left; /* home: its worker, -1: none yet; left: requests to come */
    enum phase phase;
};

struct thread {
    int next, core, conn; /* conn: what it works on, -1: nothing */
    enum role role;
    struct list inbox;
    bool awake, taken; /* taken: has a connection of its own (BOUND) */
    double since;
};

struct core {
    struct list ready;
    int running, last;
    double at; /* when what it does ends */
};

struct crew {
    enum inbox inbox;
    int first, count, asleep; /* threads; how many are in `sleepers` */
    int *sleepers;
    struct list waiting; /* connections, for whoever is free */
    double busy_us;
};

struct holder {
    double free_at, busy_us, waited_us;
    int core;
};

struct sim {
    const struct model *model;
    const struct workload *workload;
    const struct step *phases[PHASES];
    struct price prices[COSTS];
    double wake_us, latency_us, switch_us;
    int cores, server_cores, conn_count, thread_count, turn;
    struct core *core;
    struct thread *threads;
    struct conn *conns;
    int *homed;           /* connections of each worker */
    struct list floating; /* threads that wait for a core, whichever */
    struct crew crews[ROLES];
    struct holder locks[LOCKS];
    uint64_t seed;
    double now, begun;
    long done;
};

/* ---- what things cost */

static double price(const struct table *table, const char *name)
{
    for (int i = 0; i < table->count; i++)
        if (strcmp(table->row[i].name, name) == 0)
            return table->row[i].us;
    errx(1, "no cost of %s", name);
}

static void table_read(struct table *table, const char *path)
{
    FILE *file = fopen(path, "r");
    if (file == NULL)
        err(1, "%s", path);
    while (table->count < NAMES_MAX &&
           fscanf(file, "%31s %lf", table->row[table->count].name, &table->row[table->count].us) == 2)
        table->count++;
    fclose(file);
}

static double more(const struct table *table, const char *shared, const char *alone)
{
    return fmax(0, price(table, shared) - price(table, alone));
}

static void prices_set(struct sim *sim, const struct table *table, bool client)
{
    double serve = price(table, sim->workload->serve), small = price(table, "serve_1k");
    double send = fmin(price(table, "send"), small * 0.7) + serve - small; /* all of a body's cost is in sending it */
    double files = more(table, "files_shared", "files") / 2, polled = more(table, "poller_shared", "poller");
    double queue = price(table, "queue") / 2, queued = more(table, "queue_shared", "queue") / 2;
    double line = price(table, "line"), wait = price(table, "wait"), add = price(table, "add");
    const struct price prices[COSTS] = {
        [ACCEPT] = {price(table, "accept"), files, FILES},
        [LOOK] = {price(table, "accept_none") + wait, 0, UNLOCKED},
        [ADD] = {add, 0, UNLOCKED},
        [ADD_SHARED] = {add, polled / 2, POLLER},
        [DEL] = {price(table, "del"), 0, UNLOCKED},
        [MOD] = {price(table, "mod") + wait, 0, UNLOCKED},
        [POLL] = {fmax(0, price(table, "poller") - wait), polled, POLLER}, /* one wait is in `serve` */
        [PASS] = {queue, queued, QUEUE},
        [PASS_OWN] = {queue + line, 0, UNLOCKED},
        [CHOOSE] = {2 * line * sim->server_cores, 0, UNLOCKED},
        [SLEEP] = {price(table, "sleep"), 0, UNLOCKED},
        [LEARN] = {2 * line, line, TABLE},
        [PARSE] = {serve - send, 0, UNLOCKED},
        [SEND] = {send, 0, UNLOCKED},
        [SEND_HALF] = {send / 2, 0, UNLOCKED},
        [SHUT] = {price(table, "close"), files, FILES},
        [ASK_US] = {client ? price(table, sim->workload->ask) : 0, 0, UNLOCKED},
    };
    memcpy(sim->prices, prices, sizeof prices);
    sim->wake_us = price(table, "wake");
    sim->latency_us = price(table, "wake_latency");
    sim->switch_us = price(table, "switch");
}

/* ---- lists */

#define PUSH(list, items, i)                                                                                           \
    ((items)[i].next = -1, *((list)->first < 0 ? &(list)->first : &(items)[(list)->last].next) = (i),                  \
     (list)->last = (i))

#define POP(list, items, i) ((i) = (list)->first, (i) >= 0 ? (list)->first = (items)[i].next : -1)

static unsigned random_below(struct sim *sim, int limit)
{
    sim->seed = sim->seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(sim->seed >> 33) % (unsigned)limit;
}

/* ---- threads on cores */

static void core_spend(struct sim *sim, struct core *core, double us)
{
    core->at = sim->now + us;
    sim->crews[sim->threads[core->running].role].busy_us += us;
}

/* Threads of the core's own and those that float come in turn. */
static void core_pick(struct sim *sim, struct core *core)
{
    bool own_last = core->last >= 0 && sim->threads[core->last].core >= 0;
    bool server = core - sim->core < sim->server_cores;
    core->at = INFINITY;
    core->running = -1;
    if (core->ready.first < 0 || (own_last && server && sim->floating.first >= 0))
        POP(&sim->floating, sim->threads, core->running);
    if (core->running < 0)
        POP(&core->ready, sim->threads, core->running);
    if (core->running < 0)
        return;
    core_spend(sim, core, core->running == core->last ? 0 : sim->switch_us);
    sim->threads[core->running].since = core->at;
    core->last = core->running;
}

static bool core_idles(const struct core *core)
{
    return core->running < 0 && core->at == INFINITY;
}

static struct core *core_for(struct sim *sim, const struct thread *thread)
{
    if (thread->core >= 0)
        return &sim->core[thread->core];
    for (int i = 0; i < sim->server_cores; i++)
        if (core_idles(&sim->core[i]))
            return &sim->core[i];
    return sim->core;
}

static void thread_queue(struct sim *sim, int i)
{
    const struct thread *thread = &sim->threads[i];
    PUSH(thread->core >= 0 ? &sim->core[thread->core].ready : &sim->floating, sim->threads, i);
}

/* Makes a thread run that sleeps; what that costs the one that wakes it. On a busy core it is in the switch's cost. */
static double thread_wake(struct sim *sim, int i)
{
    struct core *core = core_for(sim, &sim->threads[i]);
    if (sim->threads[i].awake)
        return 0;
    sim->threads[i].awake = true;
    thread_queue(sim, i);
    if (!core_idles(core))
        return 0;
    core->at = sim->now + sim->latency_us;
    return sim->wake_us;
}

static void thread_sleep(struct sim *sim, int i)
{
    struct thread *thread = &sim->threads[i];
    struct crew *crew = &sim->crews[thread->role];
    thread->awake = false;
    if (crew->inbox != OWN && !thread->taken)
        crew->sleepers[crew->asleep++] = i;
}

/* A thread of a pool that sleeps, on an idle core if there is one; -1: all are at work. */
static int sleeper_take(struct sim *sim, struct crew *crew)
{
    int best = --crew->asleep;
    if (best < 0)
        return crew->asleep = 0, -1;
    for (int i = best; crew->inbox == POOL && i >= 0; i--)
        if (core_idles(&sim->core[sim->threads[crew->sleepers[i]].core])) {
            best = i;
            break;
        }
    int thread = crew->sleepers[best];
    crew->sleepers[best] = crew->sleepers[crew->asleep];
    return thread;
}

/* ---- connections between threads */

static const struct step *step_of(const struct sim *sim, const struct conn *c)
{
    return &sim->phases[c->phase][c->step];
}

/* How long a connection's step takes a thread from now; a lock is waited for. */
static double step_us(struct sim *sim, const struct thread *thread, int core, const struct conn *c)
{
    enum cost cost = step_of(sim, c)->cost;
    const struct price *price = &sim->prices[cost];
    struct holder *lock = &sim->locks[price->lock];
    if (cost == LOOK && (thread->inbox.first >= 0 || sim->crews[thread->role].waiting.first >= 0))
        return 0; /* that a backlog is empty is found out when it is */
    if (price->lock == UNLOCKED)
        return price->us;
    double held = lock->core == core ? fmin(price->serial, price->us) : price->serial;
    double start = fmax(sim->now, lock->free_at);
    *lock = (struct holder){start + held, lock->busy_us + held, lock->waited_us + start - sim->now, core};
    return start - sim->now + held + fmax(0, price->us - price->serial);
}

static int home_choose(struct sim *sim, const struct crew *workers)
{
    int best = sim->model->choice == HASH ? (int)random_below(sim, workers->count) : sim->turn++ % workers->count;
    for (int i = 0; sim->model->choice == LEAST && i < workers->count; i++)
        if (sim->homed[i] < sim->homed[best])
            best = i;
    sim->homed[best]++;
    return workers->first + best;
}

/* Puts a connection into the inbox of whoever does its next step; what waking them costs. */
static double conn_deliver(struct sim *sim, int i)
{
    struct conn *c = &sim->conns[i];
    enum role role = step_of(sim, c)->role;
    struct crew *crew = &sim->crews[role];
    int thread = role == HELPER ? crew->first + i % crew->count : crew->first;
    if (crew->inbox == POOL || (crew->inbox == BOUND && c->home < 0)) {
        thread = sleeper_take(sim, crew);
        if (thread < 0)
            return PUSH(&crew->waiting, sim->conns, i), 0;
    } else if (role == WORKER) {
        if (c->home < 0)
            c->home = home_choose(sim, crew);
        thread = c->home;
    }
    PUSH(&sim->threads[thread].inbox, sim->conns, i);
    return thread_wake(sim, thread);
}

static void conn_leave_home(struct sim *sim, struct conn *c)
{
    struct crew *workers = &sim->crews[WORKER];
    if (c->home >= 0 && workers->inbox == OWN)
        sim->homed[c->home - workers->first]--;
    if (c->home >= 0)
        sim->threads[c->home].taken = false;
    c->home = -1;
}

static enum phase phase_after(struct sim *sim, struct conn *c)
{
    switch (c->phase) {
    case ASK:
        return c->left > 0 ? REQUEST : OPEN;
    case OPEN:
        c->left = sim->workload->requests;
        return REQUEST;
    case REQUEST:
        sim->done++;
        return --c->left > 0 ? ASK : CLOSE;
    default:
        conn_leave_home(sim, c);
        return ASK;
    }
}

/* To the next step. Whether the peer asks anew: then it comes as an event, after those that came before. */
static bool conn_advance(struct sim *sim, struct conn *c)
{
    bool asks = false;
    for (c->step++; step_of(sim, c)->cost == END; c->step = 0) {
        asks |= c->phase == ASK;
        c->phase = phase_after(sim, c);
        c->step = 0;
        if (step_of(sim, c)->cost != END)
            break;
    }
    return asks;
}

/* A thread has done with a connection: on with its next, or the core with another thread. */
static void core_next(struct sim *sim, struct core *core)
{
    int i = core->running;
    struct thread *thread = &sim->threads[i];
    struct crew *crew = &sim->crews[thread->role];
    bool blocks = thread->taken && sim->now > thread->since;
    bool others = core->ready.first >= 0 || (sim->floating.first >= 0 && core - sim->core < sim->server_cores);
    if (others && (blocks || sim->now - thread->since >= slice_us)) {
        thread_queue(sim, i);
        core_pick(sim, core);
        return;
    }
    POP(&thread->inbox, sim->conns, thread->conn);
    if (thread->conn < 0 && !thread->taken)
        POP(&crew->waiting, sim->conns, thread->conn);
    if (thread->conn < 0) {
        thread_sleep(sim, i);
        core_pick(sim, core);
        return;
    }
    struct conn *c = &sim->conns[thread->conn];
    if (crew->inbox == BOUND)
        c->home = i, thread->taken = true;
    core_spend(sim, core, step_us(sim, thread, (int)(core - sim->core), c));
}

static bool thread_keeps(const struct sim *sim, int i, const struct conn *c)
{
    const struct thread *thread = &sim->threads[i];
    return step_of(sim, c)->role == thread->role &&
           (thread->role != WORKER || sim->crews[WORKER].inbox == POOL || c->home == i);
}

/* What a core was at has ended. */
static void core_event(struct sim *sim, struct core *core)
{
    if (core->running < 0) {
        core_pick(sim, core);
        return;
    }
    struct thread *thread = &sim->threads[core->running];
    int conn = thread->conn;
    if (conn < 0) {
        core_next(sim, core);
        return;
    }
    struct conn *c = &sim->conns[conn];
    bool asks = conn_advance(sim, c);
    if (!asks && thread_keeps(sim, core->running, c)) {
        core_spend(sim, core, step_us(sim, thread, (int)(core - sim->core), c));
        return;
    }
    thread->conn = -1;
    double wake_us = conn_deliver(sim, conn);
    core_spend(sim, core, asks && thread->role != CLIENT ? 0 : wake_us); /* what the network wakes, it pays */
}

static void sim_run(struct sim *sim, double us, long requests)
{
    double until_us = sim->now + us;
    for (long until = sim->done + requests; sim->done < until || sim->now < until_us;) {
        struct core *next = sim->core;
        for (int i = 1; i < sim->cores; i++)
            if (sim->core[i].at < next->at)
                next = &sim->core[i];
        sim->now = next->at;
        core_event(sim, next);
    }
}

/* ---- one run */

static void *zeroed(int count, size_t size)
{
    void *memory = calloc((size_t)count, size);
    if (memory == NULL)
        err(1, "calloc");
    return memory;
}

static int crew_size(const struct sim *sim, enum size size)
{
    int sizes[] = {[NONE] = 0,
                   [ONE] = 1,
                   [EACH] = sim->server_cores,
                   [EIGHTH] = (sim->server_cores + 7) / 8,
                   [CROWD] = sim->conn_count};
    return sizes[size];
}

/* Where a thread is pinned: workers from the first core up, helpers from the last down; -1: nowhere. */
static int core_of(const struct sim *sim, enum role role, enum inbox inbox, int i)
{
    if (role == CLIENT)
        return sim->cores - 1;
    if (role == MAIN || role == GATE || inbox == BOUND)
        return -1;
    return role == WORKER ? i % sim->server_cores : sim->server_cores - 1 - i % sim->server_cores;
}

static void crew_add(struct sim *sim, enum role role, struct crew_row row)
{
    struct crew *crew = &sim->crews[role];
    *crew = (struct crew){row.inbox, sim->thread_count, crew_size(sim, row.size), .waiting = {-1, -1}};
    crew->sleepers = zeroed(crew->count + 1, sizeof *crew->sleepers);
    for (int i = 0; i < crew->count; i++) {
        sim->threads[sim->thread_count] =
            (struct thread){.role = role, .core = core_of(sim, role, row.inbox, i), .conn = -1, .inbox = {-1, -1}};
        thread_sleep(sim, sim->thread_count++);
    }
}

static void sim_open(struct sim *sim, bool client)
{
    static const struct step ask[] = {{CLIENT, ASK_US}, {CLIENT, END}};
    const struct model *model = sim->model;
    int requests = sim->workload->requests;
    const struct step *phases[PHASES] = {client ? ask : &ask[1], model->open,
                                         sim->workload->far ? model->far : model->request, model->close};
    memcpy(sim->phases, phases, sizeof phases);
    sim->conn_count = CONNECTIONS_A_CORE * (client ? 1 : sim->server_cores);
    sim->core = zeroed(sim->cores, sizeof *sim->core);
    sim->conns = zeroed(sim->conn_count, sizeof *sim->conns);
    sim->threads = zeroed(sim->conn_count + 2 * sim->server_cores + ROLES, sizeof *sim->threads);
    sim->homed = zeroed(sim->server_cores, sizeof *sim->homed);
    sim->floating = (struct list){-1, -1};
    for (int i = 0; i < sim->cores; i++)
        sim->core[i] = (struct core){.ready = {-1, -1}, .running = -1, .last = -1, .at = INFINITY};
    for (enum role role = MAIN; role < CLIENT; role++)
        crew_add(sim, role, model->crews[role]);
    crew_add(sim, CLIENT, (struct crew_row){client ? ONE : NONE, OWN});
    for (int i = 0; i < sim->conn_count; i++) {
        sim->conns[i] = (struct conn){.phase = requests == 1 ? OPEN : REQUEST, .home = -1};
        sim->conns[i].left = 1 + (int)random_below(sim, requests);
        conn_deliver(sim, i);
    }
}

static void sim_close(struct sim *sim)
{
    for (enum role role = MAIN; role < ROLES; role++)
        free(sim->crews[role].sleepers);
    free(sim->homed);
    free(sim->threads);
    free(sim->conns);
    free(sim->core);
}

/* Counting starts when the queues have settled. */
static void sim_measure(struct sim *sim)
{
    sim_run(sim, warm_us, REQUESTS_MIN / 2 + sim->conn_count);
    sim->begun = sim->now;
    sim->done = 0;
    for (enum role role = MAIN; role < ROLES; role++)
        sim->crews[role].busy_us = 0;
    for (enum lock lock = UNLOCKED; lock < LOCKS; lock++)
        sim->locks[lock].busy_us = sim->locks[lock].waited_us = 0;
    sim_run(sim, measured_us, REQUESTS_MIN + sim->conn_count);
}

static double server_us(const struct sim *sim)
{
    double us = 0;
    for (enum role role = MAIN; role < CLIENT; role++)
        us += sim->crews[role].busy_us;
    return us;
}

/* What is in the way of more: what is full, the narrowest first, or else what is fullest. */
static const char *limit_name(const struct sim *sim)
{
    static const char *const lock_names[] = {"", "descriptor table", "shared poller", "queue", "load table"};
    static const char *const crew_names[] = {"accept thread", "poll thread", "one worker", "helpers", "client"};
    double elapsed = sim->now - sim->begun, most = server_us(sim) / sim->server_cores / elapsed;
    const char *name = "cores";
    for (int role = CLIENT; role >= MAIN; role--) {
        const struct crew *crew = &sim->crews[role];
        double use = crew->count > 0 ? crew->busy_us / crew->count / elapsed : 0;
        bool few = crew->count < sim->server_cores || role == CLIENT;
        if (few && (use > full || use > most))
            most = use, name = crew_names[role];
    }
    for (int lock = FILES; lock < LOCKS; lock++)
        if (sim->locks[lock].busy_us > full * elapsed || sim->locks[lock].waited_us > much * server_us(sim))
            name = lock_names[lock];
    return name;
}

/* Where every connection asks as often as any other, the worker with the most of them is full before the rest are. */
static double even_part(const struct sim *sim)
{
    const struct crew *workers = &sim->crews[WORKER];
    int most = 0;
    if (workers->inbox != OWN || sim->workload->requests == 1)
        return 1;
    for (int i = 0; i < workers->count; i++)
        most = sim->homed[i] > most ? sim->homed[i] : most;
    double load = workers->busy_us * most / sim->conn_count / (sim->now - sim->begun);
    return load > 1 ? 1 / load : 1;
}

static void sim_tell(const struct table *table, const struct model *model, const struct workload *workload, int cores,
                     bool client)
{
    struct sim sim = {.model = model, .workload = workload, .server_cores = cores, .seed = 1};
    sim.cores = client ? 2 : cores;
    prices_set(&sim, table, client);
    sim_open(&sim, client);
    sim_measure(&sim);
    double rate = (double)sim.done / (sim.now - sim.begun) * 1e6;
    printf("%s\t%s\t%d\t%.0f\t%.0f\t%.3f\t%.3f\t%s\n", model->name, workload->name, cores, rate, rate * even_part(&sim),
           server_us(&sim) / (double)sim.done, sim.crews[MAIN].busy_us / (double)sim.done, limit_name(&sim));
    sim_close(&sim);
}

int main(int argc, char **argv)
{
    static const int cores[] = {1, 2, 4, 8, 16, 32, 64, 128};
    if (argc < 2 || argc > 3 || (argc == 3 && strcmp(argv[2], "check") != 0))
        errx(2, "usage: scale_sim COSTS [check]");
    size_t points = argc == 3 ? 2 : sizeof cores / sizeof *cores;
    struct table table = {0};
    table_read(&table, argv[1]);
    for (size_t m = 0; m < sizeof models / sizeof *models; m++)
        for (size_t w = 0; w < sizeof workloads / sizeof *workloads; w++)
            for (size_t c = 0; c < points; c++)
                sim_tell(&table, &models[m], &workloads[w], cores[c], argc == 3);
}
