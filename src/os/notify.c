#include "os/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* sd_notify(3): a path, or a name in the abstract space, whose first byte NUL is written as "@". */
static int manager_address(const char *name, struct sockaddr_un *address, socklen_t *len)
{
    size_t name_len = strlen(name);
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (name[0] != '/' && name[0] != '@') {
        errno = EAFNOSUPPORT;
        return -1;
    }
    if (name_len >= sizeof address->sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address->sun_path, name, name_len);
    if (name[0] == '@')
        address->sun_path[0] = '\0';
    *len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + name_len);
    return 0;
}

/* The socket may block: a manager that is busy for a moment must still hear that we are ready. */
static int send_datagram(const struct sockaddr_un *address, socklen_t len, const char *state)
{
    int sock = socket(AF_UNIX, SOCK_DGRAM, 0);
    if (sock < 0)
        return -1;
    fcntl(sock, F_SETFD, FD_CLOEXEC);
    ssize_t n;
    do
        n = sendto(sock, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)address, len);
    while (n < 0 && errno == EINTR);
    int error = errno;
    close(sock);
    errno = error;
    return n < 0 ? -1 : 0;
}

int notify_send(const char *state)
{
    struct sockaddr_un address;
    socklen_t len;
    const char *name = getenv("NOTIFY_SOCKET");
    if (name == NULL || name[0] == '\0')
        return 0;
    if (manager_address(name, &address, &len) != 0)
        return -1;
    return send_datagram(&address, len, state);
}
