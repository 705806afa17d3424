/* SPDX-License-Identifier: MIT */
#include "analysis/matrix.h"
#include "base/mem.h"
#include "store/pass.h"

#include <math.h>
#include <stdlib.h>

/* What the spans of a cell add up to. */
struct cell {
    int64_t ns, nj;
    bool has_spans;
};

static double value_of(enum erg_matrix_metric metric, int64_t ns, int64_t nj, bool known)
{
    struct erg_fold_row row = {.duration_ns = ns, .energy = {.nj = {nj}, .present = known}};
    return erg_matrix_value(&row, metric);
}

static void add_spans(const struct erg_matrix_axes *axes, const struct erg_pass_row *pass,
                      const struct erg_energy *parts, struct cell *cells)
{
    struct cell *cell = NULL;
    for (uint32_t i = 0; i < pass->n_spans; i++) {
        const struct erg_span *span = &pass->spans[i], *before = i ? span - 1 : NULL;
        if (!before || span->layer != before->layer || span->component != before->component) {
            size_t at = erg_matrix_cell(axes, span->layer, span->component);
            cell = at == SIZE_MAX ? NULL : &cells[at];
        }
        if (!cell)
            continue;
        cell->has_spans = true;
        cell->ns += (int64_t)span->ticks * ERG_TICK_NS;
        cell->nj += parts ? erg_energy_total_nj(&parts[i]) : 0;
    }
}

int erg_matrix_of_pass(const struct erg_matrix_axes *axes, const struct erg_pass_row *pass,
                       const struct erg_attribution_model *model, enum erg_matrix_metric metric,
                       double *out_values, double *out_rest)
{
    size_t count = axes->layer_count * axes->component_count;
    bool powered = metric != ERG_MATRIX_TIME_MS, known = erg_energy_known(&pass->energy);
    ERG_AUTO_FREE struct cell *cells = erg_calloc(count, sizeof *cells);
    ERG_AUTO_FREE struct erg_energy *parts = NULL;
    struct erg_energy rest = {0};
    int rc = cells ? 0 : ERG_NOMEM;
    if (rc == 0 && powered)
        rc = erg_pass_attribute_by(pass, model, &parts, &rest);
    if (rc)
        return rc;
    add_spans(axes, pass, parts, cells);
    for (size_t i = 0; i < count; i++)
        out_values[i] =
            cells[i].has_spans ? value_of(metric, cells[i].ns, cells[i].nj, known) : NAN;
    int64_t rest_ns = pass->t1_ns - pass->t0_ns - erg_pass_covered_ns(pass);
    int64_t rest_nj = erg_energy_total_nj(&rest);
    *out_rest = rest_ns || rest_nj ? value_of(metric, rest_ns, rest_nj, known) : NAN;
    return 0;
}
