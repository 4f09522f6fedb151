#include "conn/cohort.h"

#include "conn/conn.h"

#include <assert.h>

enum {
    ROOM_MIN = 8192,  /* bytes; with less, a large request would be received in pieces */
    VERB_MAX = 8,     /* bytes, with its space, of the verbs that have an answer */
    GUESS_MAX = 1024, /* bytes of a target that is looked through */
};

/* One part of it may be all that a connection receives at once. */
_Static_assert((int)COHORT_ROOM <= (int)ENV_SCRATCH, "what a member sent fits into the thread's scratch");

void cohort_fini(struct cohort *cohort)
{
    buffer_fini(&cohort->bytes);
}

static size_t room_of(const struct cohort *cohort)
{
    return COHORT_ROOM - buffer_length(&cohort->bytes);
}

static void receive(struct cohort *cohort, const struct conn *c)
{
    size_t len;
    struct member *member = &cohort->members[cohort->count++];
    *member = (struct member){.conn = c, .offset = (uint32_t)buffer_length(&cohort->bytes)};
    member->io = socket_receive(c->fd, buffer_tail(&cohort->bytes), room_of(cohort), &len);
    member->len = (uint32_t)len;
    buffer_extend(&cohort->bytes, len);
}

static struct slice bytes_of(const struct cohort *cohort, const struct member *member)
{
    return (struct slice){buffer_bytes(&cohort->bytes).at + member->offset, member->len};
}

static struct slice up_to(struct slice text, char end, size_t most)
{
    size_t len = text.len < most ? text.len : most;
    const char *at = len == 0 ? NULL : memchr(text.at, end, len);
    return (struct slice){text.at, at == NULL ? 0 : (size_t)(at - text.at)};
}

/* The path that is asked for, if it is written the way most are; else an empty one. A wrong guess costs nothing but
 * what is fetched in vain. */
static struct slice guess_path(struct slice request)
{
    size_t verb = up_to(request, ' ', VERB_MAX).len;
    if (verb == 0)
        return (struct slice){request.at, 0};
    struct slice behind = {request.at + verb + 1, request.len - verb - 1};
    struct slice target = up_to(behind, ' ', GUESS_MAX);
    struct slice path = up_to(target, '?', target.len);
    return path.len > 0 ? path : target;
}

int cohort_receive(struct conn_env *env, struct conn *const *conns, int count)
{
    struct cohort *cohort = &env->cohort;
    struct slice paths[COHORT_MAX];
    if (buffer_reserve(&cohort->bytes, COHORT_ROOM) < 0)
        return 0;
    for (int i = 0; i < count && cohort->count < COHORT_MAX && room_of(cohort) >= ROOM_MIN; i++)
        if (conns[i]->stage == STAGE_READ && conn_awaits_request(conns[i]))
            receive(cohort, conns[i]);
    if (cohort->count == 0)
        return 0;
    docroot_catch_up(env->replier.docroot); /* what was changed before these bytes were sent */
    for (int i = 0; i < cohort->count; i++)
        paths[i] = guess_path(bytes_of(cohort, &cohort->members[i]));
    docroot_prefetch(env->replier.docroot, paths, cohort->count);
    return cohort->count;
}

bool cohort_take(struct cohort *cohort, const struct conn *c, enum io *io, struct slice *bytes)
{
    const struct member *member = &cohort->members[cohort->taken];
    if (cohort->taken == cohort->count || member->conn != c)
        return false;
    cohort->taken++;
    *io = member->io;
    *bytes = bytes_of(cohort, member);
    return true;
}

void cohort_end(struct cohort *cohort)
{
    assert(cohort->taken == cohort->count);
    cohort->count = cohort->taken = 0;
    buffer_clear(&cohort->bytes);
}
