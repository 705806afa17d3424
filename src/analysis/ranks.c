/* SPDX-License-Identifier: MIT */
#include "analysis/hypothesis.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>

struct ranked {
    double value;
    double rank; /* the mean of those it is tied with, from 1 */
    bool marked; /* of sample b, or of a positive difference */
};

static int by_value(const void *one, const void *other)
{
    double a = ((const struct ranked *)one)->value, b = ((const struct ranked *)other)->value;
    return (a > b) - (a < b);
}

/* Sort and rank; the sum of t³ − t over groups of t tied values, 0 = no ties. */
static double rank_all(struct ranked *items, size_t count)
{
    double ties = 0;
    qsort(items, count, sizeof *items, by_value);
    for (size_t i = 0; i < count;) {
        size_t end = i + 1;
        while (end < count && items[end].value == items[i].value)
            end++;
        double t = (double)(end - i), rank = (double)(i + end + 1) / 2;
        ties += t * t * t - t;
        for (; i < end; i++)
            items[i].rank = rank;
    }
    return ties;
}

static double marked_sum(const struct ranked *items, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += items[i].marked ? items[i].rank : 0;
    return sum;
}

/* Twice the smaller tail of a distribution given as counts of 0 … count − 1. */
static double exact_p(const double *ways, size_t count, size_t statistic)
{
    double below = 0, above = 0, all = 0;
    for (size_t i = 0; i < count; i++) {
        all += ways[i];
        below += i <= statistic ? ways[i] : 0;
        above += i >= statistic ? ways[i] : 0;
    }
    double p = 2 * fmin(below, above) / all;
    return p < 1 ? p : 1;
}

/* By the normal distribution, with half a step for continuity. */
static double normal_p(double statistic, double mean, double variance)
{
    if (!(variance > 0))
        return NAN;
    double z = fmax(fabs(statistic - mean) - 0.5, 0) / sqrt(variance);
    return 2 * erg_normal_probability(-z);
}

/*
 * ways[few × (few·many + 1) + u]: in how many orders of all values U is u. Values are put down one
 * after the other; one of the smaller sample is above as many of the other as came before it.
 */
static int exact_u(size_t few, size_t many, size_t u, double *out_p)
{
    size_t width = few * many + 1;
    ERG_AUTO_FREE double *ways = erg_calloc((few + 1) * width, sizeof *ways);
    if (!ways)
        return ERG_NOMEM;
    ways[0] = 1;
    for (size_t put = 0; put < few + many; put++) {
        for (size_t k = put < few ? put + 1 : few; k-- > 0;) {
            size_t above = put - k;
            const double *from = ways + k * width;
            double *to = ways + (k + 1) * width;
            for (size_t i = 0; i + above < width && above <= many; i++)
                to[i + above] += from[i];
        }
    }
    *out_p = exact_p(ways + few * width, width, u);
    return 0;
}

int erg_mann_whitney_test(const double *a, size_t a_count, const double *b, size_t b_count,
                          struct erg_rank_test *out, struct erg_err *err)
{
    size_t count = a_count + b_count;
    ERG_AUTO_FREE struct ranked *items = erg_calloc(count, sizeof *items);
    if (!items)
        return erg_fail(err, ERG_NOMEM, "cannot rank %zu values: out of memory", count);
    for (size_t i = 0; i < count; i++)
        items[i] = (struct ranked){i < a_count ? a[i] : b[i - a_count], 0, i >= a_count};
    double n = (double)a_count, m = (double)b_count, ties = rank_all(items, count);
    struct erg_rank_test test = {.n = count, .p = NAN};
    test.statistic = marked_sum(items, count) - m * (m + 1) / 2;
    if (a_count < 2 || b_count < 2) {
        *out = test;
        return 0;
    }
    test.exact = ties == 0 && a_count <= ERG_RANK_EXACT_MOST && b_count <= ERG_RANK_EXACT_MOST;
    if (test.exact) {
        size_t few = a_count < b_count ? a_count : b_count;
        if (exact_u(few, count - few, (size_t)test.statistic, &test.p))
            return erg_fail(err, ERG_NOMEM, "cannot rank %zu values: out of memory", count);
    } else {
        double all = n + m;
        double variance = n * m / 12 * (all + 1 - ties / (all * (all - 1)));
        test.p = normal_p(test.statistic, n * m / 2, variance);
    }
    *out = test;
    return 0;
}

double erg_mann_whitney_least_p(size_t a_count, size_t b_count)
{
    double n = (double)a_count, m = (double)b_count;
    return fmin(2 * exp(lgamma(n + 1) + lgamma(m + 1) - lgamma(n + m + 1)), 1);
}

/* In how many ways signs make the positive ranks' sum w. */
static int exact_w(size_t n, size_t w, double *out_p)
{
    size_t width = n * (n + 1) / 2 + 1;
    ERG_AUTO_FREE double *ways = erg_calloc(width, sizeof *ways);
    if (!ways)
        return ERG_NOMEM;
    ways[0] = 1;
    for (size_t rank = 1; rank <= n; rank++) {
        for (size_t i = width; i-- > rank;)
            ways[i] += ways[i - rank];
    }
    *out_p = exact_p(ways, width, w);
    return 0;
}

int erg_wilcoxon_test(const double *differences, size_t count, struct erg_rank_test *out,
                      struct erg_err *err)
{
    ERG_AUTO_FREE struct ranked *items = erg_calloc(count, sizeof *items);
    if (!items)
        return erg_fail(err, ERG_NOMEM, "cannot rank %zu values: out of memory", count);
    struct erg_rank_test test = {.p = NAN};
    for (size_t i = 0; i < count; i++) {
        if (differences[i] != 0)
            items[test.n++] = (struct ranked){fabs(differences[i]), 0, differences[i] > 0};
    }
    double n = (double)test.n, ties = rank_all(items, test.n);
    test.statistic = marked_sum(items, test.n);
    test.exact = ties == 0 && test.n <= ERG_RANK_EXACT_MOST;
    if (test.n < 2) {
        *out = test;
        return 0;
    }
    if (test.exact) {
        if (exact_w(test.n, (size_t)test.statistic, &test.p))
            return erg_fail(err, ERG_NOMEM, "cannot rank %zu values: out of memory", count);
    } else {
        double variance = n * (n + 1) * (2 * n + 1) / 24 - ties / 48;
        test.p = normal_p(test.statistic, n * (n + 1) / 4, variance);
    }
    *out = test;
    return 0;
}
