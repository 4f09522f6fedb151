/*
 * One pass: each segment is decoded right behind what is kept, and only then looked at, so that "%2e%2e" is ".." here
 * as it would be to everybody behind us. Decoding never grows, and so the output never overtakes the input's length.
 */
#include "http/path.h"

#include "http/scan.h"

#include <assert.h>

/* What was written so far: begins with "/", and a directory's name ends in one. */
struct normal {
    char *at;
    size_t len;
};

/* Decodes the byte at the front of *raw. 0, or an HTTP status. */
static int decode_byte(struct slice *raw, char *byte)
{
    size_t used = 1;
    *byte = raw->at[0];
    if (*byte == '%') {
        if (raw->len < 3 || scan_hex(raw->at[1]) < 0 || scan_hex(raw->at[2]) < 0)
            return 400;
        *byte = (char)(scan_hex(raw->at[1]) << 4 | scan_hex(raw->at[2]));
        used = 3;
    }
    *raw = (struct slice){raw->at + used, raw->len - used};
    return *byte == '\0' ? 400 : *byte == '/' ? 404 : 0;
}

/* Decodes up to the next slash, which stays in *raw, or to the end. */
static int decode_segment(struct slice *raw, struct normal *normal)
{
    while (raw->len > 0 && raw->at[0] != '/') {
        int status = decode_byte(raw, &normal->at[normal->len]);
        if (status != 0)
            return status;
        normal->len++;
    }
    return 0;
}

static void drop_segment(struct normal *normal)
{
    while (normal->at[normal->len - 1] != '/')
        normal->len--;
}

/* Resolves the segment that begins at `start`, behind a slash: kept, or taken back when it is "." or "..". */
static int resolve_segment(struct normal *normal, size_t start)
{
    struct slice segment = {normal->at + start, normal->len - start};
    bool up = slice_equal(segment, SLICE(".."));
    if (!up && !slice_equal(segment, SLICE(".")))
        return 0;
    normal->len = start;
    if (!up)
        return 0;
    if (start == 1)
        return 400;
    normal->len--; /* the slash behind the parent's name */
    drop_segment(normal);
    return 0;
}

int path_normalise(struct slice raw, char *out, struct slice *normal)
{
    struct normal path = {out, 0};
    assert(raw.len > 0 && raw.at[0] == '/');
    while (raw.len > 0) {
        if (path.len == 0 || path.at[path.len - 1] != '/')
            path.at[path.len++] = '/';
        raw = (struct slice){raw.at + 1, raw.len - 1};
        size_t start = path.len;
        int status = decode_segment(&raw, &path);
        if (status != 0 || (status = resolve_segment(&path, start)) != 0)
            return status;
    }
    out[path.len] = '\0';
    *normal = (struct slice){out, path.len};
    return 0;
}

/* Whether "/.well-known" is the path's first segment. */
static bool is_well_known(struct slice path)
{
    const struct slice known = SLICE("/.well-known");
    return slice_starts_with(path, known) && (path.len == known.len || path.at[known.len] == '/');
}

bool path_is_hidden(struct slice normal)
{
    for (size_t i = is_well_known(normal) ? 2 : 1; i < normal.len; i++)
        if (normal.at[i] == '.' && normal.at[i - 1] == '/')
            return true;
    return false;
}

static bool stands_for_itself(char c)
{
    return scan_is(c, SCAN_URI) || c == '/' || c == ':' || c == '@';
}

size_t path_encode(struct slice path, char *out)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t len = 0;
    for (size_t i = 0; i < path.len; i++) {
        unsigned char byte = (unsigned char)path.at[i];
        if (stands_for_itself(path.at[i])) {
            out[len++] = path.at[i];
        } else {
            out[len++] = '%';
            out[len++] = hex[byte >> 4];
            out[len++] = hex[byte & 15];
        }
    }
    return len;
}
