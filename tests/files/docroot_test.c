#include "files/docroot.h"

#include "lib/change.h"
#include "lib/nobody.h"
#include "lib/refuse.h"
#include "lib/sample.h"
#include "lib/scarce.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

enum { NOW = 1000000, SECOND = 2000000000, STEPS = 3, LOOKS = 1000 };

/* "root" leads to the release that is served. */
static const struct tree_row files[] = {
    {TREE_LINK, "root", "one", 0},
    {TREE_FILE, "one/small", "small", 0},
    {TREE_FILE, "one/large", NULL, ENTRY_BODY_MAX + 1},
    {TREE_FILE, "one/other", "other", 0},
    {TREE_FILE, "one/dir/index.html", "a page with variants", 0},
    {TREE_FILE, "one/dir/index.html.gz", "gzip", 0},
    {TREE_FILE, "one/dir/script.js", "a script without any", 0},
    {TREE_FILE, "one/dir2/index.html", "a page of another directory", 0},
    {TREE_DIRECTORY, "one/empty", NULL, 0},
    {TREE_LINK, "one/to-small", "small", 0},
    {TREE_LINK, "one/to-dir", "dir", 0},
    {TREE_LINK, "one/to-to-dir", "to-dir", 0},
    {TREE_FILE, "two/small", "the second", 0},
    {TREE_FILE, "two/dir/index.html", "the second's page", 0},
    {TREE_FILE, "beside", "beside", 0},
};

struct world {
    struct tree tree;
    char root[TREE_PATH_MAX];
    struct source source;
    struct site site;
    struct docroot docroot;
};

static const struct clock now = {NOW, SECOND};

static void open_docroot(struct docroot *docroot, const struct site *site)
{
    const struct cache_limits limits = {.entries = 16, .bytes = 1 << 20, .files = 4};
    assert_int_equal(docroot_open(docroot, site, &limits), 0);
    docroot->cache.key = (struct hash_key){1, 2}; /* so that what the cache guesses is the same each time */
}

static void make_world(struct world *w)
{
    *w = (struct world){0};
    tree_open(&w->tree, files, sizeof files / sizeof *files);
    tree_path(&w->tree, "root", w->root);
    w->site = (struct site){.source = &w->source, .links = BENEATH_LINKS_INSIDE, .valid_ms = SITE_VALID_MS};
}

/* The test's clock is behind ours: what was found when the source was opened is as of then. */
static void open_world_that(struct world *w, bool listens)
{
    make_world(w);
    assert_int_equal(source_open(&w->source, w->root, SITE_VALID_MS, listens), 0);
    atomic_store(&w->source.path.checked_ms, NOW);
    open_docroot(&w->docroot, &w->site);
}

static void open_world(struct world *w)
{
    open_world_that(w, true);
}

static void close_world(struct world *w)
{
    docroot_close(&w->docroot);
    source_close(&w->source);
    tree_close(&w->tree);
}

