#include "row.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 1 << 20, EXPANDED_MAX = 1 << 17, CLOSED_WITHIN_MS = 3000 };

struct reading {
    struct row_file *file;
    const struct row_names *names;
    struct row *row; /* NULL between rows */
    char *expanded;  /* EXPANDED_MAX bytes for the line at hand */
    size_t expanded_len;
    int line;
};

static void mistake(const struct reading *r, const char *what)
{
    fprintf(stderr, "%s:%d: %s\n", r->file->name, r->line, what);
    exit(2);
}

static void *allocate(const struct reading *r, size_t size)
{
    void *memory = calloc(1, size ? size : 1);
    if (!memory)
        mistake(r, "out of memory");
    return memory;
}

static char *copy(const struct reading *r, const char *bytes, size_t len)
{
    char *text = allocate(r, len + 1);
    memcpy(text, bytes, len);
    return text;
}

static void put(struct reading *r, const char *bytes, size_t len)
{
    if (r->expanded_len + len > EXPANDED_MAX)
        mistake(r, "this line is too long");
    memcpy(r->expanded + r->expanded_len, bytes, len);
    r->expanded_len += len;
}

/* "{etag NAME}" or "{TEXT*COUNT}"; what follows it. */
static const char *expand_braces(struct reading *r, const char *at)
{
    const char *end = strchr(at, '}');
    if (!end)
        mistake(r, "a \\{ without its }");
    if (strncmp(at, "{etag ", 6) == 0) {
        char name[128], tag[128] = "";
        snprintf(name, sizeof name, "%.*s", (int)(end - at - 6), at + 6);
        r->names->etag(r->names->context, name, tag, sizeof tag);
        if (!*tag)
            mistake(r, "that file has no entity tag");
        put(r, tag, strlen(tag));
        return end + 1;
    }
    const char *star = end;
    while (star > at && *star != '*')
        star--;
    long count = star > at ? strtol(star + 1, NULL, 10) : 0;
    if (count <= 0)
        mistake(r, "neither \\{etag NAME} nor \\{TEXT*COUNT}");
    size_t begin = r->expanded_len;
    for (const char *c = at + 1; c < star; c++) {
        if (c[0] == '\\' && (c[1] == 'r' || c[1] == 'n'))
            put(r, *++c == 'r' ? "\r" : "\n", 1);
        else
            put(r, c, 1);
    }
    char *once = copy(r, r->expanded + begin, r->expanded_len - begin);
    size_t len = r->expanded_len - begin;
    for (long i = 1; i < count; i++)
        put(r, once, len);
    free(once);
    return end + 1;
}

/* Expands the escapes of a line; whether it ended in a lone backslash. */
static bool expand(struct reading *r, const char *at, size_t len)
{
    const char *end = at + len;
    r->expanded_len = 0;
    while (at < end) {
        if (*at != '\\') {
            put(r, at++, 1);
            continue;
        }
        if (++at == end)
            return true;
        unsigned value;
        switch (*at) {
        case 'r':
            put(r, "\r", 1), at++;
            break;
        case 'n':
            put(r, "\n", 1), at++;
            break;
        case 't':
            put(r, "\t", 1), at++;
            break;
        case '\\':
            put(r, "\\", 1), at++;
            break;
        case '"':
            put(r, "\"", 1), at++;
            break;
        case '{':
            at = expand_braces(r, at);
            break;
        case 'x':
            if (sscanf(at + 1, "%2x", &value) != 1)
                mistake(r, "\\x wants two hexadecimal digits");
            put(r, (char[]){(char)value}, 1);
            at += 3;
            break;
        default:
            mistake(r, "an escape that isn't known");
        }
    }
    return false;
}

static void append_bytes(struct reading *r, const char *bytes, size_t len)
{
    char *grown = realloc(r->row->bytes, r->row->len + len + 1);
    if (!grown)
        mistake(r, "out of memory");
    memcpy(grown + r->row->len, bytes, len);
    r->row->bytes = grown;
    r->row->len += len;
}

