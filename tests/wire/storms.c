/*
 * storms: plays every storm, one after the other, each in a process of its own.
 *
 *     storms SHUNT [-s SECONDS] [-o WORD] [-- OPTION ...]
 *
 * -s: so long each (3); -o: only those whose sentence holds the word. Ends with a line "N passed, N failed".
 */
#include "storm.h"
#include "theatre.h"

#include <stdio.h>

enum { SECONDS = 3, SECONDS_MAX = 3600, SPARE_SECONDS = 60 /* to begin and to end */ };

int main(int argc, char **argv)
{
    static const struct scene *const tables[] = {storms_of_changes, storms_of_links, NULL};
    struct theatre theatre = {.seconds = SECONDS, .pool.at_once = 1};
    if (!theatre_open(&theatre, argc, argv) || theatre.seconds < 1 || theatre.seconds > SECONDS_MAX) {
        fprintf(stderr, "usage: storms SHUNT [-s SECONDS] [-o WORD] [-- OPTION ...]\n");
        return 2;
    }
    theatre.limit_s = STORM_LONGER * theatre.seconds + SPARE_SECONDS;
    theatre_play(&theatre, tables);
    return pool_finish(&theatre.pool);
}
