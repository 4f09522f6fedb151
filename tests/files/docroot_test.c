#include "files/docroot.h"

#include "lib/scarce.h"
#include "lib/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { NOW = 1000000, SECOND = 2000000000 };

static const struct tree_row files[] = {
    {TREE_FILE, "small", "small", 0},
    {TREE_FILE, "large", NULL, ENTRY_BODY_MAX + 1},
    {TREE_FILE, "other", "other", 0},
};

struct world {
    struct tree tree;
    struct site site;
    struct docroot docroot;
};

static const struct clock now = {NOW, SECOND};

static void open_world(struct world *w)
{
    const struct cache_limits limits = {.entries = 16, .bytes = 1 << 20, .files = 4};
    tree_open(&w->tree, files, sizeof files / sizeof *files);
    w->site = (struct site){.root = beneath_root(w->tree.path), .valid_ms = SITE_VALID_MS};
    assert_true(w->site.root >= 0);
    assert_int_equal(docroot_open(&w->docroot, &w->site, &limits), 0);
    w->docroot.cache.key = (struct hash_key){1, 2}; /* so that what the cache guesses is the same each time */
}

static void close_world(struct world *w)
{
    close(w->site.root);
    docroot_close(&w->docroot);
    tree_close(&w->tree);
}

/* Finds a path, by way of a look that may sleep where one is needed. */
static struct entry *find(struct world *w, const char *path, uint64_t now_ms)
{
    const struct clock then = {now_ms, SECOND};
    struct entry *entry;
    enum docroot_outcome outcome = docroot_find(&w->docroot, slice_of(path), NULL, false, &then, &entry);
    if (outcome == DOCROOT_SLEEPS) {
        struct entry *found = docroot_look_up(&w->docroot, slice_of(path), &then);
        assert_non_null(found);
        outcome = docroot_find(&w->docroot, slice_of(path), found, false, &then, &entry);
    }
    assert_int_equal(outcome, DOCROOT_FOUND);
    return entry;
}

/* The same for what is asked for the second time. */
static struct entry *find_again(struct world *w, const char *path, uint64_t now_ms)
{
    find(w, path, now_ms);
    return find(w, path, now_ms);
}

static void change(struct world *w, const char *text)
{
    tree_add(&w->tree, &(struct tree_row){TREE_FILE, "small", text, 0});
}

/* What is opened without sleeping, as its name is in memory; skips where the file system can't say so. */
static struct entry *pass(struct world *w, const char *path)
{
    struct entry *entry;
    close(beneath_open(w->site.root, path + 1, BENEATH_LINKS_INSIDE, BENEATH_WAIT));
    if (docroot_find(&w->docroot, slice_of(path), NULL, false, &now, &entry) == DOCROOT_FOUND)
        return entry;
    close_world(w);
    print_message("skipped: the temporary directory's file system can't say what is in the page cache\n");
    skip();
    return NULL;
}

static void what_is_asked_for_once_passes_and_what_is_asked_for_again_stays(void **state)
{
    (void)state;
    static const char *const paths[] = {"/small", "/large", "/other"};
    struct world w;
    open_world(&w);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct slice path = slice_of(paths[i]);
        struct entry *once = entry_hold(pass(&w, paths[i]));
        assert_int_equal(once->references, 2);
        assert_null(cache_find(&w.docroot.cache, path));
        struct entry *again = find(&w, paths[i], NOW);
        assert_int_equal(once->references, 1);
        assert_int_equal(again->references, 1);
        assert_ptr_equal(cache_find(&w.docroot.cache, path), again);
        assert_ptr_equal(find(&w, paths[i], NOW), again);
        entry_drop(once);
    }
    close_world(&w);
}

static void what_only_passed_is_never_old(void **state)
{
    (void)state;
    struct world w;
    open_world(&w);
    assert_int_equal(pass(&w, "/small")->size, 5);
    change(&w, "another size");
    assert_int_equal(find(&w, "/small", NOW)->size, 12);
    close_world(&w);
}

static void what_took_a_look_that_may_sleep_stays_from_the_first_time_on(void **state)
{
    (void)state;
    struct world w;
    struct entry *entry = NULL;
    open_world(&w);
    struct entry *found = docroot_look_up(&w.docroot, SLICE("/small"), &now);
    assert_int_equal(docroot_find(&w.docroot, SLICE("/small"), found, false, &now, &entry), DOCROOT_FOUND);
    assert_ptr_equal(entry, found);
    assert_ptr_equal(find(&w, "/small", NOW), found);
    close_world(&w);
}

