/*
 * log: what the operator reads on standard error. One line a message, in one write, never more.
 *
 * A message says what was attempted, on what, and why it failed, and what to do where we know:
 *     shunt: listen on 127.0.0.1:80: Permission denied (ports below 1024 need CAP_NET_BIND_SERVICE; try --listen 8080)
 * Under systemd (JOURNAL_STREAM is set) each line carries its level for the journal, see sd-daemon(3).
 * errno is the same after each of these calls as before it.
 */
#ifndef SHUNT_BASE_LOG_H
#define SHUNT_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level {
    LOG_LEVEL_ERROR = 3, /* syslog(3)'s numbers */
    LOG_LEVEL_WARNING = 4,
    LOG_LEVEL_INFO = 6,
};

/* "shunt: <message>\n". Bytes outside printable ASCII are shown as \xNN; a message longer than 1 kB is cut. */
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same, with ": <strerror(errno)>" behind the message. */
void log_errno(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A gate that opens at most once a second, for messages that a flood of events would repeat. One thread owns it. */
struct log_gate {
    uint64_t next_ms; /* not before this, on clock_now_ms()'s clock */
};

/* Whether a message may be written now. errno is the same after as before. */
bool log_gate_opens(struct log_gate *gate, uint64_t now_ms);

#endif
