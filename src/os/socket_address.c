/*
 * socket_address: addresses, read and printed.
 *
 * They are read by hand, without getaddrinfo(3): no name is looked up, nothing waits for a network, and a message can
 * say what is wrong.
 */
#include "os/socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

enum { PORT_MAX = 65535 };

#define DIGITS "0123456789"

static void set_ipv4(struct socket_address *address, struct in_addr host, uint16_t port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = host, .sin_port = htons(port)};
    memcpy(&address->storage, &in, sizeof in);
    address->len = sizeof in;
}

static void set_ipv6(struct socket_address *address, struct in6_addr host, uint16_t port)
{
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_addr = host, .sin6_port = htons(port)};
    memcpy(&address->storage, &in6, sizeof in6);
    address->len = sizeof in6;
}

/* Each of these returns NULL, or what is wrong. */
static const char *parse_port(const char *text, uint16_t *port)
{
    unsigned value = 0;
    size_t len = strspn(text, DIGITS);
    if (len == 0 || len > 5 || text[len] != '\0')
        return "a port must be a number from 0 to 65535";
    for (size_t i = 0; i < len; i++)
        value = value * 10 + (unsigned)(text[i] - '0');
    *port = (uint16_t)value;
    return value > PORT_MAX ? "a port must be a number from 0 to 65535" : NULL;
}

static const char *parse_unix(const char *path, struct socket_address *address)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    size_t len = strlen(path);
    if (len == 0)
        return "a unix socket needs a path, such as unix:/run/shunt.sock";
    if (len >= sizeof un.sun_path)
        return "the path of a unix socket is too long: the kernel takes about 100 bytes";
    memcpy(un.sun_path, path, len);
    memcpy(&address->storage, &un, sizeof un);
    address->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1);
    return NULL;
}

static const char *parse_bracketed(const char *text, struct socket_address *address)
{
    char host[INET6_ADDRSTRLEN] = "";
    struct in6_addr in6;
    uint16_t port;
    size_t len = strcspn(text + 1, "]");
    if (len < sizeof host)
        memcpy(host, text + 1, len);
    if (text[1 + len] != ']' || inet_pton(AF_INET6, host, &in6) != 1)
        return "brackets hold an IPv6 address, such as [::1]:8080";
    if (text[len + 2] != ':')
        return "a port must follow the brackets, such as [::1]:8080";
    const char *problem = parse_port(text + len + 3, &port);
    if (problem == NULL)
        set_ipv6(address, in6, port);
    return problem;
}

static const char *parse_any(const char *text, struct socket_address *address)
{
    uint16_t port;
    if (text[1] != ':')
        return "a port must follow the star, such as *:8080";
    const char *problem = parse_port(text + 2, &port);
    if (problem == NULL)
        set_ipv6(address, in6addr_any, port);
    address->any = problem == NULL;
    return problem;
}

static const char *parse_loopback(const char *text, struct socket_address *address)
{
    uint16_t port;
    const char *problem = parse_port(text, &port);
    if (problem == NULL)
        set_ipv4(address, (struct in_addr){htonl(INADDR_LOOPBACK)}, port);
    return problem;
}

static const char *parse_host(const char *text, struct in_addr *in)
{
    if (text[0] == '\0')
        return "an address is missing before the colon: 127.0.0.1:8080 is this machine alone, *:8080 everybody";
    if (inet_pton(AF_INET, strcmp(text, "localhost") == 0 ? "127.0.0.1" : text, in) == 1)
        return NULL;
    if (text[strspn(text, DIGITS ".")] == '\0')
        return "an IPv4 address is four numbers from 0 to 255, such as 127.0.0.1:8080";
    return "names are not looked up: use an address such as 127.0.0.1:8080, or localhost:8080";
}

