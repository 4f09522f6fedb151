#include "files/entry.h"

#include "files/hot.h"
#include "http/date.h"
#include "http/head.h"
#include "lib/nobody.h"
#include "lib/refuse.h"
#include "lib/response.h"
#include "lib/scarce.h"
#include "lib/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

enum { LARGE = ENTRY_BODY_MAX + 1, VAST = 1 << 20 };

/* root/ is what is served; what may not be reached lies beside it. */
static const struct tree_row files[] = {
    {TREE_FILE, "secret", "secret", 0},
    {TREE_FILE, "root/small.txt", "small", 0},
    {TREE_FILE, "root/empty", "", 0},
    {TREE_FILE, "root/full.bin", NULL, ENTRY_BODY_MAX},
    {TREE_FILE, "root/large.bin", NULL, LARGE},
    {TREE_FILE, "root/huge.bin", NULL, VAST},
    {TREE_FILE, "root/index.html", "<p>top", 0},
    {TREE_FILE, "root/dir/index.html", "<p>dir", 0},
    {TREE_FILE, "root/dir/page.css", "a{}", 0},
    {TREE_DIRECTORY, "root/bare", NULL, 0},
    {TREE_DIRECTORY, "root/nested/index.html", NULL, 0},
    {TREE_FIFO, "root/fifo", NULL, 0},
    {TREE_FIFO, "root/piped/index.html", NULL, 0},
    {TREE_LINK, "root/to-small", "small.txt", 0},
    {TREE_LINK, "root/to-dir", "dir", 0},
    {TREE_LINK, "root/linked/index.html", "../dir/index.html", 0},
    {TREE_LINK, "root/out", "../secret", 0},
    {TREE_LINK, "root/far/index.html", "../../secret", 0},
    {TREE_LINK, "root/absolute", "/etc/passwd", 0},
    {TREE_LINK, "root/dangling", "missing", 0},
    {TREE_LINK, "root/loop", "loop", 0},
    {TREE_FILE, "root/locked", "locked", 0},
    {TREE_FILE, "root/shut/file", "shut in", 0},
    {TREE_FILE, "root/varies.js", "a text that has variants", 0},
    {TREE_FILE, "root/varies.js.gz", "by gzip.", 0},
    {TREE_FILE, "root/varies.js.zst", "by zstd.", 0},
    {TREE_FILE, "root/varies.js.br", "br", 0},
    {TREE_FILE, "root/pages/index.html", "<p>a page with variants", 0},
    {TREE_FILE, "root/pages/index.html.gz", "<p>gzip", 0},
    {TREE_FILE, "root/pages/index.html.br", "<p>br", 0},
    {TREE_FILE, "root/two.css", "a text that has two variants", 0},
    {TREE_FILE, "root/two.css.gz", "by gzip.", 0},
    {TREE_FILE, "root/two.css.br", "by br.", 0},
    {TREE_FILE, "root/heavy.json", NULL, LARGE + 200},
    {TREE_FILE, "root/heavy.json.gz", NULL, LARGE + 100},
    {TREE_FILE, "root/heavy.json.zst", NULL, LARGE},
    {TREE_FILE, "root/heavy.json.br", NULL, ENTRY_BODY_MAX},
    {TREE_FILE, "root/two.png", "no text, so that nobody looks for a variant", 0},
    {TREE_FILE, "root/two.png.gz", "by gzip.", 0},
    {TREE_FILE, "root/two.png.br", "by br.", 0},
};

/* Long after all of them were made. */
static const struct clock now = {7, 4000000000};

static const struct head_rules rules = {{"shunt", 5}, true};

struct world {
    struct tree tree;
    struct site site;
    struct root root;
};

static void path_in(const struct world *world, const char *relative, char path[TREE_PATH_MAX])
{
    char beneath[TREE_PATH_MAX];
    snprintf(beneath, sizeof beneath, "root/%s", relative);
    tree_path(&world->tree, beneath, path);
}

static void set_mode(const struct world *world, const char *relative, mode_t mode)
{
    char path[TREE_PATH_MAX];
    path_in(world, relative, path);
    assert_int_equal(chmod(path, mode), 0);
}

/* Through a relative path, as the temporary directory's may be longer than a socket's address takes. */
static void add_socket(const struct world *world)
{
    const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "socket"};
    int here = open(".", O_PATH | O_DIRECTORY), sock = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(fchdir(world->root.fd), 0);
    assert_int_equal(bind(sock, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(fchdir(here), 0);
    close(sock);
    close(here);
}

static int make_world(void **state)
{
    char path[TREE_PATH_MAX];
    struct world *world = calloc(1, sizeof *world);
    if (world == NULL)
        return -1;
    tree_open(&world->tree, files, sizeof files / sizeof *files);
    tree_path(&world->tree, "root", path);
    world->site = (struct site){.head = rules};
    world->root = (struct root){.fd = beneath_root(path), .number = 1};
    add_socket(world);
    *state = world;
    return chmod(world->tree.path, 0755);
}

static int end_world(void **state)
{
    struct world *world = *state;
    set_mode(world, "shut", 0700);
    close(world->root.fd);
    tree_close(&world->tree);
    free(world);
    return 0;
}

static struct entry *open_entry(const struct world *world, const char *path)
{
    return entry_open(&(struct look){&world->site, &world->root, slice_of(path), BENEATH_WAIT, &now, NULL});
}

static enum entry_check check(const struct world *world, const struct entry *entry, const char *path)
{
    return entry_check(entry, &(struct look){&world->site, &world->root, slice_of(path), BENEATH_WAIT, &now, NULL});
}

static struct entry *choose(struct entry *entry, const char *accept_encoding)
{
    struct request request = {.accept_encoding = slice_of(accept_encoding)};
    return entry_choose(entry, &request);
}

/* Those below a number that is more than this program has. */
static int open_files_now(void)
{
    int open = 0;
    for (int fd = 0; fd < 200; fd++)
        open += fcntl(fd, F_GETFD) >= 0;
    return open;
}

/* ---- what a path turns out to be */

static const struct row {
    const char *name, *path;
    int status;
    const char *type, *text; /* of a 200; text NULL: the file was made by size */
    size_t size;
} rows[] = {
    {"a small file is in memory", "/small.txt", 200, "text/plain; charset=utf-8", "small", 5},
    {"an empty file is in memory", "/empty", 200, "application/octet-stream", "", 0},
    {"the largest body in memory", "/full.bin", 200, "application/octet-stream", NULL, ENTRY_BODY_MAX},
    {"a byte more stays in its file", "/large.bin", 200, "application/octet-stream", NULL, LARGE},
    {"the root is its index", "/", 200, "text/html; charset=utf-8", "<p>top", 6},
    {"a directory is its index", "/dir/", 200, "text/html; charset=utf-8", "<p>dir", 6},
    {"an index has a name of its own", "/dir/index.html", 200, "text/html; charset=utf-8", "<p>dir", 6},
    {"a file in a directory", "/dir/page.css", 200, "text/css; charset=utf-8", "a{}", 3},
    {"a link inside is followed, and has its own name's type", "/to-small", 200, "application/octet-stream", "small",
     5},
    {"a link to a directory is one", "/to-dir", 301, NULL, NULL, 0},
    {"a linked directory's index", "/to-dir/", 200, "text/html; charset=utf-8", "<p>dir", 6},
    {"an index that is a link", "/linked/", 200, "text/html; charset=utf-8", "<p>dir", 6},
    {"a directory without its slash is redirected", "/dir", 301, NULL, NULL, 0},
    {"and one without an index too", "/bare", 301, NULL, NULL, 0},
    {"a directory without an index is nothing", "/bare/", 404, NULL, NULL, 0},
    {"an index that is a directory is nothing", "/nested/", 404, NULL, NULL, 0},
    {"a file that isn't there", "/missing", 404, NULL, NULL, 0},
    {"a directory that isn't there", "/missing/", 404, NULL, NULL, 0},
    {"a file is no directory", "/small.txt/", 404, NULL, NULL, 0},
    {"nothing lies in a file", "/small.txt/x", 404, NULL, NULL, 0},
    {"a link outside is nothing", "/out", 404, NULL, NULL, 0},
    {"an index that leads outside is nothing", "/far/", 404, NULL, NULL, 0},
    {"an absolute link is nothing", "/absolute", 404, NULL, NULL, 0},
    {"a link into nothing is nothing", "/dangling", 404, NULL, NULL, 0},
    {"a link to itself is nothing", "/loop", 404, NULL, NULL, 0},
    {"a FIFO is nothing, and nobody waits for it", "/fifo", 404, NULL, NULL, 0},
    {"an index that is a FIFO is nothing", "/piped/", 404, NULL, NULL, 0},
    {"a socket is nothing", "/socket", 404, NULL, NULL, 0},
    {"a file that has variants", "/varies.js", 200, "text/javascript; charset=utf-8", "a text that has variants", 24},
    {"a variant by its own name is a file", "/varies.js.gz", 200, "application/gzip", "by gzip.", 8},
    {"an index that has variants", "/pages/", 200, "text/html; charset=utf-8", "<p>a page with variants", 23},
};

static void expect_body(const struct row *row, const struct entry *entry)
{
    char *bytes = malloc(row->size + 1);
    assert_non_null(bytes);
    if (entry->in_memory)
        memcpy(bytes, entry_body(entry), row->size);
    else
        assert_int_equal(pread(entry->fd, bytes, row->size + 1, 0), row->size);
    if (row->text != NULL)
        assert_memory_equal(bytes, row->text, row->size);
    for (size_t i = 0; row->text == NULL && i < row->size; i++)
        assert_int_equal((unsigned char)bytes[i], tree_byte(i));
    free(bytes);
}

static void expect_field(struct slice head, const char *name, struct slice value)
{
    assert_int_equal(response_count(head, name), 1);
    if (!slice_equal(response_field(head, name), value))
        fail_msg("%s: is \"%.*s\", not \"%.*s\"", name, (int)response_field(head, name).len,
                 response_field(head, name).at, (int)value.len, value.at);
}

static void expect_image(const struct row *row, const struct entry *entry)
{
    struct slice head = {entry->image, entry->head_len};
    char length[24], date[DATE_LEN];
    snprintf(length, sizeof length, "%zu", row->size);
    date_format(0, date);
    assert_int_equal(response_head_len(head), entry->head_len);
    assert_int_equal(response_status(head), 200);
    assert_memory_equal(head.at + head_date_offset(200), date, DATE_LEN);
    expect_field(head, "Date", (struct slice){date, DATE_LEN});
    expect_field(head, "Content-Type", slice_of(row->type));
    expect_field(head, "Content-Length", slice_of(length));
    expect_field(head, "Accept-Ranges", SLICE("bytes"));
    expect_field(head, "ETag", entry->validators.etag);
    expect_field(head, "Server", rules.server);
    expect_field(head, "X-Content-Type-Options", SLICE("nosniff"));
    assert_int_equal(response_count(head, "Last-Modified"), 1);
    assert_int_equal(response_count(head, "Connection"), 0);
    if (row->path[strlen(row->path) - 1] == '/')
        expect_field(head, "Content-Location", SLICE("index.html"));
    else
        assert_int_equal(response_count(head, "Content-Location"), 0);
}

static void expect_row(const struct world *world, const struct row *row)
{
    int free_fd = scarce_lowest_fd();
    bool kept = row->status == 200 && row->size > ENTRY_BODY_MAX;
    struct entry *entry = open_entry(world, row->path);
    assert_non_null(entry);
    if (entry->status != row->status)
        fail_msg("%s: %s is %d, not %d", row->name, row->path, entry->status, row->status);
    assert_int_equal(entry->references, 1);
    assert_int_equal(entry->checked_ms, 7);
    assert_ptr_not_equal(entry->path, row->path);
    assert_string_equal(entry->path, row->path);
    assert_int_equal(entry->path_len, strlen(row->path));
    if ((entry->fd >= 0) != kept || (scarce_lowest_fd() != free_fd) != kept)
        fail_msg("%s: its descriptor is %d", row->name, entry->fd);
    if (row->status == 200) {
        assert_int_equal(entry->in_memory, !kept);
        assert_int_equal(entry->size, row->size);
        assert_true(slice_equal(entry->type, slice_of(row->type)));
        expect_image(row, entry);
        expect_body(row, entry);
    }
    assert_int_equal(check(world, entry, row->path), ENTRY_HOLDS);
    entry_drop(entry);
    assert_int_equal(scarce_lowest_fd(), free_fd);
}

static void a_path_turns_out_to_be_what_its_row_says(void **state)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        expect_row(*state, &rows[i]);
}

