/* SPDX-License-Identifier: MIT */
#ifndef ERG_ENGINE_STATS_KERNELS_H
#define ERG_ENGINE_STATS_KERNELS_H

/*
 * The kernels, written once over a vector layer (its functions are described in lane.h). A file
 * stats_LEVEL.c defines a layer and LANES, includes this and ends with ERG_STATS_TABLE(LEVEL).
 */
#ifndef LANES
#include "engine/stats/lane.h"
#endif
#include "engine/stats/table.h"

#include <string.h>

#define KERNEL static inline __attribute__((always_inline))

/* Float sums take several chains of additions to hide their latency, counts need one. */
struct lane_sums {
    vf sum_abs, max_abs, sum, squares;
};

struct lane_counts {
    vi below, negative;
};

struct lane_block {
    vf shift, limit, zero;
};

KERNEL vf load(enum erg_scalar type, const void *p)
{
    return type == ERG_SCALAR_F32   ? v_load_f32(p)
           : type == ERG_SCALAR_F16 ? v_load_f16(p)
                                    : v_load_bf16(p);
}

/* n < LANES elements, zeros behind them. */
KERNEL vf load_first(enum erg_scalar type, const void *p, size_t n)
{
    unsigned char padded[LANES * sizeof(float)] = {0};
    memcpy(padded, p, n * (type == ERG_SCALAR_F32 ? 4 : 2));
    return load(type, padded);
}

KERNEL struct lane_sums no_sums(void)
{
    vf zero = v_set(0);
    return (struct lane_sums){zero, zero, zero, zero};
}

KERNEL void add_deviation(vf deviation, struct lane_sums *s)
{
    s->sum = v_add(s->sum, deviation);
    s->squares = v_fma(deviation, deviation, s->squares);
}

KERNEL void add_magnitude(vf x, struct lane_sums *s)
{
    vf magnitude = v_abs(x);
    s->sum_abs = v_add(s->sum_abs, magnitude);
    s->max_abs = v_max(s->max_abs, magnitude);
}

KERNEL void add_counts(enum erg_stats_part part, vf x, const struct lane_block *b,
                       struct lane_counts *c)
{
    if (part == ERG_STATS_ALL)
        c->below = v_count(c->below, v_less(v_abs(x), b->limit));
    if (part != ERG_STATS_VARIANCE)
        c->negative = v_count(c->negative, v_less(x, b->zero));
}

/* n ≤ LANES elements. Zeros in the other lanes count as sparse, which sum_block() corrects. */
KERNEL void step(enum erg_stats_part part, vf x, size_t n, const struct lane_block *b,
                 struct lane_sums *s, struct lane_counts *c)
{
    if (part == ERG_STATS_ALL)
        add_magnitude(x, s);
    if (part != ERG_STATS_NEGATIVE)
        add_deviation(n < LANES ? v_first(v_sub(x, b->shift), n) : v_sub(x, b->shift), s);
    add_counts(part, x, b, c);
}

KERNEL void join(struct lane_sums *a, const struct lane_sums *b)
{
    a->sum_abs = v_add(a->sum_abs, b->sum_abs);
    a->max_abs = v_max(a->max_abs, b->max_abs);
    a->sum = v_add(a->sum, b->sum);
    a->squares = v_add(a->squares, b->squares);
}

/* One row in four chains; all statistics at once have registers for two. */
KERNEL void add_row(enum erg_stats_part part, enum erg_scalar type, const unsigned char *p,
                    size_t n, const struct lane_block *b, struct lane_sums s[4],
                    struct lane_counts *c)
{
    size_t step_bytes = LANES * (size_t)(type == ERG_SCALAR_F32 ? 4 : 2), i = 0;
    int third = part == ERG_STATS_ALL ? 0 : 2, fourth = third + 1;
    for (; i + 4 * LANES <= n; i += 4 * LANES, p += 4 * step_bytes) {
        step(part, load(type, p), LANES, b, &s[0], c);
        step(part, load(type, p + step_bytes), LANES, b, &s[1], c);
        step(part, load(type, p + 2 * step_bytes), LANES, b, &s[third], c);
        step(part, load(type, p + 3 * step_bytes), LANES, b, &s[fourth], c);
    }
    for (; i + LANES <= n; i += LANES, p += step_bytes)
        step(part, load(type, p), LANES, b, &s[0], c);
    if (i < n)
        step(part, load_first(type, p, n - i), n - i, b, &s[1], c);
}

