/* pack_bar: how far it is, on a terminal: one line, which goes when all is done. */
#ifndef SHUNT_PACK_BAR_H
#define SHUNT_PACK_BAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PACK_SIZE_MAX = 16, PACK_BAR_MAX = 256 };

struct pack_progress {
    size_t files_done, files;
    uint64_t work_done, work; /* bytes to be read, each as often as it is */
    int64_t saved;            /* bytes */
};

struct pack_bar {
    bool shows, drawn;
    uint64_t next_ms; /* not before */
};

/* Shows nothing unless standard error is a terminal that can be written over. */
void pack_bar_init(struct pack_bar *bar, bool quiet);

/* Draws it, if it is time to. */
void pack_bar_draw(struct pack_bar *bar, const struct pack_progress *progress);

/* Takes it away, so that another line can be written. */
void pack_bar_clear(struct pack_bar *bar);

/* The line: at most `width` characters, NUL-ended. */
void pack_bar_format(char line[PACK_BAR_MAX], size_t width, const struct pack_progress *progress);

/* "900 bytes", "4.1 MB": in powers of ten. */
void pack_size_format(char text[PACK_SIZE_MAX], uint64_t bytes);

#endif