/* What is in memory may be looked up at once, and then it is the same; where the kernel can't tell, it must say so. */
static void looking_without_sleeping_finds_the_same_or_says_that_it_would_sleep(void **state)
{
    const struct world *world = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        entry_drop(open_entry(world, rows[i].path));
        errno = 0;
        struct entry *entry =
            entry_open(&(struct look){&world->site, &world->root, slice_of(rows[i].path), BENEATH_NOW, &now, NULL});
        if (entry == NULL)
            assert_int_equal(errno, EAGAIN);
        else
            assert_int_equal(entry->status, rows[i].status);
        entry_drop(entry);
    }
}

static void a_name_may_hold_any_byte(void **state)
{
    const struct world *world = *state;
    for (int byte = 1; byte < 256; byte++) {
        char name[] = {'r', 'o', 'o', 't', '/', 'x', (char)byte, 'y', '\0'};
        if (byte == '/')
            continue;
        tree_make(&world->tree, &(struct tree_row){TREE_FILE, name, name, 0});
        struct entry *entry = open_entry(world, name + 4);
        assert_int_equal(entry->status, 200);
        assert_memory_equal(entry_body(entry), name, sizeof name - 1);
        entry_drop(entry);
    }
}

static void a_path_too_long_for_any_file_is_nothing(void **state)
{
    static const size_t lengths[] = {255, 256, 257, 4084, 4085, 4086, 4087, 4094, 4095, 4096, 4097, 9000};
    char path[9002];
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        for (int slash = 0; slash < 2; slash++) {
            memset(path, 'x', sizeof path);
            path[0] = '/';
            path[lengths[i]] = slash ? '/' : '\0';
            path[lengths[i] + 1] = '\0';
            struct entry *entry = open_entry(*state, path);
            assert_int_equal(entry->status, 404);
            entry_drop(entry);
        }
}

static void what_we_may_not_read_is_forbidden(void **state)
{
    static const char *const paths[] = {"/locked", "/shut/file", "/shut/missing"};
    const struct world *world = *state;
    set_mode(world, "locked", 0);
    set_mode(world, "shut", 0);
    int status[3];
    bool young[3];
    enum entry_check holds[3];
    assert_true(nobody_become());
    for (int i = 0; i < 3; i++) {
        struct entry *entry = open_entry(world, paths[i]);
        status[i] = entry->status;
        young[i] = entry->young;
        holds[i] = check(world, entry, paths[i]);
        entry_drop(entry);
    }
    nobody_no_more();
    for (int i = 0; i < 3; i++) {
        assert_int_equal(status[i], 403);
        assert_true(young[i]); /* other users, groups and policies may come, and nobody is told */
        assert_int_equal(holds[i], ENTRY_HOLDS);
    }
}

static void what_was_forbidden_and_now_is_allowed_no_longer_holds(void **state)
{
    const struct world *world = *state;
    set_mode(world, "locked", 0);
    assert_true(nobody_become());
    struct entry *forbidden = open_entry(world, "/locked");
    int status = forbidden->status;
    nobody_no_more();
    set_mode(world, "locked", 0644);
    assert_int_equal(status, 403);
    assert_int_equal(check(world, forbidden, "/locked"), ENTRY_CHANGED);
    entry_drop(forbidden);
}

static void without_descriptors_there_is_no_entry(void **state)
{
    const struct world *world = *state;
    struct entry *before = open_entry(world, "/small.txt");
    struct rlimit limit = scarce_files(0);
    errno = 0;
    struct entry *entry = open_entry(world, "/small.txt");
    int opened = errno;
    errno = 0;
    enum entry_check holds = check(world, before, "/small.txt");
    int checked = errno;
    scarce_files_again(limit);
    assert_null(entry);
    assert_int_equal(opened, EMFILE);
    assert_int_equal(holds, ENTRY_UNKNOWN);
    assert_int_equal(checked, EMFILE);
    entry_drop(before);
}

/* ---- what is said of a file */

static void what_every_head_says_is_the_sites_affair(void **state)
{
    static const struct {
        const char *name;
        struct head_rules rules;
        const char *server, *sniffing; /* NULL: no such field */
    } sites[] = {
        {"by default", {{"shunt", 5}, true}, "shunt", "nosniff"},
        {"another name", {{"a/1 (b)", 7}, true}, "a/1 (b)", "nosniff"},
        {"no name", {{"", 0}, true}, NULL, "nosniff"},
        {"browsers may guess", {{"shunt", 5}, false}, "shunt", NULL},
    };
    const struct world *world = *state;
    for (size_t i = 0; i < sizeof sites / sizeof *sites; i++) {
        const struct site site = {.head = sites[i].rules};
        struct entry *entry =
            entry_open(&(struct look){&site, &world->root, SLICE("/small.txt"), BENEATH_WAIT, &now, NULL});
        struct slice head = {entry->image, entry->head_len};
        if (!slice_equal(response_field(head, "Server"), slice_of(sites[i].server == NULL ? "" : sites[i].server)) ||
            response_count(head, "Server") != (sites[i].server != NULL) ||
            response_count(head, "X-Content-Type-Options") != (sites[i].sniffing != NULL))
            fail_msg("%s: is\n%.*s", sites[i].name, (int)head.len, head.at);
        entry_drop(entry);
    }
}

/* A 304 says what a cache goes by, and nothing else. */
static void what_a_cache_goes_by_is_less_than_what_a_file_has_to_say(void **state)
{
    static const struct {
        const char *path, *location;
    } files_of[] = {{"/small.txt", ""}, {"/dir/", "Content-Location: index.html\r\n"}, {"/dir/index.html", ""}};
    for (size_t i = 0; i < sizeof files_of / sizeof *files_of; i++) {
        struct buffer cache, all;
        char date[DATE_LEN], text[512];
        buffer_init(&cache);
        buffer_init(&all);
        struct entry *entry = open_entry(*state, files_of[i].path);
        struct slice tag = entry->validators.etag;
        date_format(entry->validators.last_modified, date);
        assert_int_equal(entry_put_cache_fields(entry, &cache), 0);
        assert_int_equal(entry_put_fields(entry, &all), 0);
        snprintf(text, sizeof text, "ETag: %.*s\r\n%s", (int)tag.len, tag.at, files_of[i].location);
        assert_true(slice_equal(buffer_bytes(&cache), slice_of(text)));
        snprintf(text, sizeof text, "Last-Modified: %.*s\r\nETag: %.*s\r\n%sAccept-Ranges: bytes\r\n", DATE_LEN, date,
                 (int)tag.len, tag.at, files_of[i].location);
        assert_true(slice_equal(buffer_bytes(&all), slice_of(text)));
        buffer_fini(&cache);
        buffer_fini(&all);
        entry_drop(entry);
    }
}

static void set_modified(const struct world *world, const char *relative, struct timespec modified)
{
    const struct timespec times[2] = {modified, modified};
    char path[TREE_PATH_MAX];
    path_in(world, relative, path);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    tree_settle();
}

static void expect_last_modified(const struct entry *entry, const char *date)
{
    struct slice head = {entry->image, entry->head_len};
    assert_int_equal(entry->validators.has_last_modified, date != NULL);
    assert_int_equal(response_count(head, "Last-Modified"), date != NULL);
    if (date != NULL)
        expect_field(head, "Last-Modified", slice_of(date));
    expect_field(head, "ETag", entry->validators.etag);
}

