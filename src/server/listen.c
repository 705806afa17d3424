/* SPDX-License-Identifier: MIT */
#include "server/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* When any port will do: how often one is tried that is taken on the other address. */
enum { BACKLOG = 128, TRIES = 16 };

static int port_of(int fd)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &len))
        return -1;
    return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                               : ((struct sockaddr_in *)&address)->sin_port);
}

/* A descriptor, or -1 and errno. */
static int listen_on(const struct addrinfo *info)
{
    int fd = socket(info->ai_family, SOCK_STREAM, 0);
    if (fd < 0)
        return -1;
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (info->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &(int){1}, sizeof(int));
    if (bind(fd, info->ai_addr, info->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0 &&
        fcntl(fd, F_SETFL, O_NONBLOCK) == 0)
        return fd;
    int failure = errno;
    close(fd);
    errno = failure;
    return -1;
}

static int fail(const char *address, int port, int failure, struct erg_err *err)
{
    if (failure == EADDRINUSE)
        return erg_fail(err, ERG_BUSY,
                        "port %d of %.100s is taken, perhaps by another 'ergon serve' (try "
                        "--port %d, or --port 0 for any free one)",
                        port, address, port < 65535 ? port + 1 : 8000);
    if (failure == EADDRNOTAVAIL)
        return erg_fail(err, ERG_INVALID, "this machine has no address '%.100s'", address);
    return erg_fail_errno(err, failure, "cannot listen on port %d of '%.100s'", port, address);
}

/* One address; `fd` of it, or an error. */
static int listen_one(const char *address, int port, int *out_fd, struct erg_err *err)
{
    char service[8];
    struct addrinfo *info = NULL, hints = {.ai_family = AF_UNSPEC,
                                           .ai_socktype = SOCK_STREAM,
                                           .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    snprintf(service, sizeof service, "%d", port);
    int failure = getaddrinfo(address, service, &hints, &info);
    if (failure)
        return erg_fail(err, ERG_INVALID, "'%.100s' is no address of this machine: %.80s", address,
                        gai_strerror(failure));
    *out_fd = listen_on(info);
    failure = errno;
    freeaddrinfo(info);
    return *out_fd >= 0 ? 0 : fail(address, port, failure, err);
}

/* This machine may have no IPv6. */
static bool has_ipv6_loopback(void)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    bool has = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
    if (fd >= 0)
        close(fd);
    return has;
}

static int listen_both(int port, int fds[ERG_LISTENERS_MAX], struct erg_err *err)
{
    int rc = listen_one("127.0.0.1", port, &fds[0], err);
    if (rc)
        return rc;
    rc = listen_one("::1", port ? port : port_of(fds[0]), &fds[1], err);
    if (rc)
        close(fds[0]);
    return rc;
}

int erg_listen(const char *address, int port, int out_fds[ERG_LISTENERS_MAX], size_t *out_count,
               int *out_port, struct erg_err *err)
{
    bool both = strcmp(address, "localhost") == 0 && has_ipv6_loopback();
    int fds[ERG_LISTENERS_MAX] = {-1, -1}, rc = ERG_BUSY;
    for (int i = 0; rc == ERG_BUSY && i < (port ? 1 : TRIES); i++) {
        if (both)
            rc = listen_both(port, fds, err);
        else
            rc = listen_one(strcmp(address, "localhost") == 0 ? "127.0.0.1" : address, port,
                            &fds[0], err);
    }
    if (rc)
        return rc;
    *out_count = both ? 2 : 1;
    *out_port = port_of(fds[0]);
    memcpy(out_fds, fds, sizeof fds);
    return 0;
}