static void read_sent(struct reading *r, const char *text, size_t len)
{
    bool lone = expand(r, text, len);
    append_bytes(r, r->expanded, r->expanded_len);
    if (!lone)
        append_bytes(r, "\r\n", 2);
}

static void read_pause(struct reading *r, const char *text)
{
    if (strcmp(text, "fin") == 0)
        r->row->finish = FINISH_FIN;
    else if (strcmp(text, "reset") == 0)
        r->row->finish = FINISH_RESET;
    else if (r->row->stop_count == ROW_STOPS || atoi(text) <= 0)
        mistake(r, "a pause is milliseconds, `fin` or `reset`");
    else
        r->row->stops[r->row->stop_count++] = (struct stop){r->row->len, atoi(text)};
}

static struct expectation *latest(struct reading *r)
{
    if (r->row->expected_count == 0)
        mistake(r, "no `< STATUS` before this line");
    return &r->row->expected[r->row->expected_count - 1];
}

static void read_status(struct reading *r, const char *text, bool optional)
{
    if (r->row->expected_count == ROW_EXPECTED)
        mistake(r, "too many responses");
    r->row->expected[r->row->expected_count++] =
        (struct expectation){.status = atoi(text), .optional = optional, .kind = BODY_ANY};
}

static void read_field(struct reading *r, const char *text, bool absent)
{
    struct expectation *e = latest(r);
    const char *colon = absent ? text + strlen(text) : strstr(text, ": ");
    if (!colon || e->field_count == ROW_FIELDS)
        mistake(r, "`< Name: pattern`, and not too many of them");
    struct field_rule *rule = &e->fields[e->field_count++];
    rule->absent = absent;
    rule->name = copy(r, text, (size_t)(colon - text));
    if (!absent) {
        expand(r, colon + 2, strlen(colon + 2));
        rule->pattern = copy(r, r->expanded, r->expanded_len);
    }
}

/* "NAME TYPE FIRST-LAST,..." */
static void read_parts(struct reading *r, struct expectation *e, const char *text)
{
    char name[128], type[128];
    int at = 0;
    if (sscanf(text, "%127s %127s %n", name, type, &at) != 2)
        mistake(r, "`= parts NAME TYPE FIRST-LAST,...`");
    e->kind = BODY_PARTS;
    e->body = copy(r, name, strlen(name));
    e->part_type = copy(r, type, strlen(type));
    e->parts = allocate(r, ROW_PARTS * sizeof *e->parts);
    for (const char *next = text + at; *next; e->part_count++, next += *next == ',') {
        struct span part = {0, 0};
        int len = 0;
        if (e->part_count == ROW_PARTS || sscanf(next, "%zu-%zu%n", &part.first, &part.last, &len) != 2)
            mistake(r, "parts are FIRST-LAST,... and not too many");
        e->parts[e->part_count] = part;
        next += len;
    }
}

static void read_body(struct reading *r, const char *text)
{
    struct expectation *e = latest(r);
    size_t len = strlen(text);
    char name[128];
    if (strcmp(text, "none") == 0) {
        e->kind = BODY_NONE;
    } else if (strcmp(text, "page") == 0) {
        e->kind = BODY_PAGE;
    } else if (len >= 2 && text[0] == '"' && text[len - 1] == '"') {
        expand(r, text + 1, len - 2);
        e->kind = BODY_TEXT;
        e->body = copy(r, r->expanded, r->expanded_len);
        e->body_len = r->expanded_len;
    } else if (strncmp(text, "parts ", 6) == 0) {
        read_parts(r, e, text + 6);
    } else if (sscanf(text, "file %127s %zu-%zu", name, &e->first, &e->last) >= 1) {
        e->kind = BODY_FILE;
        e->body = copy(r, name, strlen(name));
    } else {
        mistake(r, "a body that isn't known");
    }
}

static void read_end(struct reading *r, const char *text)
{
    struct row *row = r->row;
    if (strcmp(text, "open") == 0)
        row->end = END_OPEN;
    else if (strcmp(text, "either") == 0)
        row->end = END_EITHER;
    else if (strncmp(text, "closed", 6) == 0)
        row->end = END_CLOSED;
    else
        mistake(r, "an end that isn't known");
    if (row->end == END_CLOSED && text[6] == ' ' &&
        sscanf(text + 7, "%d-%d", &row->closed_from_ms, &row->closed_to_ms) != 2)
        mistake(r, "`. closed FROM-TO` in milliseconds");
}