/* What lies ahead means nothing either; the nanoseconds of a second that has begun don't. */
static void a_file_says_when_it_was_changed_unless_that_means_nothing(void **state)
{
    static const struct {
        struct timespec modified;
        time_t second;
        const char *date; /* NULL: none */
    } times[] = {
        {{-1, 0}, 784111777, NULL},
        {{0, 0}, 784111777, NULL},
        {{0, 999999999}, 784111777, NULL},
        {{1, 0}, 784111777, NULL},
        {{1, 999999999}, 784111777, NULL},
        {{2, 0}, 784111777, "Thu, 01 Jan 1970 00:00:02 GMT"},
        {{784111776, 0}, 784111777, "Sun, 06 Nov 1994 08:49:36 GMT"},
        {{784111777, 0}, 784111777, "Sun, 06 Nov 1994 08:49:37 GMT"},
        {{784111777, 999999999}, 784111777, "Sun, 06 Nov 1994 08:49:37 GMT"},
        {{784111778, 0}, 784111777, NULL},
        {{784111877, 0}, 784111777, NULL},
    };
    const struct world *world = *state;
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        const struct clock then = {7, times[i].second};
        set_modified(world, "small.txt", times[i].modified);
        struct entry *entry =
            entry_open(&(struct look){&world->site, &world->root, SLICE("/small.txt"), BENEATH_WAIT, &then, NULL});
        expect_last_modified(entry, times[i].date);
        entry_drop(entry);
    }
}

/* What an entry doesn't say because it lay ahead, the next one says; until then, and from then on, it holds. */
static void a_date_that_lies_ahead_is_told_once_its_time_has_come(void **state)
{
    const struct world *world = *state;
    const struct clock before = {7, 784111677}, shortly_before = {8, 784111776}, then = {9, 784111777},
                       after = {10, 784111778};
    set_modified(world, "small.txt", (struct timespec){784111777, 500000000});
    struct entry *silent =
        entry_open(&(struct look){&world->site, &world->root, SLICE("/small.txt"), BENEATH_WAIT, &before, NULL});
    expect_last_modified(silent, NULL);
    assert_int_equal(entry_check(silent, &(struct look){&world->site, &world->root, SLICE("/small.txt"), BENEATH_WAIT,
                                                        &before, NULL}),
                     ENTRY_HOLDS);
    assert_int_equal(entry_check(silent, &(struct look){&world->site, &world->root, SLICE("/small.txt"), BENEATH_WAIT,
                                                        &shortly_before, NULL}),
                     ENTRY_HOLDS);
    assert_int_equal(
        entry_check(silent, &(struct look){&world->site, &world->root, SLICE("/small.txt"), BENEATH_WAIT, &then, NULL}),
        ENTRY_CHANGED);
    assert_int_equal(entry_check(silent, &(struct look){&world->site, &world->root, SLICE("/small.txt"), BENEATH_WAIT,
                                                        &after, NULL}),
                     ENTRY_CHANGED);
    struct entry *telling =
        entry_open(&(struct look){&world->site, &world->root, SLICE("/small.txt"), BENEATH_WAIT, &then, NULL});
    expect_last_modified(telling, "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_true(slice_equal(telling->validators.etag, silent->validators.etag)); /* its bytes are the same */
    assert_int_equal(entry_check(telling, &(struct look){&world->site, &world->root, SLICE("/small.txt"), BENEATH_WAIT,
                                                         &after, NULL}),
                     ENTRY_HOLDS);
    assert_int_equal(entry_check(telling, &(struct look){&world->site, &world->root, SLICE("/small.txt"), BENEATH_WAIT,
                                                         &before, NULL}),
                     ENTRY_CHANGED);
    entry_drop(silent);
    entry_drop(telling);
}

/* Times of files move in the kernel's ticks, the longest of which are 10 ms. */
static void wait_for_another_tick(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 25000000}, NULL);
}

static void rewrite(const struct world *world, const char *relative, const char *text)
{
    char path[TREE_PATH_MAX];
    path_in(world, relative, path);
    int fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, text, strlen(text), 0), strlen(text));
    close(fd);
    tree_settle();
}

/* Reproducible builds set the same time again and again: other bytes of the same number must not have the same tag. */
static void a_tag_does_not_depend_on_a_time_that_means_nothing(void **state)
{
    static const struct {
        struct timespec modified;
        bool depends; /* the tag, on the time of the last change */
    } times[] = {
        {{0, 0}, true},  {{0, 999999999}, true},   {{1, 0}, true},          {{1, 999999999}, true},
        {{2, 0}, false}, {{-1, 999999999}, false}, {{784111777, 0}, false},
    };
    const struct world *world = *state;
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        set_modified(world, "small.txt", times[i].modified);
        struct entry *before = open_entry(world, "/small.txt"), *again = open_entry(world, "/small.txt");
        wait_for_another_tick();
        rewrite(world, "small.txt", i % 2 == 0 ? "SMALL" : "small");
        set_modified(world, "small.txt", times[i].modified);
        struct entry *after = open_entry(world, "/small.txt");
        struct slice tag = before->validators.etag;
        assert_int_equal(after->size, before->size);
        assert_true(slice_equal(again->validators.etag, tag));
        if (slice_equal(after->validators.etag, tag) == times[i].depends)
            fail_msg("modified %ld.%09ld: %.*s, and %.*s", (long)times[i].modified.tv_sec, times[i].modified.tv_nsec,
                     (int)tag.len, tag.at, (int)after->validators.etag.len, after->validators.etag.at);
        assert_int_equal(check(world, before, "/small.txt"), ENTRY_CHANGED);
        entry_drop(before);
        entry_drop(again);
        entry_drop(after);
    }
}

/* ---- files that were changed just now, and may be changed again without a time's telling of it */

/* Its bytes are what it has for a tag, where they are in memory; else it has none. */
static void expect_young(const struct entry *entry)
{
    struct slice head = {entry->image, entry->head_len}, tag = entry->validators.etag;
    assert_int_equal(entry->status, 200);
    assert_true(entry->young);
    assert_int_equal(tag.len > 0, entry->in_memory);
    assert_int_equal(response_count(head, "ETag"), entry->in_memory);
    if (entry->in_memory) {
        expect_field(head, "ETag", tag);
        assert_memory_equal(tag.at, "\"h", 2);
    }
    assert_int_equal(response_count(head, "Last-Modified"), 1);
    assert_int_equal(response_count(head, "Accept-Ranges"), 1);
}

/* The entry of a path whose file is written and opened, until that happens within a tick. */
static struct entry *open_young(const struct world *world, const char *path, const char *relative, const char *text)
{
    enum { TRIES = 200 };
    char whole[TREE_PATH_MAX];
    struct entry *entry = NULL;
    path_in(world, relative, whole);
    for (int i = 0; i < TRIES && (entry == NULL || !entry->young); i++) {
        entry_drop(entry);
        int fd = open(whole, O_WRONLY);
        assert_int_equal(pwrite(fd, text, strlen(text), 0), strlen(text));
        close(fd);
        entry = open_entry(world, path);
    }
    assert_true(entry->young);
    return entry;
}

static void a_young_file_has_the_tag_of_its_bytes(void **state)
{
    const struct world *world = *state;
    struct entry *lower = open_young(world, "/small.txt", "small.txt", "small");
    struct entry *upper = open_young(world, "/small.txt", "small.txt", "SMALL");
    struct entry *again = open_young(world, "/small.txt", "small.txt", "small");
    expect_young(lower);
    expect_young(upper);
    assert_memory_equal(entry_body(upper), "SMALL", 5);
    assert_false(slice_equal(lower->validators.etag, upper->validators.etag));
    assert_true(slice_equal(lower->validators.etag, again->validators.etag));
    entry_drop(lower);
    entry_drop(upper);
    entry_drop(again);
}

static void a_young_file_that_is_not_in_memory_has_no_tag(void **state)
{
    struct entry *entry = open_young(*state, "/large.bin", "large.bin", "x");
    assert_false(entry->in_memory);
    expect_young(entry);
    entry_drop(entry);
}

/* However often it is looked at: what was read of it may be true no longer. */
static void a_young_entry_never_holds_and_the_next_one_does(void **state)
{
    const struct world *world = *state;
    struct entry *young = open_young(world, "/small.txt", "small.txt", "SMALL");
    assert_int_equal(check(world, young, "/small.txt"), ENTRY_CHANGED);
    tree_settle();
    assert_int_equal(check(world, young, "/small.txt"), ENTRY_CHANGED);
    struct entry *settled = open_entry(world, "/small.txt");
    assert_false(settled->young);
    assert_false(slice_equal(settled->validators.etag, young->validators.etag));
    assert_int_equal(check(world, settled, "/small.txt"), ENTRY_HOLDS);
    entry_drop(young);
    entry_drop(settled);
}

static void an_entry_is_as_young_as_its_youngest_variant(void **state)
{
    const struct world *world = *state;
    struct entry *entry = open_young(world, "/varies.js", "varies.js.zst", "BY ZSTD.");
    struct slice tag = choose(entry, "zstd")->validators.etag;
    expect_young(choose(entry, "zstd"));
    assert_memory_equal(tag.at + tag.len - 6, "-zstd\"", 6);
    assert_memory_equal(entry_body(choose(entry, "zstd")), "BY ZSTD.", 8);
    assert_memory_not_equal(entry->validators.etag.at, "\"h", 2); /* nothing happened to these two */
    assert_memory_not_equal(choose(entry, "gzip")->validators.etag.at, "\"h", 2);
    assert_int_equal(check(world, entry, "/varies.js"), ENTRY_CHANGED);
    entry_drop(entry);
}

/* ---- whether an entry still holds */

enum change {
    NOTHING = 1,
    REWRITTEN, /* in place */
    REPLACED,  /* by another file of the same name */
    REMOVED,
    TOUCHED,
    MODE,
    MADE_DIRECTORY,
    LED_ELSEWHERE,      /* a link */
    LED_ELSEWHERE_ANEW, /* a link where nothing was */
};

