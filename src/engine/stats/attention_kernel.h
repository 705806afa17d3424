/* SPDX-License-Identifier: MIT */
#ifndef ERG_ENGINE_STATS_ATTENTION_KERNEL_H
#define ERG_ENGINE_STATS_ATTENTION_KERNEL_H

/* The kernel of attention rows, over the vector layer that kernels.h is compiled with. */
#ifndef LANES
#include "engine/stats/lane.h"
#endif
#include "engine/stats/table.h"

#ifndef KERNEL
#define KERNEL static inline __attribute__((always_inline))
#endif

/*
 * ln x for x ≥ 0, relative error below 1e-6 also around 1; 0 gives a finite number. ln(1 + f)/f is
 * the polynomial through its values at the eight Chebyshev nodes of [√½ − 1, √2 − 1], error 2e-7.
 */
KERNEL vf natural_log(vf x)
{
    static const float c[] = {-0.0989535074F, 0.161262479F, -0.172782061F, 0.199133479F,
                              -0.24968907F,   0.33334606F,  -0.500003751F, 0.999999968F};
    vf mantissa, exponent = v_split(x, &mantissa);
    vf f = v_sub(mantissa, v_set(1)), polynomial = v_set(c[0]);
    for (size_t i = 1; i < sizeof c / sizeof c[0]; i++)
        polynomial = v_fma(polynomial, f, v_set(c[i]));
    return v_fma(exponent, v_set(0.693147181F), v_fma(f, polynomial, v_set(0)));
}

struct lane_attention {
    vf entropy, largest, sum, squares;
    vi below;
};

/* `p` padded with zeros, `q` the same padded with the shift. */
KERNEL void add_weights(vf p, vf q, vf shifts, vf limits, struct lane_attention *a)
{
    vf deviation = v_sub(q, shifts);
    a->entropy = v_fma(p, natural_log(p), a->entropy);
    a->largest = v_max(a->largest, p);
    a->sum = v_add(a->sum, deviation);
    a->squares = v_fma(deviation, deviation, a->squares);
    a->below = v_count(a->below, v_less(p, limits));
}

KERNEL void attention_row(const float *weights, size_t count, float shift, float limit,
                          struct erg_attention_sums *out_sums)
{
    const vf shifts = v_set(shift), limits = v_set(limit), none = v_set(0);
    struct lane_attention a = {none, none, none, none, v_zero_count()};
    size_t rest = count % LANES, padding = rest ? LANES - rest : 0;
    for (size_t i = 0; i < count - rest; i += LANES) {
        vf p = v_load_f32(weights + i);
        add_weights(p, p, shifts, limits, &a);
    }
    if (rest) {
        const float *last = weights + (count - rest);
        add_weights(v_load_some(last, rest, 0), v_load_some(last, rest, shift), shifts, limits, &a);
    }
    out_sums->entropy_nats = 0 - (double)v_sum(a.entropy);
    out_sums->sum = (double)v_sum(a.sum);
    out_sums->squares = (double)v_sum(a.squares);
    out_sums->max_weight = v_largest(a.largest);
    out_sums->below_count = v_total(a.below) - (limit > 0 ? padding : 0);
}

#endif
