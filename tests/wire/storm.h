/* storm: a scene whose site changes all the time while many clients ask, for as long as one likes. */
#ifndef WIRE_STORM_H
#define WIRE_STORM_H

#include "stage.h"

enum { STORM_LONGER = 10 /* times the seconds, where those are too short to have seen enough */ };

/* Each ends in an empty row. */
extern const struct scene storms_of_changes[], storms_of_links[];

#endif
