/*
 * What each model decides, without a thread: who there is, where a connection goes first, and where next.
 */
#include "model/models.h"

#include "lib/rig.h"
#include "os/beneath.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { TEXT_MAX = 256, STAYS = -1 };

#define GET "GET /one HTTP/1.1\r\nHost: h\r\n\r\n"

static const struct tree_row files[] = {{TREE_FILE, "one", NULL, 1}};

/* ---- who there is */

static const struct {
    const struct model *model;
    int workers, writers, blockers, cores; /* as they were asked for; 0 and -1: not */
    const char *crews;                     /* role, places x threads */
    int threads, acceptors;
} settled[] = {
    {&model_staged, 0, -1, 4, 1, "read 1x1, block 1x4, write 1x1", 6, 1},
    {&model_staged, 0, -1, 4, 2, "read 2x1, block 1x4, write 1x1", 7, 1},
    {&model_staged, 0, -1, 4, 7, "read 7x1, block 1x4, write 1x1", 12, 1},
    {&model_staged, 0, -1, 4, 16, "read 16x1, block 1x4, write 2x1", 22, 1},
    {&model_staged, 3, -1, 1, 2, "read 3x1, block 1x1, write 1x1", 5, 1},
    {&model_staged, 3, 5, 1, 2, "read 3x1, block 1x1, write 5x1", 9, 1},
    {&model_staged, 0, 0, 4, 2, "read 2x1, block 1x4", 6, 1},
    {&model_symmetric, 0, -1, 4, 8, "worker 8x1, block 1x4", 12, 8},
    {&model_symmetric, 3, -1, 4, 8, "worker 3x1, block 1x4", 7, 3},
    {&model_turns, 0, -1, 4, 8, "turn 1x8, block 1x4", 12, 1},
    {&model_turns, 3, -1, 2, 8, "turn 1x3, block 1x2", 5, 1},
    {&model_sped, 0, -1, 4, 8, "all 1x1", 1, 1},
    {&model_sped, 7, -1, 4, 8, "all 1x1", 1, 1},
    {&model_balanced, 0, -1, 4, 8, "worker 8x1, block 1x4", 12, 1},
    {&model_balanced, 3, -1, 4, 8, "worker 3x1, block 1x4", 7, 1},
    {&model_amped, 0, -1, 4, 8, "network 1x1, help 1x4", 5, 1},
    {&model_amped, 7, -1, 9, 8, "network 1x1, help 1x9", 10, 1},
    {&model_seda, 0, -1, 4, 8, "poll 1x1, read 1x8, send 1x8, block 1x4", 21, 1},
    {&model_seda, 3, -1, 1, 8, "poll 1x1, read 1x3, send 1x3, block 1x1", 8, 1},
    {&model_forked, 0, -1, 4, 8, "conn 1x32768", 0, 1},
    {&model_forked, 50, -1, 4, 8, "conn 1x50", 0, 1},
};

static void settle(struct engine_settings *settings, const struct model *model, int workers, int writers, int cores)
{
    *settings = (struct engine_settings){
        .model = model, .workers = workers, .writers = writers, .blockers = 4, .cores = cores, .files_max = 4096};
}

static void print_crews(const struct engine_settings *settings, char text[TEXT_MAX])
{
    size_t len = 0;
    for (int i = 0; i < settings->crew_count; i++)
        len += (size_t)snprintf(text + len, TEXT_MAX - len, "%s%s %dx%d", i > 0 ? ", " : "", settings->crews[i].role,
                                settings->crews[i].places, settings->crews[i].threads);
}

static void a_model_has_the_crews_that_its_row_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof settled / sizeof *settled; i++) {
        struct engine_settings settings;
        char crews[TEXT_MAX];
        settle(&settings, settled[i].model, settled[i].workers, settled[i].writers, settled[i].cores);
        settings.blockers = settled[i].blockers;
        settings_settle(&settings, 0);
        print_crews(&settings, crews);
        if (strcmp(crews, settled[i].crews) != 0 || settings_threads(&settings, false) != settled[i].threads ||
            settings_acceptors(&settings) != settled[i].acceptors)
            fail_msg("row %zu: %s has %s, %d threads, %d acceptors", i, settled[i].model->name, crews,
                     settings_threads(&settings, false), settings_acceptors(&settings));
    }
}

