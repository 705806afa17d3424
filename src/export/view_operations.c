/* SPDX-License-Identifier: MIT */
#include "analysis/rollup.h"
#include "analysis/routing.h"
#include "base/mem.h"
#include "export/facts.h"
#include "export/out.h"
#include "export/parts.h"
#include "export/put.h"
#include "export/view.h"
#include "export/view_passes.h"
#include "store/deep.h"
#include "store/extra.h"
#include "store/pass.h"
#include "stream/taxonomy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct listing {
    const struct erg_view *view;
    const struct erg_attribution_model *model;
    int64_t layer;         /* < -1 = all */
    const char *component; /* NULL = all */
    struct erg_view_passes passes;
    struct erg_rollup *rollup; /* of several passes */
    struct erg_err *err;
};

static bool is_wanted(const struct listing *l, int layer, uint16_t component)
{
    const char *name = erg_store_name(l->view->store, component);
    return component && component != ERG_ROLLUP_UNPROFILED &&
           (l->layer < -1 || layer == l->layer) &&
           (!l->component || (name && strcmp(name, l->component) == 0));
}

static void put_names(struct erg_jsonw *w, struct erg_store *store, uint32_t phase, int layer,
                      uint16_t component, uint16_t operation)
{
    erg_jsonw_kstr(w, "phase", erg_phase_name(phase));
    erg_jsonw_kint(w, "layer", layer);
    erg_jsonw_kstr(w, "component", erg_store_name(store, component));
    erg_jsonw_kstr(w, "operation", operation ? erg_store_name(store, operation) : NULL);
}

/* --- one pass, span by span --------------------------------------------------------------------*/

static double value_at(const struct erg_pass_row *pass, enum erg_value_column column, uint32_t i)
{
    return (double)erg_part_value(pass, column, i);
}

static struct erg_average one(double value)
{
    return (struct erg_average){value, !isnan(value)};
}

/* What is known of a span beside its cost, as a row. */
static struct erg_fold_row describe(const struct erg_view *view, const struct erg_pass_row *pass,
                                    uint32_t i)
{
    const struct erg_span *span = &pass->spans[i];
    const struct erg_attention_row *heads = erg_attention_of(pass, i);
    const char *component = erg_store_name(view->store, span->component);
    const char *operation = span->operation ? erg_store_name(view->store, span->operation) : "";
    enum erg_extra_kind kind =
        erg_extra_kind(component ? component : "", operation ? operation : "");
    double extra = value_at(pass, ERG_VALUE_EXTRA, i);
    struct erg_fold_row row = {
        .flops = value_at(pass, ERG_VALUE_FLOPS, i),
        .bytes = value_at(pass, ERG_VALUE_BYTES, i),
        .mean = value_at(pass, ERG_VALUE_MEAN, i),
        .std = value_at(pass, ERG_VALUE_STD, i),
        .max = value_at(pass, ERG_VALUE_MAX, i),
        .sparsity = value_at(pass, ERG_VALUE_SPARSITY, i),
        .kill_ratio = one(kind == ERG_EXTRA_KILL_RATIO ? extra : NAN),
        .variance_ratio = one(kind == ERG_EXTRA_VARIANCE_RATIO ? extra : NAN),
    };
    row.attention_entropy = one(heads ? erg_known_mean(heads->entropy, heads->heads) : NAN);
    row.max_attention_weight = one(heads ? erg_known_mean(heads->max_weight, heads->heads) : NAN);
    row.attention_sparsity = one(heads ? erg_known_mean(heads->sparsity, heads->heads) : NAN);
    return row;
}

static void put_span(const struct listing *l, const struct erg_pass_row *pass, uint32_t i,
                     int64_t t0_ns, const struct erg_energy *energy)
{
    struct erg_jsonw *w = l->view->w;
    const struct erg_span *span = &pass->spans[i];
    const struct erg_extra_source source = {pass, erg_out_name, l->view->store};
    struct erg_fold_row row = describe(l->view, pass, i);
    erg_jsonw_obj_begin(w);
    put_names(w, l->view->store, pass->phase, span->layer, span->component, span->operation);
    erg_jsonw_kint(w, "pass", pass->index);
    erg_jsonw_kmicro(w, "start_ms", t0_ns);
    erg_jsonw_kint(w, "count", 1);
    erg_put_part(w, (int64_t)span->ticks * ERG_TICK_NS, energy);
    erg_put_statistics(w, &row);
    erg_jsonw_key(w, "extra_metrics");
    if (!span->operation || !erg_extra_write(&source, i, w))
        erg_jsonw_null(w);
    erg_jsonw_obj_end(w);
}

