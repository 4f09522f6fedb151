#include "storm_world.h"

#include "pause.h"
#include "storm_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FIRST_SMALL = 3200, /* bytes, of files as they are built */
    FIRST_LARGE = 96000,
    TICK_MS = 30, /* no clock of files ticks slower */
};

const struct page pages[PAGES] = {
    {"/edited-0.txt", EDITED, TURN_NONE, {"edited-0.txt", NULL}},
    {"/edited-1.txt", EDITED | REPLACED, TURN_NONE, {"edited-1.txt", NULL}},
    {"/in/deep/edited-2.txt", EDITED, TURN_NONE, {"in/deep/edited-2.txt", NULL}},
    {"/edited-3.bin", EDITED | LARGE, TURN_NONE, {"edited-3.bin", NULL}},
    {"/edited-4.bin", EDITED | REPLACED | LARGE, TURN_NONE, {"edited-4.bin", NULL}},
    {"/replaced-0.txt", REPLACED, TURN_NONE, {"replaced-0.txt", NULL}},
    {"/in/replaced-1.txt", REPLACED, TURN_NONE, {"in/replaced-1.txt", NULL}},
    {"/replaced-2.bin", REPLACED | LARGE, TURN_NONE, {"replaced-2.bin", NULL}},
    {"/in/replaced-3.bin", REPLACED | LARGE, TURN_NONE, {"in/replaced-3.bin", NULL}},
    {"/index/", REPLACED, TURN_NONE, {"index/index.html", NULL}},
    {"/coming-0.txt", COMING, TURN_NONE, {"coming-0.txt", NULL}},
    {"/coming-1.bin", COMING | LARGE, TURN_NONE, {"coming-1.bin", NULL}},
    {"/closed-0.txt", CLOSED | REPLACED, TURN_NONE, {"closed-0.txt", NULL}},
    {"/closed-1.bin", CLOSED | LARGE, TURN_NONE, {"closed-1.bin", NULL}},
    {"/coded-0.js", CODED, TURN_NONE, {"coded-0.js", NULL}},
    {"/in/coded-1.js", CODED | REPLACED, TURN_NONE, {"in/coded-1.js", NULL}},
    {"/coded-2.js", CODED | REPLACED | LARGE, TURN_NONE, {"coded-2.js", NULL}},
    {"/way/in/x.txt", REPLACED, TURN_WAY, {"way-0/in/x.txt", "way-1/in/x.txt"}},
    {"/way/in/x.bin", REPLACED | LARGE, TURN_WAY, {"way-0/in/x.bin", "way-1/in/x.bin"}},
    {"/barred/in/x.txt", REPLACED, TURN_BAR, {"barred/in/x.txt", NULL}},
    {"/link.txt", EDITED | REPLACED, TURN_LINK, {"targets/0.txt", "targets/1.txt"}},
    {"/via/x.txt", EDITED | REPLACED, TURN_VIA, {"via-0/x.txt", "via-1/x.txt"}},
    {"/via/x.bin", REPLACED | LARGE, TURN_VIA, {"via-0/x.bin", "via-1/x.bin"}},
    {"/in/aside/x.txt", REPLACED, TURN_ASIDE, {"aside-0/x.txt", "aside-1/x.txt"}},
};

uint32_t world_random(struct world *world, uint32_t below)
{
    world->random ^= world->random << 13;
    world->random ^= world->random >> 7;
    world->random ^= world->random << 17;
    return (uint32_t)((world->random >> 32) % below);
}

/* ---- what a page is */

int world_position(const struct release *release, int page)
{
    enum turn turn = pages[page].turn;
    return turn == TURN_NONE || turn == TURN_BAR ? 0 : release->at[turn];
}

/* By the rule that a sidecar is none if it is older than its file, or not smaller. */
static enum served served_of(const struct leaf *leaf, enum form form)
{
    struct content plain = leaf->forms[FORM_PLAIN], coded = leaf->forms[form];
    if (coded.version == VERSION_NONE || coded.length >= plain.length)
        return SERVED_NOT;
    if (coded.version >= plain.version) /* and so it was written later */
        return SERVED;
    return leaf->written_ms[FORM_PLAIN] - leaf->written_ms[form] > TICK_MS ? SERVED_NOT : SERVED_PERHAPS;
}

static int status_of(const struct release *release, int page)
{
    static const int statuses[] = {[STANDS] = 200, [STANDS_CLOSED] = 403, [STANDS_DIRECTORY] = 301, [STANDS_NOT] = 404};
    int position = world_position(release, page);
    if (position == NOWHERE)
        return 404;
    if (pages[page].turn == TURN_BAR && release->at[TURN_BAR] == 1)
        return 403;
    return statuses[release->leaves[page][position].standing];
}

