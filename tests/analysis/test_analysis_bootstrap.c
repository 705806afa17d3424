/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "analysis/bootstrap.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>

static double uniform(uint64_t *seed)
{
    return (1 + (double)test_below(seed, UINT32_MAX)) / ((double)UINT32_MAX + 1);
}

static struct erg_interval mean_of(const double *values, size_t count)
{
    struct erg_interval interval;
    assert_int_equal(erg_bootstrap_mean(values, count, 0.95, &interval, NULL), 0);
    return interval;
}

/* Made by analysis/reference.py, which has the algorithm and the random numbers from their papers.
 */
static void test_references(void **state)
{
    FILE *file = fopen("analysis/data/bootstrap.txt", "r");
    int n, lines = 0;
    (void)state;
    assert_non_null(file);
    while (fgetc(file) != '\n')
        ;
    while (fscanf(file, "%d", &n) == 1) {
        double values[32], low, high;
        for (int i = 0; i < n; i++)
            assert_int_equal(fscanf(file, "%lf", &values[i]), 1);
        assert_int_equal(fscanf(file, "%lf %lf", &low, &high), 2);
        struct erg_interval interval = mean_of(values, (size_t)n);
        assert_true(fabs(interval.low - low) < 1e-9 * low);
        assert_true(fabs(interval.high - high) < 1e-9 * high);
        lines++;
    }
    fclose(file);
    assert_int_equal(lines, 4);
}

static void test_reproducible_and_equivariant(void **state)
{
    double values[20], mapped[20];
    uint64_t seed = 3;
    (void)state;
    for (int round = 0; round < 5; round++) {
        for (size_t i = 0; i < 20; i++) {
            values[i] = -log(uniform(&seed));
            mapped[i] = 4 * values[i] + 256;
        }
        struct erg_interval one = mean_of(values, 20), again = mean_of(values, 20);
        struct erg_interval moved = mean_of(mapped, 20);
        assert_true(one.low == again.low && one.high == again.high);
        assert_true(one.low < one.mean && one.mean < one.high && one.n == 20);
        assert_true(fabs(moved.low - (4 * one.low + 256)) < 1e-3);
        assert_true(fabs(moved.high - (4 * one.high + 256)) < 1e-3);
    }
}

static void test_few_values(void **state)
{
    (void)state;
    struct erg_interval interval = mean_of(NULL, 0);
    assert_true(interval.n == 0 && isnan(interval.mean) && isnan(interval.low));
    interval = mean_of((const double[]){5}, 1);
    assert_true(interval.mean == 5 && isnan(interval.low) && isnan(interval.high));
    interval = mean_of((const double[]){5, 5, 5}, 3);
    assert_true(interval.low == 5 && interval.high == 5);
    interval = mean_of((const double[]){4, 6}, 2);
    assert_true(interval.low >= 4 && interval.low < 5 && interval.high > 5 && interval.high <= 6);
}

/*
 * Efron and Tibshirani's survival times of 16 mice (An Introduction to the Bootstrap, table 2.1):
 * a mean of 86.86 with a bootstrap standard error of about 23.4 for the treated seven.
 */
static void test_mice(void **state)
{
    static const double treated[] = {94, 197, 16, 38, 99, 141, 23};
    (void)state;
    struct erg_interval interval = mean_of(treated, 7);
    assert_true(fabs(interval.mean - 86.857) < 0.001);
    assert_true(fabs((interval.high - interval.low) / (2 * 1.96) - 23.4) < 2);
    /* To the right as the values are skewed: BCa moves both ends up. */
    assert_true(interval.high - interval.mean > interval.mean - interval.low);
}

/* Of 40 exponential values, the true mean lies in 92 to 96 % of the intervals. */
static void test_coverage(void **state)
{
    enum { ROUNDS = 400, N = 40 };
    int held = 0;
    uint64_t seed = 42;
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        double values[N];
        for (size_t i = 0; i < N; i++)
            values[i] = -log(uniform(&seed));
        struct erg_interval interval = mean_of(values, N);
        held += interval.low <= 1 && 1 <= interval.high;
    }
    print_message("the mean lies in %.1f %% of the intervals\n", held * 100.0 / ROUNDS);
    assert_in_range(held, 362, 390);
}

/* Neighbours that are alike: single values resampled would give far too short intervals. */
static void test_ratio_of_neighbours(void **state)
{
    enum { ROUNDS = 300, N = 200 };
    int held = 0;
    uint64_t seed = 8;
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        double a[N], b[N], drift = 0;
        struct erg_interval interval;
        for (size_t i = 0; i < N; i++) {
            drift = 0.5 * drift + uniform(&seed) - 0.5;
            a[i] = 10 + uniform(&seed);
            b[i] = 1.2 * 10.5 + drift;
        }
        assert_int_equal(erg_bootstrap_ratio(a, b, N, 0.95, &interval, NULL), 0);
        assert_true(interval.low <= interval.mean && interval.mean <= interval.high);
        held += interval.low <= 1.2 && 1.2 <= interval.high;
    }
    print_message("the ratio lies in %.1f %% of the intervals\n", held * 100.0 / ROUNDS);
    assert_in_range(held, 255, 294);
}

static void test_ratio_of_few(void **state)
{
    struct erg_interval interval;
    (void)state;
    assert_int_equal(erg_bootstrap_ratio(NULL, NULL, 0, 0.95, &interval, NULL), 0);
    assert_true(interval.n == 0 && isnan(interval.mean));
    const double one[] = {2}, zero[] = {0, 0};
    assert_int_equal(erg_bootstrap_ratio(one, one, 1, 0.95, &interval, NULL), 0);
    assert_true(interval.mean == 1 && isnan(interval.low));
    assert_int_equal(erg_bootstrap_ratio(zero, zero, 2, 0.95, &interval, NULL), 0);
    assert_true(isnan(interval.mean) && isnan(interval.low));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_references),   cmocka_unit_test(test_reproducible_and_equivariant),
        cmocka_unit_test(test_few_values),   cmocka_unit_test(test_mice),
        cmocka_unit_test(test_coverage),     cmocka_unit_test(test_ratio_of_neighbours),
        cmocka_unit_test(test_ratio_of_few),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
