/* SPDX-License-Identifier: MIT */
#ifndef ERG_POWER_PERF_H
#define ERG_POWER_PERF_H

#include "base/root.h"
#include "power/power.h"

#include <stddef.h>

/* The probe of the source "perf" with another kernel behind it. */
void erg_power_perf_probe(const struct erg_root *root, const struct erg_perf *perf,
                          struct erg_power_probe *out);

/* "0,18" or "0-3,8" (sysfs' list of CPUs): at most `max` of them; how many, or CORRUPT. */
int erg_cpu_list_parse(const char *text, int *out_cpus, int max);

/*
 * Nanojoules that `counted` units of `scale_j` joules are, rounded down, at most INT64_MAX; exact
 * for the scales of kernels, which are powers of two.
 */
int64_t erg_perf_energy_nj(uint64_t counted, double scale_j);

#endif
