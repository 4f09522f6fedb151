#include "files/source.h"

int source_open(struct source *source, const char *directory, uint32_t valid_ms, bool listens)
{
    *source = (struct source){0};
    if ((listens && valid_ms > 0 ? changes_open(&source->changes) : changes_open_blind(&source->changes)) < 0)
        return -1;
    if (ways_open(&source->ways, &source->changes) < 0)
        return -1;
    if (root_path_open(&source->path, directory, &source->changes, valid_ms) < 0)
        return -1;
    if (listens)
        closer_start(&source->closer);
    return 0;
}

void source_close(struct source *source)
{
    closer_stop(&source->closer);
    root_path_close(&source->path);
    ways_close(&source->ways);
    changes_close(&source->changes);
}
