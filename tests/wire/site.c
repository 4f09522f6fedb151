#include "site.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct text_file {
    const char *name, *text;
};

static const char *const directories[] = {"dir",
                                          "dir/sub",
                                          "noindex",
                                          "types",
                                          ".git",
                                          ".well-known",
                                          "link-index",
                                          "index-a-dir",
                                          "index-a-dir/index.html",
                                          "many",
                                          "closed",
                                          "x..y",
                                          "sp ace",
                                          ".well-known/.deep",
                                          "dir/.well-known",
                                          "v",
                                          "v/dir.js.gz"};

static const struct text_file texts[] = {
    {"index.html", "<!doctype html><title>front</title><p>the front page\n"},
    {"hello.txt", "hello, world\n"},
    {"empty.txt", ""},
    {"dir/index.html", "<!doctype html><title>dir</title><p>a directory's page\n"},
    {"dir/page.html", "<!doctype html><p>page\n"},
    {"dir/sub/deep.txt", "deep\n"},
    {"dir/.well-known/x.txt", "hidden: only the first segment is special\n"},
    {"noindex/x.txt", "x\n"},
    {".hidden", "hidden\n"},
    {".git/config", "hidden\n"},
    {".well-known/security.txt", "Contact: mailto:a@example.org\n"},
    {".well-known/.deep/x.txt", "hidden\n"},
    {"..x", "hidden\n"},
    {"x..y/z.txt", "dots inside a name are plain\n"},
    {"sp ace/a b.txt", "spaces\n"},
    {"100%.txt", "percent\n"},
    {"a?b.txt", "question mark\n"},
    {"a#b.txt", "number sign\n"},
    {"a+b.txt", "plus\n"},
    {"a\\b.txt", "backslash\n"},
    {"a\"b.txt", "quote\n"},
    {"\xc5\xbc\xc3\xb3\xc5\x82w.txt", "a tortoise\n"},
    {"latin\xe9.txt", "not UTF-8\n"},
    {"new\nline.txt", "newline\n"},
    {"unreadable.txt", "unreadable\n"},
    {"closed/x.txt", "in a closed directory\n"},
    {"types/a.html", "<p>\n"},
    {"types/a.HTM", "<p>\n"},
    {"types/a.css", "a{}\n"},
    {"types/a.js", "1\n"},
    {"types/a.mjs", "1\n"},
    {"types/a.json", "{}\n"},
    {"types/a.svg", "<svg/>\n"},
    {"types/a.xml", "<a/>\n"},
    {"types/a.md", "# a\n"},
    {"types/a.txt", "a\n"},
    {"types/a.webmanifest", "{}\n"},
    {"types/a.wasm", "a\n"},
    {"types/a.avif", "a\n"},
    {"types/a.webp", "a\n"},
    {"types/a.png", "a\n"},
    {"types/a.jpg", "a\n"},
    {"types/a.gif", "a\n"},
    {"types/a.ico", "a\n"},
    {"types/a.woff2", "a\n"},
    {"types/a.pdf", "a\n"},
    {"types/a.mp4", "a\n"},
    {"types/a.webm", "a\n"},
    {"types/a.mp3", "a\n"},
    {"types/a.tar.gz", "a\n"},
    {"types/a.zip", "a\n"},
    {"types/a.unheard-of", "a\n"},
    {"types/nothing", "a\n"},
    {"types/a.html.", "a\n"},
    {"v/a.js", "the original, of forty-two bytes in all..\n"},
    {"v/a.js.gz", "gzip, of thirty bytes in all.\n"},
    {"v/a.js.zst", "zstd, of twenty-one.\n"},
    {"v/a.js.br", "br, 12 only\n"},
    {"v/index.html", "<!doctype html><title>a page with a variant</title>\n"},
    {"v/index.html.gz", "a page, by gzip\n"},
    {"v/larger.js", "small\n"},
    {"v/larger.js.gz", "larger than its original\n"},
    {"v/same.js", "same size\n"},
    {"v/same.js.gz", "size same\n"},
    {"v/older.js", "changed since it was compressed\n"},
    {"v/out.js", "longer than what lies outside, which must not be seen; longer than what lies outside\n"},
    {"v/dir.js", "its variant is a directory\n"},
    {"v/a.png", "no text, so that nobody looks for a variant\n"},
    {"v/a.png.gz", "gzip\n"},
    {"v/only.js.gz", "without an original\n"},
    {"v/link.js", "its variant is a link, which stays inside\n"},
    {"v/closed.js", "its variant may not be read\n"},
    {"v/closed.js.gz", "closed\n"},
};

/* name and text: where the link leads */
static const struct text_file links[] = {
    {"link.txt", "hello.txt"},
    {"link-dir", "dir"},
    {"dir/up.txt", "../hello.txt"},
    {"link-out.txt", "../outside.txt"},
    {"link-out", ".."},
    {"link-back.txt", "../root/hello.txt"},
    {"link-nowhere", "nowhere"},
    {"link-loop", "link-loop"},
    {"link-proc", "/proc/self/root/etc/hostname"},
    {"link-index/index.html", "../../outside.txt"},
    {"v/out.js.gz", "../../outside.txt"},
    {"v/link.js.gz", "a.js.br"},
};

static void give_up(const char *what)
{
    fprintf(stderr, "cannot build the site: %s: %s\n", what, strerror(errno));
    exit(2);
}

