#include "files/cache.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { PLENTY = 1 << 20, NAME_SIZE = 24 };

/* Entries here are made by hand: the cache looks at no file. */
static struct entry *make_entry(bool with_file)
{
    struct entry *entry = calloc(1, sizeof *entry + NAME_SIZE);
    assert_non_null(entry);
    entry->status = with_file ? 200 : 404;
    entry->fd = with_file ? open("/dev/null", O_RDONLY) : -1;
    assert_true(entry->fd >= 0 || !with_file);
    entry->references = 1;
    return entry;
}

static struct entry *make_body(size_t size)
{
    struct entry *entry = make_entry(false);
    entry->image = calloc(1, size + 1);
    assert_non_null(entry->image);
    entry->size = size;
    entry->in_memory = true;
    return entry;
}

static struct cache open_cache(uint32_t entries, uint64_t bytes, uint32_t files)
{
    struct cache cache;
    const struct cache_limits limits = {.entries = entries, .bytes = bytes, .files = files};
    assert_int_equal(cache_open(&cache, &limits), 0);
    cache.key = (struct hash_key){1, 2}; /* so that what it guesses is the same each time */
    return cache;
}

static struct entry *insert(struct cache *cache, const char *path, struct entry *entry)
{
    size_t len = strlen(path);
    assert_true(len < NAME_SIZE);
    memcpy(entry->path, path, len + 1);
    entry->path_len = (uint32_t)len;
    cache_insert(cache, entry);
    return entry;
}

/* The paths that are there, as "ab…", without using them: one letter a path. */
static void expect_paths(const struct cache *cache, const char *name, const char *paths)
{
    char got[27] = "";
    for (int i = 0; i < 2; i++)
        for (const struct entry *entry = cache->uses[i].newest; entry != NULL; entry = entry->older)
            got[entry->path[1] - 'a'] = 1;
    size_t len = 0;
    for (char letter = 0; letter < 26; letter++)
        if (got[(int)letter])
            got[len++] = (char)('a' + letter);
    got[len] = '\0';
    if (strcmp(got, paths) != 0)
        fail_msg("%s: %s are there, not %s", name, got, paths);
}

static void a_new_cache_has_nothing(void **state)
{
    (void)state;
    struct cache cache = open_cache(10, PLENTY, 10);
    assert_null(cache_find(&cache, SLICE("/")));
    assert_int_equal(cache_shed_files(&cache), 0);
    cache_close(&cache);
    cache_close(&cache);
    struct cache zeroed = {0};
    cache_close(&zeroed);
}

static void what_was_put_in_is_found_by_its_whole_path(void **state)
{
    (void)state;
    static const char *const paths[] = {"/", "/a", "/ab", "/a/", "/a/b", "/12345678", "/12345678a", "/1234567", "/A"};
    struct cache cache = open_cache(10, PLENTY, 10);
    struct entry *entries[sizeof paths / sizeof *paths];
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        entries[i] = insert(&cache, paths[i], make_entry(false));
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        assert_ptr_equal(cache_find(&cache, slice_of(paths[i])), entries[i]);
    assert_null(cache_find(&cache, SLICE("/b")));
    assert_null(cache_find(&cache, SLICE("/a\0")));
    assert_null(cache_find(&cache, SLICE("")));
    cache_close(&cache);
}

/* That it is faster only a bench can show; here, that it reads nothing that isn't there, and changes nothing. */
static void prefetching_is_not_finding(void **state)
{
    (void)state;
    const struct slice paths[CACHE_PREFETCH_MAX] = {SLICE("/a"), SLICE("/b"), SLICE("/c"), SLICE("/missing"),
                                                    SLICE("")};
    struct cache cache = open_cache(10, PLENTY, 10);
    cache_prefetch(&cache, paths, CACHE_PREFETCH_MAX);
    insert(&cache, "/a", make_entry(false));
    insert(&cache, "/b", make_entry(true));
    insert(&cache, "/c", make_body(100));
    const struct cache before = cache;
    cache_prefetch(&cache, paths, 0);
    cache_prefetch(&cache, paths, CACHE_PREFETCH_MAX);
    assert_memory_equal(&cache, &before, sizeof cache);
    for (int i = 0; i < 2; i++)
        for (const struct entry *entry = cache.uses[i].newest; entry != NULL; entry = entry->older)
            assert_false(entry->used);
    cache_close(&cache);
}

