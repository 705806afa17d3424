/* SPDX-License-Identifier: MIT */
#ifndef ERG_POWER_PMU_H
#define ERG_POWER_PMU_H

#include "base/err.h"
#include "stream/counters.h"

#include <sys/types.h>

/*
 * The processor's own counters of a process: pmu_linux.c and pmu_macos.c, of which CMake compiles
 * one. Tests put another in its place.
 */
struct erg_pmu_value {
    uint64_t count;      /* while it ran on a counter */
    uint64_t enabled_ns; /* how long the process ran … */
    uint64_t running_ns; /* … and how long of that it had the counter */
};

struct erg_pmu {
    /*
     * Count one thing of the process and of every thread it starts from now on, outside the
     * kernel; *out_fd is to be closed. DENIED, or UNSUPPORTED where it is not to be had.
     */
    int (*open)(void *user, pid_t pid, enum erg_count what, int *out_fd, struct erg_err *err);
    int (*read)(void *user, int fd, struct erg_pmu_value *out);
    void (*close)(void *user, int fd);
    void *user;
};

/* This machine's. */
const struct erg_pmu *erg_pmu_system(void);

#endif