/* Somebody has opened it just now, so that its name is in memory. */
static void warm(const struct world *w, const char *relative)
{
    char path[TREE_PATH_MAX];
    tree_path(&w->tree, relative, path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0)
        close(fd);
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

/* What is kept from now on. */
static struct entry *keep(struct world *w, const char *path)
{
    struct entry *entry = find_again(w, path, NOW);
    assert_ptr_equal(cache_find(&w->docroot.cache, slice_of(path)), entry);
    return entry;
}

/* As who has just received a request. */
static struct entry *find_told(struct world *w, const char *path)
{
    docroot_catch_up(&w->docroot);
    return find(w, path, NOW);
}

static void change(struct world *w, const char *text)
{
    tree_add(&w->tree, &(struct tree_row){TREE_FILE, "one/small", text, 0});
}

/* By another name of the file, in a directory that isn't watched: nothing is told of it. */
static void change_untold(struct world *w, const char *text)
{
    change_make_all(&w->tree,
                    (const struct change[]){{CHANGE_LINK, "small-too", "one/small"}, {CHANGE_WRITE, "small-too", text}},
                    2);
    tree_settle();
}

/* What is opened without sleeping, as its name is in memory; skips where the file system can't say so. */
static struct entry *pass(struct world *w, const char *path)
{
    struct entry *entry;
    char relative[64];
    snprintf(relative, sizeof relative, "one%s", path);
    warm(w, relative);
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
    keep(&w, "/small");
    change(&w, "another size");
    struct entry *changed = find_told(&w, "/small");
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
    atomic_load(&w.source.path.root)->may_sleep = true;
    warm(&w, "one/small");
    assert_int_equal(docroot_find(&w.docroot, SLICE("/small"), NULL, false, &then, &entry), DOCROOT_SLEEPS);
    struct entry *found = find(&w, "/small", NOW);
    then.now_ms = NOW + SITE_VALID_MS - 1;
    assert_int_equal(docroot_find(&w.docroot, SLICE("/small"), NULL, false, &then, &entry), DOCROOT_FOUND);
    assert_ptr_equal(entry, found);
    then.now_ms = NOW + SITE_VALID_MS;
    assert_int_equal(docroot_find(&w.docroot, SLICE("/small"), NULL, false, &then, &entry), DOCROOT_SLEEPS);
    change(&w, "another size");
    found = docroot_look_up(&w.docroot, SLICE("/small"), &then);
    assert_int_equal(docroot_find(&w.docroot, SLICE("/small"), found, false, &then, &entry), DOCROOT_FOUND);
    assert_int_equal(entry->size, 12);
    assert_int_equal(docroot_find(&w.docroot, SLICE("/small"), NULL, false, &then, &entry), DOCROOT_FOUND);
    assert_int_equal(entry->size, 12);
    close_world(&w);
}

/* What was asked of a thread that may sleep, at such a time: whether it has to be asked again. */
static bool sleeps_at(struct world *w, uint64_t now_ms)
{
    const struct clock then = {now_ms, SECOND};
    struct entry *entry, *kept = cache_find(&w->docroot.cache, SLICE("/small"));
    enum docroot_outcome outcome = docroot_find(&w->docroot, SLICE("/small"), NULL, false, &then, &entry);
    assert_true(outcome == DOCROOT_SLEEPS || (outcome == DOCROOT_FOUND && entry == kept));
    return outcome == DOCROOT_SLEEPS;
}

static void while_one_asks_whether_it_holds_others_get_what_held_a_moment_ago(void **state)
{
    (void)state;
    struct world w;
    open_world(&w);
    atomic_load(&w.source.path.root)->may_sleep = true;
    keep(&w, "/small");
    assert_false(sleeps_at(&w, NOW + SITE_VALID_MS - 1));
    assert_true(sleeps_at(&w, NOW + SITE_VALID_MS));
    assert_false(sleeps_at(&w, NOW + SITE_VALID_MS));
    assert_false(sleeps_at(&w, NOW + 2 * SITE_VALID_MS - 1));
    for (int i = 0; i < 3; i++)
        assert_true(sleeps_at(&w, NOW + 2 * SITE_VALID_MS)); /* he hasn't come back: all wait */
    change(&w, "another size");
    docroot_catch_up(&w.docroot);
    for (int i = 0; i < 3; i++)
        assert_true(sleeps_at(&w, NOW + 2 * SITE_VALID_MS)); /* but never what is known to have changed */
    assert_int_equal(find(&w, "/small", NOW + 2 * SITE_VALID_MS)->size, 12);
    close_world(&w);
}

static void where_nothing_is_told_all_ask_whether_it_holds(void **state)
{
    (void)state;
    struct world w;
    open_world_that(&w, false);
    atomic_load(&w.source.path.root)->may_sleep = true;
    find(&w, "/small", NOW);
    for (int i = 0; i < 3; i++)
        assert_true(sleeps_at(&w, NOW));
    close_world(&w);
}

static void what_nothing_is_told_of_is_believed_for_a_second(void **state)
{
    (void)state;
    struct world w;
    open_world(&w);
    struct entry *first = keep(&w, "/small");
    change_untold(&w, "another size");
    docroot_catch_up(&w.docroot);
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
    tree_path(&w.tree, "one/small", path);
    assert_int_equal(utimensat(AT_FDCWD, path, ahead, 0), 0);
    tree_settle();
    assert_false(find_again(&w, "/small", NOW)->validators.has_last_modified);
    assert_false(find(&w, "/small", NOW + SITE_VALID_MS)->validators.has_last_modified);
    assert_int_equal(docroot_find(&w.docroot, SLICE("/small"), NULL, false, &then, &entry), DOCROOT_FOUND);
    assert_false(entry->validators.has_last_modified); /* it is believed for a second */
    const struct clock later = {NOW + 2 * SITE_VALID_MS, SECOND + 2};
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
    warm(&w, "one/other");
    entry_drop(docroot_look_up(&w.docroot, SLICE("/small"), &now)); /* and so is the way */
    struct entry *large = find_again(&w, "/large", NOW);
    assert_true(large->fd >= 0);
    struct rlimit was = scarce_files(0);
    enum docroot_outcome with_one_to_give = DOCROOT_SLEEPS;
    for (int i = 0; i < LOOKS && with_one_to_give == DOCROOT_SLEEPS; i++) /* so it is while anybody mounts anything */
        with_one_to_give = docroot_find(&w.docroot, SLICE("/other"), NULL, false, &now, &entry);
    struct rlimit again = scarce_files(0);
    enum docroot_outcome with_none = docroot_find(&w.docroot, SLICE("/nothing"), NULL, false, &now, &entry);
    scarce_files_again(was);
    (void)again;
    assert_int_equal(with_one_to_give, DOCROOT_FOUND);
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

/* ---- what is told is seen by the next request */

struct seen {
    int status;
    const char *text, *by_gzip; /* of a 200; by_gzip NULL: there is no such variant */
};

static const struct seen_row {
    const char *sentence, *path;
    struct seen before;
    struct change changes[STEPS];
    struct seen after;
} seen_rows[] = {
    {"a write", "/small", {200, "small", NULL}, {{CHANGE_WRITE, "one/small", "SMALL"}}, {200, "SMALL", NULL}},
    {"a write at the end", "/small", {200, "small", NULL}, {{CHANGE_APPEND, "one/small", "!"}}, {200, "small!", NULL}},
    {"a file cut off", "/small", {200, "small", NULL}, {{CHANGE_TRUNCATE, "one/small", NULL}}, {200, "s", NULL}},
    {"a mode", "/small", {200, "small", NULL}, {{CHANGE_MODE, "one/small", NULL}}, {200, "small", NULL}},
    {"a time", "/small", {200, "small", NULL}, {{CHANGE_TIMES, "one/small", NULL}}, {200, "small", NULL}},
    {"another in its place",
     "/small",
     {200, "small", NULL},
     {{CHANGE_RENAME, "one/other", "one/small"}},
     {200, "other", NULL}},
    {"two exchanged",
     "/small",
     {200, "small", NULL},
     {{CHANGE_EXCHANGE, "one/other", "one/small"}},
     {200, "other", NULL}},
    {"it has another name", "/small", {200, "small", NULL}, {{CHANGE_RENAME, "one/small", "one/x"}}, {404, NULL, NULL}},
    {"it goes", "/small", {200, "small", NULL}, {{CHANGE_UNLINK, "one/small", NULL}}, {404, NULL, NULL}},
    {"it goes and another comes",
     "/small",
     {200, "small", NULL},
     {{CHANGE_UNLINK, "one/small", NULL}, {CHANGE_CREATE, "one/small", "again"}},
     {200, "again", NULL}},
    {"it becomes a link", "/small", {200, "small", NULL}, {{CHANGE_SWAP, "one/small", "other"}}, {200, "other", NULL}},
    {"it becomes a link that leaves",
     "/small",
     {200, "small", NULL},
     {{CHANGE_SWAP, "one/small", "../beside"}},
     {404, NULL, NULL}},
    {"it becomes a directory",
     "/small",
     {200, "small", NULL},
     {{CHANGE_UNLINK, "one/small", NULL}, {CHANGE_MKDIR, "one/small", NULL}},
     {301, NULL, NULL}},
    {"what is missing comes", "/new", {404, NULL, NULL}, {{CHANGE_CREATE, "one/new", "new"}}, {200, "new", NULL}},
    {"it comes by another name",
     "/new",
     {404, NULL, NULL},
     {{CHANGE_RENAME, "one/other", "one/new"}},
     {200, "other", NULL}},
    {"it comes from elsewhere",
     "/new",
     {404, NULL, NULL},
     {{CHANGE_RENAME, "beside", "one/new"}},
     {200, "beside", NULL}},
    {"it comes as another name of a file",
     "/new",
     {404, NULL, NULL},
     {{CHANGE_LINK, "one/new", "beside"}},
     {200, "beside", NULL}},
    {"it comes as a link",
     "/new",
     {404, NULL, NULL},
     {{CHANGE_SYMLINK, "one/new", "dir/script.js"}},
     {200, "a script without any", NULL}},
    {"it comes as a directory", "/new", {404, NULL, NULL}, {{CHANGE_MKDIR, "one/new", NULL}}, {301, NULL, NULL}},
    {"its directory comes with it",
     "/x/new",
     {404, NULL, NULL},
     {{CHANGE_MKDIR, "one/x", NULL}, {CHANGE_CREATE, "one/x/new", "new"}},
     {200, "new", NULL}},
    {"its directory comes as a link",
     "/x/index.html",
     {404, NULL, NULL},
     {{CHANGE_SYMLINK, "one/x", "dir2"}},
     {200, "a page of another directory", NULL}},
    {"a directory in the place of a file",
     "/small/index.html",
     {404, NULL, NULL},
     {{CHANGE_UNLINK, "one/small", NULL}, {CHANGE_RENAME, "one/dir2", "one/small"}},
     {200, "a page of another directory", NULL}},
    {"an index comes",
     "/empty/",
     {404, NULL, NULL},
     {{CHANGE_CREATE, "one/empty/index.html", "<p>"}},
     {200, "<p>", NULL}},
    {"an index is written",
     "/dir2/",
     {200, "a page of another directory", NULL},
     {{CHANGE_WRITE, "one/dir2/index.html", "A"}},
     {200, "A page of another directory", NULL}},
    {"an index goes",
     "/dir2/",
     {200, "a page of another directory", NULL},
     {{CHANGE_UNLINK, "one/dir2/index.html", NULL}},
     {404, NULL, NULL}},
    {"a directory goes", "/empty", {301, NULL, NULL}, {{CHANGE_RMDIR, "one/empty", NULL}}, {404, NULL, NULL}},
    {"a directory becomes a file",
     "/empty",
     {301, NULL, NULL},
     {{CHANGE_RMDIR, "one/empty", NULL}, {CHANGE_CREATE, "one/empty", "x"}},
     {200, "x", NULL}},
    {"a directory has another name",
     "/dir2/",
     {200, "a page of another directory", NULL},
     {{CHANGE_RENAME, "one/dir2", "one/x"}},
     {404, NULL, NULL}},
    {"directories are exchanged",
     "/dir2/index.html",
     {200, "a page of another directory", NULL},
     {{CHANGE_EXCHANGE, "one/dir2", "one/dir"}},
     {200, "a page with variants", "gzip"}},
    {"who may pass a directory",
     "/dir2/",
     {200, "a page of another directory", NULL},
     {{CHANGE_MODE, "one/dir2", NULL}},
     {200, "a page of another directory", NULL}},
    {"what a link leads to is written",
     "/to-small",
     {200, "small", NULL},
     {{CHANGE_WRITE, "one/small", "SMALL"}},
     {200, "SMALL", NULL}},
    {"what a link leads to goes",
     "/to-small",
     {200, "small", NULL},
     {{CHANGE_UNLINK, "one/small", NULL}},
     {404, NULL, NULL}},
    {"what a link leads to is another",
     "/to-small",
     {200, "small", NULL},
     {{CHANGE_RENAME, "one/other", "one/small"}},
     {200, "other", NULL}},
    {"a link leads elsewhere",
     "/to-small",
     {200, "small", NULL},
     {{CHANGE_SWAP, "one/to-small", "other"}},
     {200, "other", NULL}},
    {"a link goes", "/to-small", {200, "small", NULL}, {{CHANGE_UNLINK, "one/to-small", NULL}}, {404, NULL, NULL}},
    {"a link on the way leads elsewhere",
     "/to-dir/",
     {200, "a page with variants", "gzip"},
     {{CHANGE_SWAP, "one/to-dir", "dir2"}},
     {200, "a page of another directory", NULL}},
    {"what lies behind a link on the way is written",
     "/to-dir/script.js",
     {200, "a script without any", NULL},
     {{CHANGE_WRITE, "one/dir/script.js", "A"}},
     {200, "A script without any", NULL}},
    {"where a link on the way leads is exchanged",
     "/to-dir/",
     {200, "a page with variants", "gzip"},
     {{CHANGE_EXCHANGE, "one/dir", "one/dir2"}},
     {200, "a page of another directory", NULL}},
    {"the second link on the way leads elsewhere",
     "/to-to-dir/",
     {200, "a page with variants", "gzip"},
     {{CHANGE_SWAP, "one/to-dir", "dir2"}},
     {200, "a page of another directory", NULL}},
    {"a link to a directory becomes one",
     "/to-dir",
     {301, NULL, NULL},
     {{CHANGE_UNLINK, "one/to-dir", NULL}, {CHANGE_CREATE, "one/to-dir", "x"}},
     {200, "x", NULL}},
    {"a variant comes",
     "/dir/script.js",
     {200, "a script without any", NULL},
     {{CHANGE_CREATE, "one/dir/script.js.gz", "gz"}},
     {200, "a script without any", "gz"}},
    {"a variant comes as a link",
     "/dir/script.js",
     {200, "a script without any", NULL},
     {{CHANGE_CREATE, "one/dir/x", "x"}, {CHANGE_SYMLINK, "one/dir/script.js.gz", "x"}},
     {200, "a script without any", "x"}},
    {"a variant is written",
     "/dir/",
     {200, "a page with variants", "gzip"},
     {{CHANGE_WRITE, "one/dir/index.html.gz", "GZIP"}},
     {200, "a page with variants", "GZIP"}},
    {"a variant goes",
     "/dir/",
     {200, "a page with variants", "gzip"},
     {{CHANGE_UNLINK, "one/dir/index.html.gz", NULL}},
     {200, "a page with variants", NULL}},
    {"a variant is another",
     "/dir/",
     {200, "a page with variants", "gzip"},
     {{CHANGE_CREATE, "one/dir/x", "x"}, {CHANGE_RENAME, "one/dir/x", "one/dir/index.html.gz"}},
     {200, "a page with variants", "x"}},
    {"a file that has variants is written",
     "/dir/",
     {200, "a page with variants", "gzip"},
     {{CHANGE_WRITE, "one/dir/index.html", "A"}},
     {200, "A page with variants", NULL}},
    {"a file that has variants is touched",
     "/dir/",
     {200, "a page with variants", "gzip"},
     {{CHANGE_TIMES, "one/dir/index.html", NULL}},
     {200, "a page with variants", NULL}},
    {"the release is another",
     "/small",
     {200, "small", NULL},
     {{CHANGE_SWAP, "root", "two"}},
     {200, "the second", NULL}},
    {"the release is exchanged",
     "/dir/",
     {200, "a page with variants", "gzip"},
     {{CHANGE_EXCHANGE, "one", "two"}},
     {200, "the second's page", NULL}},
    {"what the other release lacks", "/other", {200, "other", NULL}, {{CHANGE_SWAP, "root", "two"}}, {404, NULL, NULL}},
    {"the path to the release is gone",
     "/small",
     {200, "small", NULL},
     {{CHANGE_UNLINK, "root", NULL}, {CHANGE_WRITE, "one/small", "SMALL"}},
     {200, "SMALL", NULL}},
};

static bool is_text(const struct entry *entry, const char *text)
{
    return entry->in_memory && entry->size == strlen(text) && memcmp(entry_body(entry), text, entry->size) == 0;
}

static void expect_seen(const char *sentence, const char *when, const struct entry *entry, const struct seen *seen)
{
    const struct entry *gzip = entry->variants[CODING_GZIP];
    if (entry->status != seen->status)
        fail_msg("%s: %s it is %d, not %d", sentence, when, entry->status, seen->status);
    if (seen->status == 200 && !is_text(entry, seen->text))
        fail_msg("%s: %s it is \"%.*s\", not \"%s\"", sentence, when, (int)entry->size, entry_body(entry), seen->text);
    if ((gzip != NULL) != (seen->by_gzip != NULL) || (gzip != NULL && !is_text(gzip, seen->by_gzip)))
        fail_msg("%s: %s, another variant than \"%s\"", sentence, when, seen->by_gzip == NULL ? "" : seen->by_gzip);
}

/* Finds it as who would take a variant, so that it is known whether there are any. */
static struct entry *find_coded(struct docroot *docroot, const char *path)
{
    struct entry *entry;
    enum docroot_outcome outcome = docroot_find(docroot, slice_of(path), NULL, true, &now, &entry);
    if (outcome == DOCROOT_SLEEPS) {
        struct entry *found = docroot_look_up(docroot, slice_of(path), &now);
        assert_non_null(found);
        outcome = docroot_find(docroot, slice_of(path), found, true, &now, &entry);
    }
    assert_int_equal(outcome, DOCROOT_FOUND);
    return entry;
}

/* Has it in the cache. */
static struct entry *keep_coded(struct docroot *docroot, const char *path)
{
    struct entry *entry = sample_learn(docroot, path, &now);
    assert_ptr_equal(cache_find(&docroot->cache, slice_of(path)), entry);
    if (!entry->blind)
        assert_ptr_equal(find_coded(docroot, path), entry);
    return entry;
}

static void a_change_that_was_told_of_is_seen_at_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof seen_rows / sizeof *seen_rows; i++) {
        const struct seen_row *row = &seen_rows[i];
        struct world w;
        int free_fd = scarce_lowest_fd();
        open_world(&w);
        struct entry *before = entry_hold(keep_coded(&w.docroot, row->path));
        expect_seen(row->sentence, "before,", before, &row->before);
        change_make_all(&w.tree, row->changes, STEPS);
        assert_ptr_equal(find_coded(&w.docroot, row->path), before); /* nobody has looked yet */
        tree_settle();
        docroot_catch_up(&w.docroot);
        expect_seen(row->sentence, "after it,", find_coded(&w.docroot, row->path), &row->after);
        assert_ptr_not_equal(cache_find(&w.docroot.cache, slice_of(row->path)), before);
        expect_seen(row->sentence, "and then,", find_coded(&w.docroot, row->path), &row->after);
        entry_drop(before);
        close_world(&w);
        assert_int_equal(scarce_lowest_fd(), free_fd);
    }
}

