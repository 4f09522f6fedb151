#include "os/beneath.h"

#include "os/beneath_walk.h"

#include "lib/refuse.h"
#include "lib/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

/* root/ is what may be seen; secret and beside/ lie next to it. */
static const struct tree_row files[] = {
    {TREE_FILE, "secret", "secret", 0},
    {TREE_DIRECTORY, "beside", NULL, 0},
    {TREE_FILE, "root/file", "file", 0},
    {TREE_FILE, "root/a/b/deep", "deep", 0},
    {TREE_FILE, "root/a/file", "a's file", 0},
    {TREE_FILE, "root/..dots", "dots", 0},
    {TREE_FIFO, "root/fifo", NULL, 0},
    {TREE_LINK, "root/to-file", "file", 0},
    {TREE_LINK, "root/to-a", "a", 0},
    {TREE_LINK, "root/to-a-slash", "a/", 0},
    {TREE_LINK, "root/to-file-slash", "file/", 0},
    {TREE_LINK, "root/a/up-to-file", "../file", 0},
    {TREE_LINK, "root/a/b/round", "../../a/./b/../b/deep", 0},
    {TREE_LINK, "root/to-link", "to-file", 0},
    {TREE_LINK, "root/to-here", ".", 0},
    {TREE_LINK, "root/a/to-root", "..", 0},
    {TREE_LINK, "root/out", "../secret", 0},
    {TREE_LINK, "root/a/out-and-in", "../../root/file", 0},
    {TREE_LINK, "root/out-directory", "../beside", 0},
    {TREE_LINK, "root/absolute", "/etc/passwd", 0},
    {TREE_LINK, "root/a/absolute-directory", "/", 0},
    {TREE_LINK, "root/to-absolute", "absolute", 0},
    {TREE_LINK, "root/dangling", "missing", 0},
    {TREE_LINK, "root/loop", "loop", 0},
    {TREE_LINK, "root/ping", "pong", 0},
    {TREE_LINK, "root/pong", "ping", 0},
};

enum { CHAIN = 41 }; /* root/chain/1 points to file through so many links, 2 through one less, and so on */

struct row {
    const char *name;
    const char *path;
    int error;        /* 0: it opens */
    const char *text; /* what is read; NULL: not an ordinary file */
};

/* No link is on the way: what links are good for changes nothing, unless the row leaves the root. */
static const struct row plain_rows[] = {
    {"a file opens", "file", 0, "file"},
    {"a file in a directory opens", "a/b/deep", 0, "deep"},
    {"the empty path is the root", "", 0, NULL},
    {"a dot is the root", ".", 0, NULL},
    {"a directory opens", "a", 0, NULL},
    {"a directory with a slash opens", "a/", 0, NULL},
    {"a directory with slashes and dots opens", "a/.//./", 0, NULL},
    {"slashes may repeat", "a///b//deep", 0, "deep"},
    {"dots are passed over", "./a/././b/./deep", 0, "deep"},
    {"a name that begins with dots is a name", "..dots", 0, "dots"},
    {"a missing file is missing", "missing", ENOENT, NULL},
    {"a file in a missing directory is missing", "missing/file", ENOENT, NULL},
    {"a missing directory can't be climbed out of", "missing/../file", ENOENT, NULL},
    {"a file is no directory", "file/x", ENOTDIR, NULL},
    {"a file with a slash is no directory", "file/", ENOTDIR, NULL},
    {"a file with a dot is no directory", "file/.", ENOTDIR, NULL},
    {"a file can't be climbed out of", "file/../file", ENOTDIR, NULL},
    {"two dots within the root work", "a/../file", 0, "file"},
    {"two dots at the end work", "a/b/..", 0, NULL},
    {"two dots back to the root work", "a/..", 0, NULL},
    {"many two dots work", "a/b/../../a/b/../b/../../a/b/deep", 0, "deep"},
    {"two dots leave the root", "..", EXDEV, NULL},
    {"two dots before a name leave the root", "../secret", EXDEV, NULL},
    {"leaving and coming back is leaving", "../root/file", EXDEV, NULL},
    {"two dots too many leave the root", "a/../../secret", EXDEV, NULL},
    {"two dots behind slashes leave the root", "a//..//..//secret", EXDEV, NULL},
    {"an absolute path leaves the root", "/etc/passwd", EXDEV, NULL},
    {"a slash leaves the root", "/", EXDEV, NULL},
    {"a fifo opens without waiting for a writer", "fifo", 0, NULL},
    {"a socket can't be opened", "socket", ENXIO, NULL},
};

