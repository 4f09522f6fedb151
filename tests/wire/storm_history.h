/*
 * storm_history: which states each page had, in their order, as far as anybody still needs them.
 *
 * A state is known from before its change begins, and done once the change has been made. Who asks is answered from any
 * state between the last that was done before he asked, and the last that had begun when the answer was complete.
 */
#ifndef WIRE_STORM_HISTORY_H
#define WIRE_STORM_HISTORY_H

#include "storm_world.h"

enum { HISTORY = 512 }; /* states kept of each page */

struct history {
    struct {
        struct state states[HISTORY];
        uint64_t begun, done; /* so many states */
    } pages[PAGES];
    uint64_t changes; /* finished */
};

/* The states that an answer may be of: the first and the last, as counted from the page's first. */
struct interval {
    const struct history *history;
    int page;
    uint64_t first, last;
};

/* Before a change of this kind, and after. A page that it means nothing to gets no new state. */
void history_begin(struct history *history, const struct world *after, int kind);
void history_finish(struct history *history);

/* This version has no twin after all, if it is of the page's latest state. */
void history_part(struct history *history, int page, uint32_t version);

/* To be asked before asking, and with its answer after the answer. */
uint64_t history_floor(const struct history *history, int page);
struct interval history_interval(const struct history *history, int page, uint64_t floor);

const struct state *history_state(const struct history *history, int page, uint64_t number);

/* Whether all of its states are still known. */
bool interval_is_known(const struct interval *interval);

/* Whether a file was written in place meanwhile; and whether one was shorter for a moment. */
bool interval_is_in_place(const struct interval *interval);
bool interval_empties(const struct interval *interval);

#endif
