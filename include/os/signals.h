/* signals: as events of a poller (signalfd(2)), so that no handler has anything to do. */
#ifndef SHUNT_OS_SIGNALS_H
#define SHUNT_OS_SIGNALS_H

/* Blocks SIGTERM, SIGINT and SIGHUP in the calling thread and its later children, ignores SIGPIPE, and returns an fd
 * that is readable while one of the three waits; -1 with errno. To be called before any thread is started. */
int signals_open(void);

/* Gives the signals their usual effect again, in this thread: one that comes from now on ends the process. */
void signals_close(int fd);

/* The number of a signal that waits, taken; 0 when none does. */
int signals_take(int fd);

/* From now on this signal does nothing but interrupt what a thread waits for that hasn't blocked it. 0, or -1 with
 * errno. */
int signals_interrupt(int signal);

#endif