/* The same for who opens it without sleeping, as somebody else has found the way. */
static void a_change_to_what_was_opened_without_sleeping_is_seen_at_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof seen_rows / sizeof *seen_rows; i++) {
        const struct seen_row *row = &seen_rows[i];
        struct world w;
        open_world(&w);
        entry_drop(docroot_look_up(&w.docroot, slice_of(row->path), &now));
        for (int times = 0; times < 2; times++)
            expect_seen(row->sentence, "before,", find_coded(&w.docroot, row->path), &row->before);
        if (row->before.status == 200 && cache_find(&w.docroot.cache, slice_of(row->path)) == NULL)
            fail_msg("%s: it isn't kept", row->sentence);
        change_make_all(&w.tree, row->changes, STEPS);
        tree_settle();
        docroot_catch_up(&w.docroot);
        expect_seen(row->sentence, "after it,", find_coded(&w.docroot, row->path), &row->after);
        close_world(&w);
    }
}

/* It is asked for before anybody else has found the way to its directory. */
static void what_is_too_long_to_be_looked_for_hides_no_change(void **state)
{
    static const struct {
        const char *directory, *path, *file;
        size_t too_long;
    } hides[] = {
        {"/", "/small", "one/small", NAME_MAX + 1},
        {"/", "/small", "one/small", PATH_MAX},
        {"/dir2/", "/dir2/index.html", "one/dir2/index.html", NAME_MAX + 1},
        {"/dir2/", "/dir2/index.html", "one/dir2/index.html", PATH_MAX},
    };
    (void)state;
    for (size_t i = 0; i < sizeof hides / sizeof *hides; i++) {
        struct world w;
        char name[PATH_MAX + 16];
        open_world(&w);
        snprintf(name, sizeof name, "%s%0*d", hides[i].directory, (int)hides[i].too_long, 0);
        entry_drop(docroot_look_up(&w.docroot, slice_of(name), &now));
        warm(&w, hides[i].file);
        uint64_t size = keep(&w, hides[i].path)->size;
        change_make(&w.tree, &(struct change){CHANGE_APPEND, hides[i].file, "!"});
        if (find_told(&w, hides[i].path)->size != size + 1)
            fail_msg("a name of %zu bytes in %s hides a change", hides[i].too_long, hides[i].directory);
        close_world(&w);
    }
}

