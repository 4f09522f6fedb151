#include "server/options.h"

#include "base/log.h"
#include "base/version.h"
#include "model/staged.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SECONDS_MAX = 1000000, BYTES_MAX = 1 << 30, BLOCKERS_DEFAULT = 4 };

static const struct model *const models[] = {&model_staged};
enum { MODELS = sizeof models / sizeof *models };

static const char usage[] =
    "usage: shunt [options] DIR\n"
    "Serves the files in DIR over HTTP.\n"
    "\n"
    "  -l, --listen ADDR            127.0.0.1:8080, [::1]:8080, *:80 (all addresses), 8080 (loopback),\n"
    "                               unix:/run/x.sock; port 0 picks a free one; may be repeated [8080]\n"
    "  -q, --quiet                  no banner\n"
    "      --access-log FILE|-|off  where each request is logged [- on a terminal, else off]\n"
    "\n"
    "Threads\n"
    "  -m, --model NAME             which thread does what: staged [staged]\n"
    "  -w, --workers N              read-stage threads [one per usable core]\n"
    "      --writers N              write-stage threads; 0: the reader writes [cores / 8, at least 1]\n"
    "      --blockers N             threads for what may sleep: opens, cold disks [4]\n"
    "\n"
    "Limits\n"
    "      --max-connections N      connections at once [what the limit on open files leaves]\n"
    "      --head-timeout SECONDS   for a whole request head [10]\n"
    "      --keepalive-timeout SECONDS  between two requests [60]\n"
    "      --send-timeout SECONDS   for a reader that takes nothing at all [60]\n"
    "      --stop-timeout SECONDS   for running responses when stopping [10]\n"
    "      --request-line-max BYTES [8192]\n"
    "      --head-max BYTES         of a request head [16384]\n"
    "      --fields-max N           in a request head [100]\n"
    "      --body-max BYTES         of a request body, which is read and discarded [1048576]\n"
    "      --send-buffer BYTES      the kernel's, of each connection; 0: it decides [0]\n"
    "      --turn-bytes BYTES       sent for one connection before others get their turn [2097152]\n"
    "\n"
    "  -V, --version\n"
    "  -h, --help\n"
    "\n"
    "shunt ./public               serves ./public on http://127.0.0.1:8080\n"
    "shunt -l '*:80' /srv/www     serves /srv/www to the world\n";

/* Options without a letter are numbered from here. */
enum long_option {
    OPT_WRITERS = 256,
    OPT_BLOCKERS,
    OPT_ACCESS_LOG,
    OPT_MAX_CONNECTIONS,
    OPT_HEAD_TIMEOUT,
    OPT_KEEPALIVE_TIMEOUT,
    OPT_SEND_TIMEOUT,
    OPT_STOP_TIMEOUT,
    OPT_REQUEST_LINE_MAX,
    OPT_HEAD_MAX,
    OPT_FIELDS_MAX,
    OPT_BODY_MAX,
    OPT_SEND_BUFFER,
    OPT_TURN_BYTES,
};