/* Links are on the way, and are followed inside. With BENEATH_LINKS_NONE, each is ELOOP. */
static const struct row link_rows[] = {
    {"a link to a file is followed", "to-file", 0, "file"},
    {"a link to a file is no directory", "to-file/", ENOTDIR, NULL},
    {"a link on the way to a file is no directory", "to-file/x", ENOTDIR, NULL},
    {"a link to a directory opens it", "to-a", 0, NULL},
    {"a link to a directory with a slash opens it", "to-a/", 0, NULL},
    {"a link to a directory is followed on the way", "to-a/b/deep", 0, "deep"},
    {"a link that ends in a slash is followed on the way", "to-a-slash/b/deep", 0, "deep"},
    {"a link that says a file is a directory fails", "to-file-slash", ENOTDIR, NULL},
    {"a link up within the root is followed", "a/up-to-file", 0, "file"},
    {"a link up within the root is followed behind a link", "to-a/up-to-file", 0, "file"},
    {"a link that goes round is followed", "a/b/round", 0, "deep"},
    {"a link to a link is followed", "to-link", 0, "file"},
    {"a link to its own directory is followed", "to-here/to-here/to-here/file", 0, "file"},
    {"a link to the root is followed", "a/to-root/a/to-root/file", 0, "file"},
    {"two dots behind a link climb where it leads", "to-a/b/../file", 0, "a's file"},
    {"two dots behind a link to the root leave", "a/to-root/../secret", EXDEV, NULL},
    {"a link that leaves is refused", "out", EXDEV, NULL},
    {"a link that leaves and comes back is refused", "a/out-and-in", EXDEV, NULL},
    {"a link to a directory outside is refused", "out-directory", EXDEV, NULL},
    {"a link to a directory outside is refused on the way", "out-directory/x", EXDEV, NULL},
    {"an absolute link is refused", "absolute", EXDEV, NULL},
    {"an absolute link is refused on the way", "a/absolute-directory/etc/passwd", EXDEV, NULL},
    {"a link to an absolute link is refused", "to-absolute", EXDEV, NULL},
    {"a link into nothing is missing", "dangling", ENOENT, NULL},
    {"a link to itself is a loop", "loop", ELOOP, NULL},
    {"links in a circle are a loop", "ping", ELOOP, NULL},
    {"a loop on the way is a loop", "ping/x", ELOOP, NULL},
    {"40 links are followed", "chain/2", 0, "file"},
    {"41 links are too many", "chain/1", ELOOP, NULL},
};

/* With BENEATH_LINKS_ALL: what becomes of every path above that is EXDEV because it leaves the root. */
static const struct row leaving_rows[] = {
    {"two dots lead up", "..", 0, NULL},
    {"two dots lead to what is beside", "../secret", 0, "secret"},
    {"out and in again", "../root/file", 0, "file"},
    {"up and up", "a/../../secret", 0, "secret"},
    {"up behind slashes", "a//..//..//secret", 0, "secret"},
    {"an absolute path leaves the root even so", "/etc/passwd", EXDEV, NULL},
    {"a slash leaves the root even so", "/", EXDEV, NULL},
    {"two dots behind a link to the root lead up", "a/to-root/../secret", 0, "secret"},
    {"a link that leaves is followed", "out", 0, "secret"},
    {"a link that leaves and comes back is followed", "a/out-and-in", 0, "file"},
    {"a link to a directory outside is followed", "out-directory", 0, NULL},
    {"a link to a directory outside is followed on the way", "out-directory/x", ENOENT, NULL},
    {"an absolute link is followed", "absolute", 0, NULL},
    {"an absolute link is followed on the way", "a/absolute-directory/etc/passwd", 0, NULL},
    {"a link to an absolute link is followed", "to-absolute", 0, NULL},
};

/* Both ways to open are one interface, and know nothing of each other. */
typedef int opener(int root, const char *path, enum beneath_links links);

static int by_kernel(int root, const char *path, enum beneath_links links)
{
    return beneath_open(root, path, links, BENEATH_WAIT);
}

static int by_hand(int root, const char *path, enum beneath_links links)
{
    return beneath_walk(root, path, links, O_PATH, NULL);
}

static int by_hand_without_o_path(int root, const char *path, enum beneath_links links)
{
    return beneath_walk(root, path, links, O_RDONLY, NULL);
}

static void pass_by(void *context, int directory, const char *name, bool last)
{
    (void)context;
    (void)last;
    assert_true(fcntl(directory, F_GETFD) >= 0);
    assert_true(name[0] != '\0' && strchr(name, '/') == NULL);
}

static int by_trace(int root, const char *path, enum beneath_links links)
{
    return beneath_trace(root, path, links, &(struct beneath_visitor){pass_by, NULL});
}

