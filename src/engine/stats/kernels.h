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
#include "engine/stats/slow.h"

#include <math.h>

#define KERNEL static inline __attribute__((always_inline))

/*
 * Additions of floats take longer than a step may: two steps share one where they can, and the
 * squares alternate. That leaves enough registers with 16 of them.
 */
struct lane_sums {
    vf sum_abs, max_abs, sum, squares, other_squares;
};

struct lane_counts {
    vi below, negative;
};

struct lane_block {
    vf shift, limit;
};

KERNEL vf load(enum erg_scalar type, const void *p)
{
    return type == ERG_SCALAR_F32   ? v_load_f32(p)
           : type == ERG_SCALAR_F16 ? v_load_f16(p)
                                    : v_load_bf16(p);
}

/* x is negative where it is below |x|: that takes no register for a zero. */
KERNEL void add_counts(enum erg_stats_part part, vf x, vf magnitude, const struct lane_block *b,
                       struct lane_counts *c)
{
    if (erg_stats_magnitude(part))
        c->below = v_count(c->below, v_less(magnitude, b->limit));
    if (erg_stats_sign(part))
        c->negative = v_count(c->negative, v_less(x, magnitude));
}

KERNEL void add_one(enum erg_stats_part part, vf x, const struct lane_block *b, struct lane_sums *s,
                    struct lane_counts *c)
{
    vf magnitude = v_abs(x), deviation = v_sub(x, b->shift);
    add_counts(part, x, magnitude, b, c);
    if (erg_stats_magnitude(part)) {
        s->sum_abs = v_add(s->sum_abs, magnitude);
        s->max_abs = v_max(s->max_abs, magnitude);
    }
    if (part != ERG_STATS_NEGATIVE) {
        s->sum = v_add(s->sum, deviation);
        s->squares = v_fma(deviation, deviation, s->squares);
    }
}

KERNEL void add_two(enum erg_stats_part part, vf x, vf y, const struct lane_block *b,
                    struct lane_sums *s, struct lane_counts *c)
{
    vf x_magnitude = v_abs(x), y_magnitude = v_abs(y);
    vf x_deviation = v_sub(x, b->shift), y_deviation = v_sub(y, b->shift);
    add_counts(part, x, x_magnitude, b, c);
    add_counts(part, y, y_magnitude, b, c);
    if (erg_stats_magnitude(part)) {
        s->sum_abs = v_add(s->sum_abs, v_add(x_magnitude, y_magnitude));
        s->max_abs = v_max(s->max_abs, v_max(x_magnitude, y_magnitude));
    }
    if (part != ERG_STATS_NEGATIVE) {
        s->sum = v_add(s->sum, v_add(x_deviation, y_deviation));
        s->squares = v_fma(x_deviation, x_deviation, s->squares);
        s->other_squares = v_fma(y_deviation, y_deviation, s->other_squares);
    }
}

/* The whole steps of a row, two at a time for those of |x| (more would not fit), else four. */
KERNEL void add_row(enum erg_stats_part part, enum erg_scalar type, const unsigned char *p,
                    size_t n, const struct lane_block *b, struct lane_sums s[2],
                    struct lane_counts *c)
{
    const size_t bytes = LANES * (size_t)(type == ERG_SCALAR_F32 ? 4 : 2);
    size_t steps = n / LANES;
    for (; !erg_stats_magnitude(part) && steps >= 4; steps -= 4, p += 4 * bytes) {
        add_two(part, load(type, p), load(type, p + bytes), b, &s[0], c);
        add_two(part, load(type, p + 2 * bytes), load(type, p + 3 * bytes), b, &s[1], c);
    }
    for (; steps >= 2; steps -= 2, p += 2 * bytes)
        add_two(part, load(type, p), load(type, p + bytes), b, &s[0], c);
    if (steps)
        add_one(part, load(type, p), b, &s[0], c);
}

