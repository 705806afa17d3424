/* SPDX-License-Identifier: MIT */
#include "analysis/overhead.h"
#include "analysis/rollup.h"
#include "base/mem.h"
#include "export/put.h"
#include "export/view.h"
#include "export/view_passes.h"
#include "stream/taxonomy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_CELLS = 1 << 27 };

struct making {
    const struct erg_view *view;
    const struct erg_view_matrix *request;
    const struct erg_attribution_model *model;
    struct erg_matrix_axes axes;
    struct erg_view_passes passes;
    struct erg_rollup *rollup; /* of all passes, unless they are stacked */
    double *cells;
    size_t cell_count, cell_capacity;
    double min, max;
    double unattributed, not_profiled; /* NaN = none */
    struct erg_err *err;
};

static const char *name_of(void *user, uint16_t id)
{
    return erg_store_name(user, id);
}

static bool adds_up(enum erg_matrix_metric metric)
{
    return metric == ERG_MATRIX_TIME_MS || metric == ERG_MATRIX_ENERGY_MJ;
}

static double plus(double sum, double value)
{
    return isnan(sum) ? value : isnan(value) ? sum : sum + value;
}

/* What is in no cell, of metrics that add up. */
static void take_rest(struct making *m, const struct erg_fold *fold)
{
    for (size_t i = 0; i < fold->count && adds_up(m->request->metric); i++) {
        const struct erg_fold_row *row = &fold->rows[i];
        double value = erg_matrix_value(row, m->request->metric);
        if (row->unprofiled)
            m->not_profiled = plus(m->not_profiled, value);
        else if (row->component == 0)
            m->unattributed = plus(m->unattributed, value);
    }
}

static int no_room(struct making *m, int rc)
{
    return rc ? erg_fail(m->err, rc, "cannot make a matrix: %s", erg_code_text(rc)) : 0;
}

/* Room for one more matrix. */
static int grow_cells(struct making *m, double **out)
{
    size_t n = m->axes.layer_count * m->axes.component_count;
    void *cells = m->cells;
    int rc = erg_grow(&cells, &m->cell_capacity, m->cell_count + n, sizeof *m->cells, MOST_CELLS);
    m->cells = cells;
    *out = rc ? NULL : m->cells + m->cell_count;
    return rc;
}

/* It is filled. */
static void take_cells(struct making *m)
{
    size_t end = m->cell_count + m->axes.layer_count * m->axes.component_count;
    for (; m->cell_count < end; m->cell_count++) {
        m->min = fmin(m->min, m->cells[m->cell_count]);
        m->max = fmax(m->max, m->cells[m->cell_count]);
    }
}

static int add_cells(struct making *m, const struct erg_rollup_row *rows, size_t count,
                     uint32_t phase)
{
    struct erg_fold fold = {0};
    double *values;
    int rc = erg_fold_add(&fold, rows, count, ERG_BY_LAYER | ERG_BY_COMPONENT, phase, name_of,
                          m->view->store);
    if (rc == 0)
        rc = grow_cells(m, &values);
    if (rc == 0) {
        erg_matrix_fill(&m->axes, &fold, m->request->metric, values);
        take_rest(m, &fold);
        take_cells(m);
    }
    erg_fold_deinit(&fold);
    return no_room(m, rc);
}

/* Times and energies need no roll-up, and many passes are looked at. */
static int stack_costs(struct making *m, const struct erg_pass_row *row)
{
    enum erg_matrix_metric metric = m->request->metric;
    double *values, rest = NAN;
    int rc = grow_cells(m, &values);
    if (rc)
        return no_room(m, rc);
    if (erg_pass_is_bare(row)) {
        struct erg_fold_row whole = {.duration_ns = row->t1_ns - row->t0_ns, .energy = row->energy};
        for (size_t i = 0; i < m->axes.layer_count * m->axes.component_count; i++)
            values[i] = NAN;
        if (adds_up(metric))
            m->not_profiled = plus(m->not_profiled, erg_matrix_value(&whole, metric));
    } else {
        rc = erg_matrix_of_pass(&m->axes, row, m->model, metric, values, &rest);
        if (adds_up(metric))
            m->unattributed = plus(m->unattributed, rest);
    }
    if (rc == 0)
        take_cells(m);
    return no_room(m, rc);
}

