/* SPDX-License-Identifier: MIT */
#include "analysis/hypothesis.h"

#include <math.h>

/* Squared standard error of the mean. */
static double error_squared(const struct erg_stats *stats)
{
    double n = (double)stats->n;
    return stats->squares / (n - 1) / n;
}

static double welch_df(double a, double b, size_t a_count, size_t b_count)
{
    double sum = a + b;
    return sum * sum / (a * a / (double)(a_count - 1) + b * b / (double)(b_count - 1));
}

struct erg_welch erg_welch_test(const struct erg_stats *a, const struct erg_stats *b)
{
    struct erg_welch welch = {NAN, NAN, NAN};
    if (a->n < 2 || b->n < 2)
        return welch;
    double of_a = error_squared(a), of_b = error_squared(b);
    if (!(of_a + of_b > 0))
        return welch;
    welch.t = (b->mean - a->mean) / sqrt(of_a + of_b);
    welch.df = welch_df(of_a, of_b, a->n, b->n);
    welch.p = 2 * erg_t_probability(-fabs(welch.t), welch.df);
    return welch;
}

/* How many of p[] come before p[i] in their order. */
static size_t rank_of(const double *p, size_t count, size_t i)
{
    size_t rank = 0;
    for (size_t k = 0; k < count; k++)
        rank += p[k] < p[i] || (p[k] == p[i] && k < i);
    return rank;
}

void erg_holm(const double *restrict p, size_t count, double *restrict out)
{
    size_t tests = 0;
    for (size_t i = 0; i < count; i++)
        tests += !isnan(p[i]);
    for (size_t i = 0; i < count; i++) {
        out[i] = isnan(p[i]) ? NAN : 0;
        for (size_t k = 0; k < count && !isnan(p[i]); k++) {
            if (p[k] <= p[i])
                out[i] = fmax(out[i], p[k] * (double)(tests - rank_of(p, count, k)));
        }
        out[i] = out[i] > 1 ? 1 : out[i];
    }
}

double erg_hedges_g(const struct erg_stats *a, const struct erg_stats *b)
{
    if (a->n < 2 || b->n < 2)
        return NAN;
    double df = (double)(a->n + b->n - 2);
    double pooled = sqrt((a->squares + b->squares) / df);
    double correction = exp(lgamma(df / 2) - lgamma((df - 1) / 2)) / sqrt(df / 2);
    return pooled > 0 ? (b->mean - a->mean) / pooled * correction : NAN;
}

double erg_cliffs_delta(double u, size_t a_count, size_t b_count)
{
    return a_count && b_count ? 2 * u / ((double)a_count * (double)b_count) - 1 : NAN;
}

struct erg_interval erg_ratio_interval(const struct erg_stats *a, const struct erg_stats *b,
                                       double confidence)
{
    struct erg_interval interval = {a->n < b->n ? a->n : b->n, NAN, NAN, NAN};
    if (!a->n || !b->n || !(a->mean > 0) || !(b->mean > 0))
        return interval;
    interval.mean = b->mean / a->mean;
    if (interval.n < 2)
        return interval;
    double of_a = error_squared(a) / (a->mean * a->mean);
    double of_b = error_squared(b) / (b->mean * b->mean);
    double half = 0;
    if (of_a + of_b > 0) {
        double df = welch_df(of_a, of_b, a->n, b->n);
        half = erg_t_quantile(0.5 + confidence / 2, df) * sqrt(of_a + of_b);
    }
    interval.low = interval.mean * exp(-half);
    interval.high = interval.mean * exp(half);
    return interval;
}

/* Whether `n` values in each sample detect the difference. */
static bool detects(double variance, double difference, size_t n, double alpha, double power_ratio)
{
    double df = 2 * ((double)n - 1);
    double t = erg_t_quantile(1 - alpha / 2, df) + erg_t_quantile(power_ratio, df);
    return t * sqrt(variance / (double)n) <= difference;
}

size_t erg_values_needed(double sd_a, double sd_b, double difference, double alpha,
                         double power_ratio)
{
    enum { LEAST = 2, MOST = 1000000 };
    double variance = sd_a * sd_a + sd_b * sd_b;
    size_t low = LEAST, high = LEAST;
    difference = fabs(difference);
    if (!(difference > 0) || !isfinite(variance))
        return 0;
    while (high <= MOST && !detects(variance, difference, high, alpha, power_ratio)) {
        low = high;
        high *= 2;
    }
    if (high > MOST)
        return 0;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (detects(variance, difference, middle, alpha, power_ratio))
            high = middle;
        else
            low = middle;
    }
    return high;
}

double erg_autocorrelation(const double *values, size_t count)
{
    struct erg_stats stats = {0};
    double products = 0;
    for (size_t i = 0; i < count; i++)
        erg_stats_add(&stats, values[i]);
    if (count < 3 || !(stats.squares > 0))
        return NAN;
    for (size_t i = 1; i < count; i++)
        products += (values[i] - stats.mean) * (values[i - 1] - stats.mean);
    return products / stats.squares;
}
