/*
 * draft: a reply in the making: heads and bodies, put together. What is to be replied is reply.c's decision. Within
 * reply/ only.
 *
 * Each function appends one whole reply, and fills in draft->reply. 0, or -1 with errno ENOMEM: then whatever was
 * appended is to be taken back, and nothing is held.
 */
#ifndef SHUNT_REPLY_DRAFT_H
#define SHUNT_REPLY_DRAFT_H

#include "reply/reply.h"

struct draft {
    const char *date;               /* DATE_LEN bytes */
    const struct head_rules *rules; /* of the site */
    const struct hash_key *secret;  /* the replier's */
    int minor;                      /* of the request's version */
    bool head_only;                 /* no body is sent */
    bool last;                      /* of its connection */
    struct buffer *out;
    struct reply *reply;
};

/* A status with its short page; 405 with Allow, 503 with Retry-After. */
int draft_page(const struct draft *draft, int status);

/* To the same path with a slash behind it. `path` is normalised, `query` as it came, with its "?". */
int draft_redirect(const struct draft *draft, struct slice path, struct slice query);

/* 200 to OPTIONS. */
int draft_options(const struct draft *draft);

/* 200 with all of the file. */
int draft_file(const struct draft *draft, struct entry *entry);

/* 206 with some of it. */
int draft_ranges(const struct draft *draft, struct entry *entry, const struct ranges *ranges);

/* 304, and 416. */
int draft_not_modified(const struct draft *draft, const struct entry *entry);
int draft_unsatisfiable(const struct draft *draft, const struct entry *entry);

#endif