static void every_models_crews_can_be_run(void **state)
{
    (void)state;
    for (int i = 0; models[i] != NULL; i++) {
        struct engine_settings settings;
        int reading = 0, resting = 0;
        settle(&settings, models[i], 3, -1, 4);
        settings_settle(&settings, 0);
        for (int crew = 0; crew < settings.crew_count; crew++) {
            const struct crew *c = &settings.crews[crew];
            bool several = c->threads > 1;
            assert_true(c->places > 0 && c->threads > 0 && c->role != NULL && c->cores != 0);
            assert_true(!several || c->kind == PLACE_SHARED || c->kind == PLACE_QUEUE);
            assert_true(c->kind != PLACE_INBOX || c->batch > 0);
            assert_true(!c->grows || crew == 0);
            assert_true(strlen(c->role) <= 9); /* a thread's name has 15 letters, its number five of them */
            reading += c->reads;
            resting += c->rests;
        }
        assert_int_equal(reading, 1);
        assert_int_equal(resting, models[i] == &model_forked ? 0 : 1);
    }
}

static void the_first_model_is_the_default_and_no_name_comes_twice(void **state)
{
    static const char *const names[] = {"staged", "symmetric", "turns", "sped", "balanced", "amped", "seda", "forked"};
    (void)state;
    int count = 0;
    for (; models[count] != NULL; count++)
        assert_string_equal(models[count]->name, names[count]);
    assert_int_equal(count, sizeof names / sizeof *names);
}

/* ---- how many connections, and how much cache */

static void connections_are_as_many_as_were_wanted_or_as_files_allow(void **state)
{
    static const struct {
        int files_max, wanted, least, most;
    } rows[] = {
        {4096, 100, 100, 100},        {4096, 1, 1, 1},   {4096, 0, 3000, 3584}, {4096, 1 << 20, 3000, 3584},
        {1 << 20, 0, 900000, 917504}, {64, 0, -100, 20}, {16, 0, -100, 0},
    };
    (void)state;
    for (int i = 0; models[i] != NULL; i++)
        for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
            struct engine_settings settings;
            settle(&settings, models[i], 4, -1, 4);
            settings.files_max = rows[row].files_max;
            settings_settle(&settings, rows[row].wanted);
            int part = models[i] == &model_forked && rows[row].least > 100 ? 2 : 1; /* its threads open files as well */
            if (settings.connections_max < rows[row].least / part || settings.connections_max > rows[row].most)
                fail_msg("%s, row %zu: %d", models[i]->name, row, settings.connections_max);
        }
}

static void all_caches_together_hold_what_one_may(void **state)
{
    (void)state;
    for (int i = 0; models[i] != NULL; i++) {
        struct engine_settings settings;
        settle(&settings, models[i], 4, -1, 4);
        settings.cache_bytes = 1 << 24;
        settings.cache_entries = 64;
        settings_settle(&settings, 0);
        struct cache_limits limits = settings_cache_limits(&settings);
        uint64_t readers = models[i] == &model_sped || models[i] == &model_amped ? 1 : 4;
        if (models[i] == &model_forked) { /* of one connection each */
            assert_true(limits.bytes <= 1 << 18 && limits.files <= 1);
            continue;
        }
        assert_int_equal(limits.bytes * readers, 1 << 24);
        assert_int_equal(limits.files * readers, 4096 / 8);
        assert_int_equal(limits.entries, 64);
    }
}

/* ---- where a connection goes */

struct at {
    int crew, place;
};