/* As where a policy or a group says who may; here it is who we are. The directory may be watched, and not entered. */
static void what_was_forbidden_and_is_allowed_untold_hides_no_change(void **state)
{
    static const struct change made[] = {{CHANGE_MKDIR, "one/dir2/in", NULL}, {CHANGE_CREATE, "one/dir2/in/x", "x"}};
    (void)state;
    struct world w;
    char directory[TREE_PATH_MAX];
    if (geteuid() != 0) {
        print_message("skipped: only root can be somebody else for a while\n");
        skip();
    }
    open_world(&w);
    change_make_all(&w.tree, made, 2);
    tree_path(&w.tree, "one/dir2", directory);
    assert_int_equal(chmod(w.tree.path, 0755), 0);
    assert_int_equal(chmod(directory, 0744), 0);
    docroot_catch_up(&w.docroot);
    assert_true(nobody_become());
    struct entry *forbidden = docroot_look_up(&w.docroot, SLICE("/dir2/in/x"), &now);
    nobody_no_more();
    assert_int_equal(forbidden->status, 403);
    assert_false(forbidden->blind);
    entry_drop(forbidden);
    warm(&w, "one/dir2/in/x");
    tree_settle();
    keep(&w, "/dir2/in/x");
    change_make(&w.tree, &(struct change){CHANGE_APPEND, "one/dir2/in/x", "!"});
    assert_int_equal(find_told(&w, "/dir2/in/x")->size, 2);
    close_world(&w);
}

