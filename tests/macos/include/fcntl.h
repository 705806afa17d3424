/* SPDX-License-Identifier: MIT */
#ifndef ERG_TESTS_MACOS_FCNTL_H
#define ERG_TESTS_MACOS_FCNTL_H

#include <sys/types.h>

#define F_SETFD    2
#define FD_CLOEXEC 1

int fcntl(int fd, int command, ...);

#endif
