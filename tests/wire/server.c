#include "server.h"

#include "pause.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ARGUMENTS = 64, START_MS = 20000, STOP_MS = 20000 };

static int copy_options(const char **arguments, int count, const char *const *options)
{
    for (; options && *options && count < ARGUMENTS - 4; options++)
        arguments[count++] = *options;
    return count;
}

/* In the child: everything that must differ from us, then the program. */
static void become_server(const struct harness *harness, const struct server_setup *setup)
{
    const char *arguments[ARGUMENTS] = {harness->program};
    int count = copy_options(arguments, 1, (const char *const *)harness->options);
    count = copy_options(arguments, count, setup->options);
    if (!setup->listens_itself) {
        arguments[count++] = "--listen";
        arguments[count++] = "127.0.0.1:0";
    }
    arguments[count++] = setup->root;
    arguments[count] = NULL;

    static const int capabilities[] = {CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_NET_BIND_SERVICE, CAP_SYS_RESOURCE};
    for (size_t i = 0; i < sizeof capabilities / sizeof *capabilities; i++)
        prctl(PR_CAPBSET_DROP, capabilities[i]); /* fails for those who aren't root, and have none of them */
    if (setup->files)
        setrlimit(RLIMIT_NOFILE, &(struct rlimit){setup->files, setup->files});
    unsetenv("NOTIFY_SOCKET");
    unsetenv("JOURNAL_STREAM");
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execv(harness->program, (char *const *)(void *)arguments);
    fprintf(stderr, "cannot run %s: %s\n", harness->program, strerror(errno));
    _exit(127);
}

void server_spawn(struct server *server, const struct harness *harness, const struct server_setup *setup)
{
    int error_pipe[2], output_pipe[2];
    *server = (struct server){.pid = -1, .error_fd = -1, .output_fd = -1};
    if (pipe2(error_pipe, O_CLOEXEC) < 0 || pipe2(output_pipe, O_CLOEXEC) < 0)
        return;
    server->pid = fork();
    if (server->pid == 0) {
        int nothing = open("/dev/null", O_RDONLY);
        dup2(nothing, STDIN_FILENO);
        dup2(output_pipe[1], STDOUT_FILENO);
        dup2(error_pipe[1], STDERR_FILENO);
        close(nothing);
        become_server(harness, setup);
    }
    close(error_pipe[1]);
    close(output_pipe[1]);
    server->error_fd = error_pipe[0];
    server->output_fd = output_pipe[0];
    fcntl(server->error_fd, F_SETFL, O_NONBLOCK);
    fcntl(server->output_fd, F_SETFL, O_NONBLOCK);
}

/* Takes what the pipe holds; what doesn't fit is forgotten, so that the server never waits for us. */
static void drain(int fd, char *text, size_t *len)
{
    char more[4096];
    ssize_t got;
    while (fd >= 0 && (got = read(fd, more, sizeof more)) > 0) {
        size_t room = SERVER_SAID - 1 - *len;
        size_t kept = (size_t)got < room ? (size_t)got : room;
        memcpy(text + *len, more, kept);
        *len += kept;
        text[*len] = '\0';
    }
}

static void listen_to(struct server *server)
{
    drain(server->error_fd, server->said, &server->said_len);
    drain(server->output_fd, server->printed, &server->printed_len);
}

/* The port of each URL in the banner. */
static void read_ports(struct server *server, const char *banner)
{
    const char *end = strchr(banner, '\n');
    for (const char *url = strstr(banner, "://"); url && url < end && server->port_count < SERVER_PORTS;
         url = strstr(url + 3, "://")) {
        const char *host = url + 3;
        const char *after = *host == '[' ? strchr(host, ']') : host;
        const char *colon = after ? strchr(after, ':') : NULL;
        server->ports[server->port_count++] = colon && colon < end ? (int)strtol(colon + 1, NULL, 10) : 0;
    }
}

