#include "storm_history.h"

#include <time.h>

static uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static bool same_state(const struct state *a, const struct state *b)
{
    bool same = a->status == b->status;
    for (int form = 0; form < FORMS; form++)
        same &= content_same(a->forms[form], b->forms[form]) && a->served[form] == b->served[form];
    return same;
}

const struct state *history_state(const struct history *history, int page, uint64_t number)
{
    return &history->pages[page].states[number % HISTORY];
}

void history_begin(struct history *history, const struct world *after, int kind)
{
    for (int page = 0; page < PAGES; page++) {
        uint64_t begun = history->pages[page].begun;
        struct state state = {.kind = kind};
        world_expect(after, page, &state);
        if (begun > 0 && same_state(&state, history_state(history, page, begun - 1)))
            continue;
        history->pages[page].states[begun % HISTORY] = state;
        history->pages[page].begun++;
    }
}

void history_finish(struct history *history)
{
    uint64_t now = now_us();
    history->changes++;
    for (int page = 0; page < PAGES; page++) {
        for (uint64_t i = history->pages[page].done; i < history->pages[page].begun; i++)
            history->pages[page].states[i % HISTORY].done_us = now;
        history->pages[page].done = history->pages[page].begun;
    }
}

void history_part(struct history *history, int page, uint32_t version)
{
    struct state *latest = &history->pages[page].states[(history->pages[page].begun - 1) % HISTORY];
    for (int form = 0; form < FORMS; form++) {
        if (latest->forms[form].version == version)
            latest->twins[form] = VERSION_NONE;
    }
}

uint64_t history_floor(const struct history *history, int page)
{
    return history->pages[page].done - 1;
}

struct interval history_interval(const struct history *history, int page, uint64_t floor)
{
    return (struct interval){history, page, floor, history->pages[page].begun - 1};
}

bool interval_is_known(const struct interval *interval)
{
    return interval->last - interval->first < HISTORY;
}

bool interval_is_in_place(const struct interval *interval)
{
    for (uint64_t i = interval->first + 1; i <= interval->last; i++) {
        if (kinds[history_state(interval->history, interval->page, i)->kind].in_place)
            return true;
    }
    return false;
}

bool interval_empties(const struct interval *interval)
{
    for (uint64_t i = interval->first + 1; i <= interval->last; i++) {
        if (kinds[history_state(interval->history, interval->page, i)->kind].empties)
            return true;
    }
    return false;
}