/* The same where nothing is told: each request looks at the file, and at the way to the root. */
static void without_a_watch_a_change_is_seen_at_once_too(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof seen_rows / sizeof *seen_rows; i++) {
        const struct seen_row *row = &seen_rows[i];
        struct world w;
        open_world_that(&w, false);
        struct entry *before = keep_coded(&w.docroot, row->path);
        assert_true(before->blind);
        expect_seen(row->sentence, "before,", before, &row->before);
        change_make_all(&w.tree, row->changes, STEPS);
        tree_settle();
        expect_seen(row->sentence, "after it,", find_coded(&w.docroot, row->path), &row->after);
        close_world(&w);
    }
}

/* And where there are a watch and a cache of each thread's own, but one who looks: the other one sees it as well. */
static void what_one_thread_was_told_all_know(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof seen_rows / sizeof *seen_rows; i++) {
        const struct seen_row *row = &seen_rows[i];
        struct world w;
        struct docroot other;
        open_world(&w);
        open_docroot(&other, &w.site);
        keep_coded(&w.docroot, row->path);
        keep_coded(&other, row->path);
        change_make_all(&w.tree, row->changes, STEPS);
        tree_settle();
        docroot_catch_up(&w.docroot); /* and the other one does not */
        expect_seen(row->sentence, "to the other,", find_coded(&other, row->path), &row->after);
        docroot_close(&other);
        close_world(&w);
    }
}

