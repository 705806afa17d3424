/* SPDX-License-Identifier: MIT */
#ifndef ERG_TESTS_MACOS_SIGNAL_H
#define ERG_TESTS_MACOS_SIGNAL_H

#include <sys/types.h>

typedef uint32_t sigset_t;

#define SIGKILL     9
#define SIG_SETMASK 3

int kill(pid_t pid, int number);
int sigfillset(sigset_t *set);
int pthread_sigmask(int how, const sigset_t *set, sigset_t *out_before);

#endif
