/*
 * storm_judge: whether an answer may be given to a question: it is of a state that the page had between the question
 * and the answer; all of it is of one state, unless the file was written in place meanwhile; and no entity tag stands
 * for two contents.
 */
#ifndef WIRE_STORM_JUDGE_H
#define WIRE_STORM_JUDGE_H

#include "answer.h"
#include "storm_history.h"

enum { TAG = 80 };

/* What a client was given, and may ask about. */
struct given {
    char tag[TAG]; /* "": nothing */
    enum form form;
    struct content content;
};

struct question {
    int page;
    bool head, coded, ranged, conditional;
    uint32_t from, to; /* the range's first byte, and its last; 0: up to the end */
    struct given given;
    uint64_t floor;   /* history_floor() before it was sent */
    uint64_t sent_us; /* when that was */
};

enum sort { SORT_WHOLE, SORT_PART, SORT_CODED, SORT_HEAD, SORT_UNCHANGED, SORT_REFUSED, SORT_MIXED, SORTS };
extern const char *const sort_names[SORTS];

enum { TAGS = 32768, FAULTS = 64, FAULT_TOLD = 500 };

struct tag {
    uint64_t key;
    struct content content;
};

/* What went wrong with one kind of change in one way. */
struct fault {
    int kind;         /* the change that should have been seen, or that made what was seen */
    const char *what; /* static text */
    long count;
    char first[FAULT_TOLD];
};

/* All zero at first. */
struct judge {
    struct history history;
    struct tag tags[TAGS];       /* the latest of those that fall upon the same place */
    long sorts[SORTS];           /* answers that were right */
    long pages[PAGES];           /* of them with a body */
    long unjudged;               /* too much had happened */
    struct fault faults[FAULTS]; /* those that occurred */
    int fault_count;
};

/* What was given comes back in `given`, where that is certain; else it is left alone. */
void judge_answer(struct judge *judge, const struct question *question, const struct answer *answer,
                  struct given *given);

/* The server closed in the middle of the answer. */
void judge_broken_answer(struct judge *judge, const struct question *question);

/* Something else is wrong, which has to do with a question. */
void judge_complain(struct judge *judge, const struct question *question, const char *what);

#endif
