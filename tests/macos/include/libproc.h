/* SPDX-License-Identifier: MIT */
#ifndef ERG_TESTS_MACOS_LIBPROC_H
#define ERG_TESTS_MACOS_LIBPROC_H

#include <sys/resource.h>

int proc_pid_rusage(int pid, int flavor, rusage_info_t *buffer);

#endif
