#include "storm_world.h"

#include "pause.h"
#include "storm_disk.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- contents */

static uint32_t random_length(struct world *world, const struct change *change)
{
    uint32_t least = pages[change->page].traits & LARGE ? 70000 / RECORD : 40;
    return world_fit((least + world_random(world, least / 2)) * RECORD, change->side, change->position);
}

static struct leaf *leaf_of(struct world *world, const struct change *change)
{
    return &world->releases[change->side].leaves[change->page][change->position];
}

static int64_t tick_ns(void)
{
    struct timespec tick;
    clock_gettime(CLOCK_REALTIME_COARSE, &tick);
    return (int64_t)tick.tv_sec * 1000000000 + tick.tv_nsec;
}

static bool put_content(struct world *world, struct change *change)
{
    struct leaf *leaf = leaf_of(world, change);
    bool same_length = leaf->forms[change->form].length == change->content.length;
    leaf->twins[change->form] = same_length ? leaf->forms[change->form].version : VERSION_NONE;
    leaf->forms[change->form] = change->content;
    change->tick_ns = tick_ns();
    leaf->written_ms[change->form] = (uint64_t)now_ms();
    if (change->form == FORM_PLAIN)
        leaf->standing = STANDS;
    return true;
}

/* The file that is seen, where there is one that can be read. */
static const struct leaf *seen_leaf(struct world *world, struct change *change)
{
    const struct release *release = &world->releases[world->side];
    change->side = world->side;
    change->position = world_position(release, change->page);
    if (change->position == NOWHERE || (pages[change->page].turn == TURN_BAR && release->at[TURN_BAR] == 1))
        return NULL;
    return leaf_of(world, change);
}

static const struct leaf *seen_file(struct world *world, struct change *change, enum standing standing)
{
    const struct leaf *leaf = seen_leaf(world, change);
    return leaf && leaf->standing == standing ? leaf : NULL;
}

/* Where a page's file lies. Of the ways, the one that is there has another name. */
static void path_of(const struct world *world, const struct change *change, struct disk_path *path)
{
    const struct release *release = &world->releases[change->side];
    const char *within = pages[change->page].path[change->position];
    if (pages[change->page].turn == TURN_WAY && release->at[TURN_WAY] == change->position)
        disk_path(path, release->number, "way%s", strchr(within, '/'));
    else
        disk_path(path, release->number, "%s", within);
    disk_path_add(path, form_ending(change->form));
}

/* ---- changes of one file */

static bool plan_same(struct world *world, struct change *change)
{
    const struct leaf *leaf = seen_file(world, change, STANDS);
    if (!leaf)
        return false;
    change->content = world_content(world, leaf->forms[FORM_PLAIN].length);
    return put_content(world, change);
}

static bool plan_other(struct world *world, struct change *change)
{
    if (!seen_file(world, change, STANDS))
        return false;
    change->content = world_content(world, random_length(world, change));
    return put_content(world, change);
}

static bool plan_truncation(struct world *world, struct change *change)
{
    const struct leaf *leaf = seen_file(world, change, STANDS);
    if (!leaf)
        return false;
    change->content = leaf->forms[FORM_PLAIN];
    change->content.length = world_fit(change->content.length * 3 / 4, change->side, change->position);
    return change->content.length >= LENGTH_MIN && put_content(world, change);
}

static bool plan_append(struct world *world, struct change *change)
{
    const struct leaf *leaf = seen_file(world, change, STANDS);
    if (!leaf)
        return false;
    change->content = leaf->forms[FORM_PLAIN];
    change->content.length += world_fit((5 + world_random(world, 40)) * RECORD, 0, 0);
    return change->content.length <= LENGTH_MAX && put_content(world, change);
}

/* Whatever stood there, but a directory. */
static bool plan_replacement(struct world *world, struct change *change)
{
    const struct leaf *leaf = seen_leaf(world, change);
    if (!leaf || leaf->standing == STANDS_DIRECTORY)
        return false;
    change->content = world_content(world, random_length(world, change));
    return put_content(world, change);
}

static bool plan_hidden(struct world *world, struct change *change)
{
    bool other_side = world_random(world, 2) == 0;
    change->side = other_side ? 1 - world->side : world->side;
    const struct release *release = &world->releases[change->side];
    change->position = pages[change->page].path[1] ? (int)world_random(world, POSITIONS) : 0;
    if (!world->quiet.since(world->quiet.context, world->swapped_at) ||
        (change->side == world->side &&
         (world_position(release, change->page) == change->position || pages[change->page].path[1] == NULL ||
          !world->quiet.since(world->quiet.context, release->turned_at[pages[change->page].turn]))))
        return false;
    if (pages[change->page].turn == TURN_BAR && release->at[TURN_BAR] == 1)
        return false;
    change->content = world_content(world, random_length(world, change));
    return put_content(world, change);
}