static const struct cheap_row {
    const char *sentence, *path;
    struct change changes[STEPS];
} cheap_rows[] = {
    {"nothing", "/small", {{CHANGE_NOTHING, NULL, NULL}}},
    {"reads", "/small", {{CHANGE_READ, "one/small", NULL}, {CHANGE_READ, "one", NULL}}},
    {"a write to another file", "/small", {{CHANGE_WRITE, "one/other", "x"}}},
    {"a new file", "/small", {{CHANGE_CREATE, "one/new", "x"}}},
    {"a new directory", "/small", {{CHANGE_MKDIR, "one/new", NULL}}},
    {"another file goes", "/small", {{CHANGE_UNLINK, "one/other", NULL}}},
    {"another file gets a new name", "/small", {{CHANGE_RENAME, "one/other", "one/new"}}},
    {"a link to it goes", "/small", {{CHANGE_UNLINK, "one/to-small", NULL}}},
    {"a change in a directory beside it", "/small", {{CHANGE_WRITE, "one/dir/script.js", "x"}}},
    {"that directory gets a new name", "/small", {{CHANGE_RENAME, "one/dir", "one/x"}}},
    {"a change in the root to what lies deeper", "/dir/", {{CHANGE_WRITE, "one/small", "x"}}},
    {"a change to another page's variant", "/dir/script.js", {{CHANGE_UNLINK, "one/dir/index.html.gz", NULL}}},
    {"a name that is almost a variant's", "/dir/script.js", {{CHANGE_CREATE, "one/dir/script.js.gz.new", "x"}}},
    {"what would be a variant of what isn't worth compressing", "/small", {{CHANGE_CREATE, "one/small.gz", "x"}}},
    {"a file of that name in another directory", "/dir/", {{CHANGE_WRITE, "one/dir2/index.html", "x"}}},
    {"another file comes where one is missing", "/missing", {{CHANGE_CREATE, "one/missing2", "x"}}},
    {"an index comes to a directory without its slash", "/empty", {{CHANGE_CREATE, "one/empty/index.html", "x"}}},
    {"the release that isn't served", "/small", {{CHANGE_WRITE, "two/small", "x"}, {CHANGE_RENAME, "two", "three"}}},
    {"what lies beside the releases", "/small", {{CHANGE_WRITE, "beside", "x"}, {CHANGE_UNLINK, "beside", NULL}}},
};

static void what_has_nothing_to_do_with_a_file_costs_it_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cheap_rows / sizeof *cheap_rows; i++) {
        struct world w;
        open_world(&w);
        struct entry *before = keep_coded(&w.docroot, cheap_rows[i].path);
        assert_false(before->blind);
        change_make_all(&w.tree, cheap_rows[i].changes, STEPS);
        docroot_catch_up(&w.docroot);
        if (find_coded(&w.docroot, cheap_rows[i].path) != before)
            fail_msg("%s: it was looked for anew", cheap_rows[i].sentence);
        assert_int_equal(before->checked_ms, NOW); /* nor was it looked at */
        close_world(&w);
    }
}

/* The link's own directory tells nothing of it, but where it leads does. */
static void a_variant_that_is_a_link_is_as_it_is_where_it_leads(void **state)
{
    (void)state;
    struct world w;
    open_world(&w);
    change_make_all(&w.tree,
                    (const struct change[]){{CHANGE_CREATE, "one/empty/x", "gz"},
                                            {CHANGE_SYMLINK, "one/dir/script.js.gz", "../empty/x"}},
                    2);
    tree_settle();
    struct entry *entry = keep_coded(&w.docroot, "/dir/script.js");
    assert_true(is_text(entry->variants[CODING_GZIP], "gz"));
    change_make(&w.tree, &(struct change){CHANGE_WRITE, "one/empty/x", "GZ"});
    tree_settle();
    docroot_catch_up(&w.docroot);
    assert_true(is_text(find_coded(&w.docroot, "/dir/script.js")->variants[CODING_GZIP], "GZ"));
    close_world(&w);
}

/* ---- what is told of too late, or never */

/* More than one page is written; the first write to each has dated the file before. */
static void what_is_written_through_a_mapping_is_found_after_a_second(void **state)
{
    (void)state;
    struct world w;
    char path[TREE_PATH_MAX];
    open_world(&w);
    tree_path(&w.tree, "one/small", path);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    char *bytes = mmap(NULL, 5, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(bytes, MAP_FAILED);
    bytes[0] = 'S';
    tree_settle();
    assert_true(is_text(keep(&w, "/small"), "Small"));
    bytes[4] = 'L';
    docroot_catch_up(&w.docroot);
    assert_true(is_text(find(&w, "/small", NOW + SITE_VALID_MS - 1), "Small"));
    assert_true(is_text(find(&w, "/small", NOW + SITE_VALID_MS), "SmalL"));
    munmap(bytes, 5);
    close(fd);
    close_world(&w);
}

static void what_is_a_second_old_and_holds_is_the_same_for_another(void **state)
{
    (void)state;
    static const char *const paths[] = {"/small", "/large", "/dir/", "/dir", "/missing"};
    struct world w;
    open_world(&w);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct entry *entry = keep_coded(&w.docroot, paths[i]);
        struct entry *later = find(&w, paths[i], NOW + SITE_VALID_MS);
        assert_string_equal(later->path, entry->path);
        assert_ptr_equal(find(&w, paths[i], NOW + 2 * SITE_VALID_MS - 1), later);
        assert_int_equal(later->checked_ms, NOW + SITE_VALID_MS);
    }
    close_world(&w);
}

/* Written and asked for within a tick of the files' clock: the answer is right, and nobody keeps it. */
static void what_is_young_is_answered_and_not_kept(void **state)
{
    enum { TRIES = 200 };
    (void)state;
    struct world w;
    int young = 0;
    open_world(&w);
    keep(&w, "/small");
    for (int i = 0; i < TRIES && young < 5; i++) {
        char text[16];
        snprintf(text, sizeof text, "%05d", i);
        change_make(&w.tree, &(struct change){CHANGE_WRITE, "one/small", text});
        struct entry *entry = find_told(&w, "/small");
        assert_true(is_text(entry, text));
        young += entry->young;
        if (entry->young)
            assert_null(cache_find(&w.docroot.cache, SLICE("/small")));
        entry = docroot_look_up(&w.docroot, SLICE("/small"), &now); /* and so by who may sleep */
        bool is_young = entry->young;
        assert_int_equal(docroot_find(&w.docroot, SLICE("/small"), entry, false, &now, &entry), DOCROOT_FOUND);
        assert_true(is_text(entry, text));
        assert_int_equal(cache_find(&w.docroot.cache, SLICE("/small")) == NULL, is_young);
    }
    assert_true(young > 0);
    tree_settle();
    assert_false(find_told(&w, "/small")->young);
    assert_non_null(cache_find(&w.docroot.cache, SLICE("/small")));
    close_world(&w);
}

