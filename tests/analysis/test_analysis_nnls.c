/* SPDX-License-Identifier: MIT */
#include "analysis/nnls.h"

#include "energy/random.h"
#include "test.h"

#include <math.h>
#include <string.h>

enum { MAX_ROWS = 40 };

struct problem {
    size_t rows, columns;
    double a[MAX_ROWS][ERG_NNLS_COLUMNS], b[MAX_ROWS];
};

static double random_real(uint64_t *seed)
{
    return (double)(random_u64(seed) >> 11) * 0x1p-53;
}

static struct erg_nnls load(const struct problem *problem)
{
    struct erg_nnls nnls;
    erg_nnls_init(&nnls, problem->columns);
    for (size_t i = 0; i < problem->rows; i++)
        erg_nnls_add(&nnls, problem->a[i], problem->b[i]);
    return nnls;
}

static double residual_of(const struct problem *problem, const double *x)
{
    double length = 0;
    for (size_t i = 0; i < problem->rows; i++) {
        double r = problem->b[i];
        for (size_t j = 0; j < problem->columns; j++)
            r -= problem->a[i][j] * x[j];
        length = hypot(length, r);
    }
    return length;
}

static void make_problem(uint64_t *seed, struct problem *out)
{
    out->columns = (size_t)random_between(seed, 1, ERG_NNLS_COLUMNS);
    out->rows = (size_t)random_between(seed, (int64_t)out->columns, MAX_ROWS);
    for (size_t i = 0; i < out->rows; i++) {
        out->b[i] = 2 * random_real(seed) - 1;
        for (size_t j = 0; j < out->columns; j++)
            out->a[i][j] = 2 * random_real(seed) - (j % 2 ? 1 : 0.5);
    }
}

/* Closed forms: one column is a projection; orthogonal columns are independent of one another. */
static void closed_forms(void **state)
{
    (void)state;
    struct problem one = {.rows = 3, .columns = 1, .a = {{1}, {2}, {2}}, .b = {3, 3, 0}};
    struct problem negative = {.rows = 2, .columns = 1, .a = {{1}, {1}}, .b = {-3, -1}};
    struct problem two = {
        .rows = 4, .columns = 2, .a = {{1, 1}, {1, -1}, {1, 1}, {1, -1}}, .b = {5, -1, 5, -1}};
    struct problem apart = two;
    double x[ERG_NNLS_COLUMNS];
    struct erg_nnls nnls = load(&one);
    assert_true(fabs(erg_nnls_solve(&nnls, x) - 3) < 1e-12); /* |(3,3,0) − (1,2,2)| */
    assert_true(fabs(x[0] - 1) < 1e-14);
    nnls = load(&negative);
    assert_true(fabs(erg_nnls_solve(&nnls, x) - sqrt(10)) < 1e-12);
    assert_true(x[0] == 0);
    nnls = load(&two);
    assert_true(erg_nnls_solve(&nnls, x) < 1e-12);
    assert_true(fabs(x[0] - 2) < 1e-12 && fabs(x[1] - 3) < 1e-12);
    for (size_t i = 0; i < 4; i++)
        apart.b[i] = i % 2 ? 5 : -1; /* = 2·first − 3·second, so the second is 0 */
    nnls = load(&apart);
    erg_nnls_solve(&nnls, x);
    assert_true(fabs(x[0] - 2) < 1e-12 && x[1] == 0);
}

/* Karush–Kuhn–Tucker: x ≥ 0, gradient ≤ 0 where x = 0, gradient = 0 where x > 0. */
static void solutions_satisfy_the_conditions(void **state)
{
    (void)state;
    uint64_t seed = 1;
    size_t bound = 0;
    for (int round = 0; round < 3000; round++) {
        struct problem problem;
        make_problem(&seed, &problem);
        struct erg_nnls nnls = load(&problem);
        double x[ERG_NNLS_COLUMNS], gradient[ERG_NNLS_COLUMNS];
        double residual = erg_nnls_solve(&nnls, x);
        assert_true(fabs(residual - residual_of(&problem, x)) < 1e-9);
        erg_nnls_gradient(&nnls, x, gradient);
        for (size_t j = 0; j < problem.columns; j++) {
            assert_true(x[j] >= 0 && isfinite(x[j]));
            assert_true(gradient[j] < 1e-8);
            if (x[j] > 0)
                assert_true(fabs(gradient[j]) < 1e-8);
            bound += x[j] == 0;
        }
    }
    assert_true(bound > 1000); /* the constraint was at work */
}

/* No other point of a random search is better: the problem is convex, so this needs no luck. */
static void nothing_nearby_is_better(void **state)
{
    (void)state;
    uint64_t seed = 2;
    for (int round = 0; round < 300; round++) {
        struct problem problem;
        make_problem(&seed, &problem);
        struct erg_nnls nnls = load(&problem);
        double x[ERG_NNLS_COLUMNS], other[ERG_NNLS_COLUMNS];
        double residual = erg_nnls_solve(&nnls, x);
        for (int trial = 0; trial < 50; trial++) {
            for (size_t j = 0; j < problem.columns; j++)
                other[j] = fmax(x[j] + (random_real(&seed) - 0.5) * 0.1, 0);
            assert_true(residual_of(&problem, other) >= residual - 1e-12);
        }
    }
}

/* FLOPs, bytes and nanoseconds differ by many orders of magnitude, and so do their costs. */
static void sizes_do_not_matter(void **state)
{
    (void)state;
    uint64_t seed = 3;
    const double truth[3] = {2e-4, 3e-2, 11.5};
    struct erg_nnls nnls;
    double x[ERG_NNLS_COLUMNS];
    erg_nnls_init(&nnls, 3);
    for (int i = 0; i < 1000; i++) {
        double row[3] = {1e12 * random_real(&seed), 1e9 * random_real(&seed),
                         1e3 * random_real(&seed)};
        erg_nnls_add(&nnls, row, row[0] * truth[0] + row[1] * truth[1] + row[2] * truth[2]);
    }
    erg_nnls_solve(&nnls, x);
    for (int j = 0; j < 3; j++)
        assert_true(fabs(x[j] / truth[j] - 1) < 1e-6);
}

static void columns_that_say_nothing_new_do_no_harm(void **state)
{
    (void)state;
    struct erg_nnls nnls;
    double x[ERG_NNLS_COLUMNS];
    erg_nnls_init(&nnls, 4);
    assert_true(erg_nnls_solve(&nnls, x) == 0); /* no rows */
    for (int i = 1; i <= 10; i++) {
        double row[4] = {i, 2.0 * i, 0, i * i};
        erg_nnls_add(&nnls, row, 4.0 * i + i * i);
    }
    assert_true(erg_nnls_solve(&nnls, x) < 1e-9);
    assert_true(fabs(x[0] + 2 * x[1] - 4) < 1e-9);
    assert_true(x[2] == 0 && fabs(x[3] - 1) < 1e-9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closed_forms),
        cmocka_unit_test(solutions_satisfy_the_conditions),
        cmocka_unit_test(nothing_nearby_is_better),
        cmocka_unit_test(sizes_do_not_matter),
        cmocka_unit_test(columns_that_say_nothing_new_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
