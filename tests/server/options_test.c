#include "server/options.h"

#include "model/models.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { WORDS_MAX = 80, TEXT_MAX = 8192 };

#define NAME_10  "0123456789"
#define NAME_100 NAME_10 NAME_10 NAME_10 NAME_10 NAME_10 NAME_10 NAME_10 NAME_10 NAME_10 NAME_10

/* Reads a command line as from a shell, its words apart by single spaces; what it says goes into `said`. */
static enum options_outcome read_line(const char *line, struct options *options, char said[TEXT_MAX])
{
    static char words[TEXT_MAX], name[] = "shunt"; /* the options point into them */
    char *argv[WORDS_MAX] = {name};
    int argc = 1, ends[2], saved[2] = {dup(STDOUT_FILENO), dup(STDERR_FILENO)};
    snprintf(words, sizeof words, "%s", line);
    for (char *word = strtok(words, " "); word != NULL && argc < WORDS_MAX - 1; word = strtok(NULL, " "))
        argv[argc++] = word;
    assert_int_equal(pipe(ends), 0);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    fflush(stdout);
    dup2(ends[1], STDOUT_FILENO);
    dup2(ends[1], STDERR_FILENO);
    optind = 0; /* getopt(3): start anew */
    enum options_outcome outcome = options_read(options, argc, argv);
    fflush(stdout);
    for (int i = 0; i < 2; i++) {
        dup2(saved[i], i == 0 ? STDOUT_FILENO : STDERR_FILENO);
        close(saved[i]);
    }
    ssize_t len = read(ends[0], said, TEXT_MAX - 1);
    said[len > 0 ? len : 0] = '\0';
    close(ends[0]);
    close(ends[1]);
    return outcome;
}

static const struct {
    const char *sentence, *line, *says;
} wrong[] = {
    {"no directory", "", "which directory is to be served?"},
    {"two directories", "a b", "b: one directory can be served, and it is a already"},
    {"an unknown option", "--bogus .", "--bogus: unknown option"},
    {"an unknown letter", "-z .", "-z: unknown option"},
    {"an option without its value", "--workers", "--workers needs a value"},
    {"a value for a switch", "--quiet=1 .", "--quiet=1: unknown option, or a value that it doesn't take"},
    {"a number that isn't one", "--workers many .", "--workers many: must be a number from 1 to 32768"},
    {"a number with something behind it", "--workers 2x .", "--workers 2x: must be a number from 1 to 32768"},
    {"a number below its range", "--workers 0 .", "--workers 0: must be a number from 1 to 32768"},
    {"a number above its range", "--writers 1025 .", "--writers 1025: must be a number from 0 to 1024"},
    {"a negative number", "--send-timeout -1 .", "--send-timeout -1: must be a number from 1 to 1000000"},
    {"a number too large to be read", "--head-max 99999999999999999999 .", "must be a number from 128 to 1048576"},
    {"a letter's value is told by the long name", "-w none .", "--workers none: must be a number"},
    {"an address that isn't one", "--listen 300.1.1.1:80 .", "--listen 300.1.1.1:80: "},
    {"a model that isn't there", "--model forked-tongue .",
     "--model forked-tongue: there is no such model; there is: "},
    {"limits that contradict each other", "--request-line-max 9000 --head-max 9000 .",
     "--request-line-max 9000: must be less than --head-max, which is 9000"},
    {"writers where there are none", "--model turns --writers 2 .", "--writers means nothing to --model turns"},
    {"writers where there are none, said first", "--writers 0 --model symmetric .",
     "--writers means nothing to --model symmetric"},
    {"weights where nobody is chosen", "--model seda --weights 1,2 .", "--weights means nothing to --model seda"},
    {"processes where there are threads", "--processes .", "--processes means nothing to --model staged"},
    {"a limit to working threads where there are processes", "--model forked --processes --active-limit 2 .",
     "--active-limit is for threads: leave it away, or --processes"},
    {"more workers than there can be", "--workers 1025 .", "--workers 1025: --model staged has 1024 at most"},
    {"more threads than there can be", "--model forked --workers 32769 .", "must be a number from 1 to 32768"},
    {"more working threads than there can be", "--active-limit 1025 .", "must be a number from 0 to 1024"},
    {"fewer cores than none", "--reserve-cores -1 .", "--reserve-cores -1: must be a number from 0 to 1024"},
    {"a switch that is neither on nor off", "--pin maybe .", "--pin maybe: must be on or off"},
    {"a switch that is a number", "--defer-accept 1 .", "--defer-accept 1: must be on or off"},
    {"a switch that is empty", "--nodelay= .", "--nodelay : must be on or off"},
    {"lingering for no time that can be said", "--linger on .", "--linger on: must be a number from 0 to 1000000"},
    {"lingering for less than nothing", "--linger -1 .", "--linger -1: must be a number from 0 to 1000000"},
    {"no congestion control", "--congestion= .", "--congestion: needs a value that isn't empty"},
    {"no report", "--report= .", "--report: needs a value that isn't empty"},
    {"a weight of nothing", "--weights 0,1 .", "--weights 0,1: must be numbers from 1 to 100"},
    {"a weight that is too heavy", "--weights 1,101 .", "--weights 1,101: must be numbers from 1 to 100"},
    {"a weight that isn't there", "--weights 1,,2 .", "--weights 1,,2: must be numbers"},
    {"a comma with no weight behind it", "--weights 1,2, .", "--weights 1,2,: must be numbers"},
    {"weights apart by something else", "--weights 1;2 .", "--weights 1;2: must be numbers"},
    {"weights that are empty", "--weights= .", "--weights : must be numbers"},
    {"a server without a name that is not said to be off", "--server-name= .",
     "--server-name : must be 1 to 100 bytes of visible ASCII"},
    {"a server's name that ends its line", "--server-name a\r\nb .", "must be 1 to 100 bytes of visible ASCII"},
    {"a server's name with a tab", "--server-name a\tb .", "must be 1 to 100 bytes of visible ASCII"},
    {"a server's name with DEL", "--server-name a\x7f .", "must be 1 to 100 bytes of visible ASCII"},
    {"a server's name that isn't ASCII", "--server-name \xc3\xa4 .", "must be 1 to 100 bytes of visible ASCII"},
    {"a server's name that is too long", "--server-name " NAME_100 "x .", "must be 1 to 100 bytes of visible ASCII"},
    {"sniffing that is neither on nor off", "--nosniff no .", "--nosniff no: must be on or off"},
    {"links that are followed anyhow", "--symlinks some .", "--symlinks some: must be inside, none or all"},
    {"links that are followed to no place", "--symlinks= .", "--symlinks : must be inside, none or all"},
    {"dotfiles that are neither on nor off", "--dotfiles all .", "--dotfiles all: must be on or off"},
    {"fewer requests than none", "--keepalive-requests -1 .",
     "--keepalive-requests -1: must be a number from 0 to 1073741824"},
};

