/* banner: what a person sees at the start: what is served, where to open it, how to stop. */
#ifndef SHUNT_SERVER_BANNER_H
#define SHUNT_SERVER_BANNER_H

#include "model/engine.h"
#include "os/socket.h"
#include "server/options.h"

/* On standard error: some lines on a terminal, one line elsewhere, nothing with --quiet. `bound`: the listeners'
 * addresses as they are now, with the ports that were chosen. */
void banner_show(const struct options *options, const struct socket_address *bound,
                 const struct engine_settings *settings);

#endif