KERNEL void join(struct lane_sums *a, const struct lane_sums *b)
{
    a->sum = v_add(a->sum, b->sum);
    a->squares = v_add(a->squares, b->squares);
    a->other_squares = v_add(a->other_squares, b->other_squares);
}

/* What the whole steps of a block have left of its rows: n < LANES floats, other lanes filled so
 * that they add nothing. */
KERNEL void add_rests(enum erg_stats_part part, const struct erg_block *block, size_t n,
                      struct erg_block_sums *sums)
{
    const vf shift = v_set(block->shift), limit = v_set(block->limit);
    vf sum_abs = v_set(0), max_abs = v_set(0), sum = v_set(0), squares = v_set(0);
    vi below = v_zero_count(), negative = v_zero_count();
    const unsigned char *p = block->data;
    p += 4 * (block->columns - n);
    for (size_t row = 0; row < block->rows; row++, p += block->row_bytes) {
        vf x = v_load_some(p, n, 0), deviation = v_sub(v_load_some(p, n, block->shift), shift);
        sum_abs = v_add(sum_abs, v_abs(x));
        max_abs = v_max(max_abs, v_abs(x));
        sum = v_add(sum, deviation);
        squares = v_fma(deviation, deviation, squares);
        negative = v_count(negative, v_less(x, v_abs(x)));
        if (erg_stats_magnitude(part))
            below = v_count(below, v_less(v_abs(v_load_some(p, n, INFINITY)), limit));
    }
    float largest = v_largest(max_abs);
    sums->sum_abs += (double)v_sum(sum_abs);
    sums->max_abs = largest > sums->max_abs ? largest : sums->max_abs;
    sums->sum += (double)v_sum(sum);
    sums->squares += (double)v_sum(squares);
    sums->below_count += v_total(below);
    sums->negative_count += v_total(negative);
}

KERNEL void sum_block(enum erg_stats_part part, enum erg_scalar type, const struct erg_block *block,
                      struct erg_block_sums *out_sums)
{
    struct lane_block b = {v_set(block->shift), v_set(block->limit)};
    struct lane_sums none = {v_set(0), v_set(0), v_set(0), v_set(0), v_set(0)};
    struct lane_sums s[2] = {none, none};
    struct lane_counts counts = {v_zero_count(), v_zero_count()};
    const unsigned char *data = block->data;
    for (size_t row = 0; row < block->rows; row++)
        add_row(part, type, data + row * block->row_bytes, block->columns, &b, s, &counts);
    if (!erg_stats_magnitude(part))
        join(&s[0], &s[1]);
    *out_sums =
        (struct erg_block_sums){.sum_abs = (double)v_sum(s[0].sum_abs),
                                .sum = (double)v_sum(s[0].sum),
                                .squares = (double)v_sum(v_add(s[0].squares, s[0].other_squares)),
                                .max_abs = v_largest(s[0].max_abs),
                                .below_count = v_total(counts.below),
                                .negative_count = v_total(counts.negative)};
    size_t rest = block->columns % LANES;
    if (rest && type == ERG_SCALAR_F32)
        add_rests(part, block, rest, out_sums);
    else if (rest)
        erg_slow_columns(type, block, block->columns - rest, out_sums);
}

#include "engine/stats/attention_kernel.h"
#include "engine/stats/row_kernel.h"

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
    BLOCK_KERNELS(UNSIGNED)                                                                        \
    BLOCK_KERNELS(VARIANCE)                                                                        \
    BLOCK_KERNELS(NEGATIVE)                                                                        \
    const struct erg_stats_kernels erg_stats_##NAME = {                                            \
        .lanes = LANES,                                                                            \
        .block = {BLOCK_ROW(ALL), BLOCK_ROW(UNSIGNED), BLOCK_ROW(VARIANCE), BLOCK_ROW(NEGATIVE)},  \
        .row = {unsigned_row, signed_row},                                                         \
        .attention = attention_row,                                                                \
    }

#endif