static void what_stayed_stays_when_its_file_changes(void **state)
{
    (void)state;
    struct world w;
    open_world(&w);
    find_again(&w, "/small", NOW);
    change(&w, "another size");
    struct entry *changed = find(&w, "/small", NOW + SITE_VALID_MS);
    assert_int_equal(changed->size, 12);
    assert_ptr_equal(cache_find(&w.docroot.cache, SLICE("/small")), changed);
    close_world(&w);
}

/* The site lies where every open asks somebody: the first one, and each that checks what is a second old. */
static void what_lies_where_opens_may_sleep_is_found_and_checked_by_those_who_may(void **state)
{
    (void)state;
    struct world w;
    struct entry *entry;
    struct clock then = now;
    open_world(&w);
    w.site.asleep = true;
    close(beneath_open(w.site.root, "small", BENEATH_LINKS_INSIDE, BENEATH_WAIT));
    assert_int_equal(docroot_find(&w.docroot, SLICE("/small"), NULL, false, &then, &entry), DOCROOT_SLEEPS);
    struct entry *found = find(&w, "/small", NOW);
    then.now_ms = NOW + SITE_VALID_MS - 1;
    assert_int_equal(docroot_find(&w.docroot, SLICE("/small"), NULL, false, &then, &entry), DOCROOT_FOUND);
    assert_ptr_equal(entry, found);
    then.now_ms = NOW + SITE_VALID_MS;
    assert_int_equal(docroot_find(&w.docroot, SLICE("/small"), NULL, false, &then, &entry), DOCROOT_SLEEPS);
    change(&w, "another size");
    assert_int_equal(find(&w, "/small", then.now_ms)->size, 12);
    assert_int_equal(docroot_find(&w.docroot, SLICE("/small"), NULL, false, &then, &entry), DOCROOT_FOUND);
    assert_int_equal(entry->size, 12);
    close_world(&w);
}

static void what_was_found_is_believed_for_a_second(void **state)
{
    (void)state;
    struct world w;
    open_world(&w);
    struct entry *first = find_again(&w, "/small", NOW);
    change(&w, "another size");
    assert_ptr_equal(find(&w, "/small", NOW + SITE_VALID_MS - 1), first);
    assert_int_equal(first->size, 5);
    assert_int_equal(find(&w, "/small", NOW + SITE_VALID_MS)->size, 12);
    close_world(&w);
}

static void what_is_unchanged_is_kept_and_believed_anew(void **state)
{
    (void)state;
    struct world w;
    open_world(&w);
    struct entry *first = entry_hold(find_again(&w, "/small", NOW));
    struct entry *second = find(&w, "/small", NOW + SITE_VALID_MS);
    assert_int_equal(second->checked_ms, NOW + SITE_VALID_MS);
    assert_int_equal(second->identity.inode, first->identity.inode);
    entry_drop(first);
    close_world(&w);
}

static void a_date_that_lay_ahead_is_told_when_the_entry_is_looked_at_again(void **state)
{
    (void)state;
    struct world w;
    struct entry *entry = NULL;
    char path[TREE_PATH_MAX];
    const struct timespec ahead[2] = {{.tv_sec = SECOND + 1}, {.tv_sec = SECOND + 1}};
    const struct clock then = {NOW + SITE_VALID_MS, SECOND + 1};
    open_world(&w);
    tree_path(&w.tree, "small", path);
    assert_int_equal(utimensat(AT_FDCWD, path, ahead, 0), 0);
    assert_false(find_again(&w, "/small", NOW)->validators.has_last_modified);
    assert_false(find(&w, "/small", NOW + SITE_VALID_MS)->validators.has_last_modified);
    assert_int_equal(docroot_find(&w.docroot, SLICE("/small"), NULL, false, &then, &entry), DOCROOT_FOUND);
    assert_false(entry->validators.has_last_modified); /* it is believed for a second */
    const struct clock later = {NOW + 2 * SITE_VALID_MS, SECOND + 1};
    enum docroot_outcome outcome = docroot_find(&w.docroot, SLICE("/small"), NULL, false, &later, &entry);
    if (outcome == DOCROOT_SLEEPS)
        entry = docroot_look_up(&w.docroot, SLICE("/small"), &later);
    assert_true(entry->validators.has_last_modified);
    assert_int_equal(entry->validators.last_modified, SECOND + 1);
    if (outcome == DOCROOT_SLEEPS)
        entry_drop(entry);
    close_world(&w);
}