static void a_wrong_line_is_told_in_one_line_that_says_what_and_where(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct options options;
        char said[TEXT_MAX];
        if (read_line(wrong[i].line, &options, said) != OPTIONS_WRONG)
            fail_msg("%s: was taken", wrong[i].sentence);
        if (strstr(said, wrong[i].says) == NULL || strchr(said, '\n') != said + strlen(said) - 1)
            fail_msg("%s: said '%s'", wrong[i].sentence, said);
    }
}

static void every_number_goes_where_it_belongs(void **state)
{
    (void)state;
    struct options o;
    char said[TEXT_MAX];
    assert_int_equal(
        read_line("-w 3 --writers 0 --blockers 5 --max-connections 77 --send-buffer 6 --turn-bytes 7 .", &o, said),
        OPTIONS_SERVE);
    assert_int_equal(o.workers, 3);
    assert_int_equal(o.writers, 0);
    assert_int_equal(o.blockers, 5);
    assert_int_equal(o.max_connections, 77);
    assert_int_equal(o.send_buffer, 6);
    assert_int_equal(o.limits.turn_bytes, 7);
    assert_int_equal(read_line("--request-line-max 100 --head-max 200 --fields-max 9 --body-max 0 .", &o, said),
                     OPTIONS_SERVE);
    assert_int_equal(o.limits.request.line_max, 100);
    assert_int_equal(o.limits.request.head_max, 200);
    assert_int_equal(o.limits.request.fields_max, 9);
    assert_int_equal(o.limits.body_max, 0);
    assert_int_equal(read_line("--keepalive-requests 8 .", &o, said), OPTIONS_SERVE);
    assert_int_equal(o.limits.requests_max, 8);
    assert_int_equal(read_line("--cache-valid 0 --cache-entries 7 --cache-bytes 0 .", &o, said), OPTIONS_SERVE);
    assert_int_equal(o.site.valid_ms, 0);
    assert_int_equal(o.cache_entries, 7);
    assert_int_equal(o.cache_bytes, 0);
    assert_int_equal(read_line("--cache-valid 60 .", &o, said), OPTIONS_SERVE);
    assert_int_equal(o.site.valid_ms, 60000);
    assert_int_equal(
        read_line("--head-timeout 1 --keepalive-timeout 2 --send-timeout 3 --stop-timeout 1000000 .", &o, said),
        OPTIONS_SERVE);
    assert_int_equal(o.limits.head_ms, 1000);
    assert_int_equal(o.limits.keepalive_ms, 2000);
    assert_int_equal(o.limits.send_ms, 3000);
    assert_int_equal(o.stop_ms, 1000000000);
    assert_string_equal(said, "");
}

