/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "analysis/hypothesis.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST = 64 };

static bool near(double a, double b, double relative)
{
    bool good = fabs(a - b) <= relative * fabs(b) || (fabs(a) < 1e-300 && fabs(b) < 1e-300);
    if (!good)
        print_error("%.17g is not %.17g\n", a, b);
    return good;
}

static struct erg_stats stats_of(const double *values, size_t count)
{
    struct erg_stats stats = {0};
    for (size_t i = 0; i < count; i++)
        erg_stats_add(&stats, values[i]);
    return stats;
}

/* A standard normal number, by G. E. P. Box and M. E. Muller. */
static double normal(uint64_t *seed)
{
    double u = (1 + (double)test_below(seed, UINT32_MAX)) / ((double)UINT32_MAX + 1);
    double v = (double)test_below(seed, UINT32_MAX) / (double)UINT32_MAX;
    return sqrt(-2 * log(u)) * cos(2 * acos(-1) * v);
}

static struct erg_rank_test u_test(const double *a, size_t n, const double *b, size_t m)
{
    struct erg_rank_test test = {0};
    assert_int_equal(erg_mann_whitney_test(a, n, b, m, &test, NULL), 0);
    return test;
}

static double read_number(FILE *file)
{
    double value = NAN;
    assert_int_equal(fscanf(file, "%lf", &value), 1);
    return value;
}

/* analysis/data/hypothesis.txt was made by analysis/reference.py, which shares nothing with us. */
static void test_references(void **state)
{
    FILE *file = fopen("analysis/data/hypothesis.txt", "r");
    int n, m, lines = 0;
    (void)state;
    assert_non_null(file);
    while (fgetc(file) != '\n')
        ;
    while (fscanf(file, "%d %d", &n, &m) == 2) {
        double a[MOST], b[MOST], d[MOST];
        struct erg_rank_test w;
        for (int i = 0; i < n; i++)
            a[i] = read_number(file);
        for (int i = 0; i < m; i++)
            b[i] = read_number(file);
        int pairs = n < m ? n : m;
        for (int i = 0; i < pairs; i++)
            d[i] = b[i] - a[i];
        struct erg_stats of_a = stats_of(a, (size_t)n), of_b = stats_of(b, (size_t)m);
        struct erg_welch welch = erg_welch_test(&of_a, &of_b);
        assert_true(near(welch.t, read_number(file), 1e-9));
        assert_true(near(welch.df, read_number(file), 1e-9));
        assert_true(near(welch.p, read_number(file), 1e-9));
        assert_true(near(erg_hedges_g(&of_a, &of_b), read_number(file), 1e-9));
        struct erg_rank_test u = u_test(a, (size_t)n, b, (size_t)m);
        assert_true(u.statistic == read_number(file));
        assert_true(near(u.p, read_number(file), 1e-9));
        assert_int_equal(u.exact, (int)read_number(file));
        assert_int_equal(erg_wilcoxon_test(d, (size_t)pairs, &w, NULL), 0);
        assert_true(w.statistic == read_number(file));
        assert_true(near(w.p, read_number(file), 1e-9));
        assert_int_equal(w.exact, (int)read_number(file));
        lines++;
    }
    fclose(file);
    assert_int_equal(lines, 18);
}

/* As tables of the tests print them: smallest p of 3 against 3 and 4 against 4; two-sided 5 %
 * points of U for n = m = 5 (2), 8 (13), 10 (23); of W for n = 6 (0), 10 (8), 20 (52). */
static void test_tables(void **state)
{
    static const struct {
        int n, point;
    } u_points[] = {{5, 2}, {8, 13}, {10, 23}}, w_points[] = {{6, 0}, {10, 8}, {20, 52}};
    (void)state;
    assert_true(near(erg_mann_whitney_least_p(3, 3), 0.1, 1e-12));
    assert_true(near(erg_mann_whitney_least_p(4, 4), 2.0 / 70, 1e-12));
    for (size_t i = 0; i < ERG_COUNT(u_points); i++) {
        for (int over = 0; over < 2; over++) {
            double a[16], b[16];
            int n = u_points[i].n, u = u_points[i].point + over;
            for (int k = 0; k < n; k++)
                a[k] = k;
            /* As many of b above all of a as fit into u, one more in between. */
            for (int k = 0; k < n; k++)
                b[k] = k < u / n ? n + k : k == u / n ? u % n - 0.5 : -1 - k;
            struct erg_rank_test test = u_test(a, (size_t)n, b, (size_t)n);
            assert_true(test.statistic == u && test.exact);
            assert_int_equal(test.p <= 0.05, !over);
        }
    }
    for (size_t i = 0; i < ERG_COUNT(w_points); i++) {
        for (int over = 0; over < 2; over++) {
            double d[32];
            int n = w_points[i].n, rest = w_points[i].point + over;
            struct erg_rank_test test;
            for (int k = n; k > 0; k--) {
                bool positive = rest >= k;
                rest -= positive ? k : 0;
                d[k - 1] = positive ? k : -k;
            }
            assert_int_equal(erg_wilcoxon_test(d, (size_t)n, &test, NULL), 0);
            assert_true(test.statistic == w_points[i].point + over && test.exact);
            assert_int_equal(test.p <= 0.05, !over);
        }
    }
}

