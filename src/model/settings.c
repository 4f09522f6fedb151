#include "model/settings.h"

#include "model/acceptor.h"

enum {
    FILES_OF_OUR_OWN = 16, /* standard streams, listeners, signals, the log, the docroot … */
    FILES_PER_PLACE = 2,   /* a poller's */
    FILES_TO_CACHE = 8,    /* one descriptor in so many may be a cached file */
};

int settings_places(const struct engine_settings *settings)
{
    int places = 0;
    for (int i = 0; i < settings->crew_count; i++)
        places += settings->crews[i].places;
    return places;
}

int settings_threads(const struct engine_settings *settings, bool all)
{
    int threads = 0;
    for (int i = 0; i < settings->crew_count; i++)
        if (all || !settings->crews[i].grows)
            threads += settings->crews[i].places * settings->crews[i].threads;
    return threads;
}

int settings_acceptors(const struct engine_settings *settings)
{
    const struct crew *home = &settings->crews[CREW_HOME];
    return home->accepts ? home->places : 1;
}

/* Each crew's places follow those of the one before. */
static void number_places(struct engine_settings *settings)
{
    int first = 0;
    for (int i = 0; i < settings->crew_count; i++) {
        settings->crews[i].first = first;
        first += settings->crews[i].places;
    }
}

/* Descriptors that the acceptors keep for the time when there are no others. */
static int reserve_of(int acceptors)
{
    return acceptors * ACCEPTOR_LEAST > ACCEPTOR_RESERVE ? acceptors * ACCEPTOR_LEAST : ACCEPTOR_RESERVE;
}

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

void settings_settle(struct engine_settings *settings, int wanted)
{
    settings->model->settle(settings);
    number_places(settings);
    int most = settings->files_max - settings->files_max / FILES_TO_CACHE - FILES_OF_OUR_OWN -
               settings->addresses * settings_acceptors(settings) - FILES_PER_PLACE * (settings_places(settings) + 1) -
               2 * reserve_of(settings_acceptors(settings));
    if (settings->crews[CREW_HOME].grows) /* each thread opens files of its own */
        most /= 2;
    if (settings->processes)
        most = smaller(most, settings->crews[CREW_HOME].threads);
    settings->connections_max = wanted > 0 ? smaller(wanted, most) : most;
}

struct cache_limits settings_cache_limits(const struct engine_settings *settings)
{
    int readers = 0;
    if (settings->crews[CREW_HOME].grows) /* each for one connection, and there may be thousands */
        return (struct cache_limits){.entries = 16, .bytes = 1 << 18, .files = 1};
    for (int i = 0; i < settings->crew_count; i++)
        if (settings->crews[i].reads)
            readers += settings->crews[i].places * settings->crews[i].threads;
    return (struct cache_limits){
        .entries = settings->cache_entries,
        .bytes = settings->cache_bytes / (uint64_t)readers,
        .files = (uint32_t)(settings->files_max / FILES_TO_CACHE / readers),
    };
}