static void begin_row(struct reading *r, const char *sentence, size_t len)
{
    if (r->file->count == ROW_MAX)
        mistake(r, "too many rows");
    r->row = &r->file->rows[r->file->count++];
    *r->row = (struct row){.line = r->line, .finish = FINISH_NOT, .end = END_OPEN, .closed_to_ms = CLOSED_WITHIN_MS};
    r->row->sentence = copy(r, sentence, len);
    r->row->bytes = copy(r, "", 0);
}

static void read_line(struct reading *r, const char *line, size_t len)
{
    char *text = copy(r, len > 2 ? line + 2 : "", len > 2 ? len - 2 : 0);
    if (len == 0)
        r->row = NULL;
    else if (!r->row)
        begin_row(r, line, len);
    else if (line[0] == '>')
        read_sent(r, text, len > 2 ? len - 2 : 0);
    else if (line[0] == '~')
        read_pause(r, text);
    else if (line[0] == '<' && line[1] == '?')
        read_status(r, text + 1, true);
    else if (line[0] == '<' && line[1] == '!')
        read_field(r, text + 1, true);
    else if (line[0] == '<' && isdigit((unsigned char)text[0]))
        read_status(r, text, false);
    else if (line[0] == '<')
        read_field(r, text, false);
    else if (line[0] == '=')
        read_body(r, text);
    else if (line[0] == '.')
        read_end(r, text);
    else if (strcmp(line, "! once") == 0 || strncmp(line, "! once\n", 7) == 0)
        r->row->once = true;
    else
        mistake(r, "a line that isn't known");
    free(text);
}

/* The words of the lines that begin with "%". */
static void read_options(struct row_file *file)
{
    int count = 0;
    for (const char *line = file->text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        const char *end = line + strcspn(line, "\n");
        for (const char *word = line + 1; line[0] == '%' && count < ROW_OPTIONS - 1;) {
            word += strspn(word, " ");
            size_t len = strcspn(word, " \n");
            if (word >= end || len == 0)
                break;
            file->options[count++] = strndup(word, len);
            word += len;
        }
    }
}

void row_file_open(struct row_file *file, const char *name)
{
    *file = (struct row_file){.name = name, .text = malloc(FILE_MAX), .rows = calloc(ROW_MAX, sizeof(struct row))};
    FILE *in = fopen(name, "re");
    size_t len = in && file->text && file->rows ? fread(file->text, 1, FILE_MAX - 1, in) : 0;
    if (len == 0) {
        fprintf(stderr, "%s: nothing to read\n", name);
        exit(2);
    }
    fclose(in);
    file->text[len] = '\0';
    read_options(file);
}

void row_file_read(struct row_file *file, const struct row_names *names)
{
    struct reading r = {.file = file, .names = names, .expanded = malloc(EXPANDED_MAX)};
    const char *at = file->text;
    for (r.line = 1; *at; r.line++) {
        size_t len = strcspn(at, "\n");
        if (at[0] != '#' && at[0] != '%') {
            char *line = copy(&r, at, len);
            read_line(&r, line, len);
            free(line);
        }
        at += len + (at[len] == '\n');
    }
    free(r.expanded);
}

static void free_row(struct row *row)
{
    for (int i = 0; i < row->expected_count; i++) {
        struct expectation *e = &row->expected[i];
        for (int j = 0; j < e->field_count; j++) {
            free(e->fields[j].name);
            free(e->fields[j].pattern);
        }
        free(e->body);
        free(e->parts);
        free(e->part_type);
    }
    free(row->sentence);
    free(row->bytes);
}

void row_file_close(struct row_file *file)
{
    for (int i = 0; i < file->count; i++)
        free_row(&file->rows[i]);
    for (int i = 0; file->options[i]; i++)
        free(file->options[i]);
    free(file->rows);
    free(file->text);
}
