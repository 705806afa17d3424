/* SPDX-License-Identifier: MIT */
#ifndef ERG_RECORD_CONDITIONS_H
#define ERG_RECORD_CONDITIONS_H

#include "analysis/conditions.h"
#include "base/root.h"

/*
 * Read the machine's state from the root's /sys, the CPUs this process may use from the kernel.
 * `throttle_count` is that of the counters, since boot: the difference of two calls is a run's.
 */
void erg_conditions_read(const struct erg_root *root, struct erg_conditions *out);

#endif
