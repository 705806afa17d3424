/* SPDX-License-Identifier: MIT */
#ifndef ERG_TESTS_MACOS_SYS_SOCKET_H
#define ERG_TESTS_MACOS_SYS_SOCKET_H

#include <sys/types.h>

#define AF_UNIX      1
#define SOCK_STREAM  1
#define SOL_SOCKET   0xffff
#define SO_NOSIGPIPE 0x1022

struct sockaddr;

int accept(int fd, struct sockaddr *out_address, socklen_t *address_bytes);
int socketpair(int domain, int type, int protocol, int fds[2]);
int setsockopt(int fd, int level, int name, const void *value, socklen_t value_bytes);

#endif
