/* SPDX-License-Identifier: MIT */
/*
 * From tensors to blocks, and from the blocks' float sums to moments in double.
 *
 * Squares are summed of x − shift, where the shift is the mean of what was seen so far (of the
 * first block: of its first few). That keeps the deviation accurate whatever the data: a block
 * far from the shift loses digits, but its distance to the values that made the shift is then
 * itself most of the variance. (With D the distance of means and n, N the counts, M2 ≥ D²·nN/(n+N),
 * and the error of the block is a few float roundings of n·D².)
 */
#include "engine/stats/slow.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

/* Mean square below which the squares of single values may leave float's range. */
#define SMALL_SQUARE 1e-30

enum { FEW = 64 };        /* values that tell where the others are */
enum { GATHERED = 1024 }; /* elements of a strided row made contiguous at once */

struct walk {
    const struct erg_stats_kernels *kernels;
    enum erg_scalar type;
    float limit;
    struct erg_moments *moments;
};

const struct erg_stats_kernels *erg_stats_select(enum erg_stats_level level)
{
    return level == ERG_STATS_SCALAR ? &erg_stats_scalar : erg_stats_machine(level);
}

const char *erg_stats_level_name(enum erg_stats_level level)
{
    static const char *const names[] = {"best", "scalar", "avx2", "avx512", "neon"};
    return (unsigned)level < ERG_STATS_LEVELS ? names[level] : NULL;
}

int64_t erg_rows_sample(int64_t rows, int64_t limit, int64_t *out_index)
{
    assert(limit >= 1);
    int64_t some = limit > 1 ? limit / 2 : 1, count = rows <= limit ? rows : some;
    for (int64_t i = 0; i < count; i++)
        out_index[i] = rows <= limit ? i : i * (rows - 1) / (some > 1 ? some - 1 : 1);
    if (rows > limit)
        out_index[count - 1] = rows - 1;
    return count > 0 ? count : 0;
}

/* The float for which x < limit holds for the same floats x ≥ 0 as x < threshold. */
static float limit_of(double threshold)
{
    float limit = (float)threshold;
    if (limit >= 0 && (double)limit < threshold) {
        uint32_t bits; /* the next float; nextafterf() takes as long as a short row */
        memcpy(&bits, &limit, sizeof bits);
        bits++;
        memcpy(&limit, &bits, sizeof limit);
    }
    return limit;
}

static uint64_t finite_count(const struct erg_moments *moments)
{
    return moments->count - moments->nan_count - moments->infinite_count;
}

void erg_moments_merge(struct erg_moments *into, const struct erg_moments *from)
{
    assert(into->part == from->part);
    if (into->count == 0) {
        *into = *from;
        return;
    }
    uint64_t a = finite_count(into), b = finite_count(from);
    if (b) { /* Chan, Golub, LeVeque 1979 */
        double share = (double)b / (double)(a + b), distance = from->mean - into->mean;
        into->mean += distance * share;
        into->m2 += from->m2 + distance * distance * share * (double)a;
    }
    into->count += from->count;
    into->nan_count += from->nan_count;
    into->infinite_count += from->infinite_count;
    into->below_count += from->below_count;
    into->negative_count += from->negative_count;
    into->sum_abs += from->sum_abs;
    if (from->max_abs > into->max_abs)
        into->max_abs = from->max_abs;
}

static float as_shift(double mean)
{
    float shift = (float)mean;
    return isfinite(shift) ? shift : 0;
}

/*
 * A shift for data of which nothing is known: the mean of the block's first few values. One massive
 * value among them, X, moves it by X/FEW; then the variance is at least X²/n, so that a block loses
 * a digit or two at most.
 */