static void an_entry_takes_the_place_of_another_of_its_path(void **state)
{
    (void)state;
    struct cache cache = open_cache(10, PLENTY, 10);
    struct entry *first = entry_hold(insert(&cache, "/a", make_entry(true)));
    struct entry *second = insert(&cache, "/a", make_entry(false));
    assert_ptr_equal(cache_find(&cache, SLICE("/a")), second);
    assert_int_equal(first->references, 1);
    assert_int_equal(cache.uses[0].entries, 1);
    assert_int_equal(cache.uses[1].entries, 0);
    entry_drop(first);
    cache_close(&cache);
}

static void an_entry_removed_is_not_found_and_costs_nothing(void **state)
{
    (void)state;
    struct cache cache = open_cache(10, PLENTY, 10);
    insert(&cache, "/a", make_entry(true));
    uint64_t before = cache.bytes;
    struct entry *entry = insert(&cache, "/b", make_body(1000));
    assert_true(cache.bytes > before + 1000);
    cache_remove(&cache, entry);
    assert_null(cache_find(&cache, SLICE("/b")));
    assert_int_equal(cache.bytes, before);
    cache_remove(&cache, cache_find(&cache, SLICE("/a")));
    assert_int_equal(cache.bytes, 0);
    assert_int_equal(cache.uses[0].entries + cache.uses[1].entries, 0);
    cache_close(&cache);
}

/* ---- who goes first: each letter puts in an entry of that name, an upper one with an open file; ?x looks for it */

static const struct eviction_row {
    const char *name;
    uint32_t entries, files;
    const char *script, *left;
} evictions[] = {
    {"all stay while there is room", 3, 3, "abc", "abc"},
    {"the oldest goes", 3, 3, "abcd", "bcd"},
    {"the oldest ones go one by one", 3, 3, "abcdef", "def"},
    {"what was looked for has a second chance", 3, 3, "abc?ad", "acd"},
    {"and no third", 3, 3, "abc?adef", "def"},
    {"where all were looked for, the oldest goes", 3, 3, "abc?c?b?ad", "bcd"},
    {"the youngest may be looked for", 3, 3, "abc?cd", "bcd"},
    {"the one in the middle may be looked for", 3, 3, "abc?bde", "bde"},
    {"what was replaced is younger", 3, 3, "abcad", "acd"},
    {"what wasn't found changes nothing", 3, 3, "abc?zd", "bcd"},
    {"the oldest file goes", 9, 2, "ABC", "bc"},
    {"a file that was looked for has a second chance", 9, 2, "AB?aC", "ac"},
    {"too many files cost no entry without one", 9, 2, "aBcDEf", "acdef"},
    {"one without a file leaves the files alone", 9, 2, "ABcde", "abcde"},
    {"where no file may be open, only the one in use is", 9, 0, "AB", "b"},
    {"where nothing may stay, only the one in use does", 0, 0, "ab", "b"},
    {"files count as entries", 3, 3, "ABCD", "bcd"},
    {"a file that is the oldest of all goes", 3, 3, "Abcd", "bcd"},
    {"an entry that is older than all files goes", 3, 3, "aBCD", "bcd"},
    {"a file that nobody asks for leaves room for others", 3, 3, "ABcdef", "def"},
};

static void run_script(struct cache *cache, const char *script)
{
    static const char *const paths[] = {"/a", "/b", "/c", "/d", "/e", "/f"};
    for (; *script != '\0'; script++) {
        bool finds = *script == '?';
        script += finds;
        bool with_file = *script >= 'A' && *script <= 'Z';
        if (*script == 'z')
            assert_null(cache_find(cache, SLICE("/z")));
        else if (finds)
            cache_find(cache, slice_of(paths[*script - 'a']));
        else
            insert(cache, paths[(*script | 0x20) - 'a'], make_entry(with_file));
    }
}

