/*
 * crew: threads that are alike, and the places that they serve. A model is a few crews and a route between them.
 *
 * "read" with four places of one thread each, and "write" with one place of one thread, are the staged model; "worker"
 * with one shared place of four threads is the one in which they take turns.
 */
#ifndef SHUNT_MODEL_CREW_H
#define SHUNT_MODEL_CREW_H

#include "model/place.h"

struct worker;

/* Which cores its threads are pinned to, the first to the first and so on, around when there are more threads. */
enum crew_cores {
    CORES_ANY = 1, /* none: the kernel moves them */
    CORES_UP,      /* from the first usable one up */
    CORES_DOWN,    /* from the last one down */
};

/* The first of a model's crews is where connections are at home: conn->home is one of its places. It alone may accept,
 * or grow. */
enum { CREW_HOME = 0 };

struct crew {
    const char *role; /* "read": its threads are "read 0", "read 1" … */
    enum place_kind kind;
    int places;  /* alike */
    int first;   /* of them among all of the engine's, settled */
    int threads; /* at each of them; more than one at a shared place or a queue only */
    int batch;   /* connections that a thread takes from a queue at once; 0: one */
    enum crew_cores cores;
    bool reads;       /* requests are read here: its threads have caches */
    bool rests;       /* connections wait for requests at its places */
    bool only_unread; /* into its inboxes' queues comes only what nobody has read yet: others may take it */
    bool accepts;     /* its places have listeners, too; where no crew does, the main thread accepts */
    bool sends_later; /* it only gathers replies, another crew sends them */
    bool metered;     /* what its requests cost is measured, see load.h */
    bool grows;       /* a thread is made when a connection would have to wait for one */

    /* What a thread does with a connection whose turn it is; NULL: worker_run(). */
    void (*run)(struct worker *worker, struct conn *c);

    /* What it does before it sleeps, if anything: whether it found work. */
    bool (*before_sleep)(struct worker *worker);
};

#endif
