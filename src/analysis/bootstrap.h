/* SPDX-License-Identifier: MIT */
#ifndef ERG_ANALYSIS_BOOTSTRAP_H
#define ERG_ANALYSIS_BOOTSTRAP_H

#include "analysis/stats.h"
#include "base/err.h"

/*
 * Intervals by resampling (B. Efron and R. J. Tibshirani, An Introduction to the Bootstrap, 1993).
 * Random numbers are SplitMix64 from ERG_BOOTSTRAP_SEED (G. L. Steele and others, OOPSLA 2014), so
 * that the same values always give the same interval. Pure; NOMEM.
 */
enum { ERG_BOOTSTRAP_RESAMPLES = 10000, ERG_BOOTSTRAP_SEED = 1 };

/* Of the mean, bias-corrected and accelerated (BCa); limits NaN below two values. Finite values. */
int erg_bootstrap_mean(const double *values, size_t count, double confidence,
                       struct erg_interval *out, struct erg_err *err);

/*
 * Of the ratio sum of b / sum of a over pairs in order of time, by resampling blocks of about
 * count^(1/3) neighbours, the last followed by the first (D. N. Politis and J. P. Romano, 1992), so
 * that what neighbours have in common counts; percentiles. Limits NaN below two pairs.
 */
int erg_bootstrap_ratio(const double *a, const double *b, size_t count, double confidence,
                        struct erg_interval *out, struct erg_err *err);

#endif
