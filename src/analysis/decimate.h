/* SPDX-License-Identifier: MIT */
#ifndef ERG_ANALYSIS_DECIMATE_H
#define ERG_ANALYSIS_DECIMATE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Fewer points of several series over the same instants, such that no extreme is lost: the instants
 * are cut into intervals of equal number, and of each interval those stay at which some series is
 * least or greatest, besides the first and the last of all. Every point that stays is one that was
 * there. Pure.
 *
 * `series[s][i]`, NaN = not known. `out_keep[i]` says what stays: at most `most` of `n` (for most ≥
 * 2 × count + 2). Returns the number of intervals; 0 = all stay.
 */
size_t erg_decimate(const double *const *series, size_t count, size_t n, size_t most,
                    bool *out_keep);

#endif
