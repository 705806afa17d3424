/* SPDX-License-Identifier: MIT */
#include "reference.h"
#include "test.h"

#include <math.h>
#include <stdlib.h>

enum { COUNT = 5000 };

static void fill(enum erg_scalar type, unsigned char *data, uint64_t *state)
{
    for (size_t i = 0; i < COUNT; i++)
        reference_store(type, 3 + test_normal(state), data + i * element_bytes(type));
}

/* One or more non-finite values anywhere, on every level: what the reference's definitions give. */
static void any_place(void **unused)
{
    (void)unused;
    static const double bad[] = {NAN, INFINITY, -INFINITY};
    unsigned char data[COUNT * 4];
    uint64_t state = 21;
    for (int round = 0; round < 300; round++) {
        enum erg_scalar type = test_below(&state, ERG_SCALARS);
        struct erg_tensor_view view = row_view(type, data, COUNT);
        struct erg_stats expected, actual;
        fill(type, data, &state);
        for (uint64_t n = 1 + test_below(&state, 3); n; n--) {
            size_t at = round % 10 ? test_below(&state, COUNT) : 0;
            reference_store(type, bad[test_below(&state, 3)], data + at * element_bytes(type));
        }
        reference_stats(&view, NULL, 0.01, &expected);
        assert_true(expected.nonfinite_count > 0 && isnan(expected.std));
        for (int level = ERG_STATS_SCALAR; level < ERG_STATS_LEVELS; level++) {
            const struct erg_stats_kernels *kernels = erg_stats_select(level);
            for (int part = 0; kernels && part < ERG_STATS_PARTS; part++) {
                stats_of(kernels, &view, NULL, part, 0.01, &actual);
                assert_stats(erg_stats_level_name(level), part, &expected, &actual);
            }
        }
    }
}

/* One bad tensor does not spoil what is known of the finite values. */
static void finite_values_stay_usable(void **unused)
{
    (void)unused;
    float values[] = {1, 2, NAN, 3, -INFINITY};
    struct erg_tensor_view view = row_view(ERG_SCALAR_F32, values, ERG_COUNT(values));
    for (int level = ERG_STATS_SCALAR; level < ERG_STATS_LEVELS; level++) {
        const struct erg_stats_kernels *kernels = erg_stats_select(level);
        struct erg_moments moments = {.threshold = 1.5};
        if (!kernels)
            continue;
        erg_stats_add(kernels, &view, NULL, &moments);
        assert_int_equal(moments.count, 5);
        assert_int_equal(moments.nan_count, 1);
        assert_int_equal(moments.infinite_count, 1);
        assert_int_equal(moments.below_count, 1);
        assert_int_equal(moments.negative_count, 1);
        assert_true(moments.mean == 2 && moments.m2 == 2);
        assert_true(moments.sum_abs == 6 && moments.max_abs == 3);
    }
}

static void nothing_but_nan(void **unused)
{
    (void)unused;
    float values[100];
    struct erg_stats stats;
    for (size_t i = 0; i < ERG_COUNT(values); i++)
        values[i] = NAN;
    struct erg_tensor_view view = row_view(ERG_SCALAR_F32, values, ERG_COUNT(values));
    stats_of(erg_stats_select(ERG_STATS_BEST), &view, NULL, ERG_STATS_ALL, 0.01, &stats);
    assert_int_equal(stats.nonfinite_count, 100);
    assert_true(isnan(stats.mean_abs) && isnan(stats.std) && isnan(stats.max_abs));
    assert_true(stats.sparsity_ratio == 0 && stats.negative_ratio == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_place),
        cmocka_unit_test(finite_values_stay_usable),
        cmocka_unit_test(nothing_but_nan),
    };
    print_levels();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
