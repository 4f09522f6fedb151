/* scene: the tables of scenes, one for each file of them. */
#ifndef WIRE_SCENE_H
#define WIRE_SCENE_H

#include "stage.h"

/* Each ends in an empty row. */
extern const struct scene scenes_of_streams[], scenes_of_files[], scenes_of_limits[], scenes_of_stopping[],
    scenes_of_listening[], scenes_of_logging[], scenes_of_commands[], scenes_of_tails[], scenes_of_the_stuck[],
    scenes_of_overload[], scenes_of_models[], scenes_of_reports[], scenes_of_the_balanced[], scenes_of_the_forked[],
    scenes_of_disks[], scenes_of_sockets[], scenes_of_ranges[], scenes_of_heads[], scenes_of_packing[],
    scenes_of_paths[], scenes_of_changes[], scenes_of_refusals[];

#endif
