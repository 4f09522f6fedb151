#include "stage.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const char *stage_say(struct stage *stage, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(stage->verdict, sizeof stage->verdict, format, arguments);
    va_end(arguments);
    return stage->verdict;
}

const char *stage_skip(struct stage *stage, const char *reason)
{
    stage->skipped = true;
    return reason;
}

const char *stage_start_with(struct stage *stage, const struct server_setup *setup)
{
    EXPECT(server_start(&stage->server, stage->harness, setup), "the server did not start: %.900s", stage->server.said);
    stage->port = stage->server.ports[0];
    return NULL;
}

const char *stage_start(struct stage *stage, const char *const *options)
{
    return stage_start_with(stage, &(struct server_setup){.options = options, .root = stage->site.root});
}

const char *stage_finish_but(struct stage *stage, const char *words)
{
    return server_finish(&stage->server, words);
}

const char *stage_finish(struct stage *stage)
{
    return stage_finish_but(stage, NULL);
}

int stage_get(struct stage *stage, const char *path)
{
    struct client client;
    if (!client_open(&client, stage->port))
        return -1;
    int status = client_status(&client, path, "Connection: close\r\n");
    client_close(&client);
    return status;
}

bool stage_warm(struct stage *stage, const char *path)
{
    for (long i = 2 * sysconf(_SC_NPROCESSORS_ONLN); i > 0; i--) {
        if (stage_get(stage, path) < 0)
            return false;
    }
    return true;
}

bool stage_get_within(struct stage *stage, const char *path, int status, int timeout_ms)
{
    for (long long until = now_ms() + timeout_ms; now_ms() < until; pause_ms(20)) {
        if (stage_get(stage, path) == status)
            return true;
    }
    return false;
}

bool stage_fds_within(struct stage *stage, int fds, int timeout_ms)
{
    for (long long until = now_ms() + timeout_ms; now_ms() < until; pause_ms(10)) {
        if (server_fds(&stage->server) <= fds)
            return true;
    }
    return false;
}

bool stage_model_is(const struct stage *stage, const char *name)
{
    const char *model = "staged";
    for (char *const *option = stage->harness->options; *option; option++) {
        if (strcmp(*option, "--model") == 0 && option[1])
            model = option[1];
    }
    return strcmp(model, name) == 0;
}

bool stage_is_instrumented(struct stage *stage)
{
    char path[64], line[512];
    bool found = false;
    snprintf(path, sizeof path, "/proc/%d/maps", (int)stage->server.pid);
    FILE *maps = fopen(path, "re");
    while (maps && !found && fgets(line, sizeof line, maps))
        found = strstr(line, "libasan") || strstr(line, "libtsan") || strstr(line, "libubsan");
    if (maps)
        fclose(maps);
    return found;
}

/* ---- words */

int text_lines(const char *text)
{
    int lines = 0;
    for (; (text = strchr(text, '\n')); text++)
        lines++;
    return lines;
}

bool text_begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

bool text_is_one_line(const char *text)
{
    return text_begins(text, "shunt: ") && strchr(text, '\n') == text + strlen(text) - 1;
}
