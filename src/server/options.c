#include "server/options.h"

#include "base/log.h"
#include "base/version.h"
#include "model/models.h"
#include "server/usage.h"

#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SECONDS_MAX = 1000000,
    BYTES_MAX = 1 << 30,
    BLOCKERS_DEFAULT = 4,
    SERVER_NAME_MAX = 100,
    CACHE_ENTRIES = 16384,
    CACHE_BYTES = 256 << 20
};

/* How an option's value is read. */
enum kind {
    KIND_NUMBER = 1, /* into an int or uint32_t */
    KIND_SECONDS,    /* into a uint32_t, as milliseconds */
    KIND_LISTEN,
    KIND_MODEL,
    KIND_ACCESS_LOG,
    KIND_TEXT,   /* a const char * */
    KIND_SWITCH, /* on or off, a bool */
    KIND_LINGER, /* off or seconds */
    KIND_SERVER_NAME,
    KIND_WEIGHTS,
    KIND_SYMLINKS,
    KIND_FLAG, /* from here on no value: a bool that is set */
    KIND_VERSION,
    KIND_HELP,
};

/* One option: everything that is to be known of it, but for the words in usage_text. */
struct row {
    const char *name;
    char letter; /* 0: none */
    enum kind kind;
    size_t offset; /* of its field in struct options */
    long least, most;
};

#define NUMBER(name, letter, field, least, most)                                                                       \
    {                                                                                                                  \
        name, letter, KIND_NUMBER, offsetof(struct options, field), least, most                                        \
    }
#define SECONDS(name, field)                                                                                           \
    {                                                                                                                  \
        name, 0, KIND_SECONDS, offsetof(struct options, field), 1, SECONDS_MAX                                         \
    }

#define FIELD(name, letter, kind, field)                                                                               \
    {                                                                                                                  \
        name, letter, kind, offsetof(struct options, field), 0, 0                                                      \
    }

static const struct row rows[] = {
    {"listen", 'l', KIND_LISTEN, 0, 0, 0},
    {"model", 'm', KIND_MODEL, 0, 0, 0},
    NUMBER("workers", 'w', workers, 1, SETTINGS_THREADS_MAX),
    NUMBER("writers", 0, writers, 0, SETTINGS_WORKERS_MAX),
    NUMBER("blockers", 0, blockers, 1, SETTINGS_WORKERS_MAX),
    FIELD("processes", 0, KIND_FLAG, processes),
    {"weights", 0, KIND_WEIGHTS, 0, 1, SETTINGS_WEIGHT_MAX},
    NUMBER("active-limit", 0, active_limit, 0, SETTINGS_WORKERS_MAX),
    NUMBER("reserve-cores", 0, reserve_cores, 0, CPU_MAX),
    FIELD("pin", 0, KIND_SWITCH, pin),
    FIELD("report", 0, KIND_TEXT, report),
    FIELD("congestion", 0, KIND_TEXT, congestion),
    FIELD("defer-accept", 0, KIND_SWITCH, defer_accept),
    FIELD("nodelay", 0, KIND_SWITCH, nodelay),
    {"linger", 0, KIND_LINGER, 0, 0, SECONDS_MAX},
    NUMBER("keepalive-requests", 0, limits.requests_max, 0, BYTES_MAX),
    {"server-name", 0, KIND_SERVER_NAME, 0, 0, 0},
    FIELD("nosniff", 0, KIND_SWITCH, site.head.nosniff),
    FIELD("whole-system", 0, KIND_FLAG, whole_system),
    {"symlinks", 0, KIND_SYMLINKS, 0, 0, 0},
    FIELD("dotfiles", 0, KIND_SWITCH, site.dotfiles),
    {"cache-valid", 0, KIND_SECONDS, offsetof(struct options, site.valid_ms), 0, SECONDS_MAX},
    NUMBER("cache-entries", 0, cache_entries, 1, 1 << 24),
    NUMBER("cache-bytes", 0, cache_bytes, 0, BYTES_MAX),
    {"access-log", 0, KIND_ACCESS_LOG, 0, 0, 0},
    FIELD("quiet", 'q', KIND_FLAG, quiet),
    NUMBER("max-connections", 0, max_connections, 1, 1 << 20),
    SECONDS("head-timeout", limits.head_ms),
    SECONDS("keepalive-timeout", limits.keepalive_ms),
    SECONDS("send-timeout", limits.send_ms),
    SECONDS("stop-timeout", stop_ms),
    NUMBER("request-line-max", 0, limits.request.line_max, 64, 1 << 20),
    NUMBER("head-max", 0, limits.request.head_max, 128, 1 << 20),
    NUMBER("fields-max", 0, limits.request.fields_max, 1, 10000),
    NUMBER("body-max", 0, limits.body_max, 0, BYTES_MAX),
    NUMBER("send-buffer", 0, send_buffer, 0, BYTES_MAX),
    NUMBER("turn-bytes", 0, limits.turn_bytes, 1, BYTES_MAX),
    {"version", 'V', KIND_VERSION, 0, 0, 0},
    {"help", 'h', KIND_HELP, 0, 0, 0},
};
enum { ROWS = sizeof rows / sizeof *rows, FIRST_LONG = 256 };
static const char letters[] = ":l:m:w:qVh";