KERNEL void sum_block(enum erg_stats_part part, enum erg_scalar type, const struct erg_block *block,
                      struct erg_block_sums *out_sums)
{
    struct lane_block b = {v_set(block->shift), v_set(block->limit), v_set(0)};
    struct lane_sums s[4] = {no_sums(), no_sums(), no_sums(), no_sums()};
    struct lane_counts counts = {v_zero_count(), v_zero_count()};
    const unsigned char *data = block->data;
    for (size_t row = 0; row < block->rows; row++)
        add_row(part, type, data + row * block->row_bytes, block->columns, &b, s, &counts);
    join(&s[0], &s[1]);
    join(&s[2], &s[3]);
    join(&s[0], &s[2]);
    size_t padding = (LANES - block->columns % LANES) % LANES * block->rows;
    if (part == ERG_STATS_ALL) {
        out_sums->sum_abs = (double)v_sum(s[0].sum_abs);
        out_sums->max_abs = v_largest(s[0].max_abs);
        out_sums->below_count = v_total(counts.below) - (block->limit > 0 ? padding : 0);
    }
    if (part != ERG_STATS_NEGATIVE) {
        out_sums->sum = (double)v_sum(s[0].sum);
        out_sums->squares = (double)v_sum(s[0].squares);
    }
    if (part != ERG_STATS_VARIANCE)
        out_sums->negative_count = v_total(counts.negative);
}

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

static void attention_row(const float *weights, size_t count, float limit,
                          struct erg_attention_sums *out_sums)
{
    vf sum = v_set(0), largest = v_set(0), limits = v_set(limit);
    vi below = v_zero_count();
    size_t padding = (LANES - count % LANES) % LANES;
    for (size_t i = 0; i < count; i += LANES) {
        vf p = count - i >= LANES ? load(ERG_SCALAR_F32, weights + i)
                                  : load_first(ERG_SCALAR_F32, weights + i, count - i);
        sum = v_fma(p, natural_log(p), sum);
        largest = v_max(largest, p);
        below = v_count(below, v_less(p, limits));
    }
    out_sums->entropy_nats = 0 - (double)v_sum(sum);
    out_sums->max_weight = v_largest(largest);
    out_sums->below_count = v_total(below) - (limit > 0 ? padding : 0);
}

#define BLOCK_KERNEL(part, type)                                                                   \
    static void block_##part##_##type(const struct erg_block *block,                               \
                                      struct erg_block_sums *out_sums)                             \
    {                                                                                              \
        sum_block(ERG_STATS_##part, ERG_SCALAR_##type, block, out_sums);                           \
    }
#define BLOCK_KERNELS(part)                                                                        \
    BLOCK_KERNEL(part, F32)                                                                        \
    BLOCK_KERNEL(part, F16)                                                                        \
    BLOCK_KERNEL(part, BF16)

#define BLOCK_ROW(part)                                                                            \
    {                                                                                              \
        block_##part##_F32, block_##part##_F16, block_##part##_BF16                                \
    }

#define ERG_STATS_TABLE(NAME)                                                                      \
    BLOCK_KERNELS(ALL)                                                                             \
    BLOCK_KERNELS(VARIANCE)                                                                        \
    BLOCK_KERNELS(NEGATIVE)                                                                        \
    const struct erg_stats_kernels erg_stats_##NAME = {                                            \
        .lanes = LANES,                                                                            \
        .block = {BLOCK_ROW(ALL), BLOCK_ROW(VARIANCE), BLOCK_ROW(NEGATIVE)},                       \
        .attention = attention_row,                                                                \
    }

#endif