/* ---- releases */

static uint32_t entries_of(const struct docroot *docroot)
{
    return docroot->cache.uses[0].entries + docroot->cache.uses[1].entries;
}

static void another_release_shares_nothing_with_the_one_before(void **state)
{
    (void)state;
    static const char *const paths[] = {"/small", "/other", "/large", "/dir/", "/missing"};
    struct world w;
    open_world(&w);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        keep_coded(&w.docroot, paths[i]);
    assert_int_equal(entries_of(&w.docroot), 5);
    change_make(&w.tree, &(struct change){CHANGE_SWAP, "root", "two"});
    assert_true(is_text(find_told(&w, "/small"), "the second"));
    assert_in_range(entries_of(&w.docroot), 0, 1);
    assert_int_equal(find(&w, "/other", NOW)->status, 404);
    close_world(&w);
}

static void each_of_many_swaps_is_seen(void **state)
{
    enum { SWAPS = 300 };
    (void)state;
    struct world w;
    open_world(&w);
    for (int i = 0; i < SWAPS; i++) {
        change_make(&w.tree, &(struct change){CHANGE_SWAP, "root", i % 2 == 0 ? "two" : "one"});
        assert_true(is_text(find_told(&w, "/small"), i % 2 == 0 ? "the second" : "small"));
    }
    close_world(&w);
}

/* The request came before the swap; it is answered, and nobody after it. */
static void what_was_looked_up_in_another_release_is_answered_and_not_kept(void **state)
{
    (void)state;
    struct world w;
    struct entry *entry;
    open_world(&w);
    keep(&w, "/other");
    struct entry *found = docroot_look_up(&w.docroot, SLICE("/small"), &now);
    change_make(&w.tree, &(struct change){CHANGE_SWAP, "root", "two"});
    find_told(&w, "/dir/"); /* the thread knows the new one already */
    assert_int_equal(docroot_find(&w.docroot, SLICE("/small"), found, false, &now, &entry), DOCROOT_FOUND);
    assert_ptr_equal(entry, found);
    assert_true(is_text(entry, "small"));
    assert_null(cache_find(&w.docroot.cache, SLICE("/small")));
    assert_true(is_text(find_told(&w, "/small"), "the second"));
    close_world(&w);
}

/* ---- directories to which nobody knows the way */

static void what_isnt_there_in_an_unknown_directory_is_answered_and_not_kept(void **state)
{
    (void)state;
    static const char *const paths[] = {"/missing", "/empty/x"};
    struct world w;
    struct entry *entry;
    open_world(&w);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        assert_int_equal(pass(&w, paths[i])->status, 404);
        for (int again = 0; again < 3; again++) {
            assert_int_equal(docroot_find(&w.docroot, slice_of(paths[i]), NULL, false, &now, &entry), DOCROOT_FOUND);
            assert_int_equal(entry->status, 404);
        }
    }
    assert_int_equal(entries_of(&w.docroot), 0);
    close_world(&w);
}

static void what_is_there_and_worth_keeping_is_found_by_who_may_sleep(void **state)
{
    (void)state;
    struct world w;
    struct entry *entry;
    open_world(&w);
    assert_int_equal(pass(&w, "/small")->status, 200);
    assert_int_equal(docroot_find(&w.docroot, SLICE("/small"), NULL, false, &now, &entry), DOCROOT_SLEEPS);
    entry_drop(docroot_look_up(&w.docroot, SLICE("/small"), &now));
    assert_int_equal(docroot_find(&w.docroot, SLICE("/small"), NULL, false, &now, &entry), DOCROOT_FOUND);
    assert_ptr_equal(cache_find(&w.docroot.cache, SLICE("/small")), entry); /* now that the way is known */
    pass(&w, "/other");
    assert_int_equal(docroot_find(&w.docroot, SLICE("/other"), NULL, false, &now, &entry), DOCROOT_FOUND);
    assert_ptr_equal(cache_find(&w.docroot.cache, SLICE("/other")), entry); /* and of its neighbours */
    close_world(&w);
}

/* ---- machines that can't tell */

struct poor {
    struct world *w;
    int call;
    bool refused;
    struct entry *found;
    int failed;
};

/* On a thread whose kernel refuses the call. */
static void *be_poor(void *arg)
{
    struct poor *poor = arg;
    poor->refused = refuse_call(poor->call, ENOSPC);
    if (poor->refused && poor->call == SYS_inotify_init1)
        poor->failed = source_open(&poor->w->source, poor->w->root, SITE_VALID_MS, true);
    else if (poor->refused)
        poor->found = docroot_look_up(&poor->w->docroot, SLICE("/small"), &now);
    return NULL;
}

static void play_poor(struct poor *poor)
{
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, be_poor, poor), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static void without_any_watch_each_request_looks(void **state)
{
    (void)state;
    struct world w;
    struct poor poor = {.w = &w, .call = SYS_inotify_init1};
    make_world(&w);
    play_poor(&poor);
    if (!poor.refused) {
        tree_close(&w.tree);
        skip();
    }
    assert_int_equal(poor.failed, 0);
    open_docroot(&w.docroot, &w.site);
    struct entry *entry = keep(&w, "/small");
    assert_true(entry->blind);
    assert_ptr_equal(find_told(&w, "/small"), entry); /* it holds */
    change_untold(&w, "SMALL");
    assert_true(is_text(find(&w, "/small", NOW), "SMALL"));
    change_make(&w.tree, &(struct change){CHANGE_SWAP, "root", "two"});
    assert_true(is_text(find(&w, "/small", NOW), "the second"));
    close_world(&w);
}

