/* SPDX-License-Identifier: MIT */
#include "reference.h"
#include "test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

size_t element_bytes(enum erg_scalar type)
{
    return type == ERG_SCALAR_F32 ? 4 : 2;
}

/* sign, exponent, fraction: the definition of the IEEE formats and of bfloat16 */
static double decode(uint32_t bits, int exponent_bits, int fraction_bits)
{
    int sign = (int)(bits >> (exponent_bits + fraction_bits)) & 1,
        bias = (1 << (exponent_bits - 1)) - 1;
    int exponent = (int)(bits >> fraction_bits) & ((1 << exponent_bits) - 1);
    uint32_t fraction = bits & ((UINT32_C(1) << fraction_bits) - 1);
    double value;
    if (exponent == (1 << exponent_bits) - 1)
        value = fraction ? (double)NAN : (double)INFINITY;
    else if (exponent)
        value = ldexp((double)fraction + ldexp(1, fraction_bits), exponent - bias - fraction_bits);
    else
        value = ldexp((double)fraction, 1 - bias - fraction_bits);
    return sign ? -value : value;
}

double reference_element(enum erg_scalar type, const void *element)
{
    uint32_t bits;
    uint16_t half;
    if (type == ERG_SCALAR_F32) {
        memcpy(&bits, element, sizeof bits);
        return decode(bits, 8, 23);
    }
    memcpy(&half, element, sizeof half);
    return type == ERG_SCALAR_F16 ? decode(half, 5, 10) : decode(half, 8, 7);
}

static uint16_t encode_half(double value)
{
    uint16_t sign = signbit(value) ? 0x8000 : 0;
    double magnitude = fabs(value);
    int exponent;
    if (isnan(value))
        return 0x7e00;
    if (isinf(value))
        return sign | 0x7c00;
    if (magnitude > 65504)
        return sign | 0x7bff;
    frexp(magnitude, &exponent);
    if (exponent < -13)
        return sign | (uint16_t)nearbyint(ldexp(magnitude, 24));
    uint32_t scaled = (uint32_t)nearbyint(ldexp(magnitude, 11 - exponent)); /* [1024, 2048] */
    return sign | (uint16_t)(((uint32_t)(exponent + 13) << 10) + scaled);
}

void reference_store(enum erg_scalar type, double value, void *out_element)
{
    float single = (float)value;
    uint32_t bits;
    uint16_t half;
    memcpy(&bits, &single, sizeof bits);
    if (type == ERG_SCALAR_F32) {
        memcpy(out_element, &single, sizeof single);
        return;
    }
    half = type == ERG_SCALAR_F16 ? encode_half(value) : (uint16_t)(bits >> 16);
    if (type == ERG_SCALAR_BF16 && isnan(value))
        half = 0x7fc0;
    memcpy(out_element, &half, sizeof half);
}

struct pass {
    double sum, sum_abs, mean, squares, max_abs, threshold;
    uint64_t count, below, negative, nans, infinities;
};

static void visit(double x, bool second, struct pass *pass)
{
    if (second) {
        pass->squares += (x - pass->mean) * (x - pass->mean);
        return;
    }
    pass->count++;
    pass->nans += isnan(x) != 0;
    pass->infinities += isinf(x) != 0;
    pass->sum += x;
    pass->sum_abs += fabs(x);
    pass->below += fabs(x) < pass->threshold;
    pass->negative += x < 0;
    if (fabs(x) > pass->max_abs)
        pass->max_abs = fabs(x);
}

static bool selected(const struct erg_rows *rows, const int64_t at[4], int64_t *out_times)
{
    *out_times = rows ? 0 : 1;
    for (int64_t i = 0; rows && i < rows->count; i++)
        *out_times += rows->index[i] == at[rows->axis];
    return *out_times > 0;
}

