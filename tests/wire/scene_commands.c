/* scenes of commands: the command line, right and wrong. Mistakes are told in one line that names them. */
#include "scene.h"

#include <fnmatch.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { WORDS = 6 };

/* "@" in an argument stands for the site's root. */
struct command {
    const char *sentence;
    const char *arguments[WORDS];
    int status;
    const char *words; /* a pattern for the line on standard error */
};

static const struct command wrong[] = {
    {"no directory", {0}, 2, "*"},
    {"two directories", {"@", "@"}, 2, "*"},
    {"an option that isn't known", {"--frobnicate", "@"}, 2, "*--frobnicate*"},
    {"a letter that isn't known", {"-Z", "@"}, 2, "*Z*"},
    {"an option without its value", {"@", "--workers"}, 2, "*workers*"},
    {"a number that is none", {"--workers", "many", "@"}, 2, "*workers*many*"},
    {"a number with something behind it", {"--workers", "2x", "@"}, 2, "*workers*2x*"},
    {"a negative number", {"--writers", "-1", "@"}, 2, "*writers*-1*"},
    {"no workers", {"--workers", "0", "@"}, 2, "*workers*0*"},
    {"a number beyond any", {"--max-connections", "99999999999999999999", "@"}, 2, "*max-connections*"},
    {"an empty number", {"--head-timeout", "", "@"}, 2, "*head-timeout*"},
    {"a time that is none", {"--keepalive-timeout", "soon", "@"}, 2, "*keepalive-timeout*soon*"},
    {"a model that isn't known", {"--model", "nonesuch", "@"}, 2, "*nonesuch*staged*"},
    {"an address that is none", {"--listen", "nonsense", "@"}, 2, "*nonsense*"},
    {"a port that is none", {"--listen", "127.0.0.1:http", "@"}, 2, "*127.0.0.1:http*"},
    {"a port beyond any", {"--listen", "127.0.0.1:65536", "@"}, 2, "*65536*"},
    {"an IPv6 address without its end", {"--listen", "[::1:80", "@"}, 2, "*[[]::1:80*"},
    {"an empty address", {"--listen", "", "@"}, 2, "*listen*"},
    {"an address that isn't ours", {"--listen", "192.0.2.1:0", "@"}, 1, "*192.0.2.1*"},
    {"a directory that isn't there", {"@/missing-directory"}, 1, "*missing-directory*No such*"},
    {"a directory that is a file", {"@/hello.txt"}, 1, "*hello.txt*Not a directory*"},
    {"a directory that it may not read", {"--listen", "0", "@/closed"}, 1, "*closed*Permission*"},
    {"every file of the machine", {"--listen", "0", "/"}, 1, "*serve /:*--whole-system*"},
    {"every file of the machine, by another name", {"--listen", "0", "/proc/self/root/."}, 1, "*--whole-system*"},
    {"a log in a directory that isn't there",
     {"--listen", "0", "--access-log", "@/missing-directory/log", "@"},
     1,
     "*missing-directory*No such*"},
};

static const char *in_one_line(struct stage *stage, const struct command *command)
{
    char arguments[WORDS][SITE_PATH_MAX + 64];
    const char *options[WORDS + 1] = {0};
    for (int i = 0; i < WORDS && command->arguments[i]; i++) {
        const char *at = strchr(command->arguments[i], '@');
        if (at)
            snprintf(arguments[i], sizeof arguments[i], "%s%s", stage->site.root, at + 1);
        options[i] = at ? arguments[i] : command->arguments[i];
    }
    server_spawn(&stage->server, stage->harness, &(struct server_setup){.options = options, .listens_itself = true});
    int status = server_wait(&stage->server, 10000);
    if (status < 0)
        server_stop(&stage->server, SIGKILL);
    const char *said = stage->server.said;
    EXPECT(status == command->status, "%s: exit status %d, not %d; %.600s", command->sentence, status, command->status,
           said);
    EXPECT(text_is_one_line(said), "%s is not told in one line: %.700s", command->sentence, said);
    EXPECT(fnmatch(command->words, said, 0) == 0, "%s is told so: %.700s", command->sentence, said);
    return NULL;
}

static const char *mistakes(struct stage *stage)
{
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const char *problem = in_one_line(stage, &wrong[i]);
        if (problem)
            return problem;
    }
    return NULL;
}

static const char *version(struct stage *stage)
{
    static const char *const spellings[] = {"-V", "--version"};
    for (int i = 0; i < 2; i++) {
        server_spawn(&stage->server, stage->harness,
                     &(struct server_setup){.options = OPTIONS(spellings[i]), .listens_itself = true});
        int status = server_wait(&stage->server, 10000);
        const char *printed = stage->server.printed;
        EXPECT(status == 0 && !stage->server.said_len, "%s: exit status %d: %.500s", spellings[i], status,
               stage->server.said);
        EXPECT(fnmatch("shunt [0-9]*.[0-9]*\n", printed, 0) == 0, "%s prints %.500s", spellings[i], printed);
    }
    return NULL;
}

