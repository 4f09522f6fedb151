#include "lib/sample.h"

#include "http/multipart.h"
#include "reply/page.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

static const struct tree_row files[] = {
    {TREE_FILE, "secret", "secret", 0},
    {TREE_FILE, "root/small.txt", "small\n", 0},
    {TREE_FILE, "root/empty.txt", "", 0},
    {TREE_FILE, "root/middle.bin", NULL, SAMPLE_MIDDLE},
    {TREE_FILE, "root/large.bin", NULL, SAMPLE_LARGE},
    {TREE_FILE, "root/index.html", "<p>top\n", 0},
    {TREE_FILE, "root/dir/index.html", "<p>dir\n", 0},
    {TREE_DIRECTORY, "root/bare", NULL, 0},
    {TREE_DIRECTORY, "root/bare/a b", NULL, 0},
    {TREE_DIRECTORY, "root/\xc3\xa4%?#\\", NULL, 0},
    {TREE_DIRECTORY, "root/example.com", NULL, 0},
    {TREE_FILE, "root/.hidden", "hidden", 0},
    {TREE_FILE, "root/.git/config", "hidden", 0},
    {TREE_FILE, "root/.well-known/security.txt", "known\n", 0},
    {TREE_LINK, "root/outside", "../secret", 0},
    {TREE_FIFO, "root/fifo", NULL, 0},
};

static void need(bool fine, const char *what)
{
    if (fine)
        return;
    perror(what);
    abort();
}

void sample_date(const struct sample *sample, const char *relative, long seconds)
{
    const struct timespec times[2] = {{.tv_sec = seconds}, {.tv_sec = seconds}};
    char path[TREE_PATH_MAX];
    tree_path(&sample->tree, relative, path);
    need(utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW) == 0, path);
}

void sample_set_modified(const struct sample *sample, const char *relative, long seconds)
{
    sample_date(sample, relative, seconds);
    tree_settle();
}

void sample_open(struct sample *sample)
{
    const size_t count = sizeof files / sizeof *files;
    tree_open(&sample->tree, files, count);
    for (size_t i = 0; i < count; i++)
        sample_date(sample, files[i].path, SAMPLE_MODIFIED);
    tree_settle();
    tree_path(&sample->tree, "root", sample->root);
    need(source_open(&sample->source, sample->root, SITE_VALID_MS, true) == 0, sample->root);
    sample->site = (struct site){.source = &sample->source, .head = {SLICE("shunt"), true}, .valid_ms = SITE_VALID_MS};
}

void sample_close(struct sample *sample)
{
    source_close(&sample->source);
    tree_close(&sample->tree);
}

struct entry *sample_learn(struct docroot *docroot, const char *path, const struct clock *now)
{
    struct entry *entry = NULL;
    for (int i = 0; i < 2 && (entry == NULL || cache_find(&docroot->cache, slice_of(path)) != entry); i++) {
        struct entry *found = docroot_look_up(docroot, slice_of(path), now); /* a refusal is kept the second time */
        need(found != NULL, path);
        need(docroot_find(docroot, slice_of(path), found, false, now, &entry) == DOCROOT_FOUND, path);
    }
    need(cache_find(&docroot->cache, slice_of(path)) == entry, path);
    return entry;
}

static void put(struct buffer *out, struct slice bytes)
{
    need(buffer_append(out, bytes) == 0, "sample");
}

static void put_body(struct buffer *out, size_t from, size_t length)
{
    need(buffer_reserve(out, length) == 0, "sample");
    char *to = buffer_tail(out);
    size_t done = 0;
    for (; done < length && done < TREE_PERIOD; done++)
        to[done] = (char)tree_byte(from + done);
    for (size_t more; done < length; done += more) { /* whole periods, twice as many each time */
        more = length - done < done ? length - done : done;
        memcpy(to + done, to, more);
    }
    buffer_extend(out, length);
}

static void put_page(struct buffer *out, int status, bool without_body)
{
    char fields[128];
    int len =
        snprintf(fields, sizeof fields, SAMPLE_TYPE(SAMPLE_HTML) "Content-Length: %zu\r\n\r\n", page_length(status));
    put(out, (struct slice){fields, (size_t)len});
    if (!without_body)
        need(page_put(out, status) == 0, "page");
}

void sample_hide_boundaries(struct buffer *bytes)
{
    static const struct slice name = {"boundary=", 9};
    if (buffer_length(bytes) == 0)
        return;
    char *at = bytes->bytes + bytes->begin, *end = bytes->bytes + bytes->end, boundary[MULTIPART_BOUNDARY_LEN];
    while (at != end && (at = memmem(at, (size_t)(end - at), name.at, name.len)) != NULL) {
        at += name.len;
        if ((size_t)(end - at) < sizeof boundary)
            return;
        memcpy(boundary, at, sizeof boundary);
        for (char *to = at; to != NULL; to = memmem(to + 1, (size_t)(end - to - 1), boundary, sizeof boundary))
            memcpy(to, SAMPLE_BOUNDARY, sizeof boundary);
    }
}

void sample_put(struct buffer *out, const struct sample_part *parts, size_t max)
{
    for (size_t i = 0; i < max; i++) {
        if (parts[i].text != NULL)
            put(out, slice_of(parts[i].text));
        else if (parts[i].length > 0)
            put_body(out, parts[i].from, parts[i].length);
        else if (parts[i].page != 0)
            put_page(out, parts[i].page, parts[i].without_body);
        else
            return;
    }
}