static const struct route {
    const struct model *model;
    int workers, writers;
    struct at from;
    int home;
    enum stage next;
    bool pending;
    struct at to;
} routes[] = {
    /* crews: read, block, write */
    {&model_staged, 3, 2, {0, 2}, 2, STAGE_READ, false, {0, 2}},
    {&model_staged, 3, 2, {0, 2}, 2, STAGE_READ, true, {0, 2}},
    {&model_staged, 3, 2, {0, 2}, 2, STAGE_WRITE, false, {2, 0}},
    {&model_staged, 3, 2, {0, 1}, 1, STAGE_WRITE, true, {2, 1}},
    {&model_staged, 3, 2, {2, 1}, 1, STAGE_WRITE, false, {2, 1}},
    {&model_staged, 3, 2, {2, 0}, 2, STAGE_READ, true, {0, 2}},
    {&model_staged, 3, 2, {2, 0}, 2, STAGE_BLOCK, false, {1, 0}},
    {&model_staged, 3, 2, {0, 1}, 1, STAGE_BLOCK, true, {1, 0}},
    {&model_staged, 3, 2, {1, 0}, 1, STAGE_READ, true, {0, 1}},
    {&model_staged, 3, 2, {1, 0}, 1, STAGE_WRITE, false, {2, 1}},
    {&model_staged, 2, 0, {0, 1}, 1, STAGE_WRITE, false, {0, 1}},
    {&model_staged, 2, 0, {0, 1}, 1, STAGE_BLOCK, false, {1, 0}},
    {&model_staged, 2, 0, {1, 0}, 1, STAGE_WRITE, false, {0, 1}},
    {&model_staged, 2, 0, {1, 0}, 0, STAGE_READ, true, {0, 0}},
    /* worker, block */
    {&model_symmetric, 2, -1, {0, 1}, 1, STAGE_READ, false, {0, 1}},
    {&model_symmetric, 2, -1, {0, 1}, 1, STAGE_WRITE, false, {0, 1}},
    {&model_symmetric, 2, -1, {0, 1}, 1, STAGE_BLOCK, false, {1, 0}},
    {&model_symmetric, 2, -1, {1, 0}, 1, STAGE_READ, true, {0, 1}},
    {&model_symmetric, 2, -1, {1, 0}, 0, STAGE_WRITE, false, {0, 0}},
    /* turn, block */
    {&model_turns, 3, -1, {0, 0}, 0, STAGE_READ, false, {0, 0}},
    {&model_turns, 3, -1, {0, 0}, 0, STAGE_WRITE, false, {0, 0}},
    {&model_turns, 3, -1, {0, 0}, 0, STAGE_BLOCK, true, {1, 0}},
    {&model_turns, 3, -1, {1, 0}, 0, STAGE_WRITE, false, {0, 0}},
    /* all */
    {&model_sped, 0, -1, {0, 0}, 0, STAGE_READ, true, {0, 0}},
    {&model_sped, 0, -1, {0, 0}, 0, STAGE_WRITE, false, {0, 0}},
    {&model_sped, 0, -1, {0, 0}, 0, STAGE_BLOCK, false, {STAYS, 0}},
    /* worker, block */
    {&model_balanced, 3, -1, {0, 2}, 2, STAGE_READ, false, {0, 2}},
    {&model_balanced, 3, -1, {0, 2}, 2, STAGE_WRITE, false, {0, 2}},
    {&model_balanced, 3, -1, {0, 2}, 2, STAGE_BLOCK, false, {1, 0}},
    {&model_balanced, 3, -1, {1, 0}, 2, STAGE_READ, true, {0, 2}},
    /* network, help */
    {&model_amped, 0, -1, {0, 0}, 0, STAGE_READ, false, {0, 0}},
    {&model_amped, 0, -1, {0, 0}, 0, STAGE_WRITE, false, {0, 0}},
    {&model_amped, 0, -1, {0, 0}, 0, STAGE_BLOCK, true, {1, 0}},
    {&model_amped, 0, -1, {1, 0}, 0, STAGE_WRITE, false, {0, 0}},
    /* poll, read, send, block: who has done what could be done at once waits for its socket */
    {&model_seda, 2, -1, {1, 0}, 0, STAGE_READ, false, {0, 0}},
    {&model_seda, 2, -1, {1, 0}, 0, STAGE_READ, true, {0, 0}},
    {&model_seda, 2, -1, {1, 0}, 0, STAGE_WRITE, false, {2, 0}},
    {&model_seda, 2, -1, {1, 0}, 0, STAGE_BLOCK, true, {3, 0}},
    {&model_seda, 2, -1, {2, 0}, 0, STAGE_WRITE, false, {0, 0}},
    {&model_seda, 2, -1, {2, 0}, 0, STAGE_READ, false, {0, 0}},
    {&model_seda, 2, -1, {2, 0}, 0, STAGE_READ, true, {1, 0}},
    {&model_seda, 2, -1, {2, 0}, 0, STAGE_BLOCK, false, {3, 0}},
    {&model_seda, 2, -1, {3, 0}, 0, STAGE_READ, true, {1, 0}},
    {&model_seda, 2, -1, {3, 0}, 0, STAGE_WRITE, false, {2, 0}},
    /* conn */
    {&model_forked, 5, -1, {0, 0}, 0, STAGE_READ, false, {STAYS, 0}},
    {&model_forked, 5, -1, {0, 0}, 0, STAGE_WRITE, false, {STAYS, 0}},
    {&model_forked, 5, -1, {0, 0}, 0, STAGE_BLOCK, true, {STAYS, 0}},
};

