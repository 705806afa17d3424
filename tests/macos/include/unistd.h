/* SPDX-License-Identifier: MIT */
#ifndef ERG_TESTS_MACOS_UNISTD_H
#define ERG_TESTS_MACOS_UNISTD_H

#include <sys/types.h>

#define _SC_PAGESIZE         29
#define _SC_NPROCESSORS_ONLN 58

int close(int fd);
int pipe(int fds[2]);
pid_t getpid(void);
pid_t getppid(void);
long sysconf(int name);

#endif