static const struct change_row {
    const char *name, *path;
    enum change change;
    const char *changed, *text; /* the file that is changed, and what it becomes */
    enum entry_check holds;
} changes[] = {
    {"an untouched file", "/small.txt", NOTHING, NULL, NULL, ENTRY_HOLDS},
    {"an untouched index", "/dir/", NOTHING, NULL, NULL, ENTRY_HOLDS},
    {"a directory", "/dir", NOTHING, NULL, NULL, ENTRY_HOLDS},
    {"what isn't there", "/missing", NOTHING, NULL, NULL, ENTRY_HOLDS},
    {"a change to its neighbour", "/small.txt", REPLACED, "empty", "no longer", ENTRY_HOLDS},
    {"another size", "/small.txt", REWRITTEN, "small.txt", "smaller", ENTRY_CHANGED},
    {"other bytes of the same number", "/small.txt", REWRITTEN, "small.txt", "SMALL", ENTRY_CHANGED},
    {"a large file's first byte", "/large.bin", REWRITTEN, "large.bin", "x", ENTRY_CHANGED},
    {"another file of the same name and bytes", "/small.txt", REPLACED, "small.txt", "small", ENTRY_CHANGED},
    {"a file removed", "/small.txt", REMOVED, "small.txt", NULL, ENTRY_CHANGED},
    {"a file touched", "/small.txt", TOUCHED, "small.txt", NULL, ENTRY_CHANGED},
    {"a file's mode", "/small.txt", MODE, "small.txt", NULL, ENTRY_CHANGED},
    {"what appears", "/missing", REPLACED, "missing", "here", ENTRY_CHANGED},
    {"what appears as a directory", "/missing", MADE_DIRECTORY, "missing", NULL, ENTRY_CHANGED},
    {"an index that appears", "/bare/", REPLACED, "bare/index.html", "<p>bare", ENTRY_CHANGED},
    {"a directory, whatever appears in it", "/bare", REPLACED, "bare/index.html", "<p>bare", ENTRY_HOLDS},
    {"an index removed", "/dir/", REMOVED, "dir/index.html", NULL, ENTRY_CHANGED},
    {"a directory without its index", "/dir", REMOVED, "dir/index.html", NULL, ENTRY_HOLDS},
    {"a file behind a link", "/to-small", REWRITTEN, "small.txt", "SMALL", ENTRY_CHANGED},
    {"a link that leads elsewhere", "/to-small", LED_ELSEWHERE, "to-small", "empty", ENTRY_CHANGED},
    {"a link that leads outside", "/to-small", LED_ELSEWHERE, "to-small", "../secret", ENTRY_CHANGED},
    {"nothing where nothing was, for another reason", "/out", LED_ELSEWHERE, "out", "missing", ENTRY_HOLDS},
    {"an untouched file with variants", "/varies.js", NOTHING, NULL, NULL, ENTRY_HOLDS},
    {"an untouched file with some variants", "/two.css", NOTHING, NULL, NULL, ENTRY_HOLDS},
    {"an untouched index with variants", "/pages/", NOTHING, NULL, NULL, ENTRY_HOLDS},
    {"an untouched file whose variants are large", "/heavy.json", NOTHING, NULL, NULL, ENTRY_HOLDS},
    {"the first variant that comes", "/small.txt", REPLACED, "small.txt.gz", "gz", ENTRY_CHANGED},
    {"another variant that comes", "/two.css", REPLACED, "two.css.zst", "zst", ENTRY_CHANGED},
    {"an index's variant that comes", "/dir/", REPLACED, "dir/index.html.br", "<", ENTRY_CHANGED},
    {"a variant that comes as a link", "/small.txt", LED_ELSEWHERE_ANEW, "small.txt.br", "dir/page.css", ENTRY_CHANGED},
    {"what comes outside is none", "/two.css", LED_ELSEWHERE_ANEW, "two.css.zst", "../secret", ENTRY_HOLDS},
    {"what comes and is larger is none", "/small.txt", REPLACED, "small.txt.gz", "larger", ENTRY_HOLDS},
    {"what comes and has the same size is none", "/small.txt", REPLACED, "small.txt.gz", "SMALL", ENTRY_HOLDS},
    {"a directory that comes is none", "/small.txt", MADE_DIRECTORY, "small.txt.gz", NULL, ENTRY_HOLDS},
    {"a variant removed", "/varies.js", REMOVED, "varies.js.zst", NULL, ENTRY_CHANGED},
    {"an index's variant removed", "/pages/", REMOVED, "pages/index.html.gz", NULL, ENTRY_CHANGED},
    {"a large variant removed", "/heavy.json", REMOVED, "heavy.json.gz", NULL, ENTRY_CHANGED},
    {"a variant of other bytes of the same number", "/varies.js", REWRITTEN, "varies.js.gz", "BY", ENTRY_CHANGED},
    {"a variant of another size", "/varies.js", REWRITTEN, "varies.js.br", "by br", ENTRY_CHANGED},
    {"a large variant's first byte", "/heavy.json", REWRITTEN, "heavy.json.zst", "x", ENTRY_CHANGED},
    {"a variant that becomes larger than its file", "/varies.js", REWRITTEN, "varies.js.br",
     "br, and much longer than before", ENTRY_CHANGED},
    {"another variant of the same name and bytes", "/varies.js", REPLACED, "varies.js.br", "br", ENTRY_CHANGED},
    {"a variant touched", "/varies.js", TOUCHED, "varies.js.br", NULL, ENTRY_CHANGED},
    {"a variant that leads outside", "/varies.js", LED_ELSEWHERE, "varies.js.br", "../secret", ENTRY_CHANGED},
    {"a variant that leads to another", "/varies.js", LED_ELSEWHERE, "varies.js.gz", "varies.js.zst", ENTRY_CHANGED},
    {"a file with variants, touched", "/varies.js", TOUCHED, "varies.js", NULL, ENTRY_CHANGED},
    {"a file with variants, removed", "/varies.js", REMOVED, "varies.js", NULL, ENTRY_CHANGED},
    {"a variant by its own name, whatever its file does", "/varies.js.gz", REMOVED, "varies.js", NULL, ENTRY_HOLDS},
    {"what comes beside a file not worth compressing", "/full.bin", REPLACED, "full.bin.gz", "gz", ENTRY_HOLDS},
    {"what goes beside a file not worth compressing", "/two.png", REMOVED, "two.png.gz", NULL, ENTRY_HOLDS},
    {"what comes beside nothing", "/missing.js", REPLACED, "missing.js.gz", "gz", ENTRY_HOLDS},
    {"what comes beside a directory", "/dir", REPLACED, "dir.gz", "gz", ENTRY_HOLDS},
    {"what goes beside a directory without its slash", "/pages", REMOVED, "pages/index.html.gz", NULL, ENTRY_HOLDS},
};

static void make_change(const struct world *world, const struct change_row *row)
{
    char path[TREE_PATH_MAX], relative[64];
    snprintf(relative, sizeof relative, "root/%s", row->changed == NULL ? "" : row->changed);
    tree_path(&world->tree, relative, path);
    switch (row->change) {
    case NOTHING:
        break;
    case REWRITTEN:
        rewrite(world, row->changed, row->text);
        break;
    case REPLACED:
        tree_add(&world->tree, &(struct tree_row){TREE_FILE, relative, row->text, 0});
        break;
    case REMOVED:
        assert_int_equal(unlink(path), 0);
        break;
    case TOUCHED:
        assert_int_equal(utimensat(AT_FDCWD, path, NULL, 0), 0);
        break;
    case MODE:
        assert_int_equal(chmod(path, 0600), 0);
        break;
    case MADE_DIRECTORY:
        assert_int_equal(mkdir(path, 0777), 0);
        break;
    case LED_ELSEWHERE:
        assert_int_equal(unlink(path), 0);
        assert_int_equal(symlink(row->text, path), 0);
        break;
    case LED_ELSEWHERE_ANEW:
        assert_int_equal(symlink(row->text, path), 0);
        break;
    }
}

static void an_entry_holds_until_its_path_leads_to_something_else(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        void *world = NULL;
        assert_int_equal(make_world(&world), 0);
        struct entry *entry = open_entry(world, changes[i].path);
        wait_for_another_tick();
        make_change(world, &changes[i]);
        int free_fd = scarce_lowest_fd();
        enum entry_check holds = check(world, entry, changes[i].path);
        if (holds != changes[i].holds)
            fail_msg("%s: says %d, not %d", changes[i].name, holds, changes[i].holds);
        assert_int_equal(scarce_lowest_fd(), free_fd);
        entry_drop(entry);
        end_world(&world);
    }
}