/* An engine that has its places, and nothing else. */
static void make_places(struct engine *engine, const struct model *model, int workers, int writers)
{
    uint32_t id = 1;
    *engine = (struct engine){0};
    settle(&engine->settings, model, workers, writers, 4);
    settings_settle(&engine->settings, 0);
    engine->place_count = settings_places(&engine->settings);
    engine->places = aligned_alloc(_Alignof(struct place), (size_t)engine->place_count * sizeof(struct place));
    assert_non_null(engine->places);
    for (int crew = 0; crew < engine->settings.crew_count; crew++)
        for (int i = 0; i < engine->settings.crews[crew].places; i++)
            *engine_place(engine, crew, i) = (struct place){.crew = &engine->settings.crews[crew],
                                                            .kind = engine->settings.crews[crew].kind,
                                                            .id = id++,
                                                            .poller = POLLER_CLOSED};
}

static void free_places(struct engine *engine)
{
    free(engine->places);
}

static struct at where(const struct engine *engine, const struct place *place)
{
    for (int crew = 0; place != NULL && crew < engine->settings.crew_count; crew++)
        for (int i = 0; i < engine->settings.crews[crew].places; i++)
            if (place == engine_place(engine, crew, i))
                return (struct at){crew, i};
    return (struct at){STAYS, 0};
}

static void a_connection_goes_where_its_row_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        const struct route *route = &routes[i];
        struct engine engine;
        make_places(&engine, route->model, route->workers, route->writers);
        struct conn c = {.home = (uint16_t)route->home, .pending = route->pending};
        struct place *from = engine_place(&engine, route->from.crew, route->from.place);
        struct at to = where(&engine, route->model->route(&engine, from, &c, route->next));
        if (to.crew != route->to.crew || to.place != route->to.place)
            fail_msg("row %zu: %s, from %d.%d, stage %d: to %d.%d", i, route->model->name, route->from.crew,
                     route->from.place, route->next, to.crew, to.place);
        assert_true(from->kind != PLACE_QUEUE || route->next == STAGE_BLOCK || to.crew == STAYS ||
                    engine_place(&engine, to.crew, to.place) != from); /* it would spin, with nothing to wait for */
        free_places(&engine);
    }
}