static void who_came_first_and_was_not_asked_for_since_goes_first(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof evictions / sizeof *evictions; i++) {
        struct cache cache = open_cache(evictions[i].entries, PLENTY, evictions[i].files);
        run_script(&cache, evictions[i].script);
        expect_paths(&cache, evictions[i].name, evictions[i].left);
        cache_close(&cache);
        assert_int_equal(cache.bytes, 0);
        assert_int_equal(cache.uses[0].entries + cache.uses[1].entries, 0);
    }
}

static void bytes_are_bounded(void **state)
{
    (void)state;
    struct cache cache = open_cache(100, PLENTY, 10);
    insert(&cache, "/a", make_body(1000));
    uint64_t cost = cache.bytes;
    assert_true(cost >= 1000);
    cache_close(&cache);
    cache = open_cache(100, 3 * cost, 10);
    insert(&cache, "/a", make_body(1000));
    insert(&cache, "/b", make_body(1000));
    insert(&cache, "/c", make_body(1000));
    expect_paths(&cache, "three fit", "abc");
    insert(&cache, "/d", make_body(1001));
    expect_paths(&cache, "a byte more needs two places", "cd");
    insert(&cache, "/e", make_body(4 * cost)); /* too large for the limit, but in use until the next call */
    expect_paths(&cache, "one too large is alone", "e");
    assert_true(cache.bytes > cache.limits.bytes);
    insert(&cache, "/f", make_body(10));
    expect_paths(&cache, "and goes with the next", "f");
    cache_close(&cache);
}