/* Whoever is called b: t turns round, U + U' = nm, p stays; and ranks see order only. */
static void test_symmetry_and_monotone_maps(void **state)
{
    uint64_t seed = 7;
    (void)state;
    for (int round = 0; round < 300; round++) {
        double a[MOST], b[MOST], map_a[MOST], map_b[MOST];
        size_t n = 2 + test_below(&seed, 60), m = 2 + test_below(&seed, 60);
        uint64_t grain = round % 2 ? 20 : UINT32_MAX; /* with ties, and hardly any */
        for (size_t i = 0; i < n; i++)
            map_a[i] = exp(a[i] = (double)test_below(&seed, grain) * 10 / (double)grain);
        for (size_t i = 0; i < m; i++)
            map_b[i] = exp(b[i] = (double)test_below(&seed, grain) * 10 / (double)grain);
        struct erg_stats of_a = stats_of(a, n), of_b = stats_of(b, m);
        struct erg_welch one = erg_welch_test(&of_a, &of_b), other = erg_welch_test(&of_b, &of_a);
        assert_true(isnan(one.p) || (one.t == -other.t && near(one.p, other.p, 1e-12)));
        struct erg_rank_test ab = u_test(a, n, b, m), ba = u_test(b, m, a, n);
        struct erg_rank_test mapped = u_test(map_a, n, map_b, m);
        assert_true(ab.statistic + ba.statistic == (double)(n * m));
        assert_true(ab.p >= 0 && ab.p <= 1 && near(ab.p, ba.p, 1e-9));
        assert_true(ab.statistic == mapped.statistic && ab.p == mapped.p);
        assert_true(fabs(erg_cliffs_delta(ab.statistic, n, m) +
                         erg_cliffs_delta(ba.statistic, m, n)) < 1e-12);
        struct erg_interval up = erg_ratio_interval(&of_a, &of_b, 0.95);
        struct erg_interval down = erg_ratio_interval(&of_b, &of_a, 0.95);
        assert_true(near(up.mean * down.mean, 1, 1e-9) && near(up.low * down.high, 1, 1e-9));
    }
}

/* One value more is beyond what is tested exactly, and changes little. */
static void test_exact_and_normal_agree(void **state)
{
    uint64_t seed = 9;
    (void)state;
    for (int round = 0; round < 50; round++) {
        double a[51], b[51];
        for (size_t i = 0; i < 51; i++) {
            a[i] = normal(&seed);
            b[i] = normal(&seed) + 0.3;
        }
        struct erg_rank_test exact = u_test(a, 50, b, 50), approximate = u_test(a, 51, b, 50);
        assert_true(exact.exact && !approximate.exact);
        assert_true(fabs(exact.p - approximate.p) < 0.1);
    }
}

static void test_what_cannot_be_tested(void **state)
{
    static const double one[] = {1}, same[] = {3, 3, 3}, two[] = {1, 2};
    struct erg_stats of_one = stats_of(one, 1), of_two = stats_of(two, 2);
    struct erg_stats of_same = stats_of(same, 3), none = {0};
    struct erg_rank_test test;
    (void)state;
    assert_true(isnan(erg_welch_test(&of_one, &of_two).p));
    assert_true(isnan(erg_welch_test(&of_two, &none).p));
    assert_true(isnan(erg_welch_test(&of_same, &of_same).p));
    assert_true(isnan(erg_hedges_g(&of_one, &of_two)) && isnan(erg_hedges_g(&of_same, &of_same)));
    assert_true(isnan(u_test(one, 1, two, 2).p) && isnan(u_test(NULL, 0, two, 2).p));
    assert_true(isnan(u_test(same, 3, same, 3).p));
    assert_int_equal(erg_wilcoxon_test((const double[]){0, 0, 0}, 3, &test, NULL), 0);
    assert_true(isnan(test.p) && test.n == 0);
    struct erg_interval ratio = erg_ratio_interval(&of_one, &of_two, 0.95);
    assert_true(ratio.mean == 1.5 && isnan(ratio.low));
    ratio = erg_ratio_interval(&none, &of_two, 0.95);
    assert_true(isnan(ratio.mean));
    assert_true(isnan(erg_autocorrelation(two, 2)) && isnan(erg_autocorrelation(same, 3)));
}