static bool is_cost(enum erg_matrix_metric metric)
{
    return adds_up(metric) || metric == ERG_MATRIX_POWER_MW;
}

static int new_rollup(struct making *m)
{
    int rc = erg_rollup_new(&m->rollup,
                            ERG_BY_PHASE | ERG_BY_LAYER | ERG_BY_COMPONENT | ERG_BY_OPERATION |
                                ERG_UNPROFILED_APART,
                            m->err);
    if (rc == 0)
        erg_rollup_attribute(m->rollup, m->model);
    return rc;
}

static int add_pass(void *user, const struct erg_pass_row *row, int64_t first_token)
{
    struct making *m = user;
    size_t count;
    int rc = erg_view_passes_add(&m->passes, row, first_token, m->err);
    if (rc == 0 && m->request->stack && is_cost(m->request->metric))
        return stack_costs(m, row);
    if (rc == 0 && !m->rollup)
        rc = new_rollup(m);
    if (rc == 0)
        rc = erg_rollup_add(m->rollup, row, m->err);
    if (rc || !m->request->stack)
        return rc;
    const struct erg_rollup_row *rows = erg_rollup_rows(m->rollup, &count);
    rc = add_cells(m, rows, count, ERG_PHASES);
    erg_rollup_free(m->rollup);
    m->rollup = NULL;
    return rc;
}

static int from_passes(struct making *m)
{
    struct erg_token_range range;
    size_t count;
    /* how energies are split by activity depends on more than times */
    bool times_do = m->request->stack && is_cost(m->request->metric) && !m->model;
    int rc = erg_view_tokens_of(m->view, &m->request->range, &range, m->err);
    if (rc == 0)
        rc = erg_store_passes_of(m->view->store, m->view->run_id, &range,
                                 times_do ? ERG_PASSES_TIMES : ERG_PASSES_ALL, add_pass, m, m->err);
    if (rc == 0 && !m->request->stack && !m->rollup)
        rc = new_rollup(m);
    if (rc || m->request->stack)
        return rc;
    const struct erg_rollup_row *rows = erg_rollup_rows(m->rollup, &count);
    return add_cells(m, rows, count, ERG_PHASES);
}

static int list_pass(void *user, const struct erg_pass_row *row, int64_t first_token)
{
    struct making *m = user;
    return erg_view_passes_add(&m->passes, row, first_token, m->err);
}

/* The whole run, or a phase of it, is summed up already. */
static int from_sums(struct making *m, const struct erg_run_sums *sums)
{
    const struct erg_token_range all = {0, INT64_MAX, m->request->range.phase};
    int rc = erg_store_passes_of(m->view->store, m->view->run_id, &all, ERG_PASSES_ROWS, list_pass,
                                 m, m->err);
    return rc ? rc : add_cells(m, sums->rows, sums->count, all.phase);
}

/* --- output ------------------------------------------------------------------------------------*/

static void put_axes(const struct making *m)
{
    struct erg_jsonw *w = m->view->w;
    erg_jsonw_key(w, "layers");
    erg_jsonw_arr_begin(w);
    for (size_t i = 0; i < m->axes.layer_count; i++)
        erg_jsonw_int(w, m->axes.layers[i]);
    erg_jsonw_arr_end(w);
    erg_jsonw_key(w, "components");
    erg_jsonw_arr_begin(w);
    for (size_t i = 0; i < m->axes.component_count; i++)
        erg_jsonw_str(w, erg_store_name(m->view->store, m->axes.components[i]));
    erg_jsonw_arr_end(w);
    erg_jsonw_key(w, "groups");
    erg_jsonw_arr_begin(w);
    for (size_t i = 0; i < m->axes.component_count; i++) {
        const char *name = erg_store_name(m->view->store, m->axes.components[i]);
        erg_jsonw_str(w, erg_group_name(name ? name : ""));
    }
    erg_jsonw_arr_end(w);
}

