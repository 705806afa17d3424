/* SPDX-License-Identifier: MIT */
#include "analysis/spread.h"

#include "analysis/stats.h"

#include <math.h>
#include <stdlib.h>

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(const double *sorted, size_t n, double p)
{
    double at = p * (double)(n - 1);
    size_t low = (size_t)at;
    double part = at - (double)low;
    return low + 1 < n ? sorted[low] + part * (sorted[low + 1] - sorted[low]) : sorted[n - 1];
}

/* Correlation of each value with the next one. */
static double neighbours(const double *values, size_t n, const struct erg_stats *stats)
{
    double sum = 0;
    for (size_t i = 0; i + 1 < n; i++)
        sum += (values[i] - stats->mean) * (values[i + 1] - stats->mean);
    return n > 2 && stats->squares > 0 ? sum / stats->squares : NAN;
}

struct erg_spread erg_spread(double *values, size_t count)
{
    struct erg_spread out = {0, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
    struct erg_stats stats = {0};
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(values[i]))
            continue;
        values[n++] = values[i];
        erg_stats_add(&stats, values[n - 1]);
    }
    out.n = n;
    if (!n)
        return out;
    out.mean = stats.mean;
    out.sd = erg_stats_sd(&stats);
    out.autocorrelation = neighbours(values, n, &stats);
    double r = out.autocorrelation > 0 ? out.autocorrelation : 0;
    out.effective_n = (double)n * (1 - r) / (1 + r);
    qsort(values, n, sizeof *values, by_value);
    out.min = values[0];
    out.max = values[n - 1];
    out.median = quantile(values, n, 0.5);
    out.p05 = quantile(values, n, 0.05);
    out.p95 = quantile(values, n, 0.95);
    return out;
}