static const struct option long_options[] = {
    {"listen", required_argument, NULL, 'l'},
    {"model", required_argument, NULL, 'm'},
    {"workers", required_argument, NULL, 'w'},
    {"writers", required_argument, NULL, OPT_WRITERS},
    {"blockers", required_argument, NULL, OPT_BLOCKERS},
    {"access-log", required_argument, NULL, OPT_ACCESS_LOG},
    {"quiet", no_argument, NULL, 'q'},
    {"max-connections", required_argument, NULL, OPT_MAX_CONNECTIONS},
    {"head-timeout", required_argument, NULL, OPT_HEAD_TIMEOUT},
    {"keepalive-timeout", required_argument, NULL, OPT_KEEPALIVE_TIMEOUT},
    {"send-timeout", required_argument, NULL, OPT_SEND_TIMEOUT},
    {"stop-timeout", required_argument, NULL, OPT_STOP_TIMEOUT},
    {"request-line-max", required_argument, NULL, OPT_REQUEST_LINE_MAX},
    {"head-max", required_argument, NULL, OPT_HEAD_MAX},
    {"fields-max", required_argument, NULL, OPT_FIELDS_MAX},
    {"body-max", required_argument, NULL, OPT_BODY_MAX},
    {"send-buffer", required_argument, NULL, OPT_SEND_BUFFER},
    {"turn-bytes", required_argument, NULL, OPT_TURN_BYTES},
    {"version", no_argument, NULL, 'V'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static void set_defaults(struct options *options)
{
    *options = (struct options){
        .model = &model_staged,
        .writers = -1,
        .blockers = BLOCKERS_DEFAULT,
        .stop_ms = 10000,
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

/* The long name of the option that getopt just returned. */
static const char *name_of(int letter)
{
    const struct option *option = long_options;
    while (option->name != NULL && option->val != letter)
        option++;
    return option->name;
}

/* A decimal number from least to most, or -1 after a line that says what is wrong. */
static long number(int letter, long least, long most)
{
    char *end;
    errno = 0;
    long value = strtol(optarg, &end, 10);
    if (errno == 0 && end != optarg && *end == '\0' && value >= least && value <= most)
        return value;
    log_line(LOG_LEVEL_ERROR, "--%s %s: must be a number from %ld to %ld", name_of(letter), optarg, least, most);
    return -1;
}

static bool set_int(int *to, int letter, long least, long most)
{
    long value = number(letter, least, most);
    *to = (int)value;
    return value >= 0;
}

static bool set_u32(uint32_t *to, int letter, long least, long most)
{
    long value = number(letter, least, most);
    *to = (uint32_t)value;
    return value >= 0;
}

static bool set_seconds(uint32_t *ms, int letter)
{
    long seconds = number(letter, 1, SECONDS_MAX);
    *ms = (uint32_t)(seconds * 1000);
    return seconds >= 0;
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
    for (int i = 0; i < MODELS; i++)
        if (strcmp(optarg, models[i]->name) == 0) {
            options->model = models[i];
            return true;
        }
    log_line(LOG_LEVEL_ERROR, "--model %s: there is no such model; there is: %s", optarg, models[0]->name);
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

/* One option of those that take a value or set a switch. */
static bool set(struct options *options, int letter)
{
    struct conn_limits *limits = &options->limits;
    switch (letter) {
    case 'l':
        return add_listener(options, optarg);
    case 'm':
        return set_model(options);
    case 'w':
        return set_int(&options->workers, letter, 1, ENGINE_WORKERS_MAX);
    case 'q':
        options->quiet = true;
        return true;
    case OPT_WRITERS:
        return set_int(&options->writers, letter, 0, ENGINE_WORKERS_MAX);
    case OPT_BLOCKERS:
        return set_int(&options->blockers, letter, 1, ENGINE_WORKERS_MAX);
    case OPT_ACCESS_LOG:
        return set_access_log(options);
    case OPT_MAX_CONNECTIONS:
        return set_int(&options->max_connections, letter, 1, 1 << 20);
    case OPT_HEAD_TIMEOUT:
        return set_seconds(&limits->head_ms, letter);
    case OPT_KEEPALIVE_TIMEOUT:
        return set_seconds(&limits->keepalive_ms, letter);
    case OPT_SEND_TIMEOUT:
        return set_seconds(&limits->send_ms, letter);
    case OPT_STOP_TIMEOUT:
        return set_seconds(&options->stop_ms, letter);
    case OPT_REQUEST_LINE_MAX:
        return set_u32(&limits->request.line_max, letter, 64, 1 << 20);
    case OPT_HEAD_MAX:
        return set_u32(&limits->request.head_max, letter, 128, 1 << 20);
    case OPT_FIELDS_MAX:
        return set_u32(&limits->request.fields_max, letter, 1, 10000);
    case OPT_BODY_MAX: {
        uint32_t bytes;
        bool good = set_u32(&bytes, letter, 0, BYTES_MAX);
        limits->body_max = bytes;
        return good;
    }
    case OPT_SEND_BUFFER:
        return set_int(&options->send_buffer, letter, 0, BYTES_MAX);
    case OPT_TURN_BYTES:
        return set_u32(&limits->turn_bytes, letter, 1, BYTES_MAX);
    default:
        return false;
    }
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
        log_line(LOG_LEVEL_ERROR, "which directory is to be served? For the one you are in: shunt . (see shunt --help)");
    else if (optind + 1 < argc)
        log_line(LOG_LEVEL_ERROR, "%s: one directory can be served, and it is %s already (see shunt --help)",
                 argv[optind + 1], argv[optind]);
    else if (*argv[optind] == '\0')
        log_line(LOG_LEVEL_ERROR, "the directory's name is empty (see shunt --help)");
    else
        options->directory = argv[optind];
    return options->directory != NULL;
}

static bool agree(const struct options *options)
{
    if (options->limits.request.line_max < options->limits.request.head_max)
        return true;
    log_line(LOG_LEVEL_ERROR, "--request-line-max %u: must be less than --head-max, which is %u",
             options->limits.request.line_max, options->limits.request.head_max);
    return false;
}

enum options_outcome options_read(struct options *options, int argc, char **argv)
{
    int letter;
    set_defaults(options);
    opterr = 0;
    while ((letter = getopt_long(argc, argv, ":l:m:w:qVh", long_options, NULL)) != -1) {
        if (letter == 'h')
            return fputs(usage, stdout) < 0 ? OPTIONS_WRONG : OPTIONS_DONE;
        if (letter == 'V')
            return puts("shunt " SHUNT_VERSION) < 0 ? OPTIONS_WRONG : OPTIONS_DONE;
        if (letter == '?' || letter == ':') {
            complain(letter, argv);
            return OPTIONS_WRONG;
        }
        if (!set(options, letter))
            return OPTIONS_WRONG;
    }
    if (!take_directory(options, argc, argv) || !agree(options))
        return OPTIONS_WRONG;
    if (options->listeners == 0)
        add_listener(options, "8080");
    return OPTIONS_SERVE;
}
