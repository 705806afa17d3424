/* SPDX-License-Identifier: MIT */
#ifndef ERG_ANALYSIS_MATRIX_H
#define ERG_ANALYSIS_MATRIX_H

#include "analysis/fold.h"

/* Layer × component values of one metric, over one pass or many. Pure. */
enum erg_matrix_metric {
    ERG_MATRIX_TIME_MS,
    ERG_MATRIX_ENERGY_MJ,
    ERG_MATRIX_POWER_MW,
    ERG_MATRIX_MEAN,
    ERG_MATRIX_STD,
    ERG_MATRIX_MAX,
    ERG_MATRIX_SPARSITY,
    ERG_MATRIX_ENTROPY,
    ERG_MATRIX_METRICS,
};

/* What a metric is, and how several passes make one value of it. */
struct erg_matrix_info {
    const char *name, *title, *unit;
    const char *aggregate; /* "sum", "ratio" (of sums), "average", "max" */
    const char *modes[3];  /* of runs that have it */
};
const struct erg_matrix_info *erg_matrix_info(enum erg_matrix_metric metric);
int erg_matrix_find(const char *name); /* enum erg_matrix_metric, or -1 */

/* The axes: every layer and component of a run, so that all its matrices have the same shape. */
struct erg_matrix_axes {
    int *layers;          /* ascending; -1 = outside the layers */
    uint16_t *components; /* in order of a forward pass, then of appearance */
    size_t layer_count, component_count, layer_capacity, component_capacity;
};
int erg_matrix_axes(struct erg_matrix_axes *out, const struct erg_rollup_row *rows, size_t count,
                    erg_names names, void *user);
void erg_matrix_axes_deinit(struct erg_matrix_axes *axes);

/* Index of a cell in a matrix of these axes; SIZE_MAX when there is none. */
size_t erg_matrix_cell(const struct erg_matrix_axes *axes, int layer, uint16_t component);

/* Value of a row folded by layer and component; NaN when it is not known. */
double erg_matrix_value(const struct erg_fold_row *row, enum erg_matrix_metric metric);

/* Fill `out_values`, [layer][component], from rows folded by layer and component; NaN = none. */
void erg_matrix_fill(const struct erg_matrix_axes *axes, const struct erg_fold *fold,
                     enum erg_matrix_metric metric, double *out_values);

/*
 * The same of one pass, straight from its spans: times, energies or powers (`model` splits, NULL by
 * time). *out_rest is what no span accounts for, NaN when that is nothing. NOMEM.
 */
int erg_matrix_of_pass(const struct erg_matrix_axes *axes, const struct erg_pass_row *pass,
                       const struct erg_attribution_model *model, enum erg_matrix_metric metric,
                       double *out_values, double *out_rest);

#endif