static int make_written(const struct world *world, const struct change *change)
{
    struct disk_path path;
    path_of(world, change, &path);
    return disk_write(world->place, &path, 0, change->page, change->form, change->content);
}

static int make_rewritten(const struct world *world, const struct change *change)
{
    struct disk_path path;
    path_of(world, change, &path);
    return disk_write(world->place, &path, O_TRUNC, change->page, change->form, change->content);
}

static int make_shorter(const struct world *world, const struct change *change)
{
    struct disk_path path;
    path_of(world, change, &path);
    return disk_truncate(world->place, &path, change->content.length);
}

static int make_longer(const struct world *world, const struct change *change)
{
    struct disk_path path;
    uint32_t before = world->releases[change->side].leaves[change->page][change->position].forms[FORM_PLAIN].length;
    struct content more = {change->content.version, change->content.length - before};
    path_of(world, change, &path);
    return disk_write(world->place, &path, O_APPEND, change->page, change->form, more);
}

static int make_replaced(const struct world *world, const struct change *change)
{
    struct disk_path path, spare;
    path_of(world, change, &path);
    disk_path_spare(&spare);
    if (disk_write(world->place, &spare, O_CREAT | O_EXCL, change->page, change->form, change->content) < 0)
        return -1;
    return disk_rename(world->place, &spare, &path);
}

/* As kernels do it (before 6.13, all do) that give one time to all that happens within a tick. */
static int make_replaced_at_once(const struct world *world, const struct change *change)
{
    struct disk_path path, spare;
    path_of(world, change, &path);
    disk_path_spare(&spare);
    if (disk_write(world->place, &spare, O_CREAT | O_EXCL, change->page, change->form, change->content) < 0 ||
        disk_share_tick(world->place, &path, &spare) < 0)
        return -1;
    return disk_rename(world->place, &spare, &path);
}

/* ---- files that come and go, are closed and opened */

static bool plan_standing(struct world *world, struct change *change, enum standing from, enum standing to)
{
    if (!seen_file(world, change, from))
        return false;
    leaf_of(world, change)->standing = to;
    return true;
}

static bool plan_removal(struct world *world, struct change *change)
{
    return plan_standing(world, change, STANDS, STANDS_NOT);
}

static bool plan_creation(struct world *world, struct change *change)
{
    if (!seen_file(world, change, STANDS_NOT))
        return false;
    change->content = world_content(world, random_length(world, change));
    return put_content(world, change);
}

static bool plan_directory(struct world *world, struct change *change)
{
    return plan_standing(world, change, STANDS_NOT, STANDS_DIRECTORY);
}

static bool plan_no_directory(struct world *world, struct change *change)
{
    return plan_standing(world, change, STANDS_DIRECTORY, STANDS_NOT);
}

static bool plan_closing(struct world *world, struct change *change)
{
    return plan_standing(world, change, STANDS, STANDS_CLOSED);
}

static bool plan_opening(struct world *world, struct change *change)
{
    return plan_standing(world, change, STANDS_CLOSED, STANDS);
}

static int make_removed(const struct world *world, const struct change *change)
{
    struct disk_path path;
    path_of(world, change, &path);
    return unlinkat(world->place, path.text, 0);
}

static int make_created(const struct world *world, const struct change *change)
{
    struct disk_path path;
    path_of(world, change, &path);
    return disk_write(world->place, &path, O_CREAT | O_EXCL, change->page, change->form, change->content);
}

static int make_directory(const struct world *world, const struct change *change)
{
    struct disk_path path;
    path_of(world, change, &path);
    return mkdirat(world->place, path.text, 0755);
}

static int make_no_directory(const struct world *world, const struct change *change)
{
    struct disk_path path;
    path_of(world, change, &path);
    return unlinkat(world->place, path.text, AT_REMOVEDIR);
}

static int make_closed(const struct world *world, const struct change *change)
{
    struct disk_path path;
    path_of(world, change, &path);
    return fchmodat(world->place, path.text, 0, 0);
}

static int make_open(const struct world *world, const struct change *change)
{
    struct disk_path path;
    path_of(world, change, &path);
    return fchmodat(world->place, path.text, 0644, 0);
}

/* ---- sidecars */

