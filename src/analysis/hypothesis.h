/* SPDX-License-Identifier: MIT */
#ifndef ERG_ANALYSIS_HYPOTHESIS_H
#define ERG_ANALYSIS_HYPOTHESIS_H

#include "analysis/stats.h"
#include "base/err.h"

#include <stdbool.h>

/*
 * Tests of whether two samples differ, and by how much. All p-values are two-sided. What cannot be
 * known (a sample of less than two values, no spread at all) is NaN. Pure.
 */

/* B. L. Welch, Biometrika 34, 1947; degrees of freedom after F. E. Satterthwaite, 1946. */
struct erg_welch {
    double t; /* > 0 where b is larger */
    double df, p;
};

struct erg_welch erg_welch_test(const struct erg_stats *a, const struct erg_stats *b);

/* Of a test on ranks. */
struct erg_rank_test {
    double statistic;
    double p;
    size_t n;   /* values behind it */
    bool exact; /* from the exact distribution, not the normal approximation */
};

/* Samples of at most so many values each, none of them tied, are tested exactly. */
enum { ERG_RANK_EXACT_MOST = 50 };

/*
 * Mann–Whitney U (Annals of Mathematical Statistics 18, 1947): the statistic is the number of pairs
 * in which the value of b is the larger one, a tie counting one half. Exact where samples are small
 * and without ties, else the normal approximation with correction for ties and continuity. The
 * exact p is twice the smaller tail, at most 1. Values are finite. NOMEM.
 */
int erg_mann_whitney_test(const double *a, size_t a_count, const double *b, size_t b_count,
                          struct erg_rank_test *out, struct erg_err *err);

/* The smallest p that Mann–Whitney can give for samples of these sizes. */
double erg_mann_whitney_least_p(size_t a_count, size_t b_count);

/*
 * Wilcoxon's signed-rank test (Biometrics Bulletin 1, 1945) of differences between pairs: the
 * statistic is the sum of the ranks of positive differences. Differences of 0 are left out, so `n`
 * may be less than `count`. Exact and approximate as above. NOMEM.
 */
int erg_wilcoxon_test(const double *differences, size_t count, struct erg_rank_test *out,
                      struct erg_err *err);

/*
 * Holm's step-down correction (Scandinavian Journal of Statistics 6, 1979): out[i] is p[i] adjusted
 * for all of them. NaN is no test: it stays NaN and does not count. `out` is another array than
 * `p`.
 */
void erg_holm(const double *restrict p, size_t count, double *restrict out);

/*
 * Hedges' g (Journal of Educational Statistics 6, 1981): (mean b − mean a) / pooled deviation, with
 * the exact small-sample correction.
 */
double erg_hedges_g(const struct erg_stats *a, const struct erg_stats *b);

/* Cliff's delta: P(b > a) − P(b < a), from the U of a Mann–Whitney test. */
double erg_cliffs_delta(double u, size_t a_count, size_t b_count);

/*
 * mean b / mean a with an interval by the delta method on the logarithm and Student's t with
 * Welch's degrees of freedom. Limits are NaN below two values, the ratio too unless both means are
 * positive; n is the smaller sample's.
 */
struct erg_interval erg_ratio_interval(const struct erg_stats *a, const struct erg_stats *b,
                                       double confidence);

/*
 * Values needed in each of two samples with deviations `sd_a` and `sd_b` so that a difference of
 * the means is detected at level `alpha` with probability `power`; 0 when that cannot be told or
 * takes more than a million.
 */
size_t erg_values_needed(double sd_a, double sd_b, double difference, double alpha,
                         double power_ratio);

/* Lag-1 autocorrelation; NaN below three values or without spread. */
double erg_autocorrelation(const double *values, size_t count);

#endif