static int list_pass(void *user, const struct erg_pass_row *row, int64_t first_token)
{
    struct listing *l = user;
    ERG_AUTO_FREE struct erg_energy *parts = NULL;
    struct erg_energy rest;
    int rc = erg_view_passes_add(&l->passes, row, first_token, l->err);
    if (rc == 0 && erg_pass_attribute_by(row, l->model, &parts, &rest))
        rc = erg_fail(l->err, ERG_NOMEM, "no memory for the operations of a pass");
    int64_t t_ns = row->t0_ns;
    for (uint32_t i = 0; i < row->n_spans && rc == 0; i++) {
        if (is_wanted(l, row->spans[i].layer, row->spans[i].component))
            put_span(l, row, i, t_ns, &parts[i]);
        t_ns += (int64_t)row->spans[i].ticks * ERG_TICK_NS;
    }
    return rc;
}

/* --- several passes, summed up -----------------------------------------------------------------*/

static int sum_pass(void *user, const struct erg_pass_row *row, int64_t first_token)
{
    struct listing *l = user;
    int rc = erg_view_passes_add(&l->passes, row, first_token, l->err);
    return rc ? rc : erg_rollup_add(l->rollup, row, l->err);
}

static void put_fold_row(const struct listing *l, const struct erg_fold_row *row)
{
    struct erg_jsonw *w = l->view->w;
    erg_jsonw_obj_begin(w);
    put_names(w, l->view->store, row->phase, row->layer, row->component, row->operation);
    erg_jsonw_kint(w, "count", row->count);
    erg_put_part(w, row->duration_ns, &row->energy);
    erg_put_statistics(w, row);
    erg_jsonw_obj_end(w);
}

static int list_rows(const struct listing *l, const struct erg_rollup_row *rows, size_t count,
                     uint32_t phase)
{
    struct erg_fold fold = {0};
    int rc = erg_fold_add(&fold, rows, count,
                          ERG_BY_PHASE | ERG_BY_LAYER | ERG_BY_COMPONENT | ERG_BY_OPERATION, phase,
                          erg_out_name, l->view->store);
    for (size_t i = 0; i < fold.count && rc == 0; i++) {
        if (is_wanted(l, fold.rows[i].layer, fold.rows[i].component))
            put_fold_row(l, &fold.rows[i]);
    }
    erg_fold_deinit(&fold);
    return rc ? erg_fail(l->err, rc, "cannot list operations: %s", erg_code_text(rc)) : 0;
}

static int sum_range(struct listing *l, const struct erg_token_range *range)
{
    size_t count;
    int rc = erg_rollup_new(&l->rollup,
                            ERG_BY_PHASE | ERG_BY_LAYER | ERG_BY_COMPONENT | ERG_BY_OPERATION |
                                ERG_UNPROFILED_APART,
                            l->err);
    if (rc)
        return rc;
    erg_rollup_attribute(l->rollup, l->model);
    rc = erg_store_passes_of(l->view->store, l->view->run_id, range, ERG_PASSES_ALL, sum_pass, l,
                             l->err);
    if (rc)
        return rc;
    const struct erg_rollup_row *rows = erg_rollup_rows(l->rollup, &count);
    return list_rows(l, rows, count, ERG_PHASES);
}

int erg_view_operations(const struct erg_view *view, const struct erg_view_split *split,
                        const struct erg_run_sums *sums, const struct erg_view_range *range,
                        int64_t layer, const char *component, struct erg_err *err)
{
    struct erg_jsonw *w = view->w;
    struct listing l = {.view = view,
                        .model = erg_view_split_model(split),
                        .layer = layer,
                        .component = component,
                        .err = err};
    struct erg_token_range wanted;
    int rc = erg_view_tokens_of(view, range, &wanted, err);
    if (rc)
        return rc;
    erg_jsonw_obj_begin(w);
    erg_jsonw_kstr(w, "run_id", view->run_id);
    erg_put_count(w, "token", range->token);
    erg_view_put_split(w, split);
    erg_jsonw_key(w, "operations");
    erg_jsonw_arr_begin(w);
    if (erg_view_is_whole(range))
        rc = list_rows(&l, sums->rows, sums->count, range->phase);
    else if (range->token >= 0)
        rc = erg_store_passes_of(view->store, view->run_id, &wanted, ERG_PASSES_ALL, list_pass, &l,
                                 err);
    else
        rc = sum_range(&l, &wanted);
    erg_jsonw_arr_end(w);
    erg_view_passes_put(&l.passes, w);
    erg_jsonw_obj_end(w);
    erg_view_passes_deinit(&l.passes);
    erg_rollup_free(l.rollup);
    return rc;
}
