/* SPDX-License-Identifier: MIT */
#include "analysis/stats.h"

#include <math.h>

void erg_stats_add(struct erg_stats *stats, double value)
{
    if (!isfinite(value))
        return;
    double before = value - stats->mean;
    stats->n++;
    stats->mean += before / (double)stats->n;
    stats->squares += before * (value - stats->mean);
}

double erg_stats_sd(const struct erg_stats *stats)
{
    return stats->n < 2 ? NAN : sqrt(stats->squares / (double)(stats->n - 1));
}

struct erg_interval erg_stats_interval(const struct erg_stats *stats, double confidence)
{
    struct erg_interval interval = {stats->n, stats->n ? stats->mean : NAN, NAN, NAN};
    if (stats->n < 2)
        return interval;
    double n = (double)stats->n;
    double half = erg_t_quantile(0.5 + confidence / 2, n - 1) * sqrt(stats->squares / (n - 1) / n);
    interval.low = stats->mean - half;
    interval.high = stats->mean + half;
    return interval;
}

/* P(B < k) of n throws of a coin is I_1/2(n − k + 1, k). */
struct erg_interval erg_stats_median_interval(const double *sorted, size_t n, double confidence)
{
    struct erg_interval interval = {n, NAN, NAN, NAN};
    size_t k = 0;
    if (!n)
        return interval;
    interval.mean = (sorted[(n - 1) / 2] + sorted[n / 2]) / 2;
    while (erg_incomplete_beta((double)(n - k), (double)(k + 1), 0.5) <= (1 - confidence) / 2)
        k++;
    if (k) {
        interval.low = sorted[k - 1];
        interval.high = sorted[n - k];
    }
    return interval;
}

double erg_interval_relative(const struct erg_interval *interval)
{
    double half = (interval->high - interval->low) / 2;
    return interval->mean != 0 ? half / fabs(interval->mean) : NAN;
}

/* Lentz's method as modified by Thompson and Barnett: no term may become 0. */
static double away_from_zero(double x)
{
    const double tiny = 1e-300;
    return fabs(x) < tiny ? tiny : x;
}

/* The continued fraction; converges fast for x < (a + 1) / (a + b + 2). */
static double beta_fraction(double a, double b, double x)
{
    enum { MAX_TERMS = 10000 };
    double c = 1, d = 1 / away_from_zero(1 - (a + b) * x / (a + 1)), fraction = d;
    for (int m = 1; m < MAX_TERMS; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        d = 1 / away_from_zero(1 + even * d);
        c = away_from_zero(1 + even / c);
        fraction *= d * c;
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        d = 1 / away_from_zero(1 + odd * d);
        c = away_from_zero(1 + odd / c);
        fraction *= d * c;
        if (fabs(d * c - 1) < 1e-15)
            break;
    }
    return fraction;
}

/* `rest` is 1 − x, given apart because it may be far smaller than x's last digit. */
static double incomplete_beta(double a, double b, double x, double rest)
{
    if (x <= 0 || rest <= 0)
        return x <= 0 ? 0 : 1;
    double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log(rest));
    if (x < (a + 1) / (a + b + 2))
        return front * beta_fraction(a, b, x) / a;
    return 1 - front * beta_fraction(b, a, rest) / b;
}

double erg_incomplete_beta(double a, double b, double x)
{
    return incomplete_beta(a, b, x, 1 - x);
}

double erg_t_probability(double t, double df)
{
    double tail = incomplete_beta(df / 2, 0.5, df / (df + t * t), t * t / (df + t * t)) / 2;
    return t > 0 ? 1 - tail : tail;
}

double erg_t_quantile(double p, double df)
{
    double low = 0, high = 1, tail = p > 0.5 ? 1 - p : p;
    while (erg_t_probability(-high, df) > tail && high < 1e300)
        high *= 2;
    /* Halve until the two ends are neighbours. */
    for (double middle; (middle = low + (high - low) / 2) > low && middle < high;) {
        if (erg_t_probability(-middle, df) > tail)
            low = middle;
        else
            high = middle;
    }
    return p > 0.5 ? high : -high;
}

double erg_normal_probability(double z)
{
    return erfc(-z / sqrt(2)) / 2;
}

double erg_normal_quantile(double p)
{
    double low = -40, high = 0, tail = p > 0.5 ? 1 - p : p;
    for (double middle; (middle = low + (high - low) / 2) > low && middle < high;) {
        if (erg_normal_probability(middle) < tail)
            low = middle;
        else
            high = middle;
    }
    return p > 0.5 ? -high : high;
}
