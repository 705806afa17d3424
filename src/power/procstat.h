/* SPDX-License-Identifier: MIT */
#ifndef ERG_POWER_PROCSTAT_H
#define ERG_POWER_PROCSTAT_H

#include "base/root.h"

/* CPU time of the machine since it booted, all CPUs together, from /proc/stat (proc(5)). */
struct erg_procstat {
    int64_t busy_jiffies; /* everything but idle, waiting for I/O and stolen by the hypervisor */
    int64_t total_jiffies;
    int cpus; /* logical, online */
};

/* CORRUPT for a text that is not /proc/stat. */
int erg_procstat_parse(const char *text, struct erg_procstat *out, struct erg_err *err);

/* A descriptor of /proc/stat for erg_procstat_read(); -1 where the system has no such file. */
int erg_procstat_open(const struct erg_root *root, int *out_fd, struct erg_err *err);

/* What it holds now. */
int erg_procstat_read(int fd, struct erg_procstat *out, struct erg_err *err);

/* USER_HZ: 1 s in nanoseconds divided by the jiffies in it. */
int64_t erg_procstat_jiffy_ns(void);

#endif