static const char *parse_ipv4(const char *text, struct socket_address *address)
{
    char host[INET6_ADDRSTRLEN] = "";
    struct in_addr in;
    uint16_t port;
    const char *colon = strrchr(text, ':');
    size_t len = colon != NULL ? (size_t)(colon - text) : strlen(text);
    if (strstr(text, "://") != NULL)
        return "an address is not a URL: 127.0.0.1:8080 is all of it";
    if (colon != strchr(text, ':'))
        return "an IPv6 address goes in brackets, such as [::1]:8080";
    memcpy(host, text, len < sizeof host ? len : sizeof host - 1);
    const char *problem = parse_host(host, &in);
    if (problem == NULL)
        problem = colon == NULL ? "a port is missing, such as 127.0.0.1:8080" : parse_port(colon + 1, &port);
    if (problem == NULL)
        set_ipv4(address, in, port);
    return problem;
}

static const char *parse(const char *text, struct socket_address *address)
{
    if (text[0] == '\0')
        return "an address is missing: 8080, 127.0.0.1:8080, [::1]:8080, *:8080 or unix:/run/shunt.sock";
    if (strncmp(text, "unix:", 5) == 0)
        return parse_unix(text + 5, address);
    if (text[0] == '[')
        return parse_bracketed(text, address);
    if (text[0] == '*')
        return parse_any(text, address);
    if (text[strspn(text, DIGITS)] == '\0')
        return parse_loopback(text, address);
    return parse_ipv4(text, address);
}

int socket_address_parse(const char *text, struct socket_address *address, const char **problem)
{
    *address = (struct socket_address){0};
    *problem = parse(text, address);
    return *problem == NULL ? 0 : -1;
}

/* IPv6 that carries IPv4 (RFC 4291 2.5.5.2) is what a socket for both reports; people know it as IPv4. */
static void print_host(int family, const uint8_t *bytes, char out[INET6_ADDRSTRLEN])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (family == AF_INET6 && memcmp(bytes, mapped, sizeof mapped) == 0)
        inet_ntop(AF_INET, bytes + sizeof mapped, out, INET6_ADDRSTRLEN);
    else
        inet_ntop(family, bytes, out, INET6_ADDRSTRLEN);
}

static void print_port(int family, const uint8_t *bytes, in_port_t port, char out[SOCKET_NAME_MAX])
{
    char host[INET6_ADDRSTRLEN];
    print_host(family, bytes, host);
    snprintf(out, SOCKET_NAME_MAX, strchr(host, ':') != NULL ? "[%s]:%u" : "%s:%u", host, (unsigned)ntohs(port));
}

static void print_ipv4(const struct sockaddr *address, char out[SOCKET_NAME_MAX])
{
    struct sockaddr_in in;
    uint8_t bytes[4];
    memcpy(&in, address, sizeof in);
    memcpy(bytes, &in.sin_addr, sizeof bytes);
    print_port(AF_INET, bytes, in.sin_port, out);
}

static void print_ipv6(const struct sockaddr *address, char out[SOCKET_NAME_MAX])
{
    struct sockaddr_in6 in6;
    memcpy(&in6, address, sizeof in6);
    print_port(AF_INET6, in6.sin6_addr.s6_addr, in6.sin6_port, out);
}

/* A path that fills its room has no NUL (unix(7)). */
static void print_unix(const struct sockaddr *address, char out[SOCKET_NAME_MAX])
{
    struct sockaddr_un un;
    memcpy(&un, address, sizeof un);
    snprintf(out, SOCKET_NAME_MAX, "unix:%.*s", (int)sizeof un.sun_path, un.sun_path);
}

void socket_address_print(const struct sockaddr *address, char out[SOCKET_NAME_MAX])
{
    switch (address->sa_family) {
    case AF_INET:
        print_ipv4(address, out);
        break;
    case AF_INET6:
        print_ipv6(address, out);
        break;
    case AF_UNIX:
        print_unix(address, out);
        break;
    default:
        snprintf(out, SOCKET_NAME_MAX, "family %d", (int)address->sa_family);
    }
}

size_t socket_peer_print(const struct socket_peer *peer, char out[SOCKET_NAME_MAX])
{
    if (peer->family == AF_UNIX)
        memcpy(out, "unix:", sizeof "unix:");
    else
        print_host(peer->family, peer->bytes, out);
    return strlen(out);
}