static void an_entry_in_use_survives_its_eviction(void **state)
{
    (void)state;
    struct cache cache = open_cache(1, PLENTY, 1);
    struct entry *held = entry_hold(insert(&cache, "/a", make_entry(true)));
    insert(&cache, "/b", make_entry(true));
    assert_null(cache_find(&cache, SLICE("/a")));
    assert_int_equal(held->references, 1);
    assert_true(fcntl(held->fd, F_GETFD) >= 0);
    cache_close(&cache);
    int fd = held->fd;
    entry_drop(held);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void exactly_those_with_files_are_shed(void **state)
{
    (void)state;
    struct cache cache = open_cache(10, PLENTY, 10);
    run_script(&cache, "aBcDEf");
    assert_int_equal(cache_shed_files(&cache), 3);
    expect_paths(&cache, "those without files", "acf");
    assert_int_equal(cache.uses[1].entries, 0);
    assert_int_equal(cache_shed_files(&cache), 0);
    cache_close(&cache);
}

static void all_go_when_it_is_cleared_and_it_goes_on(void **state)
{
    (void)state;
    struct cache cache = open_cache(10, PLENTY, 10);
    cache_clear(&cache);
    for (int i = 0; i < 2; i++) {
        run_script(&cache, "aBcDEf");
        struct entry *held = entry_hold(cache_find(&cache, SLICE("/b")));
        cache_clear(&cache);
        expect_paths(&cache, "none", "");
        assert_null(cache_find(&cache, SLICE("/a")));
        assert_int_equal(cache.bytes, 0);
        assert_int_equal(cache.files, 0);
        assert_int_equal(cache.uses[0].entries + cache.uses[1].entries, 0);
        assert_int_equal(held->references, 1); /* it is being sent */
        entry_drop(held);
    }
    cache_close(&cache);
}

/* ---- variants: what they hold counts as their entry's */

static struct entry *add_variant(struct entry *entry, enum coding coding, struct entry *variant)
{
    variant->coding = coding;
    entry->variants[coding] = variant;
    entry->varies = true;
    return entry;
}

/* An entry with so many variants that hold an open file; it holds one itself, or doesn't. */
static struct entry *make_varying(bool with_file, int files)
{
    static const enum coding codings[] = {CODING_BR, CODING_GZIP, CODING_ZSTD};
    struct entry *entry = make_entry(with_file);
    for (int i = 0; i < 3; i++)
        add_variant(entry, codings[i], i < files ? make_entry(true) : make_body(10));
    return entry;
}

static void open_files_of_variants_count(void **state)
{
    (void)state;
    for (int with_file = 0; with_file < 2; with_file++)
        for (int files = 0; files <= 3; files++) {
            struct cache cache = open_cache(10, PLENTY, 10);
            unsigned open = (unsigned)(with_file + files);
            insert(&cache, "/a", make_entry(true));
            insert(&cache, "/b", make_varying(with_file, files));
            assert_int_equal(cache.files, 1 + open);
            assert_int_equal(cache.uses[1].entries, 1 + (open > 0));
            insert(&cache, "/b", make_entry(false));
            assert_int_equal(cache.files, 1);
            cache_remove(&cache, insert(&cache, "/b", make_varying(with_file, files)));
            assert_int_equal(cache.files, 1);
            cache_close(&cache);
            assert_int_equal(cache.files, 0);
        }
}

static void the_limit_on_open_files_is_one_on_those_of_variants(void **state)
{
    static const struct {
        const char *name;
        bool with_file;
        int files;
        const char *left;
    } rows[] = {
        {"no file more", false, 0, "abcde"},
        {"one by a variant", false, 1, "abcde"},
        {"two by a file and its variant", true, 1, "acde"},
        {"two by variants", false, 2, "acde"},
        {"three by variants", false, 3, "ade"},
        {"four, all that may be open", true, 3, "ae"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cache cache = open_cache(100, PLENTY, 4);
        run_script(&cache, "aBCD");
        insert(&cache, "/e", make_varying(rows[i].with_file, rows[i].files));
        expect_paths(&cache, rows[i].name, rows[i].left);
        assert_true(cache.files <= 4);
        cache_close(&cache);
        assert_int_equal(cache.files, 0);
    }
}

static void one_with_more_files_than_may_be_open_is_there_while_it_is_in_use(void **state)
{
    (void)state;
    struct cache cache = open_cache(100, PLENTY, 3);
    run_script(&cache, "aBC");
    insert(&cache, "/d", make_varying(true, 3));
    expect_paths(&cache, "too many files", "ad");
    assert_int_equal(cache.files, 4);
    insert(&cache, "/e", make_entry(true));
    expect_paths(&cache, "and it goes with the next", "ae");
    assert_int_equal(cache.files, 1);
    cache_close(&cache);
}

static void bytes_of_variants_count(void **state)
{
    (void)state;
    struct cache cache = open_cache(100, PLENTY, 10);
    insert(&cache, "/a", make_body(1000));
    uint64_t plain = cache.bytes;
    insert(&cache, "/b", add_variant(make_body(1000), CODING_ZSTD, make_body(700)));
    uint64_t varying = cache.bytes - plain;
    assert_true(varying >= plain + 700 + sizeof(struct entry));
    insert(&cache, "/c", add_variant(make_body(1000), CODING_BR, make_body(701)));
    assert_int_equal(cache.bytes, plain + 2 * varying + 1);
    cache_remove(&cache, cache_find(&cache, SLICE("/b")));
    assert_int_equal(cache.bytes, plain + varying + 1);
    cache_close(&cache);
    assert_int_equal(cache.bytes, 0);
    cache = open_cache(100, 2 * varying, 10);
    insert(&cache, "/a", make_body(1));
    insert(&cache, "/b", add_variant(make_body(1000), CODING_GZIP, make_body(700)));
    expect_paths(&cache, "both fit", "ab");
    insert(&cache, "/c", add_variant(make_body(1000), CODING_GZIP, make_body(700)));
    expect_paths(&cache, "two that vary fit", "bc");
    insert(&cache, "/d", add_variant(make_body(1000), CODING_GZIP, make_body(701)));
    expect_paths(&cache, "a byte of a variant more needs two places", "d");
    cache_close(&cache);
}

static void one_whose_variant_is_open_is_shed(void **state)
{
    (void)state;
    struct cache cache = open_cache(10, PLENTY, 10);
    insert(&cache, "/a", make_varying(false, 0));
    struct entry *entry = insert(&cache, "/b", make_varying(false, 2));
    struct entry *held = entry_hold(entry->variants[CODING_BR]);
    int free_fd = entry->variants[CODING_GZIP]->fd;
    insert(&cache, "/c", make_entry(false));
    assert_true(cache_shed_files(&cache) > 0);
    expect_paths(&cache, "those without files, and of whose variants none is open", "ac");
    assert_int_equal(cache.files, 0);
    assert_int_equal(fcntl(free_fd, F_GETFD), -1);
    assert_true(fcntl(held->fd, F_GETFD) >= 0); /* it is being sent */
    entry_drop(held);
    assert_int_equal(cache_shed_files(&cache), 0);
    cache_close(&cache);
}

/* ---- who is let in: a guess, which may be wrong a little, and is the better the more places there are */

enum { STRANGERS = 1000 };

/* How many of a thousand paths are wanted. */
static int count_wanted(struct cache *cache, char kind)
{
    int wanted = 0;
    for (int i = 0; i < STRANGERS; i++) {
        char path[32];
        struct slice slice = {path, (size_t)snprintf(path, sizeof path, "/%c/%d", kind, i)};
        wanted += cache_wants(cache, slice);
    }
    return wanted;
}

static void what_is_asked_for_the_second_time_is_wanted(void **state)
{
    (void)state;
    struct cache cache = open_cache(STRANGERS, PLENTY, 10);
    assert_in_range(count_wanted(&cache, 'a'), 0, STRANGERS / 20);
    assert_in_range(count_wanted(&cache, 'a'), STRANGERS * 3 / 4, STRANGERS);
    assert_in_range(count_wanted(&cache, 'b'), 0, STRANGERS / 20);
    assert_in_range(count_wanted(&cache, 'a'), STRANGERS * 3 / 4, STRANGERS);
    cache_close(&cache);
}

static void what_is_asked_for_at_once_again_is_wanted_however_few_places_there_are(void **state)
{
    (void)state;
    struct cache cache = open_cache(1, PLENTY, 10);
    for (int i = 0; i < STRANGERS; i++) {
        char path[32];
        struct slice slice = {path, (size_t)snprintf(path, sizeof path, "/%d", i)};
        cache_wants(&cache, slice);
        assert_true(cache_wants(&cache, slice));
    }
    cache_close(&cache);
}

static void what_passed_by_long_ago_is_forgotten(void **state)
{
    (void)state;
    struct cache cache = open_cache(1, PLENTY, 10);
    for (int i = 0; i < 100; i++)
        count_wanted(&cache, 'a');
    assert_in_range(count_wanted(&cache, 'a'), 0, STRANGERS / 2);
    cache_close(&cache);
}

/* ---- against a model: the test holds each entry that it ever put in, so that one with no other reference is out */

enum { PATHS = 200, OPERATIONS = 100000, ENTRIES_MAX = 64, FILES_MAX = 12 };

struct known {
    char path[NAME_SIZE];
    struct entry *entry; /* NULL: not in the cache */
    unsigned turn;
    bool used;
};

struct model {
    struct cache cache;
    struct known known[PATHS];
    unsigned now, entries, files;
    uint32_t random;
};

static uint32_t next_random(struct model *m)
{
    m->random ^= m->random << 13;
    m->random ^= m->random >> 17;
    m->random ^= m->random << 5;
    return m->random;
}

static void forget(struct model *m, struct known *known)
{
    m->entries--;
    m->files -= known->entry->fd >= 0;
    entry_drop(known->entry);
    known->entry = NULL;
}

/* The first to go of those with a file, or without: a second chance for who was used. */
static struct known *next_to_go(struct model *m, bool with_file)
{
    for (;;) {
        struct known *oldest = NULL;
        for (int i = 0; i < PATHS; i++) {
            struct known *known = &m->known[i];
            if (known->entry != NULL && (known->entry->fd >= 0) == with_file &&
                (oldest == NULL || known->turn < oldest->turn))
                oldest = known;
        }
        if (oldest == NULL || !oldest->used)
            return oldest;
        oldest->used = false;
        oldest->turn = ++m->now;
    }
}

static struct known *older(struct known *a, struct known *b)
{
    return a == NULL || (b != NULL && b->turn < a->turn) ? b : a;
}

static void make_room(struct model *m, bool with_file)
{
    if (with_file && m->files == FILES_MAX)
        forget(m, next_to_go(m, true));
    if (m->entries == ENTRIES_MAX) {
        struct known *plain = next_to_go(m, false), *file = next_to_go(m, true);
        forget(m, older(plain, file));
    }
}

static void model_insert(struct model *m, int i)
{
    struct known *known = &m->known[i];
    struct entry *entry = entry_hold(make_entry(next_random(m) % 3 == 0));
    if (known->entry != NULL)
        forget(m, known);
    make_room(m, entry->fd >= 0);
    insert(&m->cache, known->path, entry);
    *known = (struct known){.entry = entry, .turn = ++m->now};
    snprintf(known->path, sizeof known->path, "/path/%d", i);
    m->entries++;
    m->files += entry->fd >= 0;
}

static void model_find(struct model *m, int i)
{
    assert_ptr_equal(cache_find(&m->cache, slice_of(m->known[i].path)), m->known[i].entry);
    m->known[i].used = true;
}

static void model_remove(struct model *m, int i)
{
    if (m->known[i].entry == NULL)
        return;
    cache_remove(&m->cache, m->known[i].entry);
    assert_int_equal(m->known[i].entry->references, 1);
    forget(m, &m->known[i]);
}

static void model_shed(struct model *m)
{
    unsigned files = m->files;
    assert_int_equal(cache_shed_files(&m->cache), files);
    for (int i = 0; i < PATHS; i++)
        if (m->known[i].entry != NULL && m->known[i].entry->references == 1)
            forget(m, &m->known[i]);
    assert_int_equal(m->files, 0);
}

static void a_hundred_thousand_operations_leave_what_a_simple_model_has(void **state)
{
    (void)state;
    struct model m = {.cache = open_cache(ENTRIES_MAX, PLENTY, FILES_MAX), .random = 2463534242};
    for (int i = 0; i < PATHS; i++)
        snprintf(m.known[i].path, sizeof m.known[i].path, "/path/%d", i);
    for (int n = 0; n < OPERATIONS; n++) {
        int i = (int)(next_random(&m) % PATHS);
        switch (next_random(&m) % 16) {
        case 0:
            model_remove(&m, i);
            break;
        case 1:
            if (i < 2)
                model_shed(&m);
            break;
        case 2:
        case 3:
        case 4:
        case 5:
            model_insert(&m, i);
            break;
        default:
            model_find(&m, i);
        }
        assert_int_equal(m.cache.uses[0].entries, m.entries - m.files);
        assert_int_equal(m.cache.uses[1].entries, m.files);
        for (int k = 0; k < PATHS; k++)
            assert_true(m.known[k].entry == NULL || m.known[k].entry->references == 2);
    }
    cache_close(&m.cache);
    assert_int_equal(m.cache.bytes, 0);
    for (int i = 0; i < PATHS; i++)
        entry_drop(m.known[i].entry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_cache_has_nothing),
        cmocka_unit_test(what_was_put_in_is_found_by_its_whole_path),
        cmocka_unit_test(prefetching_is_not_finding),
        cmocka_unit_test(an_entry_takes_the_place_of_another_of_its_path),
        cmocka_unit_test(an_entry_removed_is_not_found_and_costs_nothing),
        cmocka_unit_test(who_came_first_and_was_not_asked_for_since_goes_first),
        cmocka_unit_test(bytes_are_bounded),
        cmocka_unit_test(an_entry_in_use_survives_its_eviction),
        cmocka_unit_test(exactly_those_with_files_are_shed),
        cmocka_unit_test(all_go_when_it_is_cleared_and_it_goes_on),
        cmocka_unit_test(open_files_of_variants_count),
        cmocka_unit_test(the_limit_on_open_files_is_one_on_those_of_variants),
        cmocka_unit_test(one_with_more_files_than_may_be_open_is_there_while_it_is_in_use),
        cmocka_unit_test(bytes_of_variants_count),
        cmocka_unit_test(one_whose_variant_is_open_is_shed),
        cmocka_unit_test(what_is_asked_for_the_second_time_is_wanted),
        cmocka_unit_test(what_is_asked_for_at_once_again_is_wanted_however_few_places_there_are),
        cmocka_unit_test(what_passed_by_long_ago_is_forgotten),
        cmocka_unit_test(a_hundred_thousand_operations_leave_what_a_simple_model_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
