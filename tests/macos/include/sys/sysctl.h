/* SPDX-License-Identifier: MIT */
#ifndef ERG_TESTS_MACOS_SYS_SYSCTL_H
#define ERG_TESTS_MACOS_SYS_SYSCTL_H

#include <time.h>

#define CTL_KERN      1
#define KERN_PROC     14
#define KERN_PROC_PID 1
#define SZOMB         5

struct kinfo_proc {
    struct {
        struct timeval p_starttime;
        char p_stat;
    } kp_proc;
};

int sysctl(int *name, unsigned name_count, void *out, size_t *out_bytes, void *set,
           size_t set_bytes);
int sysctlbyname(const char *name, void *out, size_t *out_bytes, void *set, size_t set_bytes);

#endif
