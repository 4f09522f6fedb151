#include "conn/env.h"

#include <stdlib.h>
#include <unistd.h>

int conn_env_open(struct conn_env *env, const struct conn_limits *limits, struct docroot *docroot, struct ring *access)
{
    *env = (struct conn_env){.limits = limits, .access = access};
    env->replier = (struct replier){.docroot = docroot, .clock = &env->clock, .date = env->date};
    if (getentropy(&env->replier.secret, sizeof env->replier.secret) < 0)
        return -1;
    size_t scratch = limits->request.head_max < ENV_SCRATCH / 2 ? ENV_SCRATCH : 2 * (size_t)limits->request.head_max;
    if (buffer_reserve(&env->in, scratch) < 0 || buffer_reserve(&env->out, ENV_SCRATCH + REPLY_ROOM) < 0)
        return -1;
    env->replier.path = malloc(limits->request.head_max + 1);
    if (env->replier.path == NULL)
        return -1;
    conn_env_tick(env);
    return 0;
}

void conn_env_close(struct conn_env *env)
{
    buffer_fini(&env->in);
    buffer_fini(&env->out);
    buffer_fini(&env->line);
    cohort_fini(&env->cohort);
    free(env->replier.path);
    env->replier.path = NULL;
}

void conn_env_tick(struct conn_env *env)
{
    if (clock_tick(&env->clock))
        date_format(env->clock.second, env->date);
}