static void put_head(const struct making *m, const struct erg_view_split *split)
{
    struct erg_jsonw *w = m->view->w;
    const struct erg_matrix_info *info = erg_matrix_info(m->request->metric);
    erg_jsonw_kstr(w, "run_id", m->view->run_id);
    erg_jsonw_kstr(w, "metric", info->name);
    erg_jsonw_kstr(w, "unit", info->unit);
    erg_view_put_split(w, split);
    erg_jsonw_kstr(w, "aggregate", info->aggregate);
    put_axes(m);
    erg_view_passes_put(&m->passes, w);
    erg_jsonw_kbool(w, "stack", m->request->stack);
    erg_jsonw_kreal(w, "min", m->min);
    erg_jsonw_kreal(w, "max", m->max);
    erg_jsonw_key(w, "rest");
    erg_jsonw_obj_begin(w);
    erg_jsonw_kreal(w, "unattributed", m->unattributed);
    erg_jsonw_kreal(w, "not_profiled", m->not_profiled);
    erg_jsonw_obj_end(w);
}

static void put_values(const struct making *m)
{
    struct erg_jsonw *w = m->view->w;
    size_t columns = m->axes.component_count, rows = m->axes.layer_count;
    size_t cells = rows * columns, matrices = cells > 0 ? m->cell_count / cells : 0;
    const double *cell = m->cells;
    erg_jsonw_key(w, "values");
    if (m->request->stack)
        erg_jsonw_arr_begin(w);
    for (size_t k = 0; k < matrices || (k == 0 && !m->request->stack); k++) {
        erg_jsonw_arr_begin(w);
        for (size_t r = 0; r < rows && matrices; r++) {
            erg_jsonw_arr_begin(w);
            for (size_t c = 0; c < columns; c++)
                erg_jsonw_real(w, *cell++);
            erg_jsonw_arr_end(w);
        }
        erg_jsonw_arr_end(w);
    }
    if (m->request->stack)
        erg_jsonw_arr_end(w);
}

static void put_matrix(const struct making *m, const struct erg_view_split *split,
                       struct erg_buf *floats)
{
    struct erg_jsonw *w = m->view->w;
    erg_jsonw_obj_begin(w);
    put_head(m, split);
    if (!floats)
        put_values(m);
    erg_jsonw_obj_end(w);
    for (size_t i = 0; i < m->cell_count && floats; i++) {
        float value = (float)m->cells[i];
        erg_buf_append(floats, &value, sizeof value);
    }
}

int erg_view_matrix(const struct erg_view *view, const struct erg_view_split *split,
                    const struct erg_run_sums *sums, const struct erg_view_matrix *request,
                    struct erg_buf *floats, struct erg_err *err)
{
    struct making m = {
        .view = view,
        .request = request,
        .model = erg_view_split_model(split),
        .min = NAN,
        .max = NAN,
        .unattributed = NAN,
        .not_profiled = NAN,
        .err = err,
    };
    int rc = erg_matrix_axes(&m.axes, sums->rows, sums->count, name_of, view->store);
    if (rc)
        erg_fail(err, rc, "cannot make a matrix: %s", erg_code_text(rc));
    else if (erg_view_is_whole(&request->range) && !request->stack)
        rc = from_sums(&m, sums);
    else
        rc = from_passes(&m);
    if (rc == 0)
        put_matrix(&m, split, floats);
    erg_matrix_axes_deinit(&m.axes);
    erg_view_passes_deinit(&m.passes);
    erg_rollup_free(m.rollup);
    free(m.cells);
    return rc;
}

void erg_view_put_floats_head(const struct erg_buf *json, struct erg_buf *out)
{
    uint32_t len = (uint32_t)(json->len + 7) / 8 * 8;
    const unsigned char head[16] = {'E',
                                    'R',
                                    'G',
                                    '3',
                                    '2',
                                    '\n',
                                    0,
                                    0,
                                    (unsigned char)len,
                                    (unsigned char)(len >> 8),
                                    (unsigned char)(len >> 16),
                                    (unsigned char)(len >> 24)};
    erg_buf_append(out, head, sizeof head);
    erg_buf_append(out, json->data, json->len);
    for (size_t i = json->len; i < len; i++)
        erg_buf_putc(out, ' ');
}