static bool plan_sidecar(struct world *world, struct change *change)
{
    const struct leaf *leaf = seen_file(world, change, STANDS);
    if (!leaf)
        return false;
    change->form = world_random(world, 2) == 0 ? FORM_GZIP : FORM_BR;
    change->content =
        world_content(world, world_fit(leaf->forms[FORM_PLAIN].length * 3 / 4, change->side, change->position));
    return put_content(world, change);
}

static bool plan_no_sidecar(struct world *world, struct change *change)
{
    const struct leaf *leaf = seen_file(world, change, STANDS);
    change->form = world_random(world, 2) == 0 ? FORM_GZIP : FORM_BR;
    if (!leaf || leaf->forms[change->form].version == VERSION_NONE)
        return false;
    leaf_of(world, change)->forms[change->form] = (struct content){0};
    return true;
}

/* ---- what turns */

static bool turn_to(struct world *world, struct change *change, enum turn turn, int to)
{
    change->side = world->side;
    change->turn = turn;
    change->to = to;
    world->releases[change->side].at[turn] = to;
    return true;
}

static bool plan_no_way(struct world *world, struct change *change)
{
    return world->releases[world->side].at[TURN_WAY] != NOWHERE && turn_to(world, change, TURN_WAY, NOWHERE);
}

static bool plan_empty_way(struct world *world, struct change *change)
{
    struct release *release = &world->releases[world->side];
    if (release->at[TURN_WAY] != NOWHERE || release->way_is_empty)
        return false;
    release->way_is_empty = true;
    return turn_to(world, change, TURN_WAY, NOWHERE);
}

static bool plan_way(struct world *world, struct change *change)
{
    struct release *release = &world->releases[world->side];
    if (release->at[TURN_WAY] != NOWHERE)
        return false;
    release->way_is_empty = false;
    return turn_to(world, change, TURN_WAY, (int)world_random(world, POSITIONS));
}

static bool plan_other_way(struct world *world, struct change *change)
{
    int at = world->releases[world->side].at[TURN_WAY];
    return at != NOWHERE && turn_to(world, change, TURN_WAY, 1 - at);
}

static bool plan_bar(struct world *world, struct change *change)
{
    return turn_to(world, change, TURN_BAR, 1 - world->releases[world->side].at[TURN_BAR]);
}

static bool plan_link_to_file(struct world *world, struct change *change)
{
    return turn_to(world, change, TURN_LINK, 1 - world->releases[world->side].at[TURN_LINK]);
}

static bool plan_link_to_directory(struct world *world, struct change *change)
{
    enum turn turn = world_random(world, 2) == 0 ? TURN_VIA : TURN_ASIDE;
    return turn_to(world, change, turn, 1 - world->releases[world->side].at[turn]);
}

static void way_of(const struct release *release, int position, struct disk_path *path)
{
    if (position == NOWHERE)
        disk_path(path, release->number, "way");
    else
        disk_path(path, release->number, "way-%d", position);
}

static int make_no_way(const struct world *world, const struct change *change)
{
    const struct release *release = &world->releases[change->side];
    struct disk_path from, to;
    way_of(release, NOWHERE, &from);
    way_of(release, release->at[TURN_WAY], &to);
    return disk_rename(world->place, &from, &to);
}

static int make_empty_way(const struct world *world, const struct change *change)
{
    struct disk_path way;
    way_of(&world->releases[change->side], NOWHERE, &way);
    return mkdirat(world->place, way.text, 0755);
}

/* In the place of the empty one, if that stands there. */
static int make_way(const struct world *world, const struct change *change)
{
    struct disk_path from, to;
    way_of(&world->releases[change->side], change->to, &from);
    way_of(&world->releases[change->side], NOWHERE, &to);
    return disk_rename(world->place, &from, &to);
}

/* The two are exchanged at once; then the one that went gets its name. */
static int make_other_way(const struct world *world, const struct change *change)
{
    struct disk_path way, from, to;
    way_of(&world->releases[change->side], NOWHERE, &way);
    way_of(&world->releases[change->side], change->to, &from);
    way_of(&world->releases[change->side], 1 - change->to, &to);
    return disk_exchange(world->place, &way, &from) < 0 ? -1 : disk_rename(world->place, &from, &to);
}

static int make_bar(const struct world *world, const struct change *change)
{
    struct disk_path path;
    disk_path(&path, world->releases[change->side].number, "barred");
    return fchmodat(world->place, path.text, change->to == 1 ? 0 : 0755, 0);
}

static int make_link(const struct world *world, const struct change *change)
{
    struct disk_path path;
    disk_path(&path, world->releases[change->side].number, "%s", world_link(change->turn));
    return disk_link(world->place, world_link_text(change->turn, change->to), &path);
}

