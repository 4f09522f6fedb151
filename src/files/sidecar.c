#include "files/sidecar.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

static const struct slice endings[CODINGS] = {
    [CODING_GZIP] = {".gz", 3},
    [CODING_ZSTD] = {".zst", 4},
    [CODING_BR] = {".br", 3},
};

struct slice sidecar_ending(enum coding coding)
{
    return endings[coding];
}

struct slice sidecar_path(struct slice path, enum coding coding, char *out)
{
    const struct slice pieces[] = {path, open_is_index(path) ? open_name(path) : SLICE(""), endings[coding], {"", 1}};
    size_t len = 0;
    if (slices_length(pieces, sizeof pieces / sizeof *pieces) > PATH_MAX)
        return (struct slice){0};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        memcpy(out + len, pieces[i].at, pieces[i].len);
        len += pieces[i].len;
    }
    return (struct slice){out, len - 1};
}

/* Some compressors copy a file's time in whole seconds (brotli does): that is not older. */
static bool is_older(struct timespec sidecar, struct timespec file)
{
    if (sidecar.tv_sec != file.tv_sec)
        return sidecar.tv_sec < file.tv_sec;
    return sidecar.tv_nsec < file.tv_nsec && sidecar.tv_nsec != 0;
}

/* No coding makes nothing of something: an empty one was cut off. */
bool sidecar_serves(const struct identity *sidecar, const struct identity *file)
{
    return sidecar->size > 0 && sidecar->size < file->size && !is_older(sidecar->modified, file->modified);
}

/* 0, or -1 with errno. */
static int open_one(const struct look *look, enum coding coding, const struct identity *file, struct sidecar *sidecar)
{
    char path[PATH_MAX];
    struct look beside = *look;
    struct stat st;
    beside.path = sidecar_path(look->path, coding, path);
    if (beside.path.len == 0)
        return 0;
    int status = open_file(&beside, &sidecar->fd, &st);
    if (status == 0)
        return -1;
    if (status != 200)
        return 0;
    sidecar->identity = identity_of(&st);
    if (!sidecar_serves(&sidecar->identity, file)) {
        close(sidecar->fd);
        sidecar->fd = -1;
    }
    return 0;
}

int sidecars_open(const struct look *look, const struct identity *file, uint32_t wanted, struct sidecars *sidecars)
{
    int error = 0;
    sidecars->some = false;
    sidecars->of[CODING_IDENTITY].fd = -1;
    for (int coding = CODING_IDENTITY + 1; coding < CODINGS; coding++) {
        struct sidecar *sidecar = &sidecars->of[coding];
        sidecar->fd = -1;
        if ((wanted & UINT32_C(1) << coding) != 0 && open_one(look, (enum coding)coding, file, sidecar) < 0)
            error = errno;
        sidecars->some |= sidecar->fd >= 0;
    }
    if (error == 0)
        return 0;
    sidecars_close(sidecars);
    errno = error;
    return -1;
}

void sidecars_close(struct sidecars *sidecars)
{
    for (int coding = 0; coding < CODINGS; coding++) {
        if (sidecars->of[coding].fd >= 0)
            close(sidecars->of[coding].fd);
        sidecars->of[coding].fd = -1;
    }
}