static void add_chain(const struct tree *tree)
{
    for (int i = 1; i <= CHAIN; i++) {
        char path[32], next[32];
        snprintf(path, sizeof path, "root/chain/%d", i);
        snprintf(next, sizeof next, i < CHAIN ? "%d" : "../file", i + 1);
        tree_add(tree, &(struct tree_row){TREE_LINK, path, next, 0});
    }
}

/* Through a relative path, as the temporary directory's may be longer than a socket's address takes. */
static void add_socket(int root)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "socket"};
    int here = open(".", O_PATH | O_DIRECTORY);
    int sock = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(fchdir(root), 0);
    assert_int_equal(bind(sock, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(fchdir(here), 0);
    close(sock);
    close(here);
}

static int lowest_free_fd(void)
{
    int fd = dup(STDERR_FILENO);
    close(fd);
    return fd;
}

static void expect_text(int fd, const char *text)
{
    char read_back[64] = "";
    assert_true(read(fd, read_back, sizeof read_back - 1) >= 0);
    assert_string_equal(read_back, text);
}

static void expect_row_with(enum beneath_links links, opener *open_it, int root, const struct row *row)
{
    int expected = lowest_free_fd();
    errno = 0;
    int fd = open_it(root, row->path, links);
    int error = fd < 0 ? errno : 0;
    if (error != row->error)
        fail_msg("%s: \"%s\" gave \"%s\", not \"%s\", with links %d", row->name, row->path, strerror(error),
                 strerror(row->error), (int)links);
    if (fd >= 0) {
        assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
        assert_int_equal(fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK | O_PATH), O_RDONLY | O_NONBLOCK);
        if (row->text != NULL)
            expect_text(fd, row->text);
        close(fd);
    }
    assert_int_equal(lowest_free_fd(), expected); /* nothing leaked */
}

static void expect_row(opener *open_it, int root, const struct row *row)
{
    expect_row_with(BENEATH_LINKS_INSIDE, open_it, root, row);
}

struct world {
    struct tree tree;
    int root;
};

static void make_world(struct world *world)
{
    char path[TREE_PATH_MAX];
    tree_open(&world->tree, files, sizeof files / sizeof files[0]);
    add_chain(&world->tree);
    tree_path(&world->tree, "root", path);
    world->root = beneath_root(path);
    assert_true(world->root >= 0);
    add_socket(world->root);
}

static void end_world(struct world *world)
{
    close(world->root);
    tree_close(&world->tree);
}

enum {
    PLAIN_ROWS = sizeof plain_rows / sizeof *plain_rows,
    LINK_ROWS = sizeof link_rows / sizeof *link_rows,
    LEAVING_ROWS = sizeof leaving_rows / sizeof *leaving_rows,
};

/* The row as it is where links may lead anywhere. */
static const struct row *row_anywhere(const struct row *row)
{
    for (size_t i = 0; i < LEAVING_ROWS && row->error == EXDEV; i++)
        if (strcmp(leaving_rows[i].path, row->path) == 0)
            return &leaving_rows[i];
    return row;
}

static void expect_in_all_ways(opener *open_it, int root, const struct row *row, int error_without_links)
{
    struct row refused = {row->name, row->path, error_without_links, NULL};
    expect_row_with(BENEATH_LINKS_INSIDE, open_it, root, row);
    expect_row_with(BENEATH_LINKS_NONE, open_it, root, error_without_links == 0 ? row : &refused);
    expect_row_with(BENEATH_LINKS_ALL, open_it, root, row_anywhere(row));
}

static void every_row_holds(opener *open_it)
{
    struct world world;
    make_world(&world);
    for (size_t i = 0; i < PLAIN_ROWS; i++)
        expect_in_all_ways(open_it, world.root, &plain_rows[i], 0);
    for (size_t i = 0; i < LINK_ROWS; i++)
        expect_in_all_ways(open_it, world.root, &link_rows[i], ELOOP);
    end_world(&world);
}

static void every_row_holds_with_the_kernel(void **state)
{
    (void)state;
    every_row_holds(by_kernel);
}

static void every_row_holds_by_hand(void **state)
{
    (void)state;
    every_row_holds(by_hand);
}

static void every_row_holds_by_hand_where_there_is_no_o_path(void **state)
{
    (void)state;
    every_row_holds(by_hand_without_o_path);
}

static void every_row_holds_step_by_step(void **state)
{
    (void)state;
    every_row_holds(by_trace);
}