/* Through a mapping: the first write to its page dates the file, and those that follow do so when the kernel likes. */
static void what_is_written_through_a_mapping_is_found(void **state)
{
    static const char *const written[] = {"small.txt", "varies.js", "varies.js.br"};
    static const char *const paths[] = {"/small.txt", "/varies.js", "/varies.js"};
    const struct world *world = *state;
    for (size_t i = 0; i < sizeof written / sizeof *written; i++) {
        char path[TREE_PATH_MAX];
        path_in(world, written[i], path);
        int fd = open(path, O_RDWR);
        char *bytes = mmap(NULL, 2, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        assert_ptr_not_equal(bytes, MAP_FAILED);
        bytes[0] = 'X';
        tree_settle();
        struct entry *entry = open_entry(world, paths[i]);
        assert_int_equal(check(world, entry, paths[i]), ENTRY_HOLDS);
        bytes[1] = 'Y';
        assert_int_equal(check(world, entry, paths[i]), ENTRY_CHANGED);
        entry_drop(entry);
        munmap(bytes, 2);
        close(fd);
    }
}

/* ---- references */

enum { ROUNDS = 300, HOLDS = 1000 };

struct sharing {
    struct entry *entry;
    pthread_barrier_t start;
};

static void *hold_and_drop(void *arg)
{
    struct sharing *sharing = arg;
    pthread_barrier_wait(&sharing->start);
    for (int i = 0; i < HOLDS; i++)
        entry_drop(entry_hold(sharing->entry));
    entry_drop(sharing->entry);
    return NULL;
}

static void whoever_drops_the_last_reference_closes_the_file(void **state)
{
    for (int i = 0; i < ROUNDS; i++) {
        struct sharing sharing = {.entry = open_entry(*state, "/large.bin")};
        pthread_t threads[2];
        int fd = sharing.entry->fd;
        entry_hold(sharing.entry);
        pthread_barrier_init(&sharing.start, NULL, 2);
        for (int t = 0; t < 2; t++)
            assert_int_equal(pthread_create(&threads[t], NULL, hold_and_drop, &sharing), 0);
        for (int t = 0; t < 2; t++)
            pthread_join(threads[t], NULL);
        pthread_barrier_destroy(&sharing.start);
        assert_int_equal(fcntl(fd, F_GETFD), -1);
        assert_int_equal(errno, EBADF);
    }
}

static void a_file_stays_open_as_long_as_somebody_holds_it(void **state)
{
    struct entry *entry = open_entry(*state, "/large.bin");
    int fd = entry->fd;
    entry_hold(entry);
    entry_drop(entry);
    assert_true(fcntl(fd, F_GETFD) >= 0);
    entry_drop(entry);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    entry_drop(NULL);
}

/* ---- variants */

/* Who asks, in the order of enum coding, and what of these tests' files is asked for. */
static const char *const asks_for[CODINGS] = {"identity", "gzip", "zstd", "br"};

static const struct varying_row {
    const char *path, *type;
    bool is_index;
    size_t sizes[CODINGS]; /* 0: no such variant */
    const char *texts[CODINGS];
} varying[] = {
    {"/varies.js",
     "text/javascript; charset=utf-8",
     false,
     {24, 8, 8, 2},
     {"a text that has variants", "by gzip.", "by zstd.", "br"}},
    {"/two.css",
     "text/css; charset=utf-8",
     false,
     {28, 8, 0, 6},
     {"a text that has two variants", "by gzip.", NULL, "by br."}},
    {"/pages/", "text/html; charset=utf-8", true, {23, 7, 0, 5}, {"<p>a page with variants", "<p>gzip", NULL, "<p>br"}},
    {"/pages/index.html",
     "text/html; charset=utf-8",
     false,
     {23, 7, 0, 5},
     {"<p>a page with variants", "<p>gzip", NULL, "<p>br"}},
    {"/heavy.json", "application/json", false, {LARGE + 200, LARGE + 100, LARGE, ENTRY_BODY_MAX}, {NULL}},
};

/* What a reply with the entry says, but for its date: the same fields, each once, in their order. */
static void expect_fields(const struct entry *entry, const struct varying_row *row, enum coding coding)
{
    char fields[1024], date[DATE_LEN];
    const char *location = row->is_index ? "Content-Location: index.html\r\n" : "";
    struct slice tag = entry->validators.etag, name = coding_name(coding);
    struct buffer all, cache;
    buffer_init(&all);
    buffer_init(&cache);
    date_format(entry->validators.last_modified, date);
    int len =
        snprintf(fields, sizeof fields,
                 "Last-Modified: %.*s\r\nETag: %.*s\r\n%sVary: Accept-Encoding\r\n%s%.*s%sAccept-Ranges: bytes\r\n",
                 DATE_LEN, date, (int)tag.len, tag.at, location, name.len > 0 ? "Content-Encoding: " : "",
                 (int)name.len, name.at, name.len > 0 ? "\r\n" : "");
    assert_int_equal(entry_put_fields(entry, &all), 0);
    assert_true(slice_equal(buffer_bytes(&all), slice_of(fields)));
    assert_non_null(memmem(entry->image, entry->head_len, fields, (size_t)len));
    snprintf(fields, sizeof fields, "ETag: %.*s\r\n%sVary: Accept-Encoding\r\n", (int)tag.len, tag.at, location);
    assert_int_equal(entry_put_cache_fields(entry, &cache), 0);
    assert_true(slice_equal(buffer_bytes(&cache), slice_of(fields)));
    buffer_fini(&all);
    buffer_fini(&cache);
}

static void expect_variant(struct entry *entry, const struct varying_row *row, enum coding coding)
{
    const struct row as_row = {"", row->path, 200, row->type, row->texts[coding], row->sizes[coding]};
    const struct entry *variant = choose(entry, asks_for[coding]);
    struct slice head = {variant->image, variant->head_len};
    assert_ptr_equal(variant, coding == CODING_IDENTITY ? entry : entry->variants[coding]);
    assert_int_equal(variant->status, 200);
    assert_int_equal(variant->coding, coding);
    assert_true(variant->varies);
    assert_int_equal(variant->in_memory, row->sizes[coding] <= ENTRY_BODY_MAX);
    assert_int_equal(variant->fd >= 0, !variant->in_memory);
    assert_int_equal(variant->size, row->sizes[coding]);
    expect_body(&as_row, variant);
    expect_image(&as_row, variant);
    expect_field(head, "Vary", SLICE("Accept-Encoding"));
    assert_int_equal(response_count(head, "Content-Encoding"), coding != CODING_IDENTITY);
    expect_fields(variant, row, coding);
}

static void each_variant_is_there_for_who_asks_for_it(void **state)
{
    const struct world *world = *state;
    for (size_t i = 0; i < sizeof varying / sizeof *varying; i++) {
        int free_fd = scarce_lowest_fd();
        struct entry *entry = open_entry(world, varying[i].path);
        assert_int_equal(entry->references, 1);
        for (int coding = 0; coding < CODINGS; coding++)
            if (varying[i].sizes[coding] > 0)
                expect_variant(entry, &varying[i], (enum coding)coding);
            else
                assert_ptr_equal(choose(entry, asks_for[coding]), entry);
        assert_ptr_equal(entry_choose(entry, &(struct request){0}), entry); /* nothing is asked for */
        assert_int_equal(check(world, entry, varying[i].path), ENTRY_HOLDS);
        entry_drop(entry);
        assert_int_equal(scarce_lowest_fd(), free_fd);
    }
}

static void a_file_without_variants_is_there_for_all_and_does_not_vary(void **state)
{
    static const char *const alone[] = {"/small.txt",    "/dir/",    "/dir/page.css",
                                        "/varies.js.gz", "/two.png", "/large.bin"};
    for (size_t i = 0; i < sizeof alone / sizeof *alone; i++) {
        struct entry *entry = open_entry(*state, alone[i]);
        struct slice head = {entry->image, entry->head_len};
        assert_false(entry->varies);
        assert_int_equal(response_count(head, "Vary") + response_count(head, "Content-Encoding"), 0);
        for (int coding = 0; coding < CODINGS; coding++) {
            assert_null(entry->variants[coding]);
            assert_ptr_equal(choose(entry, asks_for[coding]), entry);
        }
        entry_drop(entry);
    }
}

/* The weights are http/coding's affair; here it is who is left to choose from. */
static void among_variants_the_request_chooses(void **state)
{
    static const struct {
        const char *path, *accept_encoding;
        enum coding chosen;
    } asked[] = {
        {"/varies.js", "gzip, deflate, br, zstd", CODING_BR},
        {"/varies.js", "gzip, deflate, zstd", CODING_ZSTD},
        {"/varies.js", "gzip, zstd;q=0.9", CODING_GZIP},
        {"/varies.js", "*", CODING_BR},
        {"/varies.js", "*;q=0.1, identity;q=0.2", CODING_IDENTITY},
        {"/varies.js", "identity;q=0", CODING_IDENTITY},
        {"/varies.js", "deflate", CODING_IDENTITY},
        {"/varies.js", "", CODING_IDENTITY},
        {"/two.css", "gzip;q=0.5, zstd", CODING_GZIP},
        {"/two.css", "zstd", CODING_IDENTITY},
        {"/two.css", "*", CODING_BR},
    };
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        struct entry *entry = open_entry(*state, asked[i].path);
        if (choose(entry, asked[i].accept_encoding)->coding != asked[i].chosen)
            fail_msg("%s, %s: is %d", asked[i].path, asked[i].accept_encoding,
                     (int)choose(entry, asked[i].accept_encoding)->coding);
        entry_drop(entry);
    }
}

/* Size and time are the same: what is told apart is told apart by the coding. */
static void no_two_codings_have_the_same_tag(void **state)
{
    static const char *const names[] = {"varies.js", "varies.js.gz", "varies.js.zst", "varies.js.br"};
    static const time_t times[] = {784111777, 0};
    const struct world *world = *state;
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        for (size_t k = 0; k < sizeof names / sizeof *names; k++)
            set_modified(world, names[k], (struct timespec){times[i], 0});
        struct entry *entry = open_entry(world, "/varies.js"), *gzip = open_entry(world, "/varies.js.gz");
        for (int a = 0; a < CODINGS; a++) {
            const struct entry *one = choose(entry, asks_for[a]);
            assert_int_equal(one->coding, a);
            assert_false(slice_equal(one->validators.etag, gzip->validators.etag));
            for (int b = 0; b < a; b++)
                assert_false(slice_equal(one->validators.etag, choose(entry, asks_for[b])->validators.etag));
        }
        entry_drop(entry);
        entry_drop(gzip);
    }
}