/* ---- the root, and releases */

static bool plan_root(struct world *world, struct change *change)
{
    change->swaps = true;
    world->side = 1 - world->side;
    return true;
}

static int make_root(const struct world *world, const struct change *change)
{
    (void)change;
    return world_lead_root(world->place, world->releases[1 - world->side].number);
}

static bool plan_release(struct world *world, struct change *change)
{
    change->side = 1 - world->side;
    if (!world->quiet.since(world->quiet.context, world->swapped_at))
        return false;
    world_renew(world, change->side);
    return true;
}

/* The old one goes first, so that what it held is free for the new one: inodes, and numbers of watches. */
static int make_release(const struct world *world, const struct change *change)
{
    struct world after = *world;
    struct disk_path path;
    disk_path_release(&path, world->releases[change->side].number);
    disk_remove(world->place, &path);
    world_renew(&after, change->side);
    return world_build_release(&after, change->side);
}

bool world_was_quick(const struct change *change)
{
    return change->tick_ns == tick_ns();
}

void world_made(struct world *world, const struct change *change, uint64_t changes)
{
    struct release *release = &world->releases[change->side];
    if (world_was_quick(change))
        release->leaves[change->page][change->position].twins[change->form] = VERSION_NONE;
    if (change->form != FORM_PLAIN)
        release->leaves[change->page][change->position].written_ms[change->form] = (uint64_t)now_ms();
    if (change->turn != TURN_NONE)
        release->turned_at[change->turn] = changes;
    if (change->swaps)
        world->swapped_at = changes;
}

#define IN_PLACE .in_place = true
#define EMPTIES  .in_place = true, .empties = true

const struct kind kinds[KINDS] = {
    {"a file written in place, same size", EDITED, IN_PLACE, .often = 3, .plan = plan_same, .make = make_written},
    {"a file written in place, another size", EDITED, EMPTIES, .often = 3, .plan = plan_other, .make = make_rewritten},
    {"two writes of one size within a tick", EDITED, IN_PLACE, .twice = true, .often = 2, .plan = plan_same,
     .make = make_written},
    {"a truncation", EDITED, EMPTIES, .often = 2, .plan = plan_truncation, .make = make_shorter},
    {"an append", EDITED, IN_PLACE, .often = 3, .plan = plan_append, .make = make_longer},
    {"a replacement by rename", REPLACED, .often = 4, .plan = plan_replacement, .make = make_replaced},
    {"a replacement of the same size", REPLACED, .often = 3, .plan = plan_same, .make = make_replaced},
    {"two replacements of one size within a tick", REPLACED, .twice = true, .often = 2, .plan = plan_same,
     .make = make_replaced_at_once},
    {"a replacement that nobody sees", REPLACED, .often = 1, .plan = plan_hidden, .make = make_replaced},
    {"an unlink", COMING, .often = 2, .plan = plan_removal, .make = make_removed},
    {"a creation", COMING, EMPTIES, .often = 2, .plan = plan_creation, .make = make_created},
    {"a directory in a file's place", COMING, .often = 1, .plan = plan_directory, .make = make_directory},
    {"that directory removed", COMING, .often = 2, .plan = plan_no_directory, .make = make_no_directory},
    {"chmod 000", CLOSED, .often = 2, .plan = plan_closing, .make = make_closed},
    {"chmod 644", CLOSED, .often = 2, .plan = plan_opening, .make = make_open},
    {"a sidecar added or replaced", CODED, .often = 4, .plan = plan_sidecar, .make = make_replaced},
    {"a sidecar removed", CODED, .often = 2, .plan = plan_no_sidecar, .make = make_removed},
    {"a directory on the path renamed away", 0, .often = 1, .plan = plan_no_way, .make = make_no_way},
    {"an empty directory in its place", 0, .often = 1, .plan = plan_empty_way, .make = make_empty_way},
    {"a directory on the path renamed back", 0, .often = 2, .plan = plan_way, .make = make_way},
    {"a directory on the path exchanged", 0, .often = 2, .plan = plan_other_way, .make = make_other_way},
    {"a directory on the path barred or opened", 0, .often = 2, .plan = plan_bar, .make = make_bar},
    {"a link to a file swapped", 0, .often = 2, .plan = plan_link_to_file, .make = make_link},
    {"a link to a directory swapped", 0, .often = 2, .plan = plan_link_to_directory, .make = make_link},
    {"a swap of the root", 0, .swaps = true, .often = 2, .plan = plan_root, .make = make_root},
    {"a new release in an old one's place", 0, .swaps = true, .often = 1, .plan = plan_release, .make = make_release},
};