static void what_is_not_said_has_its_default(void **state)
{
    (void)state;
    struct options o;
    char said[TEXT_MAX], name[SOCKET_NAME_MAX];
    assert_int_equal(read_line("site", &o, said), OPTIONS_SERVE);
    assert_string_equal(o.directory, "site");
    assert_int_equal(o.listeners, 1);
    socket_address_print((const struct sockaddr *)&o.listen[0].storage, name);
    assert_string_equal(name, "127.0.0.1:8080");
    assert_string_equal(o.model->name, "staged");
    assert_int_equal(o.workers, 0);
    assert_int_equal(o.writers, -1);
    assert_int_equal(o.blockers, 4);
    assert_int_equal(o.weight_count, 0);
    assert_int_equal(o.active_limit, 0);
    assert_int_equal(o.reserve_cores, 0);
    assert_true(o.pin);
    assert_false(o.processes);
    assert_null(o.report);
    assert_false(o.access_log_given);
    assert_false(o.quiet);
    assert_int_equal(o.stop_ms, 10000);
    assert_int_equal(o.limits.head_ms, 10000);
    assert_int_equal(o.limits.keepalive_ms, 60000);
    assert_int_equal(o.limits.send_ms, 60000);
    assert_int_equal(o.limits.request.line_max, 8192);
    assert_int_equal(o.limits.request.head_max, 16384);
    assert_int_equal(o.limits.request.fields_max, 100);
    assert_int_equal(o.limits.body_max, 1 << 20);
    assert_int_equal(o.limits.requests_max, 0);
    assert_true(slice_equal(o.site.head.server, SLICE("shunt")));
    assert_true(o.site.head.nosniff);
    assert_int_equal(o.site.links, BENEATH_LINKS_INSIDE);
    assert_false(o.site.dotfiles);
    assert_int_equal(o.site.valid_ms, 1000);
    assert_int_equal(o.cache_entries, 16384);
    assert_int_equal(o.cache_bytes, 256 << 20);
}

