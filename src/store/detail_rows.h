/* SPDX-License-Identifier: MIT */
#ifndef ERG_STORE_DETAIL_ROWS_H
#define ERG_STORE_DETAIL_ROWS_H

#include "energy/energy.h"
#include "store/extra.h"
#include "store/rows.h"

/* What one row of a detail table stands for. */
enum erg_detail_kind {
    ERG_DETAIL_LAYERS,
    ERG_DETAIL_COMPONENTS,
    ERG_DETAIL_OPERATIONS,
};

/* A row of a detail table; statistics are NaN when no span of it has them. */
struct erg_detail_row {
    int layer;
    uint16_t component, operation;
    uint32_t first; /* span it was met at */
    int64_t ticks, attention_ticks, mlp_ticks;
    int64_t energy_nj;
    float flops, bytes;
    float mean, std, max, sparsity;
};

/*
 * The rows of a pass in order of execution. Energy is split over the spans by time; the sum of all
 * components (of all operations, where every span has one) and what is unattributed is the pass's,
 * to the nanojoule. Spans that make up one row: times and energies add up, max is the greatest,
 * mean and sparsity are averages and std the root of the averaged variances, every span that has
 * statistics weighing the same (the number of its elements is not stored).
 *
 * Returns 0 or ERG_NOMEM; *out_rows is to be freed.
 */
int erg_detail_rows(enum erg_detail_kind kind, const struct erg_extra_source *source,
                    struct erg_detail_row **out_rows, size_t *out_count);

#endif