/* Long ones aren't rows, as they are made. */
static void lengths_have_limits(opener *open_it)
{
    struct world world;
    char name[300], path[5000];
    make_world(&world);
    memset(name, 'n', sizeof name);
    name[255] = '\0';
    expect_row(open_it, world.root, &(struct row){"a name of 255 bytes is only missing", name, ENOENT, NULL});
    name[255] = 'n';
    name[256] = '\0';
    expect_row(open_it, world.root, &(struct row){"a name of 256 bytes is too long", name, ENAMETOOLONG, NULL});
    memset(path, '/', sizeof path);
    memcpy(path, "a", 1);
    memcpy(path + 4095 - 4, "file", 5);
    expect_row(open_it, world.root, &(struct row){"a path of 4095 bytes opens", path, 0, "a's file"});
    memset(path + 4095 - 4, '/', 1);
    memcpy(path + 4096 - 4, "file", 5);
    expect_row(open_it, world.root, &(struct row){"a path of 4096 bytes is too long", path, ENAMETOOLONG, NULL});
    end_world(&world);
}

static void lengths_have_limits_with_the_kernel(void **state)
{
    (void)state;
    lengths_have_limits(by_kernel);
}

static void lengths_have_limits_by_hand(void **state)
{
    (void)state;
    lengths_have_limits(by_hand);
}

static void lengths_have_limits_step_by_step(void **state)
{
    (void)state;
    lengths_have_limits(by_trace);
}

/* --- which names an open comes by --- */

/* "where>name " for each, where "root" is the root and "." what it lies in; "!" behind the name where it is the last.
 */
static const struct visit_row {
    const char *name, *path;
    enum beneath_links links;
    int error;
    const char *visits;
} visit_rows[] = {
    {"a file", "file", BENEATH_LINKS_INSIDE, 0, "root>file! "},
    {"a file in a directory", "a/b/deep", BENEATH_LINKS_INSIDE, 0, "root>a root/a>b root/a/b>deep! "},
    {"a directory", "a", BENEATH_LINKS_INSIDE, 0, "root>a! "},
    {"a directory with a slash", "a/", BENEATH_LINKS_INSIDE, 0, "root>a! "},
    {"the root has no name", "", BENEATH_LINKS_INSIDE, 0, ""},
    {"nor has it as a dot", ".", BENEATH_LINKS_INSIDE, 0, ""},
    {"slashes and dots are no names", ".//a/.//b///./deep", BENEATH_LINKS_INSIDE, 0, "root>a root/a>b root/a/b>deep! "},
    {"a missing file", "missing", BENEATH_LINKS_INSIDE, ENOENT, "root>missing! "},
    {"a missing file in a directory", "a/missing", BENEATH_LINKS_INSIDE, ENOENT, "root>a root/a>missing! "},
    {"in a missing directory nothing is looked for", "missing/x/y", BENEATH_LINKS_INSIDE, ENOENT, "root>missing "},
    {"nor in a file", "a/file/x", BENEATH_LINKS_INSIDE, ENOTDIR, "root>a root/a>file "},
    {"a link and what it leads to", "to-file", BENEATH_LINKS_INSIDE, 0, "root>to-file! root>file! "},
    {"a link to a link", "to-link", BENEATH_LINKS_INSIDE, 0, "root>to-link! root>to-file! root>file! "},
    {"a link on the way", "to-a/b/deep", BENEATH_LINKS_INSIDE, 0, "root>to-a root>a root/a>b root/a/b>deep! "},
    {"a link into nothing", "dangling", BENEATH_LINKS_INSIDE, ENOENT, "root>dangling! root>missing! "},
    {"two dots begin again", "a/b/../file", BENEATH_LINKS_INSIDE, 0, "root>a root/a>b root>a root/a>file! "},
    {"a link up", "a/up-to-file", BENEATH_LINKS_INSIDE, 0, "root>a root/a>up-to-file! root>file! "},
    {"a link round", "a/b/round", BENEATH_LINKS_INSIDE, 0,
     "root>a root/a>b root/a/b>round! root>a root>a root/a>b root>a root/a>b root/a/b>deep! "},
    {"a link that leaves", "out", BENEATH_LINKS_INSIDE, EXDEV, "root>out! "},
    {"an absolute link", "a/absolute-directory/etc", BENEATH_LINKS_INSIDE, EXDEV, "root>a root/a>absolute-directory "},
    {"two dots that leave", "../secret", BENEATH_LINKS_INSIDE, EXDEV, ""},
    {"an absolute path", "/etc", BENEATH_LINKS_ALL, EXDEV, ""},
    {"a link that is not followed", "to-a/file", BENEATH_LINKS_NONE, ELOOP, "root>to-a "},
    {"a file where no link is", "a/file", BENEATH_LINKS_NONE, 0, "root>a root/a>file! "},
    {"a link that may leave", "out", BENEATH_LINKS_ALL, 0, "root>out! root>.. .>secret! "},
    {"a link that may leave and comes back", "a/out-and-in", BENEATH_LINKS_ALL, 0,
     "root>a root/a>out-and-in! root/a>.. root>.. .>root root>file! "},
    {"a fifo", "fifo", BENEATH_LINKS_INSIDE, 0, "root>fifo! "},
};

