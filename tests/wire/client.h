/* client: a plain blocking client with a clock, for scenes that are more than rows. */
#ifndef WIRE_CLIENT_H
#define WIRE_CLIENT_H

#include "answer.h"

#include <stdbool.h>
#include <stddef.h>

struct client {
    int fd;      /* -1: not connected */
    char *bytes; /* what was received and not yet taken */
    size_t len, room;
    size_t taken; /* bytes of the last answer, forgotten by the next call */
    bool ended;   /* the server has closed */
    bool reset;   /* … and roughly */
};

/* Connects to a port of 127.0.0.1. False with errno. */
bool client_open(struct client *client, int port);

/* The same with a receive buffer of so many bytes, for readers that take little. */
bool client_open_narrow(struct client *client, int port, int receive_buffer);

/* Connects to another place: "[::1]" and a port, or a unix socket's path. */
bool client_open_ipv6(struct client *client, int port);
bool client_open_unix(struct client *client, const char *path);

/* Sends all of it. False when the connection broke. */
bool client_send(struct client *client, const char *bytes, size_t len);

/* "GET <path> HTTP/1.1" with Host and the given further lines (each with CRLF). */
bool client_get(struct client *client, const char *path, const char *fields);

/* Receives one answer, within the time; it is valid until the next call. */
bool client_answer(struct client *client, bool to_head, struct answer *answer, int timeout_ms);

/* Both, for a plain 200 or another status: the status, or -1. */
int client_status(struct client *client, const char *path, const char *fields);

/* Receives and forgets until the server closes: within how many milliseconds, -1 if it doesn't in time. */
int client_wait_closed(struct client *client, int timeout_ms);

/* Receives at most `most` bytes, waiting at most so long for the first. How many; 0 at the end, -1 when nothing came.
 */
long client_take(struct client *client, size_t most, int timeout_ms);

void client_close(struct client *client);

/* Closes with a reset, as a peer that crashed. */
void client_reset(struct client *client);

#endif