static float first_shift(const struct walk *walk, const struct erg_block *block)
{
    struct erg_block part = *block;
    struct erg_block_sums sums = {0};
    part.columns = block->columns < FEW ? block->columns : FEW;
    part.rows = FEW / part.columns < block->rows ? FEW / part.columns : block->rows;
    part.shift = 0;
    walk->kernels->block[ERG_STATS_VARIANCE][walk->type](&part, &sums);
    return as_shift(sums.sum / (double)(part.rows * part.columns));
}

/* Whether float held the sums: finite, and no square lost below its range. */
static bool usable(enum erg_stats_part part, const struct erg_block_sums *sums, double count)
{
    if (part == ERG_STATS_NEGATIVE)
        return true;
    bool all_zero = erg_stats_magnitude(part) && sums->max_abs == 0;
    return isfinite(sums->sum_abs) && isfinite(sums->squares) &&
           (sums->squares >= SMALL_SQUARE * count || all_zero);
}

static void add_block(const struct walk *walk, struct erg_block *block)
{
    struct erg_moments *total = walk->moments;
    struct erg_moments moments = {.part = total->part, .threshold = total->threshold};
    struct erg_block_sums sums = {0};
    double count = (double)(block->rows * block->columns);
    block->limit = walk->limit;
    if (total->part != ERG_STATS_NEGATIVE)
        block->shift = finite_count(total) ? as_shift(total->mean) : first_shift(walk, block);
    walk->kernels->block[total->part][walk->type](block, &sums);
    if (usable(total->part, &sums, count)) {
        moments.count = (uint64_t)block->rows * block->columns;
        moments.below_count = sums.below_count;
        moments.negative_count = sums.negative_count;
        moments.sum_abs = sums.sum_abs;
        moments.mean = block->shift + sums.sum / count;
        moments.m2 = fmax(0, sums.squares - sums.sum * sums.sum / count);
        moments.max_abs = (double)sums.max_abs;
    } else {
        erg_slow_block(walk->type, block, &moments);
    }
    erg_moments_merge(total, &moments);
}

/* `rows` rows of contiguous elements, cut into blocks. */
static void add_rows(const struct walk *walk, const void *data, size_t columns, size_t rows,
                     size_t row_bytes)
{
    size_t most = walk->kernels->lanes * ERG_BLOCK_STEPS, bytes = erg_scalar_bytes(walk->type);
    size_t steps = (columns + walk->kernels->lanes - 1) / walk->kernels->lanes;
    size_t together = steps < ERG_BLOCK_STEPS ? ERG_BLOCK_STEPS / steps : 1;
    const unsigned char *row = data;
    for (size_t i = 0; i < rows; i += together) {
        size_t here = rows - i < together ? rows - i : together;
        for (size_t at = 0; at < columns; at += most) {
            struct erg_block block = {.data = row + i * row_bytes + at * bytes,
                                      .columns = columns - at < most ? columns - at : most,
                                      .rows = here,
                                      .row_bytes = row_bytes};
            add_block(walk, &block);
        }
    }
}

static void add_strided_row(const struct walk *walk, const void *data, size_t stride, size_t count)
{
    float values[GATHERED];
    struct walk floats = *walk;
    floats.type = ERG_SCALAR_F32;
    for (size_t at = 0; at < count; at += GATHERED) {
        size_t here = count - at < GATHERED ? count - at : GATHERED;
        erg_scalar_gather(walk->type, (const unsigned char *)data + at * stride, stride, here,
                          values);
        add_rows(&floats, values, here, 1, 0);
    }
}

/* Join dimensions that lie behind each other without a gap, so that short rows become long. */
static void coalesce(struct erg_tensor_view *view)
{
    int last = 0;
    for (int i = 1; i < ERG_STATS_DIMS; i++) {
        int64_t ne = view->ne[i];
        size_t nb = view->nb[i];
        if (ne == 1)
            continue;
        if (view->ne[last] == 1) {
            view->ne[last] = ne;
            view->nb[last] = nb;
        } else if (nb == view->nb[last] * (size_t)view->ne[last]) {
            view->ne[last] *= ne;
        } else {
            last++;
            view->ne[last] = ne;
            view->nb[last] = nb;
        }
    }
    for (int i = last + 1; i < ERG_STATS_DIMS; i++)
        view->ne[i] = 1;
}

