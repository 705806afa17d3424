/* SPDX-License-Identifier: MIT */
#ifndef ERG_ANALYSIS_STATS_H
#define ERG_ANALYSIS_STATS_H

#include <stddef.h>

/* Mean and spread of numbers that come one at a time (B. P. Welford, Technometrics 4, 1962). */
struct erg_stats {
    size_t n;
    double mean;
    double squares; /* sum of squared deviations from the mean */
};

/* Add a value; NaN and infinities are not values and are left out. */
void erg_stats_add(struct erg_stats *stats, double value);

/* Sample standard deviation (n − 1); NaN below two values. */
double erg_stats_sd(const struct erg_stats *stats);

/* A mean (or median) with its confidence interval; NaN where too few values are known (mean 1,
 * limits 2). */
struct erg_interval {
    size_t n;
    double mean, low, high;
};

/* By Student's t distribution; `confidence` is 0.95 for the 95 % interval. */
struct erg_interval erg_stats_interval(const struct erg_stats *stats, double confidence);

/*
 * Of the median of `n` sorted values, by order statistics: free of assumptions, at least
 * `confidence` (W. J. Conover, Practical Nonparametric Statistics, 3.2). Five values are too few
 * for 95 %.
 */
struct erg_interval erg_stats_median_interval(const double *sorted, size_t n, double confidence);

/* Half the interval's width over the mean's size; NaN when it is not known. */
double erg_interval_relative(const struct erg_interval *interval);

/*
 * Regularised incomplete beta function I_x(a, b) for a, b > 0 and 0 ≤ x ≤ 1, by the continued
 * fraction of Abramowitz and Stegun 26.5.8. Relative error below 1e-12 where a and b are below 1e4.
 */
double erg_incomplete_beta(double a, double b, double x);

/* Probability that Student's t with `df` > 0 degrees of freedom is below `t`. */
double erg_t_probability(double t, double df);

/* Its inverse for 0 < p < 1: the t below which the probability is `p`. */
double erg_t_quantile(double p, double df);

/* Probability that a standard normal variable is below `z`, and its inverse for 0 < p < 1. */
double erg_normal_probability(double z);
double erg_normal_quantile(double p);

#endif
