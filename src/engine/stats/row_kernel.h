/* SPDX-License-Identifier: MIT */
#ifndef ERG_ENGINE_STATS_ROW_KERNEL_H
#define ERG_ENGINE_STATS_ROW_KERNEL_H

/* The kernel of whole rows (erg_stats_add_row), which knows no shift, over the vector layer that
 * kernels.h is compiled with. */
#ifndef LANES
#include "engine/stats/lane.h"
#endif
#include "engine/stats/table.h"

#ifndef KERNEL
#define KERNEL static inline __attribute__((always_inline))
#endif

struct row_lanes {
    vf sum_abs, max_abs, sum, squares;
};

KERNEL void add_step(vf x, vf magnitude, struct row_lanes *s)
{
    s->sum_abs = v_add(s->sum_abs, magnitude);
    s->max_abs = v_max(s->max_abs, magnitude);
    s->sum = v_add(s->sum, x);
    s->squares = v_fma(x, x, s->squares);
}

/* Two vectors at a time, each to sums of its own, which get at most ERG_BLOCK_STEPS values. */
KERNEL bool sum_row(bool with_sign, const void *row, size_t count, float limit,
                    struct erg_row_sums *out_sums)
{
    const size_t step = sizeof(float) * LANES;
    const unsigned char *p = row;
    const vf limits = v_set(limit);
    struct erg_row_sums all = {0};
    if (count % (2 * (size_t)LANES) != 0)
        return false;
    for (size_t left = count / (2 * (size_t)LANES), here; left > 0; left -= here) {
        struct row_lanes a = {v_set(0), v_set(0), v_set(0), v_set(0)}, b = a;
        vi below = v_zero_count(), negative = v_zero_count();
        here = left < ERG_BLOCK_STEPS ? left : ERG_BLOCK_STEPS;
        for (size_t k = 0; k < here; k++, p += 2 * step) {
            vf x = v_load_f32(p), y = v_load_f32(p + step);
            vf x_size = v_abs(x), y_size = v_abs(y);
            add_step(x, x_size, &a);
            add_step(y, y_size, &b);
            below = v_count(v_count(below, v_less(x_size, limits)), v_less(y_size, limits));
            if (with_sign)
                negative = v_count(v_count(negative, v_less(x, x_size)), v_less(y, y_size));
        }
        float largest = v_largest(v_max(a.max_abs, b.max_abs));
        all.sum_abs += (double)v_sum(v_add(a.sum_abs, b.sum_abs));
        all.sum += (double)v_sum(v_add(a.sum, b.sum));
        all.squares += (double)v_sum(v_add(a.squares, b.squares));
        all.max_abs = largest > all.max_abs ? largest : all.max_abs;
        all.below_count += v_total(below);
        if (with_sign)
            all.negative_count += v_total(negative);
    }
    *out_sums = all;
    return true;
}

ERG_HOT static bool unsigned_row(const void *row, size_t count, float limit,
                                 struct erg_row_sums *out_sums)
{
    return sum_row(false, row, count, limit, out_sums);
}

ERG_HOT static bool signed_row(const void *row, size_t count, float limit,
                               struct erg_row_sums *out_sums)
{
    return sum_row(true, row, count, limit, out_sums);
}

#endif