static void a_new_connection_goes_where_it_is_read(void **state)
{
    static const struct {
        const struct model *model;
        struct at to; /* of the first; STAYS: nobody comes in this way */
    } rows[] = {
        {&model_symmetric, {STAYS, 0}}, {&model_turns, {STAYS, 0}}, {&model_sped, {STAYS, 0}},
        {&model_amped, {STAYS, 0}},     {&model_seda, {1, 0}},      {&model_forked, {0, 0}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct engine engine;
        struct conn c = {0};
        make_places(&engine, rows[i].model, 3, -1);
        const struct model *model = rows[i].model;
        struct at to = where(&engine, model->admit == NULL ? NULL : model->admit(&engine, &c, 0));
        if (to.crew != rows[i].to.crew || to.place != rows[i].to.place)
            fail_msg("%s: to %d.%d", rows[i].model->name, to.crew, to.place);
        free_places(&engine);
    }
}

/* ---- weights */

enum { READERS_MAX = 4 };

static const struct {
    int readers, weight_count, weights[READERS_MAX];
} weighted[] = {
    {1, 0, {0}}, {3, 0, {0}},          {2, 2, {3, 1}},   {2, 2, {1, 3}}, {3, 3, {5, 3, 2}},
    {3, 1, {4}}, {4, 4, {1, 2, 3, 4}}, {2, 2, {100, 1}}, {1, 2, {3, 1}}, /* one more than there are readers */
};

static int weight_of(size_t row, int reader)
{
    return reader < weighted[row].weight_count ? weighted[row].weights[reader] : 1;
}

/* At any moment each has had its share, give or take a turn: no reader has all its turns at once. */
static void expect_spread(struct engine *engine, size_t row)
{
    int total = 0, had[READERS_MAX] = {0};
    for (int i = 0; i < weighted[row].readers; i++)
        total += weight_of(row, i);
    for (int n = 0; n < 3 * total; n++) {
        struct conn c = {0};
        struct place *to = model_staged.admit(engine, &c, (uint64_t)n);
        assert_ptr_equal(to, engine_place(engine, 0, c.home));
        had[c.home]++;
        for (int i = 0; i < weighted[row].readers; i++) {
            double due = (double)(n + 1) * weight_of(row, i) / total;
            if (had[i] < due - 1 || had[i] > due + 1)
                fail_msg("row %zu: after %d connections reader %d has %d, not %.1f", row, n + 1, i, had[i], due);
        }
    }
    for (int i = 0; i < weighted[row].readers; i++)
        assert_int_equal(had[i], 3 * weight_of(row, i));
}

static void readers_get_connections_by_their_weights_and_well_spread(void **state)
{
    (void)state;
    struct tree tree;
    tree_open(&tree, files, 1);
    for (size_t row = 0; row < sizeof weighted / sizeof *weighted; row++) {
        struct rig rig;
        const struct rig_plan plan = {.model = &model_staged,
                                      .workers = weighted[row].readers,
                                      .weights = weighted[row].weights,
                                      .weight_count = weighted[row].weight_count};
        rig_open(&rig, &plan, &tree);
        expect_spread(&rig.engine, row);
        rig_close(&rig);
    }
    tree_close(&tree);
}

/* ---- balanced: who has nothing to do helps. Its worker is run here, step by step, and no thread is */

struct idlers {
    struct tree tree;
    struct source source;
    struct engine engine;
    struct engine_shared shared;
    struct worker workers[2];
    int peers[3];
};

static void wait_at(struct idlers *w, int place, int i, int64_t load_ns)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    w->peers[i] = ends[1];
    rig_say(ends[1], GET);
    struct conn *c = conn_table_claim(&w->engine.table, ends[0]);
    struct place *to = engine_place(&w->engine, 0, place);
    conn_open(c, ends[0], &(struct socket_peer){.family = AF_UNIX}, (uint16_t)place, false);
    load_admit(&w->engine.load, to, c);
    assert_true(w->engine.load.costs[c->fd].expected_ns == load_ns);
    place_pass(&w->engine.table, NULL, to, c, STAGE_READ, (struct conn_due){0});
}