void world_expect(const struct world *world, int page, struct state *state)
{
    const struct release *release = &world->releases[world->side];
    state->status = status_of(release, page);
    for (int form = 0; form < FORMS; form++) {
        state->forms[form] = (struct content){0};
        state->served[form] = SERVED_NOT;
        state->twins[form] = VERSION_NONE;
        if (state->status == 200) {
            const struct leaf *leaf = &release->leaves[page][world_position(release, page)];
            state->forms[form] = leaf->forms[form];
            state->served[form] = served_of(leaf, (enum form)form);
            state->twins[form] = leaf->twins[form];
        }
    }
}

struct content world_content(struct world *world, uint32_t length)
{
    return (struct content){++world->versions, length};
}

/* ---- releases */

/* Each link, and where it leads. */
static const char *const links[TURNS] = {[TURN_LINK] = "link.txt", [TURN_VIA] = "via", [TURN_ASIDE] = "in/aside"};
static const char *const link_texts[TURNS][POSITIONS] = {
    [TURN_LINK] = {"targets/0.txt", "targets/1.txt"},
    [TURN_VIA] = {"via-0", "via-1"},
    [TURN_ASIDE] = {"../aside-0", "../aside-1"},
};

const char *world_link(enum turn turn)
{
    return links[turn];
}

const char *world_link_text(enum turn turn, int position)
{
    return link_texts[turn][position];
}

static const char *const directories[] = {"in",     "in/deep",   "index",   "way-0", "way-0/in", "way-1",   "way-1/in",
                                          "barred", "barred/in", "targets", "via-0", "via-1",    "aside-0", "aside-1"};
enum { DIRECTORIES = sizeof directories / sizeof *directories };

uint32_t world_fit(uint32_t length, int side, int position)
{
    uint32_t units = length / RECORD, kind = (uint32_t)(side * POSITIONS + position),
             kinds_of_lengths = SIDES * POSITIONS;
    return (units - (units - kind) % kinds_of_lengths) * RECORD;
}

static struct content first_content(struct world *world, int page, int side, int position)
{
    uint32_t length = pages[page].traits & LARGE ? FIRST_LARGE : FIRST_SMALL;
    return world_content(world, world_fit(length, side, position));
}

void world_renew(struct world *world, int side)
{
    struct release *release = &world->releases[side];
    *release = (struct release){.number = world->numbers++, .at = {[TURN_WAY] = NOWHERE}};
    for (int page = 0; page < PAGES; page++) {
        for (int position = 0; position < POSITIONS && pages[page].path[position]; position++) {
            struct leaf *leaf = &release->leaves[page][position];
            leaf->forms[FORM_PLAIN] = first_content(world, page, side, position);
            leaf->written_ms[FORM_PLAIN] = (uint64_t)now_ms();
        }
    }
}

static int build_files(const struct world *world, int side)
{
    const struct release *release = &world->releases[side];
    for (int page = 0; page < PAGES; page++) {
        for (int position = 0; position < POSITIONS && pages[page].path[position]; position++) {
            struct disk_path path;
            disk_path(&path, release->number, "%s", pages[page].path[position]);
            if (disk_write(world->place, &path, O_CREAT | O_EXCL, page, FORM_PLAIN,
                           release->leaves[page][position].forms[FORM_PLAIN]) < 0)
                return -1;
        }
    }
    return 0;
}

int world_build_release(const struct world *world, int side)
{
    struct disk_path path;
    uint32_t number = world->releases[side].number;
    disk_path_release(&path, number);
    if (mkdirat(world->place, path.text, 0755) < 0)
        return -1;
    for (int i = 0; i < DIRECTORIES; i++) {
        disk_path(&path, number, "%s", directories[i]);
        if (mkdirat(world->place, path.text, 0755) < 0)
            return -1;
    }
    for (int turn = 0; turn < TURNS; turn++) {
        disk_path(&path, number, "%s", links[turn] ? links[turn] : "");
        if (links[turn] && disk_link(world->place, link_texts[turn][0], &path) < 0)
            return -1;
    }
    return build_files(world, side);
}

int world_lead_root(int place, uint32_t number)
{
    struct disk_path release, root;
    disk_path_release(&release, number);
    disk_path_root(&root);
    return disk_link(place, release.text, &root);
}

int world_build(struct world *world, const char *place)
{
    *world = (struct world){.random = 0x9e3779b97f4a7c15u};
    world->place = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (world->place < 0 || mkdirat(world->place, DISK_SPARES, 0755) < 0)
        return -1;
    for (int side = 0; side < SIDES; side++) {
        world_renew(world, side);
        if (world_build_release(world, side) < 0)
            return -1;
    }
    return world_lead_root(world->place, world->releases[world->side].number);
}
