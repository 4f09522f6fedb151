#include "model/engine.h"

#include "base/clock.h"
#include "base/log.h"
#include "model/sweep.h"
#include "os/process.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    FILES_OF_OUR_OWN = 16, /* standard streams, listeners, signals, the log, the docroot … */
    FILES_PER_PLACE = 2,   /* a poller's */
    FILES_TO_CACHE = 8,    /* one descriptor in so many may be a cached file */
    ARRIVALS_MAX = 64,
    REAP_MS = 1000, /* how often it is looked whether processes have ended, at least */
    STOP_MS = 1000, /* for threads to end what they are at */
};

static const uint64_t control_key = UINT64_MAX - ACCEPTOR_LISTENERS_MAX - 1;

/* ---- how many there are */

static int places_of(const struct engine_settings *settings)
{
    int places = 0;
    for (int i = 0; i < settings->crew_count; i++)
        places += settings->crews[i].places;
    return places;
}

/* Threads for which there is room; or those that there are from the start. */
static int threads_of(const struct engine_settings *settings, bool all)
{
    int threads = 0;
    for (int i = 0; i < settings->crew_count; i++)
        if (all || !settings->crews[i].grows)
            threads += settings->crews[i].places * settings->crews[i].threads;
    return threads;
}

int engine_threads(const struct engine_settings *settings)
{
    return threads_of(settings, false);
}

/* The crew whose threads accept, or NULL: the main thread does. */
static const struct crew *accepting(const struct engine_settings *settings)
{
    for (int i = 0; i < settings->crew_count; i++)
        if (settings->crews[i].accepts)
            return &settings->crews[i];
    return NULL;
}

int engine_acceptors(const struct engine_settings *settings)
{
    const struct crew *crew = accepting(settings);
    return crew == NULL ? 1 : crew->places;
}

/* Descriptors that the acceptors keep for the time when there are no others. */
static int reserve_of(int acceptors)
{
    return acceptors * ACCEPTOR_LEAST > ACCEPTOR_RESERVE ? acceptors * ACCEPTOR_LEAST : ACCEPTOR_RESERVE;
}

void engine_settle(struct engine_settings *settings, int wanted)
{
    settings->model->settle(settings);
    int most = settings->files_max - settings->files_max / FILES_TO_CACHE - FILES_OF_OUR_OWN -
               FILES_PER_PLACE * (places_of(settings) + 1) - 2 * reserve_of(engine_acceptors(settings));
    settings->connections_max = wanted > 0 && wanted < most ? wanted : most;
}

struct cache_limits engine_cache_limits(const struct engine_settings *settings)
{
    int readers = 0;
    if (settings->crews[0].grows) /* each for one connection, and there may be thousands */
        return (struct cache_limits){.entries = 16, .bytes = 1 << 18, .files = 1};
    for (int i = 0; i < settings->crew_count; i++)
        if (settings->crews[i].reads)
            readers += settings->crews[i].places * settings->crews[i].threads;
    return (struct cache_limits){
        .entries = settings->cache_entries,
        .bytes = settings->cache_bytes / (uint64_t)readers,
        .files = (uint32_t)(settings->files_max / FILES_TO_CACHE / readers),
    };
}

uint32_t engine_worker_id(const struct engine *engine, const struct worker *worker)
{
    return (uint32_t)(places_of(&engine->settings) + 1 + (worker - engine->workers));
}

struct active *engine_active(struct engine *engine)
{
    return engine->settings.active_limit > 0 ? &engine->active : NULL;
}

/* ---- the start */

/* Zeroed memory that is committed as it is touched: of the room for threads only a little may be needed. `sharing`:
 * MAP_PRIVATE, or MAP_SHARED with processes to come. */
static void *map(size_t size, int sharing)
{
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, sharing | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return at == MAP_FAILED ? NULL : at;
}

static int open_places(struct engine *engine)
{
    const struct engine_settings *settings = &engine->settings;
    uint32_t id = 1;
    for (int i = 0; i < settings->crew_count; i++) {
        int count = settings->crews[i].places;
        engine->places[i] = aligned_alloc(_Alignof(struct place), (size_t)count * sizeof(struct place));
        if (engine->places[i] == NULL)
            return -1;
        for (int j = 0; j < count; j++)
            engine->places[i][j] = (struct place){.poller = POLLER_CLOSED};
        for (int j = 0; j < count; j++) {
            engine->places[i][j].crew = &settings->crews[i];
            if (place_open(&engine->places[i][j], settings->crews[i].kind, id++, engine->table.size) < 0)
                return -1;
        }
    }
    return place_open(&engine->entrance, PLACE_POLLER, id, engine->table.size);
}

