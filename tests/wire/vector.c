#include "vector.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { LINE_MAX_BYTES = 65536 }; /* of either file */

const char *verdict_name(enum verdict verdict)
{
    static const char *const names[VERDICTS] = {"neither", "good", "bad", "part", "late", "more"};
    return names[verdict];
}

bool bytes_contain(const struct bytes *bytes, const char *word)
{
    for (size_t i = 0; i + strlen(word) <= bytes->len; i++) {
        if (strncasecmp(bytes->data + i, word, strlen(word)) == 0)
            return true;
    }
    return false;
}

/* ---- a line of a file of vectors */

static void give_up(const char *what, const char *name)
{
    fprintf(stderr, "vectors: %s: %s\n", what, name);
    exit(2);
}

static void *allocate(size_t size)
{
    void *memory = calloc(1, size);
    if (!memory)
        give_up("out of memory", "for a vector");
    return memory;
}

static enum verdict read_verdict(const char *name)
{
    int verdict = VERDICT_GOOD;
    while (verdict < VERDICTS && strcmp(name, verdict_name((enum verdict)verdict)) != 0)
        verdict++;
    if (verdict == VERDICTS)
        give_up("this is no verdict", name);
    return (enum verdict)verdict;
}

/* The string under a key of a JSON object that holds nothing but strings, and in them no escapes but of quotes and
 * backslashes. */
static char *read_member(const char *line, const char *key)
{
    char name[32];
    snprintf(name, sizeof name, "\"%s\": \"", key);
    const char *from = strstr(line, name);
    if (!from)
        give_up("there is no such member in a line", key);
    char *text = allocate(strlen(from)), *to = text;
    for (from += strlen(name); *from && *from != '"'; from++) {
        if (*from == '\\' && !strchr("\"\\/", *++from))
            give_up("this escape is not understood", from);
        *to++ = *from;
    }
    return text;
}

static struct bytes read_hex(const char *hex)
{
    struct bytes bytes = {allocate(strlen(hex) / 2 + 1), strlen(hex) / 2};
    for (size_t i = 0; i < bytes.len; i++) {
        unsigned byte;
        if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
            give_up("this is not hexadecimal", hex);
        bytes.data[i] = (char)byte;
    }
    return bytes;
}

/* Whether the request (the first, if there are several) is HTTP/1.1, and no line says its Host. The bytes end in NUL.
 */
static bool lacks_host(const struct bytes *bytes)
{
    static const char version[] = " HTTP/1.1\r\n";
    const char *line = bytes->data + strspn(bytes->data, "\r\n");
    const char *end = strstr(line, "\r\n");
    bool is_new = end && end - line > 9 && memcmp(end - 9, version, sizeof version - 1) == 0;
    return is_new && !bytes_contain(bytes, "\nhost:");
}

/* A copy of the bytes with a Host behind each HTTP/1.1 request line. */
static struct bytes with_host(const struct bytes *bytes)
{
    static const char version[] = " HTTP/1.1\r\n", host[] = "Host: a\r\n";
    struct bytes hosted = {allocate(2 * bytes->len + 1), 0};
    for (size_t i = 0; i < bytes->len; i++) {
        hosted.data[hosted.len++] = bytes->data[i];
        if (i + 1 >= sizeof version - 1 &&
            memcmp(bytes->data + i + 2 - sizeof version, version, sizeof version - 1) == 0) {
            memcpy(hosted.data + hosted.len, host, sizeof host - 1);
            hosted.len += sizeof host - 1;
        }
    }
    return hosted;
}

static struct vector read_vector(const char *line)
{
    char *hex = read_member(line, "hex"), *kind = read_member(line, "kind");
    struct vector vector = {.id = read_member(line, "id"), .bytes = read_hex(hex), .theirs = read_verdict(kind)};
    vector.ours = vector.theirs;
    if (lacks_host(&vector.bytes))
        vector.hosted = with_host(&vector.bytes);
    free(hex);
    free(kind);
    return vector;
}

void vectors_open(struct vectors *vectors, const char *name)
{
    char line[LINE_MAX_BYTES];
    FILE *file = fopen(name, "re");
    if (!file)
        give_up("cannot read the vectors", name);
    vectors->count = 0;
    while (vectors->count < VECTORS_MAX && fgets(line, sizeof line, file))
        vectors->all[vectors->count++] = read_vector(line);
    if (vectors->count == 0 || !feof(file))
        give_up("these are no vectors, or too many", name);
    fclose(file);
}

void vectors_close(struct vectors *vectors)
{
    for (int i = 0; i < vectors->count; i++) {
        free(vectors->all[i].id);
        free(vectors->all[i].bytes.data);
        free(vectors->all[i].hosted.data);
    }
}

/* ---- judgements */

/* Applies a judgement to the vectors with its id. NULL, or what is wrong with it. */
static const char *judge(struct vectors *vectors, char *line)
{
    char *rest = line, *id = strsep(&rest, "\t"), *verdict = strsep(&rest, "\t");
    bool found = false;
    if (!verdict || !rest || strcspn(rest, "\n") < 10)
        return "a judgement has an id, a verdict and a reason";
    for (int i = 0; i < vectors->count; i++) {
        struct vector *vector = &vectors->all[i];
        if (strcmp(vector->id, id) != 0)
            continue;
        vector->ours = read_verdict(verdict);
        found = true;
        if (vector->ours == vector->theirs)
            return "a judgement says what they say, too";
    }
    return found ? NULL : "a judgement is about none of the vectors";
}

int vectors_judge(struct vectors *vectors, const char *name)
{
    char line[LINE_MAX_BYTES];
    int mistakes = 0;
    FILE *file = fopen(name, "re");
    if (!file)
        give_up("cannot read the judgements", name);
    while (fgets(line, sizeof line, file)) {
        const char *wrong = *line == '#' || *line == '\n' ? NULL : judge(vectors, line);
        if (wrong) {
            printf("FAILED %s: %s\n", line, wrong);
            mistakes++;
        }
    }
    fclose(file);
    return mistakes;
}