struct visits {
    const struct world *world;
    char text[4096];
};

/* How the directory is called within the tree; what lies outside it by its whole path. */
static void name_directory(const struct world *world, int directory, char out[TREE_PATH_MAX])
{
    char link[32], path[TREE_PATH_MAX];
    size_t prefix = strlen(world->tree.path);
    snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
    ssize_t len = readlink(link, path, sizeof path - 1);
    assert_true(len > 0);
    path[len] = '\0';
    bool within = strncmp(path, world->tree.path, prefix) == 0 && (path[prefix] == '/' || path[prefix] == '\0');
    snprintf(out, TREE_PATH_MAX, "%s", !within ? path : path[prefix] == '/' ? path + prefix + 1 : ".");
}

static void write_down(void *context, int directory, const char *name, bool last)
{
    struct visits *visits = context;
    char where[TREE_PATH_MAX];
    size_t len = strlen(visits->text);
    name_directory(visits->world, directory, where);
    snprintf(visits->text + len, sizeof visits->text - len, "%s>%s%s ", where, name, last ? "!" : "");
}

/* Its errno, 0 where it opens. */
static int visit(const struct world *world, const char *path, enum beneath_links links, struct visits *visits)
{
    *visits = (struct visits){.world = world};
    int fd = beneath_trace(world->root, path, links, &(struct beneath_visitor){write_down, visits});
    int error = fd < 0 ? errno : 0;
    if (fd >= 0)
        close(fd);
    return error;
}

static void each_name_on_the_way_is_told_of(void **state)
{
    (void)state;
    struct world world;
    make_world(&world);
    for (size_t i = 0; i < sizeof visit_rows / sizeof *visit_rows; i++) {
        struct visits visits;
        const struct visit_row *row = &visit_rows[i];
        int free_fd = lowest_free_fd(), error = visit(&world, row->path, row->links, &visits);
        if (error != row->error || strcmp(visits.text, row->visits) != 0)
            fail_msg("%s: \"%s\" gave \"%s\" and came by \"%s\", not \"%s\"", row->name, row->path, strerror(error),
                     visits.text, row->visits);
        assert_int_equal(lowest_free_fd(), free_fd);
    }
    end_world(&world);
}

/* Where they may lead anywhere: each directory from "/" on. */
static void an_absolute_link_comes_by_all_from_the_top(void **state)
{
    (void)state;
    struct world world;
    struct visits visits;
    char target[TREE_PATH_MAX], expected[sizeof visits.text] = "root>from-the-top! ", above[TREE_PATH_MAX] = "/";
    char below[TREE_PATH_MAX];
    make_world(&world);
    tree_path(&world.tree, "root/a/file", target);
    tree_add(&world.tree, &(struct tree_row){TREE_LINK, "root/from-the-top", target, 0});
    assert_int_equal(visit(&world, "from-the-top", BENEATH_LINKS_ALL, &visits), 0);
    snprintf(below, sizeof below, "%s", world.tree.path);
    size_t walked = 0;
    for (char *name = strtok(below, "/"); name != NULL; name = strtok(NULL, "/")) { /* "/>tmp /tmp>shunt-test-… " */
        strcat(strcat(strcat(strcat(expected, above), ">"), name), " ");
        walked += 1 + strlen(name);
        memcpy(above, world.tree.path, walked);
        above[walked] = '\0';
    }
    strcat(expected, ".>root root>a root/a>file! ");
    assert_string_equal(visits.text, expected);
    end_world(&world);
}

/* --- while somebody moves directories --- */

struct mover {
    char inside[TREE_PATH_MAX];
    char outside[TREE_PATH_MAX];
    atomic_bool done;
};

static void *move_to_and_fro(void *given)
{
    struct mover *mover = given;
    while (!atomic_load(&mover->done)) {
        rename(mover->inside, mover->outside);
        rename(mover->outside, mover->inside);
        usleep(1); /* lets the other one run where threads take turns (valgrind) */
    }
    return NULL;
}