static struct place *place_to_accept(struct engine *engine, int i)
{
    for (int crew = 0; crew < engine->settings.crew_count; crew++)
        if (engine->settings.crews[crew].accepts)
            return engine_place(engine, crew, i);
    return &engine->entrance;
}

static int open_acceptors(struct engine *engine, const int *listeners, int addresses)
{
    int count = engine_acceptors(&engine->settings), result = 0;
    engine->acceptors = calloc((size_t)count, sizeof *engine->acceptors);
    if (engine->acceptors == NULL)
        return -1;
    engine->acceptor_count = count;
    for (int i = 0; i < count; i++) {
        struct place *place = place_to_accept(engine, i);
        place->acceptor = &engine->acceptors[i];
        if (acceptor_open(place->acceptor, engine, place, listeners + i * addresses, addresses) < 0)
            result = -1; /* and on, so that all listeners have an owner */
    }
    return result;
}

/* Readers get connections in turn; one of weight 3 has three turns in a round, as far apart as can be: whoever is owed
 * most is next. */
static int deal_turns(struct engine *engine)
{
    const struct engine_settings *settings = &engine->settings;
    int readers = settings->crews[0].places, total = 0;
    int *owed = calloc((size_t)readers, sizeof *owed);
    for (int i = 0; i < readers; i++)
        total += i < settings->weight_count ? settings->weights[i] : 1;
    engine->turns = calloc((size_t)total, sizeof *engine->turns);
    if (owed == NULL || engine->turns == NULL) {
        free(owed);
        return -1;
    }
    while (engine->turn_count < total) {
        int next = 0;
        for (int i = 0; i < readers; i++) {
            owed[i] += i < settings->weight_count ? settings->weights[i] : 1;
            if (owed[i] > owed[next])
                next = i;
        }
        owed[next] -= total;
        engine->turns[engine->turn_count++] = (uint16_t)next;
    }
    free(owed);
    return 0;
}

static int open_worker(struct engine *engine, int crew, int i)
{
    struct worker *worker = &engine->workers[engine->count++];
    if (worker_open(worker, engine, crew, i) == 0)
        return 0;
    log_errno(LOG_LEVEL_ERROR, "make thread '%s'", worker->role);
    return -1;
}

static int open_workers(struct engine *engine)
{
    for (int crew = 0; crew < engine->settings.crew_count; crew++) {
        const struct crew *c = &engine->settings.crews[crew];
        for (int i = 0; i < c->places * c->threads && !c->grows; i++)
            if (open_worker(engine, crew, i) < 0)
                return -1;
    }
    return 0;
}

static int fail(const char *what)
{
    log_errno(LOG_LEVEL_ERROR, "%s", what);
    return -1;
}

/* All that threads share stands before the first of them starts. The listeners come first: from here on they are ours.
 */
static int open_parts(struct engine *engine, const int *listeners, int addresses)
{
    const struct engine_settings *settings = &engine->settings;
    int threads = threads_of(settings, true);
    if ((engine->shared = map(sizeof *engine->shared, MAP_SHARED)) == NULL)
        return fail("make shared memory");
    if (conn_table_open(&engine->table, settings->files_max) < 0)
        return fail("make a table of connections");
    if (open_places(engine) < 0)
        return fail("make pollers");
    if (open_acceptors(engine, listeners, addresses) < 0)
        return fail("watch the listeners");
    if (settings->active_limit > 0 && active_open(&engine->active, (unsigned)settings->active_limit) < 0)
        return fail("make a semaphore");
    if (logger_open(&engine->logger, settings->access_log, threads) < 0) {
        log_errno(LOG_LEVEL_ERROR, "open the access log %s", settings->access_log);
        return -1;
    }
    engine->logger.active = engine_active(engine);
    if (deal_turns(engine) < 0 || (settings->crews[0].metered && load_open(&engine->load) < 0) ||
        (engine->workers = map((size_t)threads * sizeof *engine->workers, MAP_PRIVATE)) == NULL)
        return fail("make the threads' tables");
    engine->most = threads;
    return open_workers(engine);
}

static int start_threads(struct engine *engine)
{
    const struct engine_settings *settings = &engine->settings;
    for (int i = 0; i < engine->count; i++)
        if (worker_start(&engine->workers[i]) < 0) {
            log_errno(LOG_LEVEL_ERROR, "start thread '%s'", engine->workers[i].role);
            return -1;
        }
    if (settings->processes)
        /* Who forks must have no other thread: each process has a logger of its own. */
        return process_heed_children() < 0 ? fail("hear of processes that end") : 0;
    return logger_start(&engine->logger) < 0 ? fail("start the access log's thread") : 0;
}