static const char *help(struct stage *stage)
{
    static const char *const names[] = {"-l",
                                        "--listen",
                                        "-m",
                                        "--model",
                                        "-w",
                                        "--workers",
                                        "--writers",
                                        "--blockers",
                                        "--access-log",
                                        "-q",
                                        "--quiet",
                                        "-V",
                                        "--version",
                                        "-h",
                                        "--help",
                                        "--max-connections",
                                        "--head-timeout",
                                        "--keepalive-timeout",
                                        "--send-timeout",
                                        "--stop-timeout",
                                        "--request-line-max",
                                        "--head-max",
                                        "--fields-max",
                                        "--body-max",
                                        "--send-buffer",
                                        "--turn-bytes",
                                        "--weights",
                                        "--processes",
                                        "--active-limit",
                                        "--reserve-cores",
                                        "--pin",
                                        "--report",
                                        "--congestion",
                                        "--defer-accept",
                                        "--nodelay",
                                        "--linger"};
    static const char *const spellings[] = {"-h", "--help"};
    for (int i = 0; i < 2; i++) {
        server_spawn(&stage->server, stage->harness,
                     &(struct server_setup){.options = OPTIONS(spellings[i]), .listens_itself = true});
        int status = server_wait(&stage->server, 10000);
        EXPECT(status == 0 && !stage->server.said_len, "%s: exit status %d: %.500s", spellings[i], status,
               stage->server.said);
        for (size_t n = 0; n < sizeof names / sizeof *names; n++)
            EXPECT(strstr(stage->server.printed, names[n]), "%s doesn't tell of %s", spellings[i], names[n]);
    }
    return NULL;
}

static const char *quiet(struct stage *stage)
{
    char path[100], option[110];
    struct client client = {.fd = -1};
    snprintf(path, sizeof path, "%.80s/q.sock", stage->site.place);
    snprintf(option, sizeof option, "unix:%s", path);
    server_spawn(&stage->server, stage->harness,
                 &(struct server_setup){
                     .options = OPTIONS("-q", "--listen", option), .root = stage->site.root, .listens_itself = true});
    for (int i = 0; i < 500 && client.fd < 0; i++, pause_ms(10))
        client_open_unix(&client, path);
    EXPECT(client.fd >= 0 && client_status(&client, "/hello.txt", NULL) == 200, "no answer");
    client_close(&client);
    int status = server_stop(&stage->server, SIGTERM);
    EXPECT(status == 0, "it ended with %d", status);
    EXPECT(!stage->server.said_len && !stage->server.printed_len, "it said: %.800s", stage->server.said);
    return NULL;
}

static const char *options_behind_the_directory(struct stage *stage)
{
    server_spawn(&stage->server, stage->harness,
                 &(struct server_setup){.options = OPTIONS(stage->site.root, "-w2", "-l127.0.0.1:0", "--blockers=3"),
                                        .listens_itself = true});
    for (int i = 0; i < 1000 && !strstr(stage->server.said, "shunt: serving "); i++, pause_ms(10))
        server_complaints(&stage->server);
    EXPECT(strstr(stage->server.said, "shunt: serving "), "it said: %.800s", stage->server.said);
    int status = server_stop(&stage->server, SIGTERM);
    EXPECT(status == 0, "it ended with %d", status);
    return NULL;
}

static const char *odd_directories(struct stage *stage)
{
    char path[SITE_PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/dir/../", stage->site.root);
    const char *problem = stage_start_with(stage, &(struct server_setup){.root = path});
    if (problem)
        return problem;
    EXPECT(stage_get(stage, "/hello.txt") == 200, "a directory with dots and a slash isn't served");
    problem = stage_finish(stage);
    if (problem)
        return problem;
    snprintf(path, sizeof path, "%s/link-dir", stage->site.root);
    problem = stage_start_with(stage, &(struct server_setup){.root = path});
    if (problem)
        return problem;
    EXPECT(stage_get(stage, "/page.html") == 200, "a directory behind a link isn't served");
    return stage_finish(stage);
}

static const char *whole_system(struct stage *stage)
{
    const char *problem =
        stage_start_with(stage, &(struct server_setup){.options = OPTIONS("--whole-system"), .root = "/"});
    if (problem)
        return problem;
    EXPECT(stage_get(stage, "/etc/passwd") == 200, "what was asked for isn't served");
    return stage_finish(stage);
}

const struct scene scenes_of_commands[] = {
    {"mistakes are told in one line that names them", mistakes},
    {"-V prints the version", version},
    {"-h tells of every option", help},
    {"-q says nothing", quiet},
    {"options may stand behind the directory, and be written together", options_behind_the_directory},
    {"who insists may serve the whole system", whole_system},
    {"directories may be spelt in odd ways", odd_directories},
    {0},
};
