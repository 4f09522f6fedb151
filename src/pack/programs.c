/*
 * Each as small as it gets for whoever has to unpack it: gzip without a name and a time in its header, so that the same
 * file gives the same bytes; zstd at 19, and not above, whose window of 8 MB is the largest that a client must take
 * (RFC 9659), without threads of its own, since we run one of them for each processor, and told the size, without which
 * it readies 85 MB of memory for the smallest file.
 */
#include "pack/programs.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const struct pack_program pack_programs[PACK_PROGRAMS] = {
    {{"gzip", "-9", "-n", "-c"}, NULL, CODING_GZIP},
    {{"brotli", "-q", "11", "-c"}, NULL, CODING_BR},
    {{"zstd", "-19", "-T1", "-q", "-c"}, "--stream-size=", CODING_ZSTD},
};

const char *pack_program_suffix(int program)
{
    return sidecar_ending(pack_programs[program].coding).at;
}

static bool is_program(const char *path)
{
    struct stat st;
    return access(path, X_OK) == 0 && stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* As a shell looks for it, but that the directory we are in is no place to find one. */
static bool find(const char *name, const char *directories, char path[PATH_MAX])
{
    for (const char *at = directories; *at != '\0';) {
        size_t len = strcspn(at, ":");
        if (at[0] == '/' && len < PATH_MAX) {
            int needed = snprintf(path, PATH_MAX, "%.*s/%s", (int)len, at, name);
            if (needed < PATH_MAX && is_program(path))
                return true;
        }
        at += len + (at[len] == ':');
    }
    *path = '\0';
    return false;
}

int pack_programs_find(struct pack_places *places)
{
    const char *directories = getenv("PATH");
    int found = 0;
    for (int i = 0; i < PACK_PROGRAMS; i++)
        found += find(pack_programs[i].arguments[0], directories != NULL ? directories : "/usr/local/bin:/usr/bin:/bin",
                      places->paths[i]);
    return found;
}