int engine_open(struct engine *engine, const struct engine_settings *settings, const int *listeners, int addresses)
{
    *engine = (struct engine){.settings = *settings, .entrance.poller = POLLER_CLOSED, .logger.poller = POLLER_CLOSED};
    acceptor_room_init(&engine->room);
    if (open_parts(engine, listeners, addresses) == 0 && start_threads(engine) == 0)
        return 0;
    if (engine->acceptor_count == 0)
        for (int i = 0; i < addresses * engine_acceptors(settings); i++)
            close(listeners[i]);
    if (engine_stop(engine))
        engine_free(engine);
    return -1;
}

/* ---- new connections */

struct conn *engine_open_conn(struct engine *engine, const struct arrival *arrival, uint16_t home)
{
    if (arrival->fd >= engine->table.size) { /* somebody raised our limit on files while we ran */
        close(arrival->fd);
        atomic_fetch_add_explicit(&engine->main.ended, 1, memory_order_relaxed);
        return NULL;
    }
    struct conn *c = conn_table_claim(&engine->table, arrival->fd);
    conn_open(c, arrival->fd, &arrival->peer, home, arrival->refused);
    return c;
}

void engine_admit(struct engine *engine, const struct arrival *arrival)
{
    struct conn *c = engine_open_conn(engine, arrival, 0);
    if (c == NULL)
        return;
    struct conn_due due = conn_due(c, &engine->settings.limits, clock_now_ms());
    struct place *to = engine->settings.model->admit(engine, c, engine->main.counts.accepted++);
    engine->main.counts.handoffs++;
    if (to != NULL)
        place_pass(&engine->table, NULL, to, c, STAGE_READ, due);
    if (engine->settings.model->admitted != NULL)
        engine->settings.model->admitted(engine, to);
}

void engine_grow(struct engine *engine)
{
    struct worker *worker = &engine->workers[engine->count];
    if (engine->count == engine->most)
        return;
    if (worker_open(worker, engine, 0, engine->count) == 0 && worker_start(worker) == 0)
        engine->count++;
    else
        worker_close(worker);
}

static void admit_some(struct engine *engine, uint64_t key)
{
    struct arrival arrivals[ARRIVALS_MAX];
    int count = acceptor_take(engine->entrance.acceptor, key, arrivals, ARRIVALS_MAX);
    for (int i = 0; i < count; i++)
        engine_admit(engine, &arrivals[i]);
}

static int patience(const struct engine *engine)
{
    const struct acceptor *acceptor = engine->entrance.acceptor;
    int ms = acceptor == NULL ? -1 : acceptor_patience(acceptor);
    return engine->settings.model->reap != NULL && (ms < 0 || ms > REAP_MS) ? REAP_MS : ms;
}

/* One turn of the main thread; whether `control` is readable. */
static bool accept_or_wait(struct engine *engine, int *result)
{
    struct poller_event events[ACCEPTOR_LISTENERS_MAX + 1];
    struct acceptor *acceptor = engine->entrance.acceptor;
    bool told = false;
    active_leave(engine_active(engine));
    *result = poller_wait(&engine->entrance.poller, events, ACCEPTOR_LISTENERS_MAX + 1, patience(engine));
    active_enter(engine_active(engine));
    if (engine->settings.model->reap != NULL)
        engine->settings.model->reap(engine);
    for (int i = 0; i < *result; i++) {
        if (events[i].key == control_key)
            told = true;
        else
            admit_some(engine, events[i].key);
    }
    if (acceptor != NULL)
        acceptor_look(acceptor);
    return told;
}

int engine_run(struct engine *engine, int control)
{
    int result;
    if (poller_add(&engine->entrance.poller, control, POLLER_IN, control_key) < 0)
        return -1;
    active_enter(engine_active(engine));
    while (!accept_or_wait(engine, &result) && result >= 0)
        ;
    active_leave(engine_active(engine));
    poller_remove(&engine->entrance.poller, control);
    usage_of_thread(&engine->main.counts.usage);
    return result < 0 ? -1 : 0;
}

uint64_t engine_connections(struct engine *engine)
{
    if (engine->settings.model->reap != NULL)
        engine->settings.model->reap(engine);
    /* The ends first: a connection that both comes and goes meanwhile is counted as open. */
    uint64_t ended = atomic_load_explicit(&engine->main.ended, memory_order_relaxed), accepted = 0;
    for (int i = 0; i < engine->count; i++)
        ended += atomic_load_explicit(&engine->workers[i].ended, memory_order_relaxed);
    for (int i = 0; i < engine->acceptor_count; i++)
        accepted += atomic_load_explicit(&engine->acceptors[i].accepted, memory_order_relaxed);
    return accepted - ended;
}

/* ---- orders */