static void add_plane(const struct walk *walk, const struct erg_tensor_view *view,
                      const unsigned char *data)
{
    size_t columns = (size_t)view->ne[0], rows = (size_t)view->ne[1];
    if (columns == 1 || view->nb[0] == erg_scalar_bytes(view->type)) {
        add_rows(walk, data, columns, rows, view->nb[1]);
        return;
    }
    for (size_t row = 0; row < rows; row++)
        add_strided_row(walk, data + row * view->nb[1], view->nb[0], columns);
}

static void add_view(const struct walk *walk, const struct erg_tensor_view *view)
{
    struct erg_tensor_view joined = *view;
    coalesce(&joined);
    const unsigned char *data = joined.data;
    for (int64_t i = 0; i < joined.ne[3]; i++)
        for (int64_t j = 0; j < joined.ne[2]; j++)
            add_plane(walk, &joined, data + (size_t)i * joined.nb[3] + (size_t)j * joined.nb[2]);
}

/*
 * All of a row of floats by the kernel that knows no shift; false, and nothing added, when that is
 * not enough: its length is not a multiple of two vectors, its mean is so far from 0 that squares
 * of x lose the digits of the deviation, or the sums left float's range.
 */
static bool add_short(const struct walk *walk, const void *row, size_t count)
{
    struct erg_moments *moments = walk->moments;
    struct erg_row_sums sums;
    if (!walk->kernels->row[erg_stats_sign(moments->part)](row, count, walk->limit, &sums))
        return false;
    double n = (double)count, m2 = sums.squares - sums.sum * sums.sum / n;
    if (!(m2 > sums.squares / 4) || !(sums.squares >= SMALL_SQUARE * n) || !isfinite(sums.squares))
        return false;
    moments->count = count;
    moments->below_count = sums.below_count;
    moments->negative_count = sums.negative_count;
    moments->sum_abs = sums.sum_abs;
    moments->mean = sums.sum / n;
    moments->m2 = m2;
    moments->max_abs = (double)sums.max_abs;
    return true;
}

ERG_HOT void erg_stats_add_row(const struct erg_stats_kernels *kernels, enum erg_scalar type,
                               const void *data, size_t count, struct erg_moments *moments)
{
    struct walk walk = {kernels, type, limit_of(moments->threshold), moments};
    bool is_short = type == ERG_SCALAR_F32 && moments->count == 0 &&
                    erg_stats_magnitude(moments->part) && add_short(&walk, data, count);
    if (!is_short && count > 0)
        add_rows(&walk, data, count, 1, 0);
}

void erg_stats_add(const struct erg_stats_kernels *kernels, const struct erg_tensor_view *view,
                   const struct erg_rows *rows, struct erg_moments *moments)
{
    struct walk walk = {kernels, view->type, limit_of(moments->threshold), moments};
    for (int i = 0; i < ERG_STATS_DIMS; i++)
        if (view->ne[i] < 1)
            return;
    if (!rows) {
        add_view(&walk, view);
        return;
    }
    assert(rows->axis >= 0 && rows->axis < ERG_STATS_DIMS);
    struct erg_tensor_view row = *view;
    row.ne[rows->axis] = 1;
    for (int64_t i = 0; i < rows->count; i++) {
        assert(rows->index[i] >= 0 && rows->index[i] < view->ne[rows->axis]);
        row.data =
            (const unsigned char *)view->data + (size_t)rows->index[i] * view->nb[rows->axis];
        add_view(&walk, &row);
    }
}

static void finish_variance(const struct erg_moments *moments, struct erg_stats *stats)
{
    if (!finite_count(moments) || moments->nan_count || moments->infinite_count)
        return;
    stats->variance = moments->m2 / (double)moments->count;
    stats->std = sqrt(stats->variance);
}

