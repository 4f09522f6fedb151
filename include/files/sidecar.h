/*
 * sidecar: the compressed variants of a file that lie beside it: name.gz, name.zst, name.br.
 *
 * They are found and opened in the one way that files are, and so pass the same rules. One that is older than its file,
 * or not smaller, is none; neither is what isn't a regular file.
 */
#ifndef SHUNT_FILES_SIDECAR_H
#define SHUNT_FILES_SIDECAR_H

#include "files/identity.h"
#include "files/open.h"
#include "http/coding.h"

struct sidecar {
    int fd; /* -1: there is none */
    struct identity identity;
};

enum { SIDECARS_ALL = (1 << CODINGS) - 1 };

struct sidecars {
    struct sidecar of[CODINGS]; /* none of CODING_IDENTITY */
    bool some;                  /* there are some; known though others may not be */
};

/* Opens those of the file that `look` is for, which is there, with that identity. `wanted`: in which codings, a bit for
 * each. 0, or -1 with errno: as open_file()
 * where that returns 0; nothing is open then, and ->some tells what was seen before. */
int sidecars_open(const struct look *look, const struct identity *file, uint32_t wanted, struct sidecars *sidecars);

/* Closes what is open; safe to repeat. */
void sidecars_close(struct sidecars *sidecars);

/* Whether a sidecar with this identity may stand for the file. */
bool sidecar_serves(const struct identity *sidecar, const struct identity *file);

/* ".gz": what a sidecar's name has behind its file's. NUL-ended. */
struct slice sidecar_ending(enum coding coding);

/* The path of a file's sidecar, NUL-ended, in `out` (room for PATH_MAX bytes); empty where that is too long. */
struct slice sidecar_path(struct slice path, enum coding coding, char *out);

#endif
