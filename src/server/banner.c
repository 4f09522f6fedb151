#include "server/banner.h"

#include "base/log.h"
#include "base/version.h"

#include <netinet/in.h>
#include <stdio.h>
#include <unistd.h>

enum { URLS_MAX = 900 }; /* bytes: with the rest, one log line */

static unsigned port_of(const struct socket_address *address)
{
    return address->storage.ss_family == AF_INET6 ? ntohs(((const struct sockaddr_in6 *)&address->storage)->sin6_port)
                                                  : ntohs(((const struct sockaddr_in *)&address->storage)->sin_port);
}

/* Where a browser finds this listener. "*" is every address of the machine: the one to click is localhost. */
static int print_url(const struct socket_address *address, char *out, size_t room)
{
    char name[SOCKET_NAME_MAX];
    if (address->any)
        return snprintf(out, room, "http://localhost:%u/", port_of(address));
    socket_address_print((const struct sockaddr *)&address->storage, name);
    return snprintf(out, room, address->storage.ss_family == AF_UNIX ? "%s" : "http://%s/", name);
}

static void show_line(const struct options *options, const struct socket_address *bound)
{
    char urls[URLS_MAX] = "";
    size_t len = 0;
    for (int i = 0; i < options->listeners && len + SOCKET_NAME_MAX + 16 < sizeof urls; i++) {
        if (i > 0)
            urls[len++] = ' ';
        len += (size_t)print_url(&bound[i], urls + len, sizeof urls - len);
    }
    log_line(LOG_LEVEL_INFO, "serving %s on %s", options->directory, urls);
}

/* "2 read, 4 block, 1 write" */
static void show_crews(const struct engine_settings *settings)
{
    for (int i = 0; i < settings->crew_count; i++) {
        const struct crew *crew = &settings->crews[i];
        const char *before = i > 0 ? ", " : "";
        if (crew->grows)
            fprintf(stderr, "%sa %s a connection, %d at most", before, settings->processes ? "process" : "thread",
                    crew->places * crew->threads);
        else
            fprintf(stderr, "%s%d %s", before, crew->places * crew->threads, crew->role);
    }
}

static void show_page(const struct options *options, const struct socket_address *bound,
                      const struct engine_settings *settings)
{
    char url[SOCKET_NAME_MAX + 16];
    fprintf(stderr, "shunt %s\n  serving   %s\n", SHUNT_VERSION, options->directory);
    for (int i = 0; i < options->listeners; i++) {
        print_url(&bound[i], url, sizeof url);
        fprintf(stderr, "  %s  %s%s\n", i == 0 ? "open    " : "        ", url,
                bound[i].any ? "  (and every other address of this machine)" : "");
    }
    fprintf(stderr, "  model     %s: ", settings->model->name);
    show_crews(settings);
    fprintf(stderr, "; %d connections at most\n", settings->connections_max);
    fprintf(stderr, "  stop      Ctrl-C (twice: at once)\n");
}

void banner_show(const struct options *options, const struct socket_address *bound,
                 const struct engine_settings *settings)
{
    if (options->quiet)
        return;
    if (isatty(STDERR_FILENO))
        show_page(options, bound, settings);
    else
        show_line(options, bound);
}
