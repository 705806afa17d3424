/* SPDX-License-Identifier: MIT */
#ifndef ERG_ANALYSIS_SPREAD_H
#define ERG_ANALYSIS_SPREAD_H

#include <stddef.h>

/*
 * How values of one run spread, in their order. Neighbours resemble one another, so n of them tell
 * less than n: `effective_n` is n (1 − r) / (1 + r) with r the correlation of neighbours (at least
 * 0), as for an autoregressive process of first order. Quantiles are those of numpy's default
 * (linear between order statistics). NaN where too few are known. Pure.
 */
struct erg_spread {
    size_t n;
    double mean, sd, median, min, max, p05, p95, autocorrelation, effective_n;
};

/* NaN values are left out; `values` is sorted afterwards. */
struct erg_spread erg_spread(double *values, size_t count);

#endif
