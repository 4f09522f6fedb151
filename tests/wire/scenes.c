/*
 * scenes: plays every scene, a few at once, each in a process of its own.
 *
 *     scenes SHUNT [-o WORD] [-- OPTION ...]      -o: only those whose sentence holds the word
 *
 * Ends with a line "N passed, N failed", and ", N skipped" where some can't be played here.
 */
#include "scene.h"
#include "theatre.h"

#include <stdio.h>

enum { AT_ONCE = 8, SCENE_SECONDS = 120 };

int main(int argc, char **argv)
{
    static const struct scene *const tables[] = {
        scenes_of_stopping,  scenes_of_limits,   scenes_of_files,    scenes_of_streams,
        scenes_of_listening, scenes_of_logging,  scenes_of_commands, scenes_of_tails,
        scenes_of_the_stuck, scenes_of_overload, scenes_of_ranges,   scenes_of_heads,
        scenes_of_paths,     scenes_of_changes,  scenes_of_refusals, NULL};
    /* These name their models themselves: they are played where nobody asks for another. */
    static const struct scene *const tables_of_models[] = {
        scenes_of_models, scenes_of_reports, scenes_of_the_balanced, scenes_of_the_forked,
        scenes_of_disks,  scenes_of_sockets, scenes_of_packing,      NULL};
    struct theatre theatre = {.limit_s = SCENE_SECONDS, .pool.at_once = AT_ONCE};
    if (!theatre_open(&theatre, argc, argv)) {
        fprintf(stderr, "usage: scenes SHUNT [-o WORD] [-- OPTION ...]\n");
        return 2;
    }
    theatre_play(&theatre, tables);
    if (!*theatre.harness.options)
        theatre_play(&theatre, tables_of_models);
    return pool_finish(&theatre.pool);
}
