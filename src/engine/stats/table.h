/* SPDX-License-Identifier: MIT */
#ifndef ERG_ENGINE_STATS_TABLE_H
#define ERG_ENGINE_STATS_TABLE_H

#include "engine/stats/stats.h"

/*
 * Between stats.c and the kernels. A kernel sees one block: a rectangle of rows small enough for
 * float sums (each lane adds at most ERG_BLOCK_STEPS values), with a shift near the data's mean, so
 * that the squares do not cancel. Where a sum leaves float's range or the data hold a NaN or an
 * infinity, the sums say so by not being finite, and stats.c asks slow.c.
 */
enum { ERG_BLOCK_STEPS = 128 };

struct erg_block {
    const void *data; /* contiguous elements within a row, any alignment */
    size_t columns;
    size_t rows;
    size_t row_bytes; /* from one row to the next */
    float shift;
    float limit; /* |x| < limit is sparse */
};

struct erg_block_sums {
    double sum_abs;
    double sum;     /* Σ(x − shift) */
    double squares; /* Σ(x − shift)² */
    float max_abs;
    uint64_t below_count;
    uint64_t negative_count;
};

struct erg_row_sums {
    double sum_abs;
    double sum;
    double squares; /* Σx² */
    float max_abs;
    uint64_t below_count;
    uint64_t negative_count; /* 0 where it is not asked for */
};

struct erg_attention_sums {
    double entropy_nats; /* not finite when a weight is not */
    double sum;          /* Σ(p − shift) */
    double squares;      /* Σ(p − shift)² */
    float max_weight;
    uint64_t below_count;
};

typedef void erg_block_kernel(const struct erg_block *block, struct erg_block_sums *out_sums);
typedef bool erg_row_kernel(const void *row, size_t count, float limit,
                            struct erg_row_sums *out_sums);
typedef void erg_attention_kernel(const float *weights, size_t count, float shift, float limit,
                                  struct erg_attention_sums *out_sums);

struct erg_stats_kernels {
    size_t lanes; /* elements of a step */
    erg_block_kernel *block[ERG_STATS_PARTS][ERG_SCALARS];
    erg_row_kernel *row[2]; /* without and with the negative ones */
    erg_attention_kernel *attention;
};

extern const struct erg_stats_kernels erg_stats_scalar, erg_stats_avx2, erg_stats_avx512,
    erg_stats_neon; /* a build has those of its processor */

/* The level when this machine can run it, else NULL; BEST is the fastest. One file per processor.
 */
const struct erg_stats_kernels *erg_stats_machine(enum erg_stats_level level);

#endif
