/*
 * "MODIFIED SIZE NOW\nLINES": the file that is asked for, the time, and field lines. Whatever they say, one line more
 * decides what becomes of the outcome.
 */
#include "fuzz/fuzz.h"

#include "http/civil.h"
#include "http/conditional.h"
#include "http/date.h"
#include "http/etag.h"

enum { UNTIMED = 4 }; /* one in so many files has no date */

struct file {
    char tag[ETAG_MAX + 1], date[DATE_LEN + 1], earlier[DATE_LEN + 1]; /* the second before */
    struct validators validators;
    int64_t now;
};

static void cut_file(struct slice *input, struct file *file)
{
    int64_t modified = (int64_t)fuzz_number(input);
    uint64_t size = fuzz_number(input);
    modified = modified <= CIVIL_MIN ? CIVIL_MIN + 1 : modified > CIVIL_MAX ? CIVIL_MAX : modified;
    *file = (struct file){.now = (int64_t)fuzz_number(input)};
    size_t len = etag_format(modified, (uint32_t)(size % 1000000000), size, file->tag);
    CHECK(len <= ETAG_MAX);
    file->tag[len] = '\0';
    date_format(modified, file->date);
    date_format(modified - 1, file->earlier);
    file->validators = (struct validators){{file->tag, len}, modified, size % UNTIMED != 0};
}

/* What the fields name. */
enum {
    MATCH = 1 << 0,
    UNMODIFIED = 1 << 1,
    NONE_MATCH = 1 << 2,
    MODIFIED = 1 << 3,
    RANGE = 1 << 4,
};

static int named(const struct request *request)
{
    return (request->if_match.at != NULL ? MATCH : 0) | (request->if_unmodified_since.at != NULL ? UNMODIFIED : 0) |
           (request->if_none_match.at != NULL ? NONE_MATCH : 0) |
           (request->if_modified_since.at != NULL ? MODIFIED : 0) | (request->if_range.at != NULL ? RANGE : 0);
}

struct outcome {
    int status;
    bool range_applies;
    int named; /* fields, of MATCH, UNMODIFIED, … */
};

/* False where there is no such head. */
static bool evaluate(struct slice lines, struct slice more, const struct file *file, struct outcome *outcome)
{
    struct request request;
    char *head = fuzz_request(lines, more, &request);
    if (head == NULL)
        return false;
    *outcome = (struct outcome){
        conditional_evaluate(&request, &file->validators, file->now),
        conditional_range_applies(&request, &file->validators, file->now),
        named(&request),
    };
    free(head);
    return true;
}

/* What a line, or several, do where the others name none of some fields. "@", "#" and "<" stand for the file's tag, its
 * date, and the second before. */
enum effect {
    HOLDS, /* the precondition does, so that the rest decides */
    FAILS, /* it doesn't: 412 */
    HAS,   /* the client has it: 304, if no precondition fails */
    LACKS, /* 0 then */
    APPLIES,
    DOESNT_APPLY, /* Range, that is */
};

static const struct row {
    const char *line;
    int unless; /* fields that mustn't be named before */
    enum effect effect;
} rows[] = {
    {"If-Match: @", MATCH, HOLDS},
    {"If-Match: *", MATCH, HOLDS},
    {"If-Match: \"a\" , @", MATCH, HOLDS},
    {"If-Match: \"a\"\r\nIf-Match: @", MATCH, HOLDS},
    {"If-Match: W/@", MATCH, FAILS},
    {"If-Match: \"a\", \"b\"", MATCH, FAILS},
    {"If-Match: \"a\"\r\nIf-Match: \"b\"", MATCH, FAILS},
    {"If-Unmodified-Since: #", MATCH | UNMODIFIED, HOLDS},
    {"If-Unmodified-Since: <", MATCH | UNMODIFIED, FAILS},
    {"If-None-Match: @", NONE_MATCH, HAS},
    {"If-None-Match: *", NONE_MATCH, HAS},
    {"If-None-Match: \"a\",,W/@", NONE_MATCH, HAS},
    {"If-None-Match: \"a\"\r\nIf-None-Match: @\r\nIf-None-Match: \"b\"", NONE_MATCH, HAS},
    {"If-None-Match: \"a\", W/\"b\"", NONE_MATCH, LACKS},
    {"If-Modified-Since: #", NONE_MATCH | MODIFIED, HAS},
    {"If-Modified-Since: <", NONE_MATCH | MODIFIED, LACKS},
    {"If-Range: @", RANGE, APPLIES},
    {"If-Range: W/@", RANGE, DOESNT_APPLY},
    {"If-Range: @, @", RANGE, DOESNT_APPLY},
    {"If-Range: #", RANGE, APPLIES},
    {"If-Range: <", RANGE, DOESNT_APPLY},
};