/* getopt_long(3)'s table; a long option's value is its row's number and FIRST_LONG. */
static void fill_long_options(struct option long_options[ROWS + 1])
{
    for (int i = 0; i < ROWS; i++) {
        bool bare = rows[i].kind >= KIND_FLAG;
        long_options[i] = (struct option){rows[i].name, bare ? no_argument : required_argument, NULL, FIRST_LONG + i};
    }
    long_options[ROWS] = (struct option){0};
}

static const struct row *row_of(int value)
{
    if (value >= FIRST_LONG)
        return &rows[value - FIRST_LONG];
    const struct row *row = rows;
    while (row->letter != value)
        row++;
    return row;
}

static void set_defaults(struct options *options)
{
    *options = (struct options){
        .model = models[0],
        .writers = -1,
        .blockers = BLOCKERS_DEFAULT,
        .pin = true,
        .defer_accept = true,
        .nodelay = true,
        .linger_s = -1,
        .stop_ms = 10000,
        .site = {.head = {SLICE("shunt"), true}, .valid_ms = SITE_VALID_MS, .links = BENEATH_LINKS_INSIDE},
        .cache_entries = CACHE_ENTRIES,
        .cache_bytes = CACHE_BYTES,
        .limits =
            {
                .request = {REQUEST_LINE_MAX, REQUEST_HEAD_MAX, REQUEST_FIELDS_MAX},
                .body_max = 1 << 20,
                .turn_bytes = 1 << 21,
                .head_ms = 10000,
                .keepalive_ms = 60000,
                .send_ms = 60000,
            },
    };
}

/* Reads a decimal number from least to most. */
static bool read_number(const struct row *row, const char *text, uint32_t *value)
{
    char *end;
    errno = 0;
    long number = strtol(text, &end, 10);
    *value = (uint32_t)number;
    if (errno == 0 && end != text && *end == '\0' && number >= row->least && number <= row->most)
        return true;
    log_line(LOG_LEVEL_ERROR, "--%s %s: must be a number from %ld to %ld", row->name, text, row->least, row->most);
    return false;
}

static bool set_number(struct options *options, const struct row *row, uint32_t scale)
{
    uint32_t value;
    if (!read_number(row, optarg, &value))
        return false;
    value *= scale;
    memcpy((char *)options + row->offset, &value, sizeof value); /* int and uint32_t spell what isn't negative alike */
    return true;
}

static bool add_listener(struct options *options, const char *text)
{
    const char *problem;
    if (options->listeners == ACCEPTOR_LISTENERS_MAX) {
        log_line(LOG_LEVEL_ERROR, "--listen %s: there can be %d addresses at most", text, ACCEPTOR_LISTENERS_MAX);
        return false;
    }
    if (socket_address_parse(text, &options->listen[options->listeners], &problem) < 0) {
        log_line(LOG_LEVEL_ERROR, "--listen %s: %s", text, problem);
        return false;
    }
    options->listen_text[options->listeners++] = text;
    return true;
}