static void finish_magnitude(const struct erg_moments *moments, struct erg_stats *stats)
{
    stats->sparsity_ratio = (double)moments->below_count / (double)moments->count;
    if (moments->nan_count)
        return;
    stats->mean_abs =
        moments->infinite_count ? INFINITY : moments->sum_abs / (double)moments->count;
    stats->max_abs = moments->infinite_count ? INFINITY : moments->max_abs;
}

void erg_stats_finish(const struct erg_moments *moments, struct erg_stats *out_stats)
{
    *out_stats = (struct erg_stats){.count = moments->count,
                                    .nonfinite_count = moments->nan_count + moments->infinite_count,
                                    .mean_abs = NAN,
                                    .std = NAN,
                                    .variance = NAN,
                                    .max_abs = NAN,
                                    .sparsity_ratio = NAN,
                                    .negative_ratio = NAN};
    if (!moments->count)
        return;
    if (moments->part != ERG_STATS_NEGATIVE)
        finish_variance(moments, out_stats);
    if (erg_stats_magnitude(moments->part))
        finish_magnitude(moments, out_stats);
    if (erg_stats_sign(moments->part))
        out_stats->negative_ratio = (double)moments->negative_count / (double)moments->count;
}

void erg_attention_add(const struct erg_stats_kernels *kernels, const float *weights, size_t valid,
                       struct erg_attention *attention)
{
    size_t most = kernels->lanes * ERG_BLOCK_STEPS;
    float limit = limit_of(attention->threshold);
    float shift = valid ? 1.0F / (float)valid : 0;
    double shift_wide = (double)shift;
    struct erg_attention row = {.row_count = valid > 0, .cell_count = valid};
    for (size_t at = 0; at < valid; at += most) {
        struct erg_attention_sums sums = {0};
        size_t here = valid - at < most ? valid - at : most;
        kernels->attention(weights + at, here, shift, limit, &sums);
        row.sum_entropy += sums.entropy_nats;
        row.below_count += sums.below_count;
        row.sum_weights += sums.sum + (double)here * shift_wide;
        row.sum_squares +=
            sums.squares + 2 * shift_wide * sums.sum + (double)here * shift_wide * shift_wide;
        row.max_weight = fmax(row.max_weight, (double)sums.max_weight);
    }
    if (!isfinite(row.sum_entropy))
        row.sum_entropy = row.sum_weights = row.sum_squares = row.max_weight = NAN;
    row.sum_largest = row.max_weight;
    erg_attention_merge(attention, &row);
}

void erg_attention_merge(struct erg_attention *into, const struct erg_attention *from)
{
    into->row_count += from->row_count;
    into->cell_count += from->cell_count;
    into->below_count += from->below_count;
    into->sum_entropy += from->sum_entropy;
    into->sum_largest += from->sum_largest;
    into->sum_weights += from->sum_weights;
    into->sum_squares += from->sum_squares;
    if (isnan(from->max_weight) || from->max_weight > into->max_weight)
        into->max_weight = from->max_weight;
}

void erg_attention_finish(const struct erg_attention *attention,
                          struct erg_attention_stats *out_stats)
{
    double rows = (double)attention->row_count, cells = (double)attention->cell_count;
    *out_stats = (struct erg_attention_stats){NAN, NAN, NAN, NAN, NAN, NAN};
    if (!attention->row_count)
        return;
    out_stats->entropy_nats = attention->sum_entropy / rows;
    out_stats->largest_weight = attention->sum_largest / rows;
    out_stats->sparsity_ratio = (double)attention->below_count / cells;
    out_stats->mean = attention->sum_weights / cells;
    double variance = attention->sum_squares / cells - out_stats->mean * out_stats->mean;
    out_stats->std = isnan(variance) ? NAN : sqrt(fmax(0, variance));
    out_stats->max_weight = attention->max_weight;
}
