/*
 * storm_world: the site that changes: what lies where on the disk, what each of its pages is to be answered with, and
 * the changes that can be made to it.
 *
 * The root is a link, and leads to one of two releases, which hold the same pages, each with contents of its own.
 * Within a release lie switches: links that lead here or there, a directory that comes, goes, or is another one.
 *
 * A change is first planned, which changes the world as it is remembered here, and then made on the disk. What nobody
 * can reach by any path is changed only when nobody is on a path that led there: else what he finds would be of no
 * state that his page ever had.
 */
#ifndef WIRE_STORM_WORLD_H
#define WIRE_STORM_WORLD_H

#include "storm_content.h"

enum trait {
    EDITED = 1,   /* written in place */
    REPLACED = 2, /* by another file, renamed into its place */
    COMING = 4,   /* and going, and being a directory */
    CLOSED = 8,   /* and opened, by its mode */
    CODED = 16,   /* has sidecars */
    LARGE = 32,   /* sent from its descriptor */
};

enum turn { TURN_NONE, TURN_WAY, TURN_BAR, TURN_LINK, TURN_VIA, TURN_ASIDE, TURNS };

enum { PAGES = 24, SIDES = 2, POSITIONS = 2, NOWHERE = -1 };

struct page {
    const char *url;
    unsigned traits;
    enum turn turn;              /* what decides which of its files is seen */
    const char *path[POSITIONS]; /* in a release; the second only where there is a turn that knows two positions */
};

extern const struct page pages[PAGES];

/* ---- what is remembered */

enum standing { STANDS, STANDS_CLOSED, STANDS_DIRECTORY, STANDS_NOT };

struct leaf {
    enum standing standing;
    struct content forms[FORMS];
    uint64_t written_ms[FORMS]; /* not before this, for FORM_PLAIN; for others, not after */
    uint32_t twins[FORMS];      /* see struct state */
};

struct release {
    uint32_t number;
    int at[TURNS];             /* positions; NOWHERE for the way that isn't there, or is empty; a bar is up at 1 */
    uint64_t turned_at[TURNS]; /* when, in finished changes */
    bool way_is_empty;
    struct leaf leaves[PAGES][POSITIONS];
};

/* Who knows whether anybody is still on a path that he took before so many changes were finished. */
struct quiet {
    const void *context;
    bool (*since)(const void *context, uint64_t changes);
};

struct world {
    int place; /* the directory of all this */
    struct release releases[SIDES];
    int side; /* where the root leads */
    uint64_t swapped_at;
    uint32_t versions, numbers; /* given so far */
    uint64_t random;
    struct quiet quiet;
};

/* A number below `below`. */
uint32_t world_random(struct world *world, uint32_t below);

/* Builds it in a directory, whose link "served" is the root. 0, or -1 with errno. */
int world_build(struct world *world, const char *place);

/* A new content, of a version of its own. */
struct content world_content(struct world *world, uint32_t length);

/* A length that no file has in another release, or at another position; not longer than this. For where a link or a
 * root is swapped, or two directories are exchanged, who comes may have the time and the length of who was there, both
 * having been written within a tick of the clock long ago: nothing that a tag is made of tells the two apart. */
uint32_t world_fit(uint32_t length, int side, int position);

/* Remembers one of the releases as a new one: all files stand, none has a sidecar, and everything is turned to 0; but
 * there is no way. Builds it on the disk. And leads the root to a release. The latter two: 0, or -1 with errno. */
void world_renew(struct world *world, int side);
int world_build_release(const struct world *world, int side);
int world_lead_root(int place, uint32_t number);

/* The link in a release that turns, and where it leads at a position. */
const char *world_link(enum turn turn);
const char *world_link_text(enum turn turn, int position);

/* ---- what a page is */

/* Which of a page's files is seen, NOWHERE: none. */
int world_position(const struct release *release, int page);

enum served { SERVED_NOT, SERVED_PERHAPS /* the clock doesn't tell which is older */, SERVED };

struct state {
    int status;
    int kind; /* of the change that made it so */
    struct content forms[FORMS];
    enum served served[FORMS];
    /* The version before it, whose tag it may bear, or VERSION_NONE: both have one length, and a tick of the clock
     * ended while the one took the other's place. So it may have been written within the tick, and be seen after it. */
    uint32_t twins[FORMS];
    uint64_t done_us; /* when the change had been made; 0: not yet */
};

/* What the page is to be answered with; ->kind and ->done_us are left alone. */
void world_expect(const struct world *world, int page, struct state *state);

/* ---- changes */

struct change {
    int side, page, position;
    enum form form;
    struct content content;
    enum turn turn; /* TURN_NONE: nothing turns */
    int to;
    bool swaps;      /* the root */
    int64_t tick_ns; /* when the change was planned, by a clock that ticks as that of files */
};

struct kind {
    const char *name;
    unsigned traits; /* pages that it is for; 0: it is for none */
    bool swaps;      /* the root */
    bool in_place;   /* who reads meanwhile may see some of each version */
    bool empties;    /* and that the file is shorter than both, with zeros at its end */
    bool twice;      /* the same again, within a tick of the clock */
    int often;       /* in proportion to others */
    /* False: it isn't possible now. */
    bool (*plan)(struct world *world, struct change *change);
    /* `world` as it was before. 0, or -1 with errno. */
    int (*make)(const struct world *world, const struct change *change);
};

/* Whether it was made all within a tick. */
bool world_was_quick(const struct change *change);

/* To be told once it is made, with the number of changes that are finished then. */
void world_made(struct world *world, const struct change *change, uint64_t changes);

enum { KINDS = 26 };
extern const struct kind kinds[KINDS];

#endif
