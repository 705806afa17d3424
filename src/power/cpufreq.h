/* SPDX-License-Identifier: MIT */
#ifndef ERG_POWER_CPUFREQ_H
#define ERG_POWER_CPUFREQ_H

#include "base/root.h"

/*
 * How fast the CPUs run, where the kernel tells (Linux: Documentation/admin-guide/pm/cpufreq.rst).
 * Design power is what a processor draws with all cores at its base clock; the power of a core goes
 * about with the square of its clock over the range in which processors work (between f, where the
 * voltage is at its lowest, and f³, where it rises with the clock).
 */
enum { ERG_CPUFREQ_MAX = 64, ERG_CPUFREQ_FULL = 1000 };

struct erg_cpufreq {
    int count;
    struct {
        int fd;           /* of scaling_cur_freq */
        int64_t base_khz; /* at which design power is drawn */
    } policies[ERG_CPUFREQ_MAX];
};

/* Finds what can be read; a machine that does not tell has none. */
void erg_cpufreq_open(struct erg_cpufreq *freq, const struct erg_root *root);
void erg_cpufreq_close(struct erg_cpufreq *freq);

/*
 * Power of busy CPUs now, in thousandths of that at the base clock, averaged over policies and at
 * most ERG_CPUFREQ_FULL: boost has no figure that could be trusted. FULL where nothing is told.
 */
int erg_cpufreq_power(const struct erg_cpufreq *freq);

#endif
