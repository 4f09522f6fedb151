/*
 * server: the server under test, started as a stranger would: the binary, its options, a directory.
 *
 * It runs without the capabilities that let root read everything and bind every port, so that tests mean the same for
 * root as for anyone else. It ends with the test, whatever happens to the test.
 */
#ifndef WIRE_SERVER_H
#define WIRE_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* What the command line of a test program says about the server. */
struct harness {
    const char *program;  /* the binary under test */
    char *const *options; /* NULL-ended; given to every server, before a test's own */
};

struct server_setup {
    const char *const *options; /* NULL-ended; NULL: none. Later ones win over the harness's. */
    const char *root;           /* the directory to serve; NULL: no such argument */
    unsigned files;             /* RLIMIT_NOFILE, soft and hard; 0: as it is */
    bool listens_itself;        /* the options name the listeners; else it is 127.0.0.1 on a free port */
};

enum { SERVER_PORTS = 8, SERVER_SAID = 16384 };

struct server {
    pid_t pid;
    int error_fd, output_fd; /* its stderr and stdout */
    int ports[SERVER_PORTS]; /* of the URLs in the banner, in their order; 0 for one without */
    int port_count;
    char said[SERVER_SAID]; /* its stderr so far, NUL-ended */
    size_t said_len;
    char printed[SERVER_SAID]; /* its stdout so far, NUL-ended */
    size_t printed_len;
    char verdict[SERVER_SAID + 64]; /* what server_finish wrote */
};

/* Starts the program and doesn't wait for anything. */
void server_spawn(struct server *server, const struct harness *harness, const struct server_setup *setup);

/* Starts the program and waits for its banner. False if there is none within 20 seconds; server->said then says why. */
bool server_start(struct server *server, const struct harness *harness, const struct server_setup *setup);

/* Waits at most so long for its end. The exit status, 128 + N after signal N, -1 if it still runs. */
int server_wait(struct server *server, int timeout_ms);

/* Sends the signal and waits, at most 20 seconds, then kills it. As server_wait. */
int server_stop(struct server *server, int signal_number);

/* What it wrote to stderr after the banner line, up to now. */
const char *server_complaints(struct server *server);

/* Ends it with SIGTERM: it must exit with 0, and have said nothing but lines with these words in them ("": any lines;
 * NULL: none). NULL, or what was wrong. */
const char *server_finish(struct server *server, const char *words);

/* Of the running server: open file descriptors (a child process counts as one), resident kilobytes, CPU milliseconds
 * used; -1 if it is gone. */
int server_fds(const struct server *server);
long server_resident_kb(const struct server *server);
long server_cpu_ms(const struct server *server);

#endif
