/* SPDX-License-Identifier: MIT */
#ifndef ERG_ENGINE_STATS_STATS_H
#define ERG_ENGINE_STATS_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Statistics of activation tensors and of attention rows.
 *
 * Nothing here allocates, blocks or keeps state: everything may be called from any thread on data
 * of its own. Statistics agree with a two-pass computation in double to 1e-5 relative on every
 * instruction set, also for a mean far above the deviation and for single massive values.
 */

enum erg_stats_level {
    ERG_STATS_BEST, /* the fastest this machine has */
    ERG_STATS_SCALAR,
    ERG_STATS_AVX2,
    ERG_STATS_AVX512,
    ERG_STATS_NEON,
    ERG_STATS_LEVELS
};

struct erg_stats_kernels; /* one instruction set; constant, never freed */

/* The kernels of one level; NULL where this build or machine lacks it (BEST and SCALAR never are).
 */
const struct erg_stats_kernels *erg_stats_select(enum erg_stats_level level);

/* "scalar", "avx2", …; NULL for an unknown level. */
const char *erg_stats_level_name(enum erg_stats_level level);

enum erg_scalar { ERG_SCALAR_F32, ERG_SCALAR_F16, ERG_SCALAR_BF16, ERG_SCALARS };

enum { ERG_STATS_DIMS = 4 };

/* A borrowed tensor as ggml lays it out: dimension 0 innermost, strides in bytes, any alignment. */
struct erg_tensor_view {
    const void *data;
    enum erg_scalar type;
    int64_t ne[ERG_STATS_DIMS]; /* elements; a 0 anywhere makes the tensor empty */
    size_t nb[ERG_STATS_DIMS];  /* bytes from one index to the next */
};

/* The positions to look at along one dimension (that of the tokens). */
struct erg_rows {
    int axis;             /* 0 … 3 */
    const int64_t *index; /* each in [0, ne[axis]) */
    int64_t count;
};

/*
 * The rows to look at out of `rows`: all up to `limit` (≥ 1), above that half as many as `limit`,
 * evenly spaced, first and last included (only one: the last). Ascending, always the same. Returns
 * how many were written to `out_index`, at most `limit`; fewer than `rows` means `rows_sampled`.
 */
int64_t erg_rows_sample(int64_t rows, int64_t limit, int64_t *out_index);

/*
 * A function that runs amid a computation whose weights have pushed all code out of the caches:
 * such functions lie together, so that fewer pages and lines are fetched for them.
 */
#define ERG_HOT __attribute__((hot))

enum erg_stats_part {
    ERG_STATS_ALL,
    ERG_STATS_UNSIGNED, /* all but the share of negative values */
    ERG_STATS_VARIANCE, /* count, mean and deviation only */
    ERG_STATS_NEGATIVE, /* count and share of negative values only; does not look for non-finite */
    ERG_STATS_PARTS
};

/* Whether a part covers the statistics of |x|, and the share of negative values. */
static inline bool erg_stats_magnitude(enum erg_stats_part part)
{
    return part == ERG_STATS_ALL || part == ERG_STATS_UNSIGNED;
}

static inline bool erg_stats_sign(enum erg_stats_part part)
{
    return part == ERG_STATS_ALL || part == ERG_STATS_NEGATIVE;
}

/*
 * What has been seen of a set of numbers. Start with {.part = …, .threshold = …}; add tensors,
 * merge, finish. Sums cover the finite values; the others are counted apart.
 */
struct erg_moments {
    enum erg_stats_part part;
    double threshold;        /* sparsity counts |x| < threshold */
    uint64_t count;          /* all values */
    uint64_t nan_count;      /* of these NaN */
    uint64_t infinite_count; /* of these ±infinity */
    uint64_t below_count;    /* |x| < threshold */
    uint64_t negative_count; /* x < 0; −0 and NaN are not negative */
    double sum_abs;          /* Σ|x| */
    double mean;             /* of x */
    double m2;               /* Σ(x − mean)² */
    double max_abs;          /* max |x|, 0 while empty */
};

/*
 * Add every value of the tensor, or those at `rows` (NULL: all). Rows whose elements are contiguous
 * (nb[0] = element size) are fast, others correct.
 */
void erg_stats_add(const struct erg_stats_kernels *kernels, const struct erg_tensor_view *view,
                   const struct erg_rows *rows, struct erg_moments *moments);

/*
 * Add `count` elements side by side, at any alignment: the same without a tensor's overhead. Floats
 * are taken by a short stretch of code where that is enough for them: amid a computation that has
 * pushed all code out of the caches, fetching it takes longer than the row.
 */
void erg_stats_add_row(const struct erg_stats_kernels *kernels, enum erg_scalar type,
                       const void *data, size_t count, struct erg_moments *moments);

/* Add what `from` has seen; both of the same part and threshold. */
void erg_moments_merge(struct erg_moments *into, const struct erg_moments *from);

/*
 * The statistics by their definitions (docs: mean of |x|, population deviation of x, max |x|,
 * shares of all values). NaN for what the part does not cover or an empty set does not have. One
 * NaN makes mean, deviation, variance and max NaN; an infinity without NaN makes mean and max
 * infinite, deviation and variance NaN. The shares stay counts: NaN and infinity are neither
 * sparse, and of them only −infinity is negative.
 */
struct erg_stats {
    uint64_t count;
    uint64_t nonfinite_count;
    double mean_abs;
    double std;
    double variance;
    double max_abs;
    double sparsity_ratio;
    double negative_ratio;
};

void erg_stats_finish(const struct erg_moments *moments, struct erg_stats *out_stats);

/* What has been seen of attention rows (softmax outputs). Start with {.threshold = …}. */
struct erg_attention {
    double threshold;     /* sparsity counts weights < threshold */
    uint64_t row_count;   /* rows with at least one cell */
    uint64_t cell_count;  /* unmasked weights */
    uint64_t below_count; /* of these below the threshold */
    double sum_entropy;   /* Σ over rows of −Σ p ln p, nats */
    double sum_largest;   /* Σ over rows of the row's largest weight */
    double sum_weights;   /* Σ p */
    double sum_squares;   /* Σ p² */
    double max_weight;    /* of all rows; NaN, as all sums, after one with a NaN or an infinity */
};

/*
 * Add one row of `valid` weights (in [0, 1]) that sum up to 1: then also the deviation of weights
 * that are all but equal keeps its digits.
 */
void erg_attention_add(const struct erg_stats_kernels *kernels, const float *weights, size_t valid,
                       struct erg_attention *attention);

void erg_attention_merge(struct erg_attention *into, const struct erg_attention *from);

/* NaN without a row. */
struct erg_attention_stats {
    double entropy_nats;          /* mean over the rows */
    double largest_weight;        /* of a row, mean over the rows */
    double sparsity_ratio;        /* share of weights below the threshold */
    double mean, std, max_weight; /* of all weights */
};

void erg_attention_finish(const struct erg_attention *attention,
                          struct erg_attention_stats *out_stats);

#endif
