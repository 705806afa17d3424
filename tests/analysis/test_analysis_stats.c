/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "analysis/stats.h"

#include <math.h>
#include <stdbool.h>

static bool near(double a, double b, double relative)
{
    bool good = fabs(a - b) <= relative * fabs(b);
    if (!good)
        print_error("%.17g is not %.17g\n", a, b);
    return good;
}

/* Two-sided 95 % and 99 % points as tables of Student's t print them. */
static void test_tabulated_quantiles(void **state)
{
    static const struct {
        double df, t95, t99;
    } rows[] = {
        {1, 12.706, 63.657}, {2, 4.303, 9.925},  {3, 3.182, 5.841},  {4, 2.776, 4.604},
        {5, 2.571, 4.032},   {6, 2.447, 3.707},  {7, 2.365, 3.499},  {8, 2.306, 3.355},
        {9, 2.262, 3.250},   {10, 2.228, 3.169}, {15, 2.131, 2.947}, {20, 2.086, 2.845},
        {29, 2.045, 2.756},  {49, 2.010, 2.680}, {60, 2.000, 2.660}, {120, 1.980, 2.617},
    };
    (void)state;
    for (size_t i = 0; i < ERG_COUNT(rows); i++) {
        assert_true(fabs(erg_t_quantile(0.975, rows[i].df) - rows[i].t95) <= 0.0005001);
        assert_true(fabs(erg_t_quantile(0.995, rows[i].df) - rows[i].t99) <= 0.0005001);
        assert_true(fabs(erg_t_quantile(0.025, rows[i].df) + rows[i].t95) <= 0.0005001);
    }
    assert_true(near(erg_t_quantile(0.975, 1e6), 1.959966, 1e-5)); /* the normal distribution's */
}

/* One and two degrees of freedom have closed forms. */
static void test_closed_forms(void **state)
{
    const double pi = acos(-1);
    (void)state;
    for (double t = -40; t <= 40; t += 0.37) {
        assert_true(near(erg_t_probability(t, 1), 0.5 + atan(t) / pi, 1e-10));
        assert_true(near(erg_t_probability(t, 2), 0.5 + t / (2 * sqrt(2 + t * t)), 1e-10));
    }
    for (double x = 0; x <= 1; x += 0.05) {
        assert_true(fabs(erg_incomplete_beta(1, 1, x) - x) < 1e-14);
        assert_true(fabs(erg_incomplete_beta(2, 1, x) - x * x) < 1e-14);
        assert_true(fabs(erg_incomplete_beta(1, 3, x) - (1 - pow(1 - x, 3))) < 1e-14);
        assert_true(fabs(erg_incomplete_beta(0.5, 0.5, x) - 2 / pi * asin(sqrt(x))) < 1e-13);
    }
}

static void test_quantile_inverts_probability(void **state)
{
    uint64_t seed = 1;
    (void)state;
    for (int i = 0; i < 500; i++) {
        double p = (1 + (double)test_below(&seed, 9998)) / 10000;
        double df = 1 + (double)test_below(&seed, 3000) / 10;
        double t = erg_t_quantile(p, df);
        if (p == 0.5)
            assert_true(fabs(t) < 1e-9);
        else
            assert_true(near(erg_t_probability(t, df), p, 1e-9));
    }
}

static void test_mean_and_deviation(void **state)
{
    static const double values[] = {2, 4, 4, 4, 5, 5, 7, 9};
    struct erg_stats stats = {0}, shifted = {0};
    (void)state;
    for (size_t i = 0; i < ERG_COUNT(values); i++) {
        erg_stats_add(&stats, values[i]);
        erg_stats_add(&stats, NAN);
        erg_stats_add(&shifted, values[i] + 1e9);
    }
    assert_int_equal(stats.n, 8);
    assert_true(near(stats.mean, 5, 1e-15));
    assert_true(near(erg_stats_sd(&stats), sqrt(32.0 / 7), 1e-15));
    assert_true(near(erg_stats_sd(&shifted), sqrt(32.0 / 7), 1e-6));
}

/* 5 ± 2.365 · 2.138 / √8, from the values above. */
static void test_interval(void **state)
{
    static const double values[] = {2, 4, 4, 4, 5, 5, 7, 9};
    struct erg_stats stats = {0};
    (void)state;
    struct erg_interval interval = erg_stats_interval(&stats, 0.95);
    assert_true(interval.n == 0 && isnan(interval.mean) && isnan(interval.low));
    erg_stats_add(&stats, values[0]);
    interval = erg_stats_interval(&stats, 0.95);
    assert_true(interval.mean == 2 && isnan(interval.low) && isnan(interval.high));
    assert_true(isnan(erg_interval_relative(&interval)));
    for (size_t i = 1; i < ERG_COUNT(values); i++)
        erg_stats_add(&stats, values[i]);
    interval = erg_stats_interval(&stats, 0.95);
    assert_true(near(interval.low, 5 - 1.787488, 1e-5));
    assert_true(near(interval.high, 5 + 1.787488, 1e-5));
    assert_true(near(erg_interval_relative(&interval), 1.787488 / 5, 1e-5));
}

/* Ranks of the 95 % limits, from the binomial distribution summed exactly with Python's integers.
 */
static void test_median_interval(void **state)
{
    static const struct {
        size_t n, low, high;
    } rows[] = {{5, 0, 0},   {6, 1, 6},    {8, 1, 8},     {9, 2, 8},
                {10, 2, 9},  {11, 2, 10},  {12, 3, 10},   {15, 4, 12},
                {20, 6, 15}, {50, 18, 33}, {100, 40, 61}, {1000, 469, 532}};
    double ranks[1000];
    (void)state;
    for (size_t i = 0; i < ERG_COUNT(ranks); i++)
        ranks[i] = (double)(i + 1);
    for (size_t i = 0; i < ERG_COUNT(rows); i++) {
        struct erg_interval median = erg_stats_median_interval(ranks, rows[i].n, 0.95);
        assert_true(median.n == rows[i].n && median.mean == ((double)rows[i].n + 1) / 2);
        assert_true(rows[i].low ? median.low == (double)rows[i].low : isnan(median.low));
        assert_true(rows[i].high ? median.high == (double)rows[i].high : isnan(median.high));
    }
    assert_true(isnan(erg_stats_median_interval(NULL, 0, 0.95).mean));
}

/* About 95 of 100 intervals hold the true mean. */
static void test_coverage(void **state)
{
    uint64_t seed = 42;
    int held = 0;
    (void)state;
    for (int i = 0; i < 4000; i++) {
        struct erg_stats stats = {0};
        for (int k = 0; k < 6; k++) {
            double normal = -6; /* twelve uniform numbers: mean 0, deviation 1 */
            for (int j = 0; j < 12; j++)
                normal += (double)test_below(&seed, 1000000) / 1e6;
            erg_stats_add(&stats, 3 + normal);
        }
        struct erg_interval interval = erg_stats_interval(&stats, 0.95);
        held += interval.low <= 3 && 3 <= interval.high;
    }
    assert_in_range(held, 3740, 3860);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tabulated_quantiles),
        cmocka_unit_test(test_closed_forms),
        cmocka_unit_test(test_quantile_inverts_probability),
        cmocka_unit_test(test_mean_and_deviation),
        cmocka_unit_test(test_interval),
        cmocka_unit_test(test_median_interval),
        cmocka_unit_test(test_coverage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