/* Where ".." is asked of a directory that just left the root, "b/../secret" is the secret. */
static void nothing_outside_opens(opener *open_it)
{
    enum { OPENS = 3000 };
    struct world world;
    struct mover mover = {.done = false};
    pthread_t thread;
    make_world(&world);
    tree_path(&world.tree, "root/a/b", mover.inside);
    tree_path(&world.tree, "b", mover.outside);
    assert_int_equal(pthread_create(&thread, NULL, move_to_and_fro, &mover), 0);
    int opened = 0, refused = 0;
    for (int i = 0; i < OPENS; i++) {
        int outside = open_it(world.root, "a/b/../secret", BENEATH_LINKS_INSIDE);
        refused += outside < 0 && (errno == ENOENT || errno == EXDEV || errno == EAGAIN);
        int inside = open_it(world.root, "a/up-to-file", BENEATH_LINKS_INSIDE);
        opened += inside >= 0;
        close(inside);
    }
    atomic_store(&mover.done, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(refused, OPENS);
    assert_int_equal(opened, OPENS); /* and what doesn't move isn't disturbed */
    end_world(&world);
}

static void nothing_outside_opens_while_directories_move_with_the_kernel(void **state)
{
    (void)state;
    nothing_outside_opens(by_kernel);
}

static void nothing_outside_opens_while_directories_move_by_hand(void **state)
{
    (void)state;
    nothing_outside_opens(by_hand);
}

/* Whoever walks can't tell whether the next step will sleep. */
static void nothing_opens_now(void)
{
    struct world world;
    make_world(&world);
    expect_row(by_kernel, world.root, &(struct row){"a file opens", "file", 0, "file"});
    assert_int_equal(beneath_open(world.root, "file", BENEATH_LINKS_INSIDE, BENEATH_NOW), -1);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(beneath_open(world.root, "file", BENEATH_LINKS_INSIDE, BENEATH_NOW_NOFOLLOW), -1);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(beneath_still_leads(world.tree.path, 0, 0), -1);
    assert_int_equal(errno, EAGAIN);
    end_world(&world);
}

/* A name that was just opened is in memory, so that it opens at once, with the same answers. */
static void what_was_just_seen_opens_now(void **state)
{
    (void)state;
    struct world world;
    make_world(&world);
    close(beneath_open(world.root, "a/b/deep", BENEATH_LINKS_INSIDE, BENEATH_WAIT));
    int fd = beneath_open(world.root, "a/b/deep", BENEATH_LINKS_INSIDE, BENEATH_NOW);
    assert_true(fd >= 0);
    expect_text(fd, "deep");
    close(fd);
    end_world(&world);
}

/* Whoever must know all that an open comes by knows the way, and asks for a last name that is no link. */
static void straight_on_a_last_name_that_is_a_link_is_no_answer(void **state)
{
    static const struct {
        const char *name, *path;
        enum beneath_links links;
        int error;
    } straight[] = {
        {"a file", "file", BENEATH_LINKS_INSIDE, 0},
        {"a file in a directory", "a/b/deep", BENEATH_LINKS_INSIDE, 0},
        {"a directory", "a", BENEATH_LINKS_INSIDE, 0},
        {"a missing file", "missing", BENEATH_LINKS_INSIDE, ENOENT},
        {"a link on the way", "to-a/file", BENEATH_LINKS_INSIDE, 0},
        {"a link", "to-file", BENEATH_LINKS_INSIDE, EAGAIN},
        {"a link to a link", "to-link", BENEATH_LINKS_INSIDE, EAGAIN},
        {"a link to a directory", "to-a", BENEATH_LINKS_INSIDE, EAGAIN},
        {"a link behind a link", "to-a/up-to-file", BENEATH_LINKS_INSIDE, EAGAIN},
        {"a link into nothing", "dangling", BENEATH_LINKS_INSIDE, EAGAIN},
        {"a link to itself", "loop", BENEATH_LINKS_INSIDE, EAGAIN},
        {"a link to itself on the way", "loop/x", BENEATH_LINKS_INSIDE, EAGAIN},
        {"a link that leaves", "out", BENEATH_LINKS_INSIDE, EAGAIN},
        {"a link that may leave", "out", BENEATH_LINKS_ALL, EAGAIN},
        {"a file where links may leave", "file", BENEATH_LINKS_ALL, 0},
        {"a link where none is followed is refused as ever", "to-file", BENEATH_LINKS_NONE, ELOOP},
        {"a file where no link is followed", "a/file", BENEATH_LINKS_NONE, 0},
    };
    (void)state;
    struct world world;
    make_world(&world);
    for (size_t i = 0; i < sizeof straight / sizeof *straight; i++) {
        close(by_kernel(world.root, straight[i].path, straight[i].links)); /* now it is in memory */
        errno = 0;
        int fd = beneath_open(world.root, straight[i].path, straight[i].links, BENEATH_NOW_NOFOLLOW);
        int error = fd < 0 ? errno : 0;
        if (error != straight[i].error)
            fail_msg("%s: \"%s\" gave \"%s\", not \"%s\"", straight[i].name, straight[i].path, strerror(error),
                     strerror(straight[i].error));
        if (fd >= 0)
            close(fd);
    }
    end_world(&world);
}

/* What `relative` leads to, links and all. */
static struct stat stat_in(const struct world *world, const char *relative)
{
    char path[TREE_PATH_MAX];
    struct stat st;
    tree_path(&world->tree, relative, path);
    assert_int_equal(stat(path, &st), 0);
    return st;
}

static int still_leads(const struct world *world, const char *relative, const struct stat *to)
{
    char path[TREE_PATH_MAX];
    struct stat st;
    tree_path(&world->tree, relative, path);
    (void)!stat(path, &st); /* now it is in memory */
    errno = 0;
    int free_fd = lowest_free_fd(), leads = beneath_still_leads(path, to->st_dev, to->st_ino);
    assert_int_equal(lowest_free_fd(), free_fd);
    return leads;
}

static void a_path_leads_where_it_led_until_it_is_changed(void **state)
{
    static const struct {
        const char *name, *path, *to; /* `to` NULL: it leads nowhere */
        int leads, error;
    } leading[] = {
        {"a directory", "root", "root", 1, 0},
        {"a file", "root/file", "root/file", 1, 0},
        {"another file", "root/file", "root/a/file", 0, 0},
        {"another directory", "root", "root/a", 0, 0},
        {"a link", "root/to-a", "root/a", 1, 0},
        {"a link that leaves", "root/out", "secret", 1, 0},
        {"a link to a link", "root/to-link", "root/file", 1, 0},
        {"a path with dots", "root/a/.././a", "root/a", 1, 0},
        {"a fifo", "root/fifo", "root/fifo", 1, 0},
        {"a fifo that is none", "root/fifo", "root/file", 0, 0},
        {"nothing", "root/missing", NULL, -1, ENOENT},
        {"a loop", "root/loop", NULL, -1, ELOOP},
    };
    (void)state;
    struct world world;
    make_world(&world);
    for (size_t i = 0; i < sizeof leading / sizeof *leading; i++) {
        struct stat to = stat_in(&world, leading[i].to == NULL ? "root" : leading[i].to);
        int leads = still_leads(&world, leading[i].path, &to), error = errno;
        if (leads != leading[i].leads || (leads < 0 && error != leading[i].error))
            fail_msg("%s: %d, %s", leading[i].name, leads, strerror(error));
    }
    struct stat to = stat_in(&world, "root/file");
    to.st_dev++;
    assert_int_equal(still_leads(&world, "root/file", &to), 0); /* the same number in another file system */
    end_world(&world);
}

static int open_now(int root, const char *path)
{
    return beneath_open(root, path, BENEATH_LINKS_INSIDE, BENEATH_NOW);
}

/* Whether the root is left, or only its mount, is one question to those who must not sleep: they don't answer it. */
static void whoever_must_not_sleep_leaves_neither_root_nor_mount(void **state)
{
    (void)state;
    struct world world;
    int top = beneath_root("/");
    make_world(&world);
    close(by_kernel(world.root, "out", BENEATH_LINKS_ALL));
    assert_int_equal(open_now(world.root, "out"), -1);
    assert_int_equal(errno, EAGAIN);
    close(by_kernel(top, "dev/shm", BENEATH_LINKS_INSIDE));
    int mounted = by_kernel(top, "dev/shm", BENEATH_LINKS_INSIDE);
    assert_true(mounted >= 0);
    assert_int_equal(open_now(top, "dev/shm"), -1);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(beneath_open(top, "dev/shm", BENEATH_LINKS_ALL, BENEATH_NOW), -1);
    assert_int_equal(errno, EAGAIN);
    close(mounted);
    close(top);
    end_world(&world);
}

/* /dev/fd is such a link in most systems, to /proc/self/fd. */
static void whoever_must_not_sleep_follows_no_link_to_another_mount(void **state)
{
    (void)state;
    int dev = beneath_root("/dev");
    int fd = by_kernel(dev, "fd", BENEATH_LINKS_ALL);
    if (fd < 0) {
        close(dev);
        print_message("skipped: /dev/fd is no link to a directory here\n");
        skip();
    }
    assert_int_equal(beneath_open(dev, "fd", BENEATH_LINKS_ALL, BENEATH_NOW), -1);
    assert_int_equal(errno, EAGAIN);
    close(fd);
    close(dev);
}

static void a_local_file_system_needs_no_answer_from_elsewhere(void **state)
{
    (void)state;
    int proc = beneath_root("/proc");
    assert_false(beneath_may_sleep(proc));
    assert_true(beneath_may_sleep(-1));
    close(proc);
}

/* /proc/self/exe is such a link: the kernel refuses it as one, and by hand its text is an absolute path. */
static void a_magic_link_is_refused(void **state)
{
    (void)state;
    int root = beneath_root("/proc/self");
    for (enum beneath_links links = BENEATH_LINKS_INSIDE; links <= BENEATH_LINKS_ALL; links++) {
        assert_int_equal(by_kernel(root, "exe", links), -1);
        assert_true(errno == ELOOP || errno == EXDEV);
    }
    assert_int_equal(by_hand(root, "exe", BENEATH_LINKS_INSIDE), -1);
    assert_int_equal(errno, EXDEV);
    assert_int_equal(by_hand(root, "exe", BENEATH_LINKS_NONE), -1);
    assert_int_equal(errno, ELOOP);
    close(root);
}

static void a_root_must_be_a_directory(void **state)
{
    (void)state;
    struct world world;
    char path[TREE_PATH_MAX];
    make_world(&world);
    tree_path(&world.tree, "secret", path);
    assert_int_equal(beneath_root(path), -1);
    assert_int_equal(errno, ENOTDIR);
    tree_path(&world.tree, "nothing", path);
    assert_int_equal(beneath_root(path), -1);
    assert_int_equal(errno, ENOENT);
    end_world(&world);
}

static void reading_now_reads_or_says_why_not(void **state)
{
    (void)state;
    struct world world;
    char bytes[16] = "";
    make_world(&world);
    int fd = beneath_open(world.root, "a/file", BENEATH_LINKS_INSIDE, BENEATH_WAIT);
    assert_int_equal(pread(fd, bytes, sizeof bytes, 0), 8); /* from here on it is in memory */
    memset(bytes, 0, sizeof bytes);
    ssize_t n = beneath_read_now(fd, bytes, sizeof bytes, 4);
    if (n >= 0) {
        assert_int_equal(n, 4);
        assert_string_equal(bytes, "file");
        assert_int_equal(beneath_read_now(fd, bytes, sizeof bytes, 8), 0);
    } else {
        assert_int_equal(errno, EOPNOTSUPP);
    }
    close(fd);
    end_world(&world);
}

static void a_file_system_in_memory_is_known(void **state)
{
    (void)state;
    int memory = open("/dev/shm", O_RDONLY | O_DIRECTORY);
    int other = open("/proc", O_RDONLY | O_DIRECTORY);
    assert_true(beneath_in_memory(memory));
    assert_false(beneath_in_memory(other));
    assert_false(beneath_in_memory(-1));
    close(memory);
    close(other);
}

static void every_row_holds_where_openat2_is_forbidden(void **state)
{
    (void)state;
    assert_true(refuse_call(SYS_openat2, EPERM));
    every_row_holds(by_kernel);
    every_row_holds(by_kernel);
    nothing_opens_now();
}

static void every_row_holds_where_openat2_is_missing(void **state)
{
    (void)state;
    assert_true(refuse_call(SYS_openat2, ENOSYS));
    every_row_holds(by_kernel);
    every_row_holds(by_kernel);
    nothing_opens_now();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_holds_with_the_kernel),
        cmocka_unit_test(every_row_holds_by_hand),
        cmocka_unit_test(every_row_holds_by_hand_where_there_is_no_o_path),
        cmocka_unit_test(every_row_holds_step_by_step),
        cmocka_unit_test(lengths_have_limits_with_the_kernel),
        cmocka_unit_test(lengths_have_limits_by_hand),
        cmocka_unit_test(lengths_have_limits_step_by_step),
        cmocka_unit_test(each_name_on_the_way_is_told_of),
        cmocka_unit_test(an_absolute_link_comes_by_all_from_the_top),
        cmocka_unit_test(nothing_outside_opens_while_directories_move_with_the_kernel),
        cmocka_unit_test(nothing_outside_opens_while_directories_move_by_hand),
        cmocka_unit_test(what_was_just_seen_opens_now),
        cmocka_unit_test(straight_on_a_last_name_that_is_a_link_is_no_answer),
        cmocka_unit_test(a_path_leads_where_it_led_until_it_is_changed),
        cmocka_unit_test(whoever_must_not_sleep_leaves_neither_root_nor_mount),
        cmocka_unit_test(whoever_must_not_sleep_follows_no_link_to_another_mount),
        cmocka_unit_test(a_local_file_system_needs_no_answer_from_elsewhere),
        cmocka_unit_test(a_magic_link_is_refused),
        cmocka_unit_test(a_root_must_be_a_directory),
        cmocka_unit_test(reading_now_reads_or_says_why_not),
        cmocka_unit_test(a_file_system_in_memory_is_known),
        /* these refuse openat2 to all that comes behind them */
        cmocka_unit_test(every_row_holds_where_openat2_is_forbidden),
        cmocka_unit_test(every_row_holds_where_openat2_is_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