static bool has_date(const char *line)
{
    return strpbrk(line, "#<") != NULL;
}

static void put_line(struct buffer *out, const char *line, const struct file *file)
{
    for (; *line != '\0'; line++) {
        const char *value = *line == '@' ? file->tag : *line == '#' ? file->date : *line == '<' ? file->earlier : NULL;
        fuzz_put(out, value != NULL ? slice_of(value) : (struct slice){line, 1});
    }
    fuzz_put(out, SLICE("\r\n"));
}

static void check_effect(enum effect effect, const struct outcome *before, const struct outcome *after)
{
    switch (effect) {
    case HOLDS:
        CHECK(after->status != 412 && (before->status == 412 || after->status == before->status));
        break;
    case FAILS:
        CHECK(after->status == 412);
        break;
    case HAS:
        CHECK(after->status == (before->status == 412 ? 412 : 304));
        break;
    case LACKS:
        CHECK(after->status == (before->status == 412 ? 412 : 0));
        break;
    case APPLIES:
    case DOESNT_APPLY:
        CHECK(after->range_applies == (effect == APPLIES) && after->status == before->status);
        break;
    }
}

/* Without a date of its own the file has nothing to compare. */
static bool is_certain(const struct row *row, const struct file *file)
{
    return !has_date(row->line) || file->validators.has_last_modified;
}

/* A date in the future is none in If-Modified-Since, and one whose second isn't over is too weak for If-Range. */
static enum effect effect_of(const struct row *row, const struct file *file)
{
    int64_t modified = file->validators.last_modified;
    if (row->effect == HAS && has_date(row->line) && modified > file->now)
        return LACKS;
    return row->effect == APPLIES && has_date(row->line) && modified >= file->now ? DOESNT_APPLY : row->effect;
}

static void check_row(const struct row *row, struct slice lines, const struct file *file, const struct outcome *before)
{
    struct outcome after;
    struct buffer line;
    buffer_init(&line);
    put_line(&line, row->line, file);
    if (is_certain(row, file) && (before->named & row->unless) == 0 &&
        evaluate(lines, buffer_bytes(&line), file, &after))
        check_effect(effect_of(row, file), before, &after);
    buffer_fini(&line);
}

/* A tag that nobody names isn't found. */
static void check_unnamed(struct slice lines, const struct file *file, const struct outcome *outcome)
{
    bool tag = memmem(lines.at, lines.len, file->validators.etag.at, file->validators.etag.len) != NULL;
    bool star = memchr(lines.at, '*', lines.len) != NULL;
    CHECK(outcome->status != 304 || tag || star || (outcome->named & (NONE_MATCH | MODIFIED)) == MODIFIED);
    CHECK(outcome->status != 412 || (outcome->named & (MATCH | UNMODIFIED)) != 0);
    CHECK(outcome->range_applies || (outcome->named & RANGE) != 0);
}

void fuzz(struct slice input)
{
    struct file file;
    struct outcome outcome;
    cut_file(&input, &file);
    if (!evaluate(input, (struct slice){0}, &file, &outcome))
        return;
    CHECK(outcome.status == 0 || outcome.status == 304 || outcome.status == 412);
    check_unnamed(input, &file, &outcome);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        check_row(&rows[i], input, &file, &outcome);
}