static void which_files_are_served_goes_where_it_belongs(void **state)
{
    static const struct {
        const char *line;
        enum beneath_links links;
        bool dotfiles;
    } rows[] = {
        {"--symlinks inside .", BENEATH_LINKS_INSIDE, false},
        {"--symlinks none --dotfiles on .", BENEATH_LINKS_NONE, true},
        {"--symlinks all --dotfiles off .", BENEATH_LINKS_ALL, false},
        {"--symlinks all --symlinks inside --dotfiles off --dotfiles on .", BENEATH_LINKS_INSIDE, true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct options o;
        char said[TEXT_MAX];
        assert_int_equal(read_line(rows[i].line, &o, said), OPTIONS_SERVE);
        assert_int_equal(o.site.links, rows[i].links);
        assert_int_equal(o.site.dotfiles, rows[i].dotfiles);
        assert_string_equal(said, "");
    }
}

static void every_model_is_found_by_its_name(void **state)
{
    (void)state;
    for (int i = 0; models[i] != NULL; i++) {
        struct options o;
        char line[64], said[TEXT_MAX];
        snprintf(line, sizeof line, "%s %s .", i % 2 == 0 ? "--model" : "-m", models[i]->name);
        assert_int_equal(read_line(line, &o, said), OPTIONS_SERVE);
        assert_ptr_equal(o.model, models[i]);
        assert_string_equal(said, "");
    }
}

static void what_a_model_is_told_goes_where_it_belongs(void **state)
{
    (void)state;
    struct options o;
    char said[TEXT_MAX];
    assert_int_equal(
        read_line("--weights 3,1,100 --active-limit 2 --reserve-cores 1 --pin off --report /r .", &o, said),
        OPTIONS_SERVE);
    assert_int_equal(o.weight_count, 3);
    assert_int_equal(o.weights[0], 3);
    assert_int_equal(o.weights[1], 1);
    assert_int_equal(o.weights[2], 100);
    assert_int_equal(o.active_limit, 2);
    assert_int_equal(o.reserve_cores, 1);
    assert_false(o.pin);
    assert_string_equal(o.report, "/r");
    assert_int_equal(read_line("--weights 3,1 --weights 7 --pin off --pin on .", &o, said), OPTIONS_SERVE);
    assert_int_equal(o.weight_count, 1); /* who says it last is right */
    assert_int_equal(o.weights[0], 7);
    assert_true(o.pin);
    assert_int_equal(read_line("--model turns --writers 2 --model staged .", &o, said), OPTIONS_SERVE);
    assert_int_equal(o.writers, 2);
    assert_int_equal(read_line("--model forked --processes --workers 32768 .", &o, said), OPTIONS_SERVE);
    assert_true(o.processes);
    assert_int_equal(o.workers, 32768);
    assert_int_equal(read_line("--workers 1024 .", &o, said), OPTIONS_SERVE);
    assert_string_equal(said, "");
}

static void as_many_weights_as_there_may_be_are_taken_and_no_more(void **state)
{
    (void)state;
    struct options o;
    char line[TEXT_MAX] = "--weights 1", said[TEXT_MAX];
    for (int i = 1; i < SETTINGS_WEIGHTS_MAX; i++)
        strcat(line, ",2");
    size_t len = strlen(line);
    strcat(line, " .");
    assert_int_equal(read_line(line, &o, said), OPTIONS_SERVE);
    assert_int_equal(o.weight_count, SETTINGS_WEIGHTS_MAX);
    strcpy(line + len, ",2 .");
    assert_int_equal(read_line(line, &o, said), OPTIONS_WRONG);
    assert_non_null(strstr(said, "64 at most"));
}

static void what_sockets_are_told_goes_where_it_belongs(void **state)
{
    static const struct {
        const char *line;
        bool defer_accept, nodelay;
        int linger_s;
        const char *congestion;
    } rows[] = {
        {".", true, true, -1, NULL},
        {"--defer-accept off .", false, true, -1, NULL},
        {"--defer-accept on --nodelay off .", true, false, -1, NULL},
        {"--linger off .", true, true, -1, NULL},
        {"--linger 0 .", true, true, 0, NULL},
        {"--linger 30 --linger=1000000 .", true, true, 1000000, NULL},
        {"--congestion cubic .", true, true, -1, "cubic"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct options o;
        char said[TEXT_MAX];
        assert_int_equal(read_line(rows[i].line, &o, said), OPTIONS_SERVE);
        if (o.defer_accept != rows[i].defer_accept || o.nodelay != rows[i].nodelay || o.linger_s != rows[i].linger_s)
            fail_msg("%s: defer %d, nodelay %d, linger %d", rows[i].line, o.defer_accept, o.nodelay, o.linger_s);
        if (rows[i].congestion == NULL)
            assert_null(o.congestion);
        else
            assert_string_equal(o.congestion, rows[i].congestion);
    }
}

static void what_every_response_says_goes_where_it_belongs(void **state)
{
    static const struct {
        const char *line, *server;
        bool nosniff;
    } rows[] = {
        {"--server-name off .", "", true},    {"--server-name off --server-name shunt/1 .", "shunt/1", true},
        {"--server-name Off .", "Off", true}, {"--server-name ! .", "!", true},
        {"--server-name ~ .", "~", true},     {"--server-name " NAME_100 " .", NAME_100, true},
        {"--nosniff off .", "shunt", false},  {"--nosniff off --nosniff on .", "shunt", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct options o;
        char said[TEXT_MAX];
        assert_int_equal(read_line(rows[i].line, &o, said), OPTIONS_SERVE);
        if (!slice_equal(o.site.head.server, slice_of(rows[i].server)) || o.site.head.nosniff != rows[i].nosniff)
            fail_msg("%s: Server is '%.*s', nosniff %d", rows[i].line, (int)o.site.head.server.len,
                     o.site.head.server.at, o.site.head.nosniff);
    }
}

/* A shell lets a word have spaces. */
static void spaces_may_stand_within_a_servers_name_and_not_around_it(void **state)
{
    static const struct {
        char name[16];
        enum options_outcome outcome;
    } rows[] = {{"a (b c)", OPTIONS_SERVE}, {" a", OPTIONS_WRONG}, {"a ", OPTIONS_WRONG}, {" ", OPTIONS_WRONG}};
    (void)state;
    int saved = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct options o;
        char shunt[] = "shunt", option[] = "--server-name", dot[] = ".", name[16];
        char *argv[] = {shunt, option, name, dot, NULL};
        strcpy(name, rows[i].name);
        optind = 0;
        dup2(null, STDERR_FILENO);
        enum options_outcome outcome = options_read(&o, 4, argv);
        dup2(saved, STDERR_FILENO);
        if (outcome != rows[i].outcome)
            fail_msg("'%s': outcome %d", rows[i].name, outcome);
    }
    close(saved);
    close(null);
}

static void listeners_add_up_and_options_may_follow_the_directory(void **state)
{
    (void)state;
    struct options o;
    char said[TEXT_MAX];
    assert_int_equal(read_line("-l 127.0.0.1:1 site --listen [::1]:2 -l *:3 --listen=unix:/x -q", &o, said),
                     OPTIONS_SERVE);
    assert_string_equal(o.directory, "site");
    assert_int_equal(o.listeners, 4);
    assert_string_equal(o.listen_text[2], "*:3");
    assert_true(o.listen[2].any);
    assert_int_equal(o.listen[3].storage.ss_family, AF_UNIX);
    assert_true(o.quiet);
}

static void there_is_an_end_to_listeners(void **state)
{
    (void)state;
    char line[TEXT_MAX] = "", said[TEXT_MAX];
    struct options o;
    for (int i = 0; i < ACCEPTOR_LISTENERS_MAX; i++)
        strcat(line, "-l1 ");
    strcat(line, "-l2 .");
    assert_int_equal(read_line(line, &o, said), OPTIONS_WRONG);
    assert_non_null(strstr(said, "--listen 2: there can be 64 addresses at most"));
}

static void the_access_log_is_a_file_or_standard_output_or_off(void **state)
{
    (void)state;
    struct options o;
    char said[TEXT_MAX];
    assert_int_equal(read_line("--access-log off .", &o, said), OPTIONS_SERVE);
    assert_true(o.access_log_given);
    assert_null(o.access_log);
    assert_int_equal(read_line("--access-log - .", &o, said), OPTIONS_SERVE);
    assert_string_equal(o.access_log, "-");
    assert_int_equal(read_line("--access-log /var/log/x .", &o, said), OPTIONS_SERVE);
    assert_string_equal(o.access_log, "/var/log/x");
}

static void help_and_version_are_answered_and_that_is_all(void **state)
{
    (void)state;
    struct options o;
    char said[TEXT_MAX];
    assert_int_equal(read_line("--help", &o, said), OPTIONS_DONE);
    assert_non_null(strstr(said, "usage: shunt [options] DIR\n"));
    assert_non_null(strstr(said, "--keepalive-requests N "));
    assert_non_null(strstr(said, "--server-name NAME|off "));
    assert_non_null(strstr(said, "--nosniff on|off "));
    for (int i = 0; models[i] != NULL; i++)
        assert_non_null(strstr(said, models[i]->name));
    assert_int_equal(read_line("-V", &o, said), OPTIONS_DONE);
    assert_int_equal(strncmp(said, "shunt ", 6), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wrong_line_is_told_in_one_line_that_says_what_and_where),
        cmocka_unit_test(every_number_goes_where_it_belongs),
        cmocka_unit_test(what_is_not_said_has_its_default),
        cmocka_unit_test(which_files_are_served_goes_where_it_belongs),
        cmocka_unit_test(every_model_is_found_by_its_name),
        cmocka_unit_test(what_a_model_is_told_goes_where_it_belongs),
        cmocka_unit_test(as_many_weights_as_there_may_be_are_taken_and_no_more),
        cmocka_unit_test(what_sockets_are_told_goes_where_it_belongs),
        cmocka_unit_test(what_every_response_says_goes_where_it_belongs),
        cmocka_unit_test(spaces_may_stand_within_a_servers_name_and_not_around_it),
        cmocka_unit_test(listeners_add_up_and_options_may_follow_the_directory),
        cmocka_unit_test(there_is_an_end_to_listeners),
        cmocka_unit_test(the_access_log_is_a_file_or_standard_output_or_off),
        cmocka_unit_test(help_and_version_are_answered_and_that_is_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
