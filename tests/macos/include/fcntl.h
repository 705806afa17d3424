/* SPDX-License-Identifier: MIT */
#ifndef ERG_TESTS_MACOS_FCNTL_H
#define ERG_TESTS_MACOS_FCNTL_H

#include <sys/types.h>

#define F_SETFD    2
#define F_SETFL    4
#define FD_CLOEXEC 1
#define O_NONBLOCK 0x0004

int fcntl(int fd, int command, ...);

#endif
