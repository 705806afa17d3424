/* SPDX-License-Identifier: MIT */
#ifndef ERG_RECORD_CALIBRATE_INTERNAL_H
#define ERG_RECORD_CALIBRATE_INTERNAL_H

#include "record/calibrate.h"
#include "record/meter.h"

/* Shared by calibrate.c (measuring) and calibrate_sums.c (what comes of it). */

/* An operation repeated for a while, and the idle block before it. */
struct erg_calibrate_block {
    size_t operation;
    int64_t t0_ns, duration_ns, repetitions;
    double gross_w, idle_w;
};

/* enum erg_phase, or -1. */
int erg_calibrate_phase(const struct erg_calibrate_operation *operation);

/* Size of the largest cache of processor 0; 0 when the system does not say. */
int64_t erg_calibrate_cache_bytes(const struct erg_root *root);

/* Means and intervals of operation `index`. */
void erg_calibrate_sum_operation(struct erg_calibrate_operation *operation, size_t index,
                                 const struct erg_calibrate_block *blocks, size_t count);

/* Drift and idle power. */
void erg_calibrate_sum_up(struct erg_calibrate_result *result,
                          const struct erg_calibrate_block *blocks, size_t count);

/* Fit, and store; a store that fails becomes `store_failure`. `store_path` NULL: fit only. */
int erg_calibrate_keep(struct erg_calibrate_result *result, const char *store_path,
                       const struct erg_calibrate_block *blocks, size_t count, struct erg_err *err);

#endif
