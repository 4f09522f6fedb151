/*
 * Throws bytes at path_normalise(). Whatever a path is spelt like, its name is the same; a name is in no need of being
 * normalised again, and never leads out of the root.
 */
#include "fuzz/fuzz.h"

#include "http/media.h"
#include "http/path.h"

struct name {
    int status;
    struct slice normal; /* when the status is 0 */
    char *memory;        /* owned */
};

static struct name normalise(struct slice raw)
{
    struct name name = {.memory = fuzz_take(raw.len + 1)};
    char *copy = fuzz_copy(raw);
    name.status = path_normalise((struct slice){copy, raw.len}, name.memory, &name.normal);
    free(copy);
    return name;
}

/* What every name is: segments that are neither empty nor dots, a slash before each. */
static void check_name(const struct name *name)
{
    struct slice normal = name->normal;
    bool hidden = false;
    CHECK(normal.at == name->memory && normal.len > 0 && normal.at[0] == '/' && normal.at[normal.len] == '\0');
    CHECK(strlen(normal.at) == normal.len);
    for (const char *slash = normal.at; slash != NULL && slash[1] != '\0'; slash = strchr(slash + 1, '/')) {
        size_t len = strcspn(slash + 1, "/");
        struct slice segment = {slash + 1, len};
        CHECK(len > 0 && !slice_equal(segment, SLICE(".")) && !slice_equal(segment, SLICE("..")));
        hidden = hidden || (slash[1] == '.' && !(slash == normal.at && slice_equal(segment, SLICE(".well-known"))));
    }
    CHECK(path_is_hidden(normal) == hidden);
    CHECK(media_type(normal).len > 0);
}

/* What may stand in a Location or in a link as it is. */
static bool is_safe(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("/%-._~!$&'()*+,;=:@", c) != NULL);
}

static void check_encoded(const struct name *name)
{
    struct slice normal = name->normal;
    char *memory = fuzz_take(3 * normal.len);
    size_t len = path_encode(normal, memory);
    CHECK(len >= normal.len && len <= 3 * normal.len);
    for (size_t i = 0; i < len; i++)
        CHECK(is_safe(memory[i]));
    struct name again = normalise((struct slice){memory, len});
    CHECK(again.status == 0 && slice_equal(normal, again.normal));
    free(again.memory);
    free(memory);
}

static void check_same(const struct name *name, struct slice raw)
{
    struct name other = normalise(raw);
    CHECK(other.status == name->status);
    CHECK(name->status != 0 || slice_equal(name->normal, other.normal));
    free(other.memory);
}

/* Every byte but slashes as %XX; what is encoded already stays. */
static void check_in_hex(const struct name *name, struct slice raw)
{
    static const char hex[] = "0123456789abcdef";
    char *memory = fuzz_take(3 * raw.len);
    size_t len = 0;
    for (size_t i = 0; i < raw.len; i++) {
        unsigned char c = (unsigned char)raw.at[i];
        if (c == '/' || c == '%' || (i >= 1 && raw.at[i - 1] == '%') || (i >= 2 && raw.at[i - 2] == '%')) {
            memory[len++] = (char)c;
        } else {
            memory[len++] = '%';
            memory[len++] = hex[c >> 4];
            memory[len++] = hex[c & 15];
        }
    }
    check_same(name, (struct slice){memory, len});
    free(memory);
}

/* Every slash as several, with a segment among them that goes nowhere. */
static void check_with_dots(const struct name *name, struct slice raw)
{
    struct buffer out;
    buffer_init(&out);
    for (size_t i = 0; i < raw.len; i++)
        fuzz_put(&out, raw.at[i] == '/' ? SLICE("//.///down/%2e./%2E/") : (struct slice){raw.at + i, 1});
    check_same(name, buffer_bytes(&out));
    buffer_fini(&out);
}

void fuzz(struct slice input)
{
    struct buffer raw;
    buffer_init(&raw);
    fuzz_put(&raw, SLICE("/"));
    fuzz_put(&raw, input);
    struct name name = normalise(buffer_bytes(&raw));
    CHECK(name.status == 0 || name.status == 400 || name.status == 404);
    check_in_hex(&name, buffer_bytes(&raw));
    check_with_dots(&name, buffer_bytes(&raw));
    if (name.status == 0) {
        check_name(&name);
        check_encoded(&name);
    }
    free(name.memory);
    buffer_fini(&raw);
}