bool server_start(struct server *server, const struct harness *harness, const struct server_setup *setup)
{
    server_spawn(server, harness, setup);
    for (long long until = now_ms() + START_MS; now_ms() < until; pause_ms(2)) {
        listen_to(server);
        const char *banner = strstr(server->said, "shunt: serving ");
        if (banner && strchr(banner, '\n')) {
            read_ports(server, banner);
            return true;
        }
        if (waitpid(server->pid, NULL, WNOHANG) == server->pid) {
            server->pid = -1;
            break;
        }
    }
    listen_to(server);
    if (server->pid > 0)
        server_stop(server, SIGKILL);
    return false;
}

static void close_pipes(struct server *server)
{
    close(server->error_fd);
    close(server->output_fd);
    server->error_fd = server->output_fd = -1;
}

int server_wait(struct server *server, int timeout_ms)
{
    if (server->pid <= 0)
        return -1;
    for (long long until = now_ms() + timeout_ms;; pause_ms(2)) {
        int status;
        bool ended = waitpid(server->pid, &status, WNOHANG) == server->pid;
        listen_to(server);
        if (ended) {
            close_pipes(server);
            server->pid = -1;
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        }
        if (now_ms() >= until)
            return -1;
    }
}

int server_stop(struct server *server, int signal_number)
{
    if (server->pid <= 0)
        return -1;
    kill(server->pid, signal_number);
    int status = server_wait(server, STOP_MS);
    if (status < 0) {
        kill(server->pid, SIGKILL);
        server_wait(server, STOP_MS);
    }
    return status;
}

const char *server_complaints(struct server *server)
{
    listen_to(server);
    const char *banner = strstr(server->said, "shunt: serving ");
    const char *end = banner ? strchr(banner, '\n') : NULL;
    return end ? end + 1 : server->said;
}

/* The first line without these words, or the empty end. */
static const char *unexpected_line(const char *said, const char *words)
{
    while (*said && words) {
        const char *end = strchrnul(said, '\n');
        if (!memmem(said, (size_t)(end - said), words, strlen(words)))
            break;
        said = *end ? end + 1 : end;
    }
    return said;
}

const char *server_finish(struct server *server, const char *words)
{
    int status = server_stop(server, SIGTERM);
    const char *said = server_complaints(server), *unexpected = unexpected_line(said, words);
    if (status == 0 && !*unexpected)
        return NULL;
    snprintf(server->verdict, sizeof server->verdict, "the server ended with %d and said:\n%s", status,
             status == 0 ? unexpected : said);
    return server->verdict;
}

/* How many processes of its own it has: one for each connection, in one model. */
static int children(const struct server *server)
{
    char path[64];
    int count = 0, child;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)server->pid, (int)server->pid);
    FILE *list = fopen(path, "re");
    while (list && fscanf(list, "%d", &child) == 1)
        count++;
    if (list)
        fclose(list);
    return count;
}

int server_fds(const struct server *server)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd", (int)server->pid);
    DIR *directory = opendir(path);
    if (!directory)
        return -1;
    int count = 0;
    for (struct dirent *entry; (entry = readdir(directory));)
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count + children(server);
}

static bool read_proc(const struct server *server, const char *name, char *text, size_t room)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)server->pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, text, room - 1);
    if (fd >= 0)
        close(fd);
    text[got > 0 ? got : 0] = '\0';
    return got > 0;
}

long server_resident_kb(const struct server *server)
{
    char text[256];
    long pages;
    if (!read_proc(server, "statm", text, sizeof text) || sscanf(text, "%*d %ld", &pages) != 1)
        return -1;
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

long server_cpu_ms(const struct server *server)
{
    char text[1024];
    unsigned long user, system;
    if (!read_proc(server, "stat", text, sizeof text))
        return -1;
    const char *after_name = strrchr(text, ')');
    if (!after_name ||
        sscanf(after_name + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
        return -1;
    return (long)(user + system) * 1000 / sysconf(_SC_CLK_TCK);
}