static bool set_model(struct options *options)
{
    char names[256] = "";
    size_t len = 0;
    for (int i = 0; models[i] != NULL; i++) {
        if (strcmp(optarg, models[i]->name) == 0) {
            options->model = models[i];
            return true;
        }
        len += (size_t)snprintf(names + len, sizeof names - len, "%s%s", i > 0 ? ", " : "", models[i]->name);
    }
    log_line(LOG_LEVEL_ERROR, "--model %s: there is no such model; there is: %s", optarg, names);
    return false;
}

static bool set_switch(struct options *options, const struct row *row)
{
    bool *field = (bool *)((char *)options + row->offset);
    *field = strcmp(optarg, "on") == 0;
    if (*field || strcmp(optarg, "off") == 0)
        return true;
    log_line(LOG_LEVEL_ERROR, "--%s %s: must be on or off", row->name, optarg);
    return false;
}

static bool set_text(struct options *options, const struct row *row)
{
    memcpy((char *)options + row->offset, &optarg, sizeof optarg);
    if (*optarg != '\0')
        return true;
    log_line(LOG_LEVEL_ERROR, "--%s: needs a value that isn't empty", row->name);
    return false;
}

static bool set_linger(struct options *options, const struct row *row)
{
    uint32_t seconds = 0;
    bool off = strcmp(optarg, "off") == 0;
    if (!off && !read_number(row, optarg, &seconds))
        return false;
    options->linger_s = off ? -1 : (int)seconds;
    return true;
}

static bool set_weights(struct options *options, const struct row *row)
{
    const char *at = optarg;
    for (options->weight_count = 0; options->weight_count < SETTINGS_WEIGHTS_MAX; at++) {
        char *end;
        long weight = strtol(at, &end, 10);
        if (end == at || weight < row->least || weight > row->most)
            break;
        options->weights[options->weight_count++] = (int)weight;
        at = end;
        if (*at == '\0')
            return true;
        if (*at != ',')
            break;
    }
    log_line(LOG_LEVEL_ERROR, "--weights %s: must be numbers from %ld to %ld, such as 1,3, one a reader, %d at most",
             optarg, row->least, row->most, SETTINGS_WEIGHTS_MAX);
    return false;
}

static bool set_symlinks(struct options *options)
{
    static const struct {
        const char *word;
        enum beneath_links links;
    } choices[] = {{"inside", BENEATH_LINKS_INSIDE}, {"none", BENEATH_LINKS_NONE}, {"all", BENEATH_LINKS_ALL}};
    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++) {
        if (strcmp(optarg, choices[i].word) == 0) {
            options->site.links = choices[i].links;
            return true;
        }
    }
    log_line(LOG_LEVEL_ERROR, "--symlinks %s: must be inside, none or all", optarg);
    return false;
}

/* Whatever stands in a field: visible ASCII, and spaces within (RFC 9110 5.5). */
static bool is_field_value(struct slice value)
{
    for (size_t i = 0; i < value.len; i++)
        if (value.at[i] < ' ' || value.at[i] > '~')
            return false;
    return value.len > 0 && slice_trim(value).len == value.len;
}

static bool set_server_name(struct options *options)
{
    struct slice name = slice_of(optarg);
    options->site.head.server = strcmp(optarg, "off") == 0 ? SLICE("") : name;
    if (is_field_value(name) && name.len <= SERVER_NAME_MAX)
        return true;
    log_line(LOG_LEVEL_ERROR, "--server-name %s: must be 1 to %d bytes of visible ASCII, such as shunt/1, or off",
             optarg, SERVER_NAME_MAX);
    return false;
}

static bool set_access_log(struct options *options)
{
    options->access_log_given = true;
    options->access_log = strcmp(optarg, "off") == 0 ? NULL : optarg;
    if (*optarg != '\0')
        return true;
    log_line(LOG_LEVEL_ERROR, "--access-log needs a file's name, - for standard output, or off");
    return false;
}

