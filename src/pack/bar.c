#include "pack/bar.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { EVERY_MS = 100, WIDTH_USUAL = 80, CELLS_MAX = 60 };

void pack_bar_init(struct pack_bar *bar, bool quiet)
{
    const char *kind = getenv("TERM");
    bool writes_over = kind != NULL && *kind != '\0' && strcmp(kind, "dumb") != 0;
    *bar = (struct pack_bar){.shows = !quiet && writes_over && isatty(STDERR_FILENO)};
}

void pack_size_format(char text[PACK_SIZE_MAX], uint64_t bytes)
{
    static const char *const units[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
    double value = (double)bytes / 1000;
    int unit = 0;
    for (; value >= 999.95; unit++)
        value /= 1000;
    if (bytes < 1000)
        snprintf(text, PACK_SIZE_MAX, "%u bytes", (unsigned)bytes);
    else
        snprintf(text, PACK_SIZE_MAX, "%.1f %s", value, units[unit]);
}

void pack_bar_format(char line[PACK_BAR_MAX], size_t width, const struct pack_progress *progress)
{
    char size[PACK_SIZE_MAX], cells[CELLS_MAX + 1];
    pack_size_format(size, progress->saved > 0 ? (uint64_t)progress->saved : 0);
    int len = snprintf(line, PACK_BAR_MAX, "%zu of %zu files, %s saved", progress->files_done, progress->files, size);
    size_t used = (size_t)len, room = width > used + 3 ? width - used - 3 : 0;
    size_t count = room < CELLS_MAX ? room : CELLS_MAX;
    double done = progress->work == 0 ? 1 : (double)progress->work_done / (double)progress->work;
    memset(cells, '.', count);
    memset(cells, '#', (size_t)(done * (double)count));
    cells[count] = '\0';
    if (count > 0)
        snprintf(line + used, PACK_BAR_MAX - used, " [%s]", cells);
    line[width < PACK_BAR_MAX ? width : PACK_BAR_MAX - 1] = '\0';
}

/* One column is left free: a terminal would wrap there. */
static size_t columns(void)
{
    struct winsize size;
    bool told = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1;
    return (told ? size.ws_col : WIDTH_USUAL) - 1;
}

/* Over what stands there: "\033[K" takes the rest of the line away. */
static void put(const char *line)
{
    char bytes[PACK_BAR_MAX + 8];
    int len = snprintf(bytes, sizeof bytes, "\r%s\033[K", line);
    ssize_t ignored = write(STDERR_FILENO, bytes, (size_t)len);
    (void)ignored;
}

void pack_bar_draw(struct pack_bar *bar, const struct pack_progress *progress)
{
    char line[PACK_BAR_MAX];
    uint64_t now_ms = bar->shows ? clock_now_ms() : 0;
    if (!bar->shows || now_ms < bar->next_ms)
        return;
    pack_bar_format(line, columns(), progress);
    put(line);
    bar->drawn = true;
    bar->next_ms = now_ms + EVERY_MS;
}

void pack_bar_clear(struct pack_bar *bar)
{
    if (bar->drawn)
        put("");
    bar->drawn = false;
}