static void wake_all(struct engine *engine)
{
    for (int crew = 0; crew < engine->settings.crew_count; crew++)
        for (int i = 0; i < engine->settings.crews[crew].places && engine->places[crew] != NULL; i++)
            if (engine->places[crew][i].poller.fd >= 0)
                place_wake(engine_place(engine, crew, i));
}

void engine_shed(struct engine *engine, uint32_t count)
{
    sweep_share_out(engine, count);
    for (int crew = 0; crew < engine->settings.crew_count; crew++)
        for (int i = 0; i < engine->settings.crews[crew].places && engine->settings.crews[crew].idles; i++) {
            struct place *place = engine_place(engine, crew, i);
            atomic_store_explicit(&place->shed_files, true, memory_order_relaxed);
            place_wake(place);
        }
    atomic_store_explicit(&engine->shared->shed, count, memory_order_relaxed);
    if (engine->settings.model->wake != NULL)
        engine->settings.model->wake(engine);
}

static void give_order(struct engine *engine, enum engine_order order)
{
    if (engine->shared == NULL)
        return;
    atomic_store_explicit(&engine->shared->order, order, memory_order_release);
    wake_all(engine);
    if (engine->settings.model->wake != NULL)
        engine->settings.model->wake(engine);
}

void engine_drain(struct engine *engine)
{
    struct acceptor *acceptor = engine->entrance.acceptor;
    struct arrival last[ARRIVALS_MAX];
    int count;
    if (acceptor != NULL) {
        while ((count = acceptor_take_last(acceptor, last, ARRIVALS_MAX)) > 0)
            for (int i = 0; i < count; i++)
                engine_admit(engine, &last[i]);
        acceptor_close(acceptor);
    }
    give_order(engine, ENGINE_DRAIN);
}

bool engine_is_busy(struct engine *engine)
{
    for (int i = 0; i < engine->acceptor_count; i++)
        if (engine->acceptors[i].open)
            return true;
    return engine_connections(engine) > 0;
}

/* ---- the end */

static bool are_finished(struct engine *engine)
{
    if (engine->settings.model->reap != NULL)
        engine->settings.model->reap(engine);
    if (engine->processes.count > 0)
        return false;
    for (int i = 0; i < engine->count; i++)
        if (!worker_is_finished(&engine->workers[i]))
            return false;
    return true;
}

static void shut_queues(struct engine *engine)
{
    for (int crew = 0; crew < engine->settings.crew_count; crew++)
        for (int i = 0; i < engine->settings.crews[crew].places && engine->places[crew] != NULL; i++)
            queue_shut(&engine->places[crew][i].queue);
}

/* No thread runs any more: what connections are left are ended here, in whatever stage they were. */
static void end_connections(struct engine *engine)
{
    struct conn_table *table = &engine->table;
    for (int fd = 0; engine->count > 0 && fd < atomic_load(&table->top); fd++)
        if (!conn_table_owns(table, fd, OWNER_NOBODY))
            worker_end(&engine->workers[0], &table->conns[fd]);
}

bool engine_stop(struct engine *engine)
{
    uint64_t until_ms = clock_now_ms() + STOP_MS;
    give_order(engine, ENGINE_STOP);
    shut_queues(engine);
    while (!are_finished(engine) && clock_now_ms() < until_ms)
        usleep(1000);
    for (int i = 0; i < engine->count; i++)
        if (worker_is_finished(&engine->workers[i]))
            worker_join(&engine->workers[i]);
    bool finished = are_finished(engine);
    if (finished)
        end_connections(engine);
    return logger_flush(&engine->logger, STOP_MS) && finished;
}

static void free_places(struct engine *engine)
{
    for (int crew = 0; crew < engine->settings.crew_count; crew++) {
        for (int i = 0; i < engine->settings.crews[crew].places && engine->places[crew] != NULL; i++)
            place_close(engine_place(engine, crew, i));
        free(engine->places[crew]);
    }
    place_close(&engine->entrance);
}

void engine_free(struct engine *engine)
{
    for (int i = 0; i < engine->acceptor_count; i++)
        acceptor_close(&engine->acceptors[i]);
    logger_close(&engine->logger);
    for (int i = 0; i < engine->count; i++)
        worker_close(&engine->workers[i]);
    if (engine->workers != NULL)
        munmap(engine->workers, (size_t)engine->most * sizeof *engine->workers);
    free_places(engine);
    free(engine->acceptors);
    free(engine->turns);
    processes_free(&engine->processes);
    load_close(&engine->load);
    if (engine->settings.active_limit > 0)
        active_close(&engine->active);
    conn_table_close(&engine->table);
    if (engine->shared != NULL)
        munmap(engine->shared, sizeof *engine->shared);
    *engine = (struct engine){0};
}
