#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 1024, GATE_MS = 1000 };

/* Appends text to a line of LINE_MAX_BYTES, what isn't printable ASCII as \xNN; cut where it doesn't fit. */
static size_t append_printable(char *line, size_t len, const char *text)
{
    static const char hex[] = "0123456789abcdef";
    for (; *text != '\0' && len + 5 < LINE_MAX_BYTES; text++) {
        unsigned char c = (unsigned char)*text;
        if (c >= 0x20 && c < 0x7f) {
            line[len++] = (char)c;
        } else {
            line[len++] = '\\';
            line[len++] = 'x';
            line[len++] = hex[c >> 4];
            line[len++] = hex[c & 15];
        }
    }
    return len;
}

static void write_line(enum log_level level, const char *message, const char *reason)
{
    char line[LINE_MAX_BYTES];
    size_t len = 0;
    if (getenv("JOURNAL_STREAM") != NULL)
        len = (size_t)snprintf(line, sizeof line, "<%d>", level);
    len = append_printable(line, len, "shunt: ");
    len = append_printable(line, len, message);
    if (reason != NULL) {
        len = append_printable(line, len, ": ");
        len = append_printable(line, len, reason);
    }
    line[len++] = '\n';
    /* Nobody is left to tell when standard error itself fails. */
    ssize_t ignored = write(STDERR_FILENO, line, len);
    (void)ignored;
}

void log_line(enum log_level level, const char *format, ...)
{
    int saved = errno;
    char message[LINE_MAX_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    write_line(level, message, NULL);
    errno = saved;
}

void log_errno(enum log_level level, const char *format, ...)
{
    int saved = errno;
    char message[LINE_MAX_BYTES], reason[128];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    write_line(level, message, strerror_r(saved, reason, sizeof reason));
    errno = saved;
}

bool log_gate_opens(struct log_gate *gate, uint64_t now_ms)
{
    if (now_ms < gate->next_ms)
        return false;
    gate->next_ms = now_ms + GATE_MS;
    return true;
}