static void visit_all(const struct erg_tensor_view *view, const struct erg_rows *rows, bool second,
                      struct pass *pass)
{
    int64_t total = view->ne[0] * view->ne[1] * view->ne[2] * view->ne[3];
    for (int64_t i = 0; i < total; i++) {
        int64_t at[4], rest = i, times;
        const unsigned char *element = view->data;
        for (int d = 0; d < 4; d++) {
            at[d] = rest % view->ne[d];
            rest /= view->ne[d];
            element += (size_t)at[d] * view->nb[d];
        }
        if (!selected(rows, at, &times))
            continue;
        double x = reference_element(view->type, element);
        while (times--)
            visit(x, second, pass);
    }
}

void reference_stats(const struct erg_tensor_view *view, const struct erg_rows *rows,
                     double threshold, struct erg_stats *out_stats)
{
    struct pass pass = {.threshold = threshold};
    visit_all(view, rows, false, &pass);
    double count = (double)pass.count;
    pass.mean = pass.sum / count;
    visit_all(view, rows, true, &pass);
    *out_stats = (struct erg_stats){
        .count = pass.count,
        .nonfinite_count = pass.nans + pass.infinities,
        .mean_abs = pass.sum_abs / count,
        .variance = pass.squares / count,
        .std = sqrt(pass.squares / count),
        .max_abs = pass.count && !pass.nans ? pass.max_abs : (double)NAN,
        .sparsity_ratio = (double)pass.below / count,
        .negative_ratio = (double)pass.negative / count,
    };
}

void stats_of(const struct erg_stats_kernels *kernels, const struct erg_tensor_view *view,
              const struct erg_rows *rows, enum erg_stats_part part, double threshold,
              struct erg_stats *out_stats)
{
    struct erg_moments moments = {.part = part, .threshold = threshold};
    erg_stats_add(kernels, view, rows, &moments);
    erg_stats_finish(&moments, out_stats);
}

bool near(double expected, double actual, double floor)
{
    if (isnan(expected) || isnan(actual))
        return isnan(expected) && isnan(actual);
    return expected == actual || fabs(actual - expected) <= RELATIVE_ERROR * fabs(expected) + floor;
}

static void check(const char *what, const char *statistic, double expected, double actual,
                  double floor)
{
    if (!near(expected, actual, floor))
        fail_msg("%s: %s is %.17g, expected %.17g", what, statistic, actual, expected);
}

void assert_stats(const char *what, enum erg_stats_part part, const struct erg_stats *expected,
                  const struct erg_stats *actual)
{
    /* The reference's own rounding of the mean shows where the deviation is nothing beside it. */
    double floor = isfinite(expected->max_abs) ? 1e-13 * expected->max_abs : 0;
    bool all = erg_stats_magnitude(part);
    check(what, "count", (double)expected->count, (double)actual->count, 0);
    if (part != ERG_STATS_NEGATIVE) {
        check(what, "nonfinite", (double)expected->nonfinite_count, (double)actual->nonfinite_count,
              0);
        check(what, "std", expected->std, actual->std, floor);
        check(what, "variance", expected->variance, actual->variance, floor * floor);
    }
    check(what, "mean", all ? expected->mean_abs : (double)NAN, actual->mean_abs, 0);
    check(what, "max", all ? expected->max_abs : (double)NAN, actual->max_abs, 0);
    /* counts must be exact */
    if (all && expected->count)
        assert_true(expected->sparsity_ratio == actual->sparsity_ratio);
    if (erg_stats_sign(part) && expected->count)
        assert_true(expected->negative_ratio == actual->negative_ratio);
}

struct erg_tensor_view row_view(enum erg_scalar type, const void *data, size_t count)
{
    size_t bytes = element_bytes(type), row = bytes * count;
    return (struct erg_tensor_view){data, type, {(int64_t)count, 1, 1, 1}, {bytes, row, row, row}};
}

double test_normal(uint64_t *state)
{
    double sum = -6;
    for (int i = 0; i < 12; i++)
        sum += (double)(test_random(state) >> 11) * 0x1p-53;
    return sum;
}

void print_levels(void)
{
    for (int level = ERG_STATS_SCALAR; level < ERG_STATS_LEVELS; level++)
        print_message("# %s: %s\n", erg_stats_level_name(level),
                      erg_stats_select(level) ? "run" : "NOT RUN, this machine lacks it");
}