/* The example worked in Holm's manner: 0.01·4, 0.0133·3, 0.04·2 (and not below), 0.05. */
static void test_holm(void **state)
{
    const double p[] = {0.04, NAN, 0.01, 0.05, 0.0132}, rising[] = {0.9, 0.8, 0.7};
    double out[5];
    (void)state;
    erg_holm(p, 5, out);
    assert_true(near(out[2], 0.04, 1e-12) && near(out[4], 0.04, 1e-12));
    assert_true(near(out[0], 0.08, 1e-12) && near(out[3], 0.08, 1e-12) && isnan(out[1]));
    erg_holm(rising, 3, out);
    assert_true(out[0] == 1 && out[1] == 1 && out[2] == 1);
}

/* 16 to 17 in each group see a difference of one deviation in four of five cases (J. Cohen). */
static void test_values_needed(void **state)
{
    (void)state;
    assert_in_range(erg_values_needed(1, 1, 1, 0.05, 0.8), 16, 17);
    assert_in_range(erg_values_needed(1, 1, -0.5, 0.05, 0.8), 63, 65);
    assert_int_equal(erg_values_needed(1, 1, 0, 0.05, 0.8), 0);
    assert_int_equal(erg_values_needed(1, 1, 1e-9, 0.05, 0.8), 0);
    assert_int_equal(erg_values_needed(NAN, 1, 1, 0.05, 0.8), 0);
    assert_int_equal(erg_values_needed(0, 1e-9, 1, 0.05, 0.8), 2);
}

/* Two samples of one distribution differ in 5 % of 10 000 comparisons. */
static void test_false_positives(void **state)
{
    enum { ROUNDS = 10000, N = 8, M = 10 };
    int welch = 0, ranks = 0;
    uint64_t seed = 2026;
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        double a[N], b[M];
        for (size_t i = 0; i < N; i++)
            a[i] = normal(&seed);
        for (size_t i = 0; i < M; i++)
            b[i] = normal(&seed);
        struct erg_stats of_a = stats_of(a, N), of_b = stats_of(b, M);
        welch += erg_welch_test(&of_a, &of_b).p < 0.05;
        ranks += u_test(a, N, b, M).p < 0.05;
    }
    print_message("false positives: Welch %.2f %%, Mann-Whitney %.2f %%\n", welch * 100.0 / ROUNDS,
                  ranks * 100.0 / ROUNDS);
    assert_in_range(welch, 400, 600);
    assert_in_range(ranks, 300, 600);
}

/* Ten figures of which none differs: after Holm some does in at most 6 % of the comparisons. */
static void test_family_wise_error(void **state)
{
    enum { ROUNDS = 10000, N = 6, FIGURES = 10 };
    int wrong = 0, uncorrected = 0;
    uint64_t seed = 5;
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        double p[FIGURES], adjusted[FIGURES];
        bool any = false, any_before = false;
        for (size_t f = 0; f < FIGURES; f++) {
            double a[N], b[N];
            for (size_t i = 0; i < N; i++) {
                a[i] = normal(&seed);
                b[i] = normal(&seed);
            }
            struct erg_stats of_a = stats_of(a, N), of_b = stats_of(b, N);
            p[f] = erg_welch_test(&of_a, &of_b).p;
        }
        erg_holm(p, FIGURES, adjusted);
        for (size_t f = 0; f < FIGURES; f++) {
            any |= adjusted[f] < 0.05;
            any_before |= p[f] < 0.05;
        }
        wrong += any;
        uncorrected += any_before;
    }
    print_message("family-wise: %.2f %% after Holm, %.2f %% without\n", wrong * 100.0 / ROUNDS,
                  uncorrected * 100.0 / ROUNDS);
    assert_in_range(wrong, 300, 600);
    assert_true(uncorrected > 3000);
}

/* The true ratio lies in about 95 % of the intervals. */
static void test_ratio_coverage(void **state)
{
    int held = 0;
    uint64_t seed = 11;
    (void)state;
    for (int round = 0; round < 4000; round++) {
        double a[6], b[8];
        for (size_t i = 0; i < 6; i++)
            a[i] = 100 + 5 * normal(&seed);
        for (size_t i = 0; i < 8; i++)
            b[i] = 110 + 10 * normal(&seed);
        struct erg_stats of_a = stats_of(a, 6), of_b = stats_of(b, 8);
        struct erg_interval interval = erg_ratio_interval(&of_a, &of_b, 0.95);
        held += interval.low <= 1.1 && 1.1 <= interval.high;
    }
    assert_in_range(held, 3740, 3860);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_references),
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_symmetry_and_monotone_maps),
        cmocka_unit_test(test_exact_and_normal_agree),
        cmocka_unit_test(test_what_cannot_be_tested),
        cmocka_unit_test(test_holm),
        cmocka_unit_test(test_values_needed),
        cmocka_unit_test(test_false_positives),
        cmocka_unit_test(test_family_wise_error),
        cmocka_unit_test(test_ratio_coverage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