static void what_lies_in_a_directory_that_cannot_be_watched_is_looked_at_each_time(void **state)
{
    (void)state;
    struct world w;
    struct entry *entry;
    struct poor poor = {.w = &w, .call = SYS_inotify_add_watch};
    open_world(&w);
    play_poor(&poor);
    if (!poor.refused) {
        close_world(&w);
        skip();
    }
    assert_int_equal(docroot_find(&w.docroot, SLICE("/small"), poor.found, false, &now, &entry), DOCROOT_FOUND);
    assert_true(entry->blind);
    assert_ptr_equal(cache_find(&w.docroot.cache, SLICE("/small")), entry);
    assert_ptr_equal(find(&w, "/small", NOW), entry);
    change_untold(&w, "SMALL");
    assert_true(is_text(find(&w, "/small", NOW), "SMALL"));
    close_world(&w);
}

/* ---- several threads */

enum { WRITES = 2000 };

struct writing {
    struct world *w;
    _Atomic int value; /* that of the last write which has returned */
};

/* A file is written in place, and a link to one is swapped. */
static void *write_on(void *arg)
{
    struct writing *writing = arg;
    for (int i = 1; i <= WRITES; i++) {
        char text[16];
        snprintf(text, sizeof text, "%05d", i);
        change_make(&writing->w->tree, &(struct change){CHANGE_WRITE, "one/small", text});
        atomic_store(&writing->value, i);
    }
    return NULL;
}

struct asker {
    struct writing *writing;
    int stale;
};

static void *ask_on(void *arg)
{
    struct asker *asker = arg;
    struct docroot docroot;
    const struct cache_limits limits = {.entries = 16, .bytes = 1 << 20, .files = 4};
    asker->stale += docroot_open(&docroot, &asker->writing->w->site, &limits) < 0;
    int least = 0;
    while (least < WRITES) {
        struct entry *entry;
        char text[8] = "";
        least = atomic_load(&asker->writing->value);
        docroot_catch_up(&docroot);
        if (docroot_find(&docroot, SLICE("/small"), NULL, false, &now, &entry) == DOCROOT_SLEEPS)
            docroot_find(&docroot, SLICE("/small"), docroot_look_up(&docroot, SLICE("/small"), &now), false, &now,
                         &entry);
        if (entry->in_memory)
            memcpy(text, entry_body(entry), 5);
        else if (pread(entry->fd, text, 5, 0) != 5)
            asker->stale++;
        asker->stale += atoi(text) < least;
    }
    docroot_close(&docroot);
    return NULL;
}

static void no_thread_answers_what_was_true_before_a_write_that_has_returned(void **state)
{
    (void)state;
    struct world w;
    struct writing writing = {.w = &w};
    struct asker askers[2] = {{.writing = &writing}, {.writing = &writing}};
    pthread_t writer, threads[2];
    open_world(&w);
    change_make(&w.tree, &(struct change){CHANGE_WRITE, "one/small", "00000"});
    assert_int_equal(pthread_create(&writer, NULL, write_on, &writing), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_on, &askers[i]), 0);
    pthread_join(writer, NULL);
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(askers[i].stale, 0);
    }
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
        cmocka_unit_test(while_one_asks_whether_it_holds_others_get_what_held_a_moment_ago),
        cmocka_unit_test(where_nothing_is_told_all_ask_whether_it_holds),
        cmocka_unit_test(what_nothing_is_told_of_is_believed_for_a_second),
        cmocka_unit_test(what_is_unchanged_is_kept_and_believed_anew),
        cmocka_unit_test(a_date_that_lay_ahead_is_told_when_the_entry_is_looked_at_again),
        cmocka_unit_test(where_all_is_cold_every_path_sleeps_until_it_is_looked_up),
        cmocka_unit_test(without_descriptors_cached_files_give_theirs_up_and_then_it_is_full),
        cmocka_unit_test(a_file_that_only_passes_gives_up_its_descriptor_too),
        cmocka_unit_test(a_change_that_was_told_of_is_seen_at_once),
        cmocka_unit_test(a_change_to_what_was_opened_without_sleeping_is_seen_at_once),
        cmocka_unit_test(what_is_too_long_to_be_looked_for_hides_no_change),
        cmocka_unit_test(what_was_forbidden_and_is_allowed_untold_hides_no_change),
        cmocka_unit_test(without_a_watch_a_change_is_seen_at_once_too),
        cmocka_unit_test(what_one_thread_was_told_all_know),
        cmocka_unit_test(what_has_nothing_to_do_with_a_file_costs_it_nothing),
        cmocka_unit_test(a_variant_that_is_a_link_is_as_it_is_where_it_leads),
        cmocka_unit_test(what_is_written_through_a_mapping_is_found_after_a_second),
        cmocka_unit_test(what_is_a_second_old_and_holds_is_the_same_for_another),
        cmocka_unit_test(what_is_young_is_answered_and_not_kept),
        cmocka_unit_test(another_release_shares_nothing_with_the_one_before),
        cmocka_unit_test(each_of_many_swaps_is_seen),
        cmocka_unit_test(what_was_looked_up_in_another_release_is_answered_and_not_kept),
        cmocka_unit_test(what_isnt_there_in_an_unknown_directory_is_answered_and_not_kept),
        cmocka_unit_test(what_is_there_and_worth_keeping_is_found_by_who_may_sleep),
        cmocka_unit_test(without_any_watch_each_request_looks),
        cmocka_unit_test(what_lies_in_a_directory_that_cannot_be_watched_is_looked_at_each_time),
        cmocka_unit_test(no_thread_answers_what_was_true_before_a_write_that_has_returned),
        cmocka_unit_test(what_is_closed_twice_or_never_opened_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
