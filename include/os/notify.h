/* notify: what a service manager wants to hear (sd_notify(3)), as datagrams to $NOTIFY_SOCKET. Without one, nothing is
 * done. */
#ifndef SHUNT_OS_NOTIFY_H
#define SHUNT_OS_NOTIFY_H

/* `state`: "READY=1", "STOPPING=1", lines joined by "\n". 0 when sent or nobody listens, -1 with errno. */
int notify_send(const char *state);

#endif