static void open_idlers(struct idlers *w)
{
    *w = (struct idlers){0};
    tree_open(&w->tree, files, 1);
    make_places(&w->engine, &model_balanced, 2, -1);
    struct engine_settings *settings = &w->engine.settings;
    assert_int_equal(source_open(&w->source, w->tree.path, SITE_VALID_MS, true), 0);
    settings->site = (struct site){.source = &w->source, .valid_ms = SITE_VALID_MS};
    settings->cache_entries = 64;
    settings->cache_bytes = 1 << 20;
    settings->limits = (struct conn_limits){.request = {REQUEST_LINE_MAX, REQUEST_HEAD_MAX, REQUEST_FIELDS_MAX},
                                            .turn_bytes = 1 << 21};
    w->engine.workers = w->workers;
    w->engine.shared = &w->shared;
    assert_int_equal(conn_table_open(&w->engine.table, 256), 0);
    assert_int_equal(load_open(&w->engine.load, 256), 0);
    for (int i = 0; i < 2; i++) {
        struct place *place = engine_place(&w->engine, 0, i);
        assert_int_equal(place_open(place, &settings->crews[0], place->id, 256), 0);
        assert_int_equal(worker_open(&w->workers[i], &w->engine, 0, i), 0);
    }
    /* One who may sleep has been there: now all know the way. */
    entry_drop(docroot_look_up(&w->workers[0].docroot, SLICE("/one"), &(struct clock){clock_now_ms(), time(NULL)}));
}

static void close_idlers(struct idlers *w)
{
    for (int fd = 0; fd < 256; fd++)
        if (!conn_table_owns(&w->engine.table, fd, OWNER_NOBODY))
            worker_end(&w->workers[0], &w->engine.table.conns[fd]);
    for (int i = 0; i < 2; i++) {
        worker_close(&w->workers[i]);
        place_close(engine_place(&w->engine, 0, i));
    }
    for (int i = 0; i < 3; i++)
        close(w->peers[i]);
    load_close(&w->engine.load);
    conn_table_close(&w->engine.table);
    free_places(&w->engine);
    source_close(&w->source);
    tree_close(&w->tree);
}

static bool was_answered(int peer)
{
    char got[1024];
    ssize_t len = recv(peer, got, sizeof got, MSG_DONTWAIT);
    return len > 0 && strncmp(got, "HTTP/1.1 200 OK\r\n", 17) == 0;
}

static void who_has_nothing_to_do_takes_the_one_that_has_waited_longest_from_the_fullest(void **state)
{
    (void)state;
    struct idlers w;
    open_idlers(&w);
    struct worker *thief = &w.workers[1];
    struct place *full = engine_place(&w.engine, 0, 0), *own = engine_place(&w.engine, 0, 1);
    int64_t each = load_expect(&w.engine.load, 1);
    assert_false(thief->crew->before_sleep(thief)); /* nothing anywhere */
    wait_at(&w, 0, 0, each);
    wait_at(&w, 0, 1, each);
    wait_at(&w, 1, 2, each);
    assert_true(thief->crew->before_sleep(thief));
    assert_true(was_answered(w.peers[0]));
    assert_false(was_answered(w.peers[1]));
    assert_int_equal(thief->counts.steals, 1);
    assert_true(full->load_ns == each && own->load_ns == each); /* what was stolen is over already */
    int fd;
    assert_int_equal(queue_length(&full->queue), 1);
    assert_int_equal(queue_take(&full->queue, &fd, 1), 1);
    assert_int_equal(queue_length(&own->queue), 1);
    assert_true(thief->crew->before_sleep(thief)); /* its own is no theft */
    assert_true(was_answered(w.peers[2]));
    assert_int_equal(thief->counts.steals, 1);
    for (int conn = 0; conn < 256; conn++)
        if (conn_table_owns(&w.engine.table, conn, own->id))
            assert_int_equal(w.engine.table.conns[conn].home, 1); /* and stays there */
    close_idlers(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_has_the_crews_that_its_row_says),
        cmocka_unit_test(every_models_crews_can_be_run),
        cmocka_unit_test(the_first_model_is_the_default_and_no_name_comes_twice),
        cmocka_unit_test(connections_are_as_many_as_were_wanted_or_as_files_allow),
        cmocka_unit_test(all_caches_together_hold_what_one_may),
        cmocka_unit_test(a_connection_goes_where_its_row_says),
        cmocka_unit_test(a_new_connection_goes_where_it_is_read),
        cmocka_unit_test(readers_get_connections_by_their_weights_and_well_spread),
        cmocka_unit_test(who_has_nothing_to_do_takes_the_one_that_has_waited_longest_from_the_fullest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