static void where_all_is_cold_every_path_sleeps_until_it_is_looked_up(void **state)
{
    (void)state;
    struct world w;
    struct entry *entry = NULL;
    open_world(&w);
    w.docroot.assume_cold = true;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(docroot_find(&w.docroot, SLICE("/small"), NULL, false, &now, &entry), DOCROOT_SLEEPS);
        struct entry *found = docroot_look_up(&w.docroot, SLICE("/small"), &now);
        assert_int_equal(docroot_find(&w.docroot, SLICE("/small"), found, false, &now, &entry), DOCROOT_FOUND);
        assert_ptr_equal(entry, found);
        assert_int_equal(entry->references, 1);
    }
    close_world(&w);
}

static void without_descriptors_cached_files_give_theirs_up_and_then_it_is_full(void **state)
{
    (void)state;
    struct world w;
    struct entry *entry;
    open_world(&w);
    /* From here on its name is in memory: an open needs no disk. */
    close(beneath_open(w.site.root, "other", BENEATH_LINKS_INSIDE, BENEATH_WAIT));
    struct entry *large = find_again(&w, "/large", NOW);
    assert_true(large->fd >= 0);
    struct rlimit was = scarce_files(0);
    enum docroot_outcome with_one_to_give = docroot_find(&w.docroot, SLICE("/other"), NULL, false, &now, &entry);
    struct rlimit again = scarce_files(0);
    enum docroot_outcome with_none = docroot_find(&w.docroot, SLICE("/nothing"), NULL, false, &now, &entry);
    scarce_files_again(was);
    (void)again;
    assert_true(with_one_to_give == DOCROOT_FOUND || with_one_to_give == DOCROOT_SLEEPS);
    assert_null(cache_find(&w.docroot.cache, SLICE("/large")));
    assert_int_equal(with_none, DOCROOT_FULL);
    close_world(&w);
}

static void a_file_that_only_passes_gives_up_its_descriptor_too(void **state)
{
    (void)state;
    struct world w;
    open_world(&w);
    int lowest = dup(STDERR_FILENO), after = -1;
    close(lowest);
    struct entry *large = find(&w, "/large", NOW);
    assert_int_equal(large->fd, lowest);
    assert_int_equal(docroot_shed_files(&w.docroot), 1);
    after = dup(STDERR_FILENO);
    close(after);
    assert_int_equal(after, lowest);
    assert_int_equal(docroot_shed_files(&w.docroot), 0);
    find(&w, "/small", NOW);
    assert_int_equal(docroot_shed_files(&w.docroot), 0);
    close_world(&w);
}

static void what_is_closed_twice_or_never_opened_is_fine(void **state)
{
    (void)state;
    struct docroot docroot = {0};
    docroot_close(&docroot);
    assert_int_equal(docroot_open(&docroot, NULL, NULL), 0);
    docroot_close(&docroot);
    docroot_close(&docroot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_asked_for_once_passes_and_what_is_asked_for_again_stays),
        cmocka_unit_test(what_only_passed_is_never_old),
        cmocka_unit_test(what_took_a_look_that_may_sleep_stays_from_the_first_time_on),
        cmocka_unit_test(what_stayed_stays_when_its_file_changes),
        cmocka_unit_test(what_lies_where_opens_may_sleep_is_found_and_checked_by_those_who_may),
        cmocka_unit_test(what_was_found_is_believed_for_a_second),
        cmocka_unit_test(what_is_unchanged_is_kept_and_believed_anew),
        cmocka_unit_test(a_date_that_lay_ahead_is_told_when_the_entry_is_looked_at_again),
        cmocka_unit_test(where_all_is_cold_every_path_sleeps_until_it_is_looked_up),
        cmocka_unit_test(without_descriptors_cached_files_give_theirs_up_and_then_it_is_full),
        cmocka_unit_test(a_file_that_only_passes_gives_up_its_descriptor_too),
        cmocka_unit_test(what_is_closed_twice_or_never_opened_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