void site_path(const struct site *site, const char *name, char path[SITE_PATH_MAX])
{
    if (snprintf(path, SITE_PATH_MAX, "%s/%s", site->root, name) >= SITE_PATH_MAX)
        give_up(name);
}

static void write_file(const char *path, const char *bytes, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        give_up(path);
    for (size_t done = 0; done < size;) {
        ssize_t n = write(fd, bytes + done, size - done);
        if (n < 0)
            give_up(path);
        done += (size_t)n;
    }
    close(fd);
}

void site_write(const struct site *site, const char *name, const char *text)
{
    char path[SITE_PATH_MAX];
    site_path(site, name, path);
    write_file(path, text, strlen(text));
}

void site_write_pattern(const struct site *site, const char *name, size_t size)
{
    char path[SITE_PATH_MAX];
    char *bytes = malloc(size + 16);
    if (!bytes)
        give_up(name);
    for (size_t at = 0; at < size; at += 16)
        snprintf(bytes + at, 17, "%015x\n", (unsigned)at);
    site_path(site, name, path);
    write_file(path, bytes, size);
    free(bytes);
}

char *site_read(const struct site *site, const char *name, size_t *size)
{
    char path[SITE_PATH_MAX];
    struct stat st;
    site_path(site, name, path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return NULL;
    char *bytes = malloc((size_t)st.st_size + 1);
    ssize_t got = bytes ? read(fd, bytes, (size_t)st.st_size) : -1;
    close(fd);
    if (got != st.st_size) {
        free(bytes);
        return NULL;
    }
    *size = (size_t)got;
    return bytes;
}

static void set_changed(const char *path, time_t second)
{
    struct timespec at[2] = {{second, 0}, {second, 0}};
    utimensat(AT_FDCWD, path, at, AT_SYMLINK_NOFOLLOW);
}

static void build_files(struct site *site)
{
    char path[SITE_PATH_MAX];
    for (size_t i = 0; i < sizeof directories / sizeof *directories; i++) {
        site_path(site, directories[i], path);
        if (mkdir(path, 0755) < 0)
            give_up(path);
    }
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        site_write(site, texts[i].name, texts[i].text);
        site_path(site, texts[i].name, path);
        set_changed(path, SITE_CHANGED);
    }
    static const struct {
        const char *name;
        size_t size;
    } patterns[] = {{"1k.bin", 1024},    {"16k.bin", 16384},   {"100k.bin", 100000},   {"1m.bin", 1048576},
                    {"4m.bin", 4000000}, {"v/big.js", 300000}, {"v/big.js.gz", 200000}};
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        site_write_pattern(site, patterns[i].name, patterns[i].size);
        site_path(site, patterns[i].name, path);
        set_changed(path, SITE_CHANGED);
    }
}

/* Files with dates of their own. */
static void build_dated(struct site *site)
{
    const struct {
        const char *name, *text;
        time_t second;
    } files[] = {
        {"tomorrow.txt", "not yet\n", time(NULL) + 86400},
        {"epoch.txt", "built\n", 0},
        {"epoch-1.txt", "built\n", 1},
        {"v/older.js.gz", "outdated\n", SITE_CHANGED - 1},
    };
    char path[SITE_PATH_MAX];
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        site_write(site, files[i].name, files[i].text);
        site_path(site, files[i].name, path);
        set_changed(path, files[i].second);
    }
}

static void build_links(struct site *site)
{
    char path[SITE_PATH_MAX], target[SITE_PATH_MAX];
    for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
        site_path(site, links[i].name, path);
        if (symlink(links[i].text, path) < 0)
            give_up(path);
    }
    site_path(site, "link-absolute.txt", path);
    site_path(site, "hello.txt", target);
    if (symlink(target, path) < 0)
        give_up(path);
}

static void build_specials(struct site *site)
{
    char path[SITE_PATH_MAX];
    site_path(site, "fifo", path);
    if (mkfifo(path, 0644) < 0)
        give_up(path);
    site_path(site, "unreadable.txt", path);
    chmod(path, 0);
    site_path(site, "v/closed.js.gz", path);
    chmod(path, 0);
    site_path(site, "closed", path);
    chmod(path, 0);
}

void site_build(struct site *site)
{
    char outside[SITE_PATH_MAX + 16];
    const char *temporary = getenv("TMPDIR");
    snprintf(site->place, sizeof site->place - 32, "%s/shunt-wire-XXXXXX",
             temporary && *temporary ? temporary : "/tmp");
    if (!mkdtemp(site->place))
        give_up(site->place);
    chmod(site->place, 0755);
    if (snprintf(site->root, sizeof site->root, "%.490s/root", site->place) < 0 || mkdir(site->root, 0755) < 0)
        give_up(site->root);
    snprintf(outside, sizeof outside, "%s/outside.txt", site->place);
    write_file(outside, "outside, never to be served\n", 28);
    build_files(site);
    build_dated(site);
    build_links(site);
    build_specials(site);
}

static int open_directory(const char *path, const struct stat *st, int kind, struct FTW *walk)
{
    (void)st, (void)walk;
    if (kind == FTW_D || kind == FTW_DNR)
        chmod(path, 0755);
    return 0;
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *walk)
{
    (void)st, (void)kind, (void)walk;
    remove(path);
    return 0;
}

void site_remove(struct site *site)
{
    nftw(site->place, open_directory, 16, FTW_PHYS);
    nftw(site->place, remove_entry, 16, FTW_PHYS | FTW_DEPTH);
}