static bool set(struct options *options, const struct row *row)
{
    switch (row->kind) {
    case KIND_NUMBER:
        return set_number(options, row, 1);
    case KIND_SECONDS:
        return set_number(options, row, 1000);
    case KIND_LISTEN:
        return add_listener(options, optarg);
    case KIND_MODEL:
        return set_model(options);
    case KIND_ACCESS_LOG:
        return set_access_log(options);
    case KIND_TEXT:
        return set_text(options, row);
    case KIND_SWITCH:
        return set_switch(options, row);
    case KIND_LINGER:
        return set_linger(options, row);
    case KIND_SERVER_NAME:
        return set_server_name(options);
    case KIND_WEIGHTS:
        return set_weights(options, row);
    case KIND_SYMLINKS:
        return set_symlinks(options);
    case KIND_FLAG:
        *(bool *)((char *)options + row->offset) = true;
        break;
    case KIND_VERSION:
    case KIND_HELP:
        break;
    }
    return true;
}

/* What getopt could not make sense of: argv's word for it. */
static void complain(int problem, char **argv)
{
    const char *word = argv[optind - 1];
    if (problem == ':')
        log_line(LOG_LEVEL_ERROR, "%s needs a value (see shunt --help)", word);
    else if (optopt > 0 && optopt < 128)
        log_line(LOG_LEVEL_ERROR, "-%c: unknown option (see shunt --help)", optopt);
    else
        log_line(LOG_LEVEL_ERROR, "%s: unknown option, or a value that it doesn't take (see shunt --help)", word);
}

static bool take_directory(struct options *options, int argc, char **argv)
{
    if (optind == argc)
        log_line(LOG_LEVEL_ERROR,
                 "which directory is to be served? For the one you are in: shunt . (see shunt --help)");
    else if (optind + 1 < argc)
        log_line(LOG_LEVEL_ERROR, "%s: one directory can be served, and it is %s already (see shunt --help)",
                 argv[optind + 1], argv[optind]);
    else if (*argv[optind] == '\0')
        log_line(LOG_LEVEL_ERROR, "the directory's name is empty (see shunt --help)");
    else
        options->directory = argv[optind];
    return options->directory != NULL;
}

/* What one option says that another makes nonsense of. */
static bool agree(const struct options *options)
{
    const struct model *model = options->model;
    int workers_max = model->workers_max > 0 ? model->workers_max : SETTINGS_WORKERS_MAX;
    if (options->limits.request.line_max >= options->limits.request.head_max)
        log_line(LOG_LEVEL_ERROR, "--request-line-max %u: must be less than --head-max, which is %u",
                 options->limits.request.line_max, options->limits.request.head_max);
    else if (options->writers >= 0 && !model->has_writers)
        log_line(LOG_LEVEL_ERROR, "--writers means nothing to --model %s", model->name);
    else if (options->weight_count > 0 && !model->has_weights)
        log_line(LOG_LEVEL_ERROR, "--weights means nothing to --model %s", model->name);
    else if (options->processes && !model->has_processes)
        log_line(LOG_LEVEL_ERROR, "--processes means nothing to --model %s", model->name);
    else if (options->processes && options->active_limit > 0)
        log_line(LOG_LEVEL_ERROR, "--active-limit is for threads: leave it away, or --processes");
    else if (options->workers > workers_max)
        log_line(LOG_LEVEL_ERROR, "--workers %d: --model %s has %d at most", options->workers, model->name,
                 workers_max);
    else
        return true;
    return false;
}

enum options_outcome options_read(struct options *options, int argc, char **argv)
{
    struct option long_options[ROWS + 1];
    int value;
    set_defaults(options);
    fill_long_options(long_options);
    opterr = 0;
    while ((value = getopt_long(argc, argv, letters, long_options, NULL)) != -1) {
        if (value == '?' || value == ':') {
            complain(value, argv);
            return OPTIONS_WRONG;
        }
        const struct row *row = row_of(value);
        if (row->kind == KIND_HELP)
            return fputs(usage_text, stdout) < 0 ? OPTIONS_WRONG : OPTIONS_DONE;
        if (row->kind == KIND_VERSION)
            return puts("shunt " SHUNT_VERSION) < 0 ? OPTIONS_WRONG : OPTIONS_DONE;
        if (!set(options, row))
            return OPTIONS_WRONG;
    }
    if (!take_directory(options, argc, argv) || !agree(options))
        return OPTIONS_WRONG;
    if (options->listeners == 0)
        add_listener(options, "8080");
    return OPTIONS_SERVE;
}
