/*
 * play: rows against a running server, hundreds at once, from one poll loop.
 *
 * A row is played in several ways: as it stands; one byte at a time; split in two at every point; and in company, with
 * a valid request before and behind it in the same bytes. In every way it must come to the same.
 */
#ifndef WIRE_PLAY_H
#define WIRE_PLAY_H

#include "row.h"
#include "site.h"
#include "tally.h"

struct play_stage {
    const struct site *site;
    int port;
    int cuts; /* split at no more than so many points of a row */
};

/* Plays all rows of the file in all their ways; a row in one of its ways is one check. Each failure is told on stdout
 * with the bytes that came. */
struct tally play_rows(const struct play_stage *stage, const struct row_file *file);

#endif
