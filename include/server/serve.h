/*
 * serve: the command that everything here is for. Opens the docroot and the listeners, starts the engine, accepts until
 * it is told to stop, and then lets running responses finish.
 */
#ifndef SHUNT_SERVER_SERVE_H
#define SHUNT_SERVER_SERVE_H

#include "server/options.h"

/* The process's exit status: 0, or 1 after a line that says what failed. */
int serve(const struct options *options);

#endif