/* A variant has a date of its own; whole seconds are what some compressors leave of its file's. */
static void each_variant_says_when_it_was_changed_itself(void **state)
{
    const struct world *world = *state;
    set_modified(world, "varies.js", (struct timespec){784111776, 5});
    set_modified(world, "varies.js.gz", (struct timespec){784111777, 0});
    set_modified(world, "varies.js.zst", (struct timespec){784111776, 4});
    set_modified(world, "varies.js.br", (struct timespec){784111776, 0});
    struct entry *entry = open_entry(world, "/varies.js");
    expect_last_modified(entry, "Sun, 06 Nov 1994 08:49:36 GMT");
    expect_last_modified(choose(entry, "gzip"), "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_ptr_equal(choose(entry, "zstd"), entry);
    expect_last_modified(choose(entry, "br"), "Sun, 06 Nov 1994 08:49:36 GMT");
    assert_int_equal(choose(entry, "br")->coding, CODING_BR);
    entry_drop(entry);
}

/* The same of a variant whose date lies ahead, when its file's doesn't. */
static void a_variants_date_that_lies_ahead_is_told_once_its_time_has_come(void **state)
{
    const struct world *world = *state;
    const struct clock before = {7, 784111776}, then = {8, 784111777};
    const struct look look_before = {&world->site, &world->root, SLICE("/varies.js"), BENEATH_WAIT, &before, NULL},
                      look_then = {&world->site, &world->root, SLICE("/varies.js"), BENEATH_WAIT, &then, NULL};
    set_modified(world, "varies.js", (struct timespec){784111000, 0});
    set_modified(world, "varies.js.br", (struct timespec){784111777, 0});
    struct entry *silent = entry_open(&look_before), *telling = entry_open(&look_then);
    expect_last_modified(choose(silent, "br"), NULL);
    assert_int_equal(entry_check(silent, &look_before), ENTRY_HOLDS);
    assert_int_equal(entry_check(silent, &look_then), ENTRY_CHANGED);
    expect_last_modified(choose(telling, "br"), "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_int_equal(entry_check(telling, &look_then), ENTRY_HOLDS);
    entry_drop(silent);
    entry_drop(telling);
}

/* An original that is written again has no variants until they are, too. */
static void variants_that_are_outdated_are_none_until_they_are_made_again(void **state)
{
    const struct world *world = *state;
    struct entry *before = open_entry(world, "/varies.js");
    wait_for_another_tick();
    rewrite(world, "varies.js", "A TEXT");
    assert_int_equal(check(world, before, "/varies.js"), ENTRY_CHANGED);
    struct entry *outdated = open_entry(world, "/varies.js");
    for (int coding = 0; coding < CODINGS; coding++)
        assert_ptr_equal(choose(outdated, asks_for[coding]), outdated);
    assert_int_equal(check(world, outdated, "/varies.js"), ENTRY_HOLDS);
    rewrite(world, "varies.js.br", "BR");
    assert_int_equal(check(world, outdated, "/varies.js"), ENTRY_CHANGED);
    struct entry *after = open_entry(world, "/varies.js");
    assert_memory_equal(entry_body(choose(after, "gzip, br")), "BR", 2);
    assert_ptr_equal(choose(after, "gzip"), after);
    assert_int_equal(check(world, after, "/varies.js"), ENTRY_HOLDS);
    entry_drop(before);
    entry_drop(outdated);
    entry_drop(after);
}

static uint64_t image_bytes(const struct entry *entry)
{
    return entry->head_len + (entry->in_memory ? entry->size : 0) + entry->unmodified.len;
}

static void bytes_and_open_files_are_counted_with_those_of_variants(void **state)
{
    static const struct {
        const char *path;
        uint32_t files;
    } counted[] = {{"/small.txt", 0}, {"/large.bin", 1}, {"/missing", 0},
                   {"/varies.js", 0}, {"/pages/", 0},    {"/heavy.json", 3}};
    for (size_t i = 0; i < sizeof counted / sizeof *counted; i++) {
        struct entry *entry = open_entry(*state, counted[i].path);
        uint64_t bytes = image_bytes(entry);
        for (int coding = 0; coding < CODINGS; coding++) {
            const struct entry *variant = entry->variants[coding];
            if (variant != NULL)
                bytes += sizeof *variant + image_bytes(variant);
        }
        assert_int_equal(entry_files(entry), counted[i].files);
        assert_int_equal(entry_bytes(entry), bytes);
        entry_drop(entry);
    }
}

static void a_variant_that_is_held_outlives_its_entry(void **state)
{
    char byte;
    struct entry *entry = open_entry(*state, "/heavy.json");
    struct entry *gzip = entry_hold(choose(entry, "gzip")), *br = entry_hold(choose(entry, "br"));
    int of_entry = entry->fd, of_zstd = choose(entry, "zstd")->fd, of_gzip = gzip->fd;
    entry_drop(entry);
    assert_int_equal(fcntl(of_entry, F_GETFD), -1);
    assert_int_equal(fcntl(of_zstd, F_GETFD), -1);
    assert_int_equal(gzip->references, 1);
    assert_int_equal(pread(gzip->fd, &byte, 1, LARGE + 99), 1);
    assert_int_equal((unsigned char)byte, tree_byte(LARGE + 99));
    assert_int_equal((unsigned char)entry_body(br)[ENTRY_BODY_MAX - 1], tree_byte(ENTRY_BODY_MAX - 1));
    entry_drop(gzip);
    entry_drop(br);
    assert_int_equal(fcntl(of_gzip, F_GETFD), -1);
}

/* Whatever is missing, all that was opened is closed. */
static void without_descriptors_for_its_variants_there_is_no_entry(void **state)
{
    const struct world *world = *state;
    struct entry *before = open_entry(world, "/heavy.json");
    for (int few = 0; few < 4; few++) {
        int free_fd = scarce_lowest_fd();
        struct rlimit limit = scarce_files(few);
        errno = 0;
        struct entry *entry = open_entry(world, "/heavy.json");
        int opened = errno;
        errno = 0;
        enum entry_check holds = check(world, before, "/heavy.json");
        int checked = errno;
        scarce_files_again(limit);
        assert_null(entry);
        assert_int_equal(opened, EMFILE);
        assert_int_equal(holds, few < 3 ? ENTRY_UNKNOWN : ENTRY_HOLDS);
        assert_true(checked == EMFILE || few == 3);
        assert_int_equal(scarce_lowest_fd(), free_fd);
    }
    entry_drop(before);
}

/* With one descriptor, which is its own: two more would be open at a time if somebody looked. */
static void beside_what_is_not_worth_compressing_nobody_looks(void **state)
{
    static const char *const paths[] = {"/two.png", "/two.css"};
    const struct world *world = *state;
    for (int worth = 0; worth < 2; worth++) {
        struct entry *before = open_entry(world, paths[worth]);
        struct rlimit limit = scarce_files(1);
        struct entry *entry = open_entry(world, paths[worth]);
        enum entry_check holds = check(world, before, paths[worth]);
        scarce_files_again(limit);
        assert_int_equal(entry == NULL, worth);
        assert_int_equal(holds, worth ? ENTRY_UNKNOWN : ENTRY_HOLDS);
        entry_drop(before);
        entry_drop(entry);
    }
}

/* While somebody holds a lease on a file, nobody can open it at once: fcntl(2), open(2). */
static void what_is_not_known_of_variants_without_sleeping_is_said_to_be_unsure(void **state)
{
    const struct world *world = *state;
    const struct look look = {&world->site, &world->root, SLICE("/varies.js"), BENEATH_NOW, &now, NULL};
    char path[TREE_PATH_MAX];
    struct entry *before = open_entry(world, "/varies.js"); /* its name is in memory, and so are those beside it */
    assert_false(before->unsure);
    path_in(world, "varies.js.gz", path);
    assert_ptr_not_equal(signal(SIGIO, SIG_IGN), SIG_ERR);
    int leased = open(path, O_RDWR);
    bool can = fcntl(leased, F_SETLEASE, F_WRLCK) == 0;
    struct entry *entry = can ? entry_open(&look) : NULL;
    enum entry_check holds = can ? entry_check(before, &look) : ENTRY_UNSURE;
    close(leased);
    signal(SIGIO, SIG_DFL);
    assert_true(entry != NULL || !can || errno == EAGAIN); /* this kernel can't tell of any file */
    if (entry != NULL) {
        struct slice head = {entry->image, entry->head_len};
        assert_int_equal(holds, ENTRY_UNSURE);
        assert_true(entry->unsure);
        expect_field(head, "Vary", SLICE("Accept-Encoding")); /* of the others it is known that they are there */
        for (int coding = 0; coding < CODINGS; coding++)
            assert_ptr_equal(choose(entry, asks_for[coding]), entry);
        assert_int_equal(check(world, entry, "/varies.js"), ENTRY_CHANGED);
    }
    assert_int_equal(check(world, before, "/varies.js"), ENTRY_HOLDS);
    entry_drop(before);
    entry_drop(entry);
}

/* As if it couldn't have been told when the entry was made. */
static void only_who_may_sleep_asks_again_whether_there_are_variants(void **state)
{
    static const struct {
        const char *name;
        bool blind;
        enum beneath_mode mode;
        enum entry_check checked;
    } asking[] = {
        {"who may not sleep", false, BENEATH_NOW, ENTRY_UNSURE},
        {"who may not sleep, where nothing is told", true, BENEATH_NOW, ENTRY_CHANGED},
        {"who may sleep", false, BENEATH_WAIT, ENTRY_CHANGED},
    };
    const struct world *world = *state;
    struct entry *entry = open_entry(world, "/two.css"); /* its name is in memory, and so are those beside it */
    for (int coding = 0; coding < CODINGS; coding++) {
        entry_drop(entry->variants[coding]);
        entry->variants[coding] = NULL;
    }
    entry->unsure = true;
    for (size_t i = 0; i < sizeof asking / sizeof *asking; i++) {
        const struct look look = {&world->site, &world->root, SLICE("/two.css"), asking[i].mode, &now, NULL};
        entry->blind = asking[i].blind;
        enum entry_check checked = entry_check(entry, &look);
        bool cannot = checked == ENTRY_UNKNOWN && errno == EAGAIN; /* this kernel can't tell of any file */
        if (checked != asking[i].checked && !cannot)
            fail_msg("%s: %d", asking[i].name, checked);
    }
    entry_drop(entry);
}

/* The reader of a variant and the reader of its original may end on any two threads, in any order. */
static void *drop_one(void *arg)
{
    struct sharing *sharing = arg;
    pthread_barrier_wait(&sharing->start);
    entry_drop(sharing->entry);
    return NULL;
}

static void whoever_drops_the_last_of_an_entry_or_its_variant_closes_it(void **state)
{
    for (int i = 0; i < ROUNDS / 3; i++) {
        struct entry *entry = open_entry(*state, "/heavy.json"), *gzip = entry_hold(choose(entry, "gzip"));
        struct sharing of_entry = {.entry = entry};
        pthread_t thread;
        int fds[] = {entry->fd, gzip->fd, choose(entry, "zstd")->fd};
        pthread_barrier_init(&of_entry.start, NULL, 2);
        assert_int_equal(pthread_create(&thread, NULL, drop_one, &of_entry), 0);
        pthread_barrier_wait(&of_entry.start);
        assert_true(fcntl(gzip->fd, F_GETFD) >= 0);
        entry_drop(gzip);
        pthread_join(thread, NULL);
        pthread_barrier_destroy(&of_entry.start);
        for (int k = 0; k < 3; k++)
            assert_int_equal(fcntl(fds[k], F_GETFD), -1);
    }
}

/* ---- the page cache */

static bool can_tell(const struct entry *entry)
{
    char byte;
    return entry->never_cold || beneath_read_now(entry->fd, &byte, 1, 0) >= 0 || errno != EOPNOTSUPP;
}

static void a_file_just_written_is_hot(void **state)
{
    struct entry *entry = open_entry(*state, "/huge.bin");
    if (!can_tell(entry)) {
        print_message("skipped: the temporary directory's file system can't say what is in the page cache\n");
        assert_false(hot_look(entry, 0, VAST));
        entry_drop(entry);
        skip();
    }
    assert_true(hot_look(entry, 0, VAST));
    assert_true(hot_look(entry, VAST - 1, 1));
    assert_true(hot_look(entry, VAST, 0));
    entry_drop(entry);
}

/* Whether a page of the file is in the page cache, without a read, which might bring it there. */
static bool is_resident(const struct entry *entry, off_t offset)
{
    unsigned char page = 1;
    void *at = mmap(NULL, 1, PROT_READ, MAP_SHARED, entry->fd, offset);
    assert_ptr_not_equal(at, MAP_FAILED);
    assert_int_equal(mincore(at, 1, &page), 0);
    munmap(at, 1);
    return page & 1;
}

/* Asks the kernel to forget the second half, and not to read ahead. Whether it did. */
static bool chill(const struct entry *entry)
{
    return fsync(entry->fd) == 0 && posix_fadvise(entry->fd, 0, 0, POSIX_FADV_RANDOM) == 0 &&
           posix_fadvise(entry->fd, VAST / 2, VAST / 2, POSIX_FADV_DONTNEED) == 0 && is_resident(entry, 0) &&
           !is_resident(entry, VAST / 2) && !is_resident(entry, VAST - 65536);
}

/* A look may make the kernel read, and a fast disk be done before it answers: then the last page is in memory. */
static bool is_cold(const struct entry *entry, uint64_t offset, uint64_t length)
{
    const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    return !hot_look(entry, offset, length) || is_resident(entry, (off_t)((offset + length - 1) / page * page));
}

static void a_file_is_cold_where_any_of_it_is_until_it_is_warmed(void **state)
{
    struct entry *entry = open_entry(*state, "/huge.bin");
    if (!can_tell(entry) || !chill(entry)) {
        print_message("skipped: the temporary directory's file system keeps all in the page cache, or can't say\n");
        entry_drop(entry);
        skip();
    }
    assert_true(hot_look(entry, 0, VAST / 2));
    assert_true(is_cold(entry, VAST / 2 - 10, 20)); /* its last byte */
    assert_true(is_cold(entry, 0, VAST));
    assert_int_equal(hot_warm(entry, VAST / 2, VAST / 2), 0);
    assert_true(hot_look(entry, 0, VAST));
    if (chill(entry))
        assert_true(is_cold(entry, VAST - 10, 10));
    entry_drop(entry);
}

static void warming_a_file_that_shrank_is_no_failure(void **state)
{
    char path[TREE_PATH_MAX];
    path_in(*state, "huge.bin", path);
    struct entry *entry = open_entry(*state, "/huge.bin");
    assert_int_equal(truncate(path, 100), 0);
    assert_int_equal(hot_warm(entry, 0, VAST), 0);
    assert_int_equal(hot_warm(entry, VAST / 2, 10), 0);
    entry_drop(entry);
}

static void a_file_that_cannot_be_read_cannot_be_warmed(void **state)
{
    const struct world *world = *state;
    const struct entry entry = {.fd = world->root.fd};
    struct buffer window;
    buffer_init(&window);
    errno = 0;
    assert_int_equal(hot_warm(&entry, 0, 10), -1);
    assert_int_equal(errno, EBADF);
    errno = 0;
    assert_int_equal(hot_fetch(&entry, 0, 10, &window), -1);
    assert_int_equal(errno, EBADF);
    assert_int_equal(buffer_length(&window), 0);
    buffer_fini(&window);
}

static void what_is_fetched_is_the_file_from_there_as_far_as_it_goes(void **state)
{
    char path[TREE_PATH_MAX], bytes[10];
    struct buffer window;
    path_in(*state, "huge.bin", path);
    struct entry *entry = open_entry(*state, "/huge.bin");
    buffer_init(&window);
    assert_int_equal(pread(entry->fd, bytes, sizeof bytes, 1000), sizeof bytes);
    assert_int_equal(hot_fetch(entry, 1000, 4, &window), 0);
    assert_int_equal(hot_fetch(entry, 1004, 6, &window), 0);
    assert_int_equal(buffer_length(&window), sizeof bytes);
    assert_memory_equal(buffer_bytes(&window).at, bytes, sizeof bytes);
    assert_int_equal(truncate(path, 100), 0);
    assert_int_equal(hot_fetch(entry, 90, 1000, &window), 0);
    assert_int_equal(buffer_length(&window), sizeof bytes + 10);
    assert_int_equal(hot_fetch(entry, 100, 1000, &window), -1);
    assert_int_equal(errno, ENODATA);
    assert_int_equal(buffer_length(&window), sizeof bytes + 10);
    buffer_fini(&window);
    entry_drop(entry);
}

/* A tree of its own where files are memory. False where there is no such place. */
static bool open_tree_in_memory(struct tree *tree, const struct tree_row *row)
{
    const char *before = getenv("TMPDIR");
    char *kept = before == NULL ? NULL : strdup(before);
    int memory = open("/dev/shm", O_RDONLY | O_DIRECTORY);
    bool there = memory >= 0 && beneath_in_memory(memory) && access("/dev/shm", W_OK) == 0;
    close(memory);
    if (!there) {
        free(kept);
        print_message("skipped: /dev/shm is no file system in memory that may be written to\n");
        return false;
    }
    setenv("TMPDIR", "/dev/shm", 1);
    tree_open(tree, row, 1);
    if (kept != NULL)
        setenv("TMPDIR", kept, 1);
    else
        unsetenv("TMPDIR");
    free(kept);
    return true;
}

static void a_file_system_that_is_memory_is_never_cold(void **state)
{
    (void)state;
    const struct tree_row row = {TREE_FILE, "large", NULL, LARGE};
    struct tree tree;
    if (!open_tree_in_memory(&tree, &row))
        skip();
    const struct site site = {.head = rules};
    const struct root root = {.fd = beneath_root(tree.path)};
    struct entry *entry = entry_open(&(struct look){&site, &root, SLICE("/large"), BENEATH_WAIT, &now, NULL});
    assert_true(entry->never_cold);
    assert_true(hot_look(entry, 0, LARGE));
    entry_drop(entry);
    close(root.fd);
    tree_close(&tree);
}

/* ---- a kernel that can't read without sleeping; the refusal is of the thread that asks for it */

struct now_look {
    struct site site;
    struct root root;
    const char *path;
    int status, error; /* status 0: no entry, error says why */
    bool in_memory;
};

static void *look_now(void *arg)
{
    struct now_look *look = arg;
    if (!refuse_call(SYS_preadv2, EOPNOTSUPP))
        return NULL;
    struct entry *entry =
        entry_open(&(struct look){&look->site, &look->root, slice_of(look->path), BENEATH_NOW, &now, NULL});
    look->error = errno;
    look->status = entry == NULL ? 0 : entry->status;
    look->in_memory = entry != NULL && entry->in_memory;
    entry_drop(entry);
    return arg;
}

/* Whether the kernel let itself be made such a one; *look is what was found then. */
static bool look_without_read_now(struct now_look *look)
{
    pthread_t thread;
    void *done;
    entry_drop(entry_open(&(struct look){&look->site, &look->root, slice_of(look->path), BENEATH_WAIT, &now,
                                         NULL})); /* its name is in memory */
    assert_int_equal(pthread_create(&thread, NULL, look_now, look), 0);
    assert_int_equal(pthread_join(thread, &done), 0);
    return done != NULL;
}

static void where_no_read_can_say_whether_it_sleeps_a_file_is_left_to_who_may(void **state)
{
    const struct world *world = *state;
    int fd = beneath_open(world->root.fd, "small.txt", BENEATH_LINKS_INSIDE, BENEATH_WAIT);
    bool memory = beneath_in_memory(fd);
    close(fd);
    struct now_look small = {.site = world->site, .root = world->root, .path = "/small.txt"}, large = small,
                    missing = small;
    large.path = "/large.bin";
    missing.path = "/missing";
    if (memory || !look_without_read_now(&small))
        skip();
    assert_int_equal(small.status, 0);
    assert_int_equal(small.error, EAGAIN);
    assert_true(look_without_read_now(&large)); /* of which nothing is read */
    assert_true(large.status == 200 || large.error == EAGAIN);
    assert_false(large.in_memory);
    assert_true(look_without_read_now(&missing));
    assert_true(missing.status == 404 || missing.error == EAGAIN);
}

static void where_no_read_can_say_so_a_file_that_is_memory_is_read_at_once(void **state)
{
    (void)state;
    const struct tree_row row = {TREE_FILE, "small", "small", 0};
    struct tree tree;
    if (!open_tree_in_memory(&tree, &row))
        skip();
    struct now_look look = {.site = {.head = rules}, .root = {.fd = beneath_root(tree.path)}, .path = "/small"};
    bool looked = look_without_read_now(&look);
    close(look.root.fd);
    tree_close(&tree);
    if (!looked)
        skip();
    assert_int_equal(look.status, 200);
    assert_true(look.in_memory);
}

/* ---- a file that isn't what fstat(2) says, as one that is being written */

/* What sysfs has is shorter than it says. */
static void a_file_that_is_shorter_than_it_says_stays_in_its_file(void **state)
{
    (void)state;
    struct stat st;
    const struct site site = {.head = rules};
    const struct root root = {.fd = beneath_root("/sys/kernel")};
    if (root.fd < 0 || fstatat(root.fd, "uevent_seqnum", &st, 0) < 0 || st.st_size != 4096) {
        print_message("skipped: there is no /sys/kernel/uevent_seqnum\n");
        close(root.fd);
        skip();
    }
    struct entry *entry = entry_open(&(struct look){&site, &root, SLICE("/uevent_seqnum"), BENEATH_WAIT, &now, NULL});
    assert_int_equal(entry->status, 200);
    assert_int_equal(entry->size, 4096);
    assert_true(entry->fd >= 0);
    assert_false(entry->in_memory);
    entry_drop(entry);
    close(root.fd);
}

/* Files of these sizes change whenever they are read, or can't be. */
enum {
    SHRINKS = 30000,
    SHRUNK = 100,
    GROWS = 40000,
    GREW_MOST = 40010,
    OUTGROWS = 20000,
    FAILS = 50000,
    SLEEPS = 50001
};
enum { ORIGINAL = 60000 }; /* of one that none of this befalls, beside which those may lie */

/* In the place of the C library's. */
ssize_t pread(int fd, void *to, size_t len, off_t offset)
{
    const struct iovec piece = {.iov_base = to, .iov_len = len};
    char path[32];
    struct stat st;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    assert_int_equal(fstat(fd, &st), 0);
    bool grows = st.st_size >= GROWS && st.st_size < GREW_MOST;
    if (grows || st.st_size == SHRINKS || st.st_size == OUTGROWS)
        assert_int_equal(truncate(path, grows ? st.st_size + 1 : st.st_size == SHRINKS ? SHRUNK : ORIGINAL + 1), 0);
    if (st.st_size == FAILS || st.st_size == SLEEPS) {
        errno = st.st_size == FAILS ? EIO : EAGAIN;
        return -1;
    }
    return preadv(fd, &piece, 1, offset);
}

static void add_sized(const struct world *world, const char *name, size_t size)
{
    char relative[64];
    snprintf(relative, sizeof relative, "root/%s", name);
    tree_add(&world->tree, &(struct tree_row){TREE_FILE, relative, NULL, size});
}

static void a_file_that_shrinks_while_it_is_read_is_read_again(void **state)
{
    const struct world *world = *state;
    add_sized(world, "shrinks", SHRINKS);
    struct entry *young = open_entry(world, "/shrinks");
    assert_true(young->in_memory);
    expect_young(young);
    assert_int_equal(young->size, SHRUNK);
    entry_drop(young);
    tree_settle();
    const struct row row = {"shrinks", "/shrinks", 200, "application/octet-stream", NULL, SHRUNK};
    expect_row(world, &row);
}

static void a_file_that_changes_whenever_it_is_read_stays_in_its_file(void **state)
{
    const struct world *world = *state;
    add_sized(world, "grows", GROWS);
    struct entry *entry = open_entry(world, "/grows");
    struct slice head = {entry->image, entry->head_len};
    assert_int_equal(entry->status, 200);
    assert_false(entry->in_memory);
    assert_true(entry->fd >= 0);
    assert_in_range(entry->size, GROWS + 2, GREW_MOST - 1);
    expect_young(entry);
    assert_int_equal(check(world, entry, "/grows"), ENTRY_CHANGED); /* young as it was, it was good for one answer */
    char length[24];
    snprintf(length, sizeof length, "%d", (int)entry->size);
    expect_field(head, "Content-Length", slice_of(length));
    entry_drop(entry);
}

/* The file /odd.js, its variants by gzip, of this size, and by br. */
static struct entry *open_with_odd_variant(const struct world *world, size_t size)
{
    add_sized(world, "odd.js", ORIGINAL);
    add_sized(world, "odd.js.gz", size);
    add_sized(world, "odd.js.br", 10);
    return open_entry(world, "/odd.js");
}

static void a_variant_that_changes_while_it_is_read_is_one_as_long_as_it_serves(void **state)
{
    static const struct {
        const char *name;
        size_t size;
        bool serves, in_memory;
        size_t least, most;
    } odd[] = {
        {"read again, and whole", SHRINKS, true, true, SHRUNK, SHRUNK},
        {"sent from its file", GROWS, true, false, GROWS + 2, GREW_MOST - 1},
        {"larger than its original by now", OUTGROWS, false, false, 0, 0},
        {"that can't be read", FAILS, false, false, 0, 0},
    };
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        int open = open_files_now();
        struct entry *entry = open_with_odd_variant(*state, odd[i].size);
        const struct entry *gzip = choose(entry, "gzip");
        assert_int_equal(entry->status, 200);
        assert_int_equal(entry->size, ORIGINAL);
        if ((gzip != entry) != odd[i].serves)
            fail_msg("%s: serves, or doesn't", odd[i].name);
        if (odd[i].serves) {
            assert_int_equal(gzip->in_memory, odd[i].in_memory);
            assert_in_range(gzip->size, odd[i].least, odd[i].most);
        }
        assert_int_equal(choose(entry, "br")->coding, CODING_BR);
        entry_drop(entry);
        assert_int_equal(open_files_now(), open);
    }
}

/* It is there, so that without it the entry would not be true. */
static void a_variant_whose_read_would_sleep_makes_no_entry(void **state)
{
    int open = open_files_now();
    errno = 0;
    assert_null(open_with_odd_variant(*state, SLEEPS));
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(open_files_now(), open); /* those that were not looked at yet as well */
}

#define IN_A_WORLD(test) cmocka_unit_test_setup_teardown(test, make_world, end_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_WORLD(a_path_turns_out_to_be_what_its_row_says),
        IN_A_WORLD(looking_without_sleeping_finds_the_same_or_says_that_it_would_sleep),
        IN_A_WORLD(a_name_may_hold_any_byte),
        IN_A_WORLD(a_path_too_long_for_any_file_is_nothing),
        IN_A_WORLD(what_we_may_not_read_is_forbidden),
        IN_A_WORLD(what_was_forbidden_and_now_is_allowed_no_longer_holds),
        IN_A_WORLD(without_descriptors_there_is_no_entry),
        IN_A_WORLD(what_every_head_says_is_the_sites_affair),
        IN_A_WORLD(what_a_cache_goes_by_is_less_than_what_a_file_has_to_say),
        IN_A_WORLD(a_file_says_when_it_was_changed_unless_that_means_nothing),
        IN_A_WORLD(a_date_that_lies_ahead_is_told_once_its_time_has_come),
        IN_A_WORLD(a_tag_does_not_depend_on_a_time_that_means_nothing),
        cmocka_unit_test(an_entry_holds_until_its_path_leads_to_something_else),
        IN_A_WORLD(a_young_file_has_the_tag_of_its_bytes),
        IN_A_WORLD(a_young_file_that_is_not_in_memory_has_no_tag),
        IN_A_WORLD(a_young_entry_never_holds_and_the_next_one_does),
        IN_A_WORLD(an_entry_is_as_young_as_its_youngest_variant),
        IN_A_WORLD(what_is_written_through_a_mapping_is_found),
        IN_A_WORLD(whoever_drops_the_last_reference_closes_the_file),
        IN_A_WORLD(a_file_stays_open_as_long_as_somebody_holds_it),
        IN_A_WORLD(each_variant_is_there_for_who_asks_for_it),
        IN_A_WORLD(a_file_without_variants_is_there_for_all_and_does_not_vary),
        IN_A_WORLD(among_variants_the_request_chooses),
        IN_A_WORLD(no_two_codings_have_the_same_tag),
        IN_A_WORLD(each_variant_says_when_it_was_changed_itself),
        IN_A_WORLD(a_variants_date_that_lies_ahead_is_told_once_its_time_has_come),
        IN_A_WORLD(variants_that_are_outdated_are_none_until_they_are_made_again),
        IN_A_WORLD(bytes_and_open_files_are_counted_with_those_of_variants),
        IN_A_WORLD(a_variant_that_is_held_outlives_its_entry),
        IN_A_WORLD(without_descriptors_for_its_variants_there_is_no_entry),
        IN_A_WORLD(beside_what_is_not_worth_compressing_nobody_looks),
        IN_A_WORLD(what_is_not_known_of_variants_without_sleeping_is_said_to_be_unsure),
        IN_A_WORLD(only_who_may_sleep_asks_again_whether_there_are_variants),
        IN_A_WORLD(whoever_drops_the_last_of_an_entry_or_its_variant_closes_it),
        IN_A_WORLD(a_file_just_written_is_hot),
        IN_A_WORLD(a_file_is_cold_where_any_of_it_is_until_it_is_warmed),
        IN_A_WORLD(warming_a_file_that_shrank_is_no_failure),
        IN_A_WORLD(a_file_that_cannot_be_read_cannot_be_warmed),
        IN_A_WORLD(what_is_fetched_is_the_file_from_there_as_far_as_it_goes),
        cmocka_unit_test(a_file_system_that_is_memory_is_never_cold),
        IN_A_WORLD(where_no_read_can_say_whether_it_sleeps_a_file_is_left_to_who_may),
        cmocka_unit_test(where_no_read_can_say_so_a_file_that_is_memory_is_read_at_once),
        cmocka_unit_test(a_file_that_is_shorter_than_it_says_stays_in_its_file),
        IN_A_WORLD(a_file_that_shrinks_while_it_is_read_is_read_again),
        IN_A_WORLD(a_file_that_changes_whenever_it_is_read_stays_in_its_file),
        IN_A_WORLD(a_variant_that_changes_while_it_is_read_is_one_as_long_as_it_serves),
        IN_A_WORLD(a_variant_whose_read_would_sleep_makes_no_entry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
