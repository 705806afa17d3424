/* SPDX-License-Identifier: MIT */
#include "analysis/bootstrap.h"

#include "base/mem.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

enum { RESAMPLES = ERG_BOOTSTRAP_RESAMPLES };

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

/* In [0, count), count < 2^32. */
static size_t draw(uint64_t *state, size_t count)
{
    return (size_t)((next_random(state) >> 32) * (uint64_t)count >> 32);
}

static int by_size(const void *one, const void *other)
{
    double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

/* The value below which `p` of the sorted resamples lie, between two of them in proportion. */
static double percentile(const double *sorted, double p)
{
    double place = p * (RESAMPLES + 1) - 1;
    if (!(place > 0))
        return sorted[0];
    if (place >= RESAMPLES - 1)
        return sorted[RESAMPLES - 1];
    size_t i = (size_t)place;
    return sorted[i] + (place - (double)i) * (sorted[i + 1] - sorted[i]);
}

static void fill_means(const double *values, size_t count, double *out)
{
    uint64_t state = ERG_BOOTSTRAP_SEED;
    for (size_t r = 0; r < RESAMPLES; r++) {
        double sum = 0;
        for (size_t i = 0; i < count; i++)
            sum += values[draw(&state, count)];
        out[r] = sum / (double)count;
    }
    qsort(out, RESAMPLES, sizeof *out, by_size);
}

/* Share of resamples below the estimate, those equal to it by half, never 0 or 1. The estimate is
 * summed up as resamples are, so that the same values give the same number. */
static double share_below(const double *sorted, const double *values, size_t count)
{
    double below = 0, sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += values[i];
    double estimate = sum / (double)count;
    for (size_t r = 0; r < RESAMPLES; r++)
        below += sorted[r] < estimate ? 1 : sorted[r] == estimate ? 0.5 : 0;
    return fmin(fmax(below, 0.5), RESAMPLES - 0.5) / RESAMPLES;
}

/* Of the mean by the jackknife: a sixth of the values' skewness over √n. */
static double acceleration(const double *values, size_t count, const struct erg_stats *stats)
{
    double cubes = 0;
    for (size_t i = 0; i < count; i++)
        cubes += pow(values[i] - stats->mean, 3);
    return cubes / (6 * pow(stats->squares, 1.5));
}

static double corrected(double bias, double accelerated, double p)
{
    double z = bias + erg_normal_quantile(p);
    return erg_normal_probability(bias + z / (1 - accelerated * z));
}

int erg_bootstrap_mean(const double *values, size_t count, double confidence,
                       struct erg_interval *out, struct erg_err *err)
{
    struct erg_stats stats = {0};
    for (size_t i = 0; i < count; i++)
        erg_stats_add(&stats, values[i]);
    struct erg_interval interval = {count, count ? stats.mean : NAN, NAN, NAN};
    if (count >= 2 && !(stats.squares > 0))
        interval.low = interval.high = stats.mean;
    if (count < 2 || !(stats.squares > 0)) {
        *out = interval;
        return 0;
    }
    ERG_AUTO_FREE double *means = erg_calloc(RESAMPLES, sizeof *means);
    if (!means)
        return erg_fail(err, ERG_NOMEM, "cannot resample: out of memory");
    fill_means(values, count, means);
    double bias = erg_normal_quantile(share_below(means, values, count));
    double accelerated = acceleration(values, count, &stats);
    interval.low = percentile(means, corrected(bias, accelerated, (1 - confidence) / 2));
    interval.high = percentile(means, corrected(bias, accelerated, (1 + confidence) / 2));
    *out = interval;
    return 0;
}

/* sums[i]: of the first i values, gone through twice. */
static void fill_sums(const double *values, size_t count, double *sums)
{
    sums[0] = 0;
    for (size_t i = 0; i < 2 * count; i++)
        sums[i + 1] = sums[i] + values[i % count];
}

static void fill_ratios(const double *sums_a, const double *sums_b, size_t count, double *out)
{
    uint64_t state = ERG_BOOTSTRAP_SEED;
    size_t block = (size_t)ceil(cbrt((double)count));
    for (size_t r = 0; r < RESAMPLES; r++) {
        double a = 0, b = 0;
        for (size_t done = 0; done < count; done += block) {
            size_t from = draw(&state, count);
            size_t to = from + (count - done < block ? count - done : block);
            a += sums_a[to] - sums_a[from];
            b += sums_b[to] - sums_b[from];
        }
        out[r] = b / a;
    }
    qsort(out, RESAMPLES, sizeof *out, by_size);
}

int erg_bootstrap_ratio(const double *a, const double *b, size_t count, double confidence,
                        struct erg_interval *out, struct erg_err *err)
{
    struct erg_interval interval = {count, NAN, NAN, NAN};
    ERG_AUTO_FREE double *sums_a = erg_calloc(2 * count + 1, sizeof *sums_a);
    ERG_AUTO_FREE double *sums_b = erg_calloc(2 * count + 1, sizeof *sums_b);
    ERG_AUTO_FREE double *ratios = erg_calloc(RESAMPLES, sizeof *ratios);
    if (!sums_a || !sums_b || !ratios)
        return erg_fail(err, ERG_NOMEM, "cannot resample: out of memory");
    fill_sums(a, count, sums_a);
    fill_sums(b, count, sums_b);
    if (sums_a[count] > 0)
        interval.mean = sums_b[count] / sums_a[count];
    if (count >= 2 && sums_a[count] > 0) {
        fill_ratios(sums_a, sums_b, count, ratios);
        interval.low = percentile(ratios, (1 - confidence) / 2);
        interval.high = percentile(ratios, (1 + confidence) / 2);
    }
    *out = interval;
    return 0;
}
