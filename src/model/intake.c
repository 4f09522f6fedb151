#include "model/intake.h"

#include "base/clock.h"

#include <unistd.h>

void intake_adopt(struct intake *intake, int fd, const struct socket_peer *peer, bool refused)
{
    struct engine *engine = intake->engine;
    const struct engine_settings *settings = &engine->settings;
    if (fd >= engine->table.size) { /* somebody raised our limit on files while we ran */
        close(fd);
        return;
    }
    int home = settings->model->home(settings, intake->accepted++);
    struct conn *c = conn_table_claim(&engine->table, fd);
    conn_open(c, fd, peer, (uint16_t)home, refused);
    uint64_t deadline_ms = clock_now_ms() + conn_patience(c, &settings->limits);
    handoff(&engine->table, NULL, engine->workers[home].place, c, STAGE_READ, deadline_ms);
}

uint64_t intake_connections(struct intake *intake, uint64_t limit)
{
    if (intake->accepted - intake->ended_seen >= limit)
        intake->ended_seen = engine_ended(intake->engine);
    return intake->accepted - intake->ended_seen;
}
