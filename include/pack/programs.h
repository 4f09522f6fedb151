/* pack_programs: what compresses, in the order in which their sidecars are told of. */
#ifndef SHUNT_PACK_PROGRAMS_H
#define SHUNT_PACK_PROGRAMS_H

#include "files/sidecar.h"

#include <limits.h>

enum { PACK_PROGRAMS = 3, PACK_ARGUMENTS_MAX = 6, PACK_SUFFIX_MAX = 4, PACK_OPTION_MAX = 40 };

struct pack_program {
    const char *arguments[PACK_ARGUMENTS_MAX]; /* NULL-ended: from standard input to standard output; first its name */
    const char *size_option;                   /* behind them, with the size that it is to read; NULL: it has none */
    enum coding coding;                        /* of what it makes */
};

extern const struct pack_program pack_programs[PACK_PROGRAMS];

/* What its sidecars' names end in, NUL-ended. */
const char *pack_program_suffix(int program);

/* Where they are: a path each, empty where one isn't installed. */
struct pack_places {
    char paths[PACK_PROGRAMS][PATH_MAX];
};

/* Looks for them in PATH. How many there are. */
int pack_programs_find(struct pack_places *places);

#endif
