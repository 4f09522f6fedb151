#include "conn/cohort.h"

#include "conn/conn.h"

enum {
    ROOM_MIN = 8192, /* bytes; with less, a large request would be received in pieces */
    VERB_MAX = 8,    /* bytes of a request line before the path, of the verbs that have an answer */
};

int cohort_open(struct cohort *cohort)
{
    *cohort = (struct cohort){0};
    return buffer_reserve(&cohort->bytes, COHORT_ROOM);
}

void cohort_close(struct cohort *cohort)
{
    buffer_fini(&cohort->bytes);
}

static void receive(struct cohort *cohort, const struct conn *c)
{
    size_t len;
    struct member *member = &cohort->members[cohort->count++];
    *member = (struct member){.conn = c, .begin = cohort->bytes.end};
    member->io = socket_receive(c->fd, buffer_tail(&cohort->bytes), buffer_room(&cohort->bytes), &len);
    member->len = (uint32_t)len;
    buffer_extend(&cohort->bytes, len);
}

static struct slice bytes_of(const struct cohort *cohort, const struct member *member)
{
    return (struct slice){cohort->bytes.bytes + member->begin, member->len};
}

/* The path that is asked for, as long as it is written the way most are. A wrong guess costs nothing but what is
 * fetched in vain. */
static struct slice guess_path(struct slice request)
{
    const struct slice none = {request.at, 0};
    size_t verb = request.len < VERB_MAX ? request.len : VERB_MAX;
    const char *space = verb == 0 ? NULL : memchr(request.at, ' ', verb);
    if (space == NULL)
        return none;
    const char *path = space + 1;
    const char *end = memchr(path, ' ', (size_t)(request.at + request.len - path));
    return end == NULL ? none : (struct slice){path, (size_t)(end - path)};
}

void cohort_receive(struct conn_env *env, struct conn *const *conns, int count)
{
    struct cohort *cohort = &env->cohort;
    struct slice paths[COHORT_MAX];
    for (int i = 0; i < count && cohort->count < COHORT_MAX && buffer_room(&cohort->bytes) >= ROOM_MIN; i++)
        if (conns[i]->stage == STAGE_READ && conn_awaits_request(conns[i]))
            receive(cohort, conns[i]);
    if (cohort->count == 0)
        return;
    docroot_catch_up(env->replier.docroot); /* what was changed before these bytes were sent */
    for (int i = 0; i < cohort->count; i++)
        paths[i] = guess_path(bytes_of(cohort, &cohort->members[i]));
    docroot_expect(env->replier.docroot, paths, cohort->count);
}

bool cohort_take(struct cohort *cohort, const struct conn *c, enum io *io, struct slice *bytes)
{
    for (int i = cohort->taken; i < cohort->count; i++) {
        struct member *member = &cohort->members[i];
        if (member->conn != c)
            continue;
        member->conn = NULL;
        cohort->taken += i == cohort->taken; /* they are read in the order in which they joined */
        *io = member->io;
        *bytes = bytes_of(cohort, member);
        return true;
    }
    return false;
}

void cohort_end(struct cohort *cohort)
{
    cohort->count = cohort->taken = 0;
    buffer_clear(&cohort->bytes);
}
