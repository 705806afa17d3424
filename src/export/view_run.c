/* SPDX-License-Identifier: MIT */
#include "analysis/overhead.h"
#include "analysis/rollup.h"
#include "base/mem.h"
#include "export/facts.h"
#include "export/out.h"
#include "export/parts.h"
#include "export/put.h"
#include "export/view.h"
#include "store/cursor.h"
#include "store/extra.h"

#include <stdlib.h>

/*
 * A run with its rows. What was asked for of passes hangs below the first token of each: layers,
 * in them components, in them operations. Energies are split by time, as in exports.
 */
struct run_view {
    const struct erg_view *view;
    unsigned detail;
    struct erg_cursor *tokens;
    struct erg_token_row token; /* read ahead */
    bool has_token;
    struct erg_parts parts;
    struct erg_err *err;
};

/* --- what hangs below a token ------------------------------------------------------------------*/

static void put_operations(struct run_view *v, const struct erg_pass_row *pass, uint32_t from,
                           uint32_t to)
{
    struct erg_jsonw *w = v->view->w;
    const struct erg_extra_source source = {pass, erg_out_name, v->view->store};
    static const char *const keys[] = {"flops",          "bytes",          "activation_mean",
                                       "activation_std", "activation_max", "activation_sparsity"};
    erg_jsonw_key(w, "operations");
    erg_jsonw_arr_begin(w);
    for (uint32_t i = from; i < to; i++) {
        const struct erg_part *part = &v->parts.items[i];
        const struct erg_span *span = &pass->spans[part->span];
        erg_jsonw_obj_begin(w);
        erg_jsonw_kstr(w, "operation",
                       span->operation ? erg_store_name(v->view->store, span->operation) : NULL);
        erg_put_cost(w, part->t0_ns, (int64_t)span->ticks * ERG_TICK_NS, &part->energy);
        for (size_t c = 0; c < sizeof keys / sizeof keys[0]; c++)
            erg_jsonw_kreal(w, keys[c],
                            (double)erg_part_value(pass, (enum erg_value_column)c, part->span));
        erg_jsonw_key(w, "extra_metrics");
        if (!span->operation || !erg_extra_write(&source, part->span, w))
            erg_jsonw_null(w);
        erg_jsonw_obj_end(w);
    }
    erg_jsonw_arr_end(w);
}

static uint32_t end_of_group(const struct erg_parts *parts, uint32_t from)
{
    uint32_t to = from + 1;
    while (to < parts->count && parts->items[to].group == parts->items[from].group)
        to++;
    return to;
}

/* The components of one layer; *at and *part move on, for rows and parts are in one order. */
static void put_components(struct run_view *v, const struct erg_pass_row *pass,
                           const struct erg_fold *components, int layer, size_t *at, uint32_t *part)
{
    struct erg_jsonw *w = v->view->w;
    erg_jsonw_key(w, "components");
    erg_jsonw_arr_begin(w);
    for (; *at < components->count && components->rows[*at].layer == layer; ++*at) {
        const struct erg_fold_row *row = &components->rows[*at];
        if (!row->component) /* what is unattributed has no span */
            continue;
        uint32_t end = end_of_group(&v->parts, *part);
        erg_jsonw_obj_begin(w);
        erg_jsonw_kstr(w, "component", erg_store_name(v->view->store, row->component));
        erg_put_part(w, row->duration_ns, &row->energy);
        erg_put_statistics(w, row);
        if (v->detail & ERG_VIEW_OPERATIONS)
            put_operations(v, pass, *part, end);
        erg_jsonw_obj_end(w);
        *part = end;
    }
    erg_jsonw_arr_end(w);
}

static void put_layers(struct run_view *v, const struct erg_pass_row *pass,
                       const struct erg_fold *layers, const struct erg_fold *components)
{
    struct erg_jsonw *w = v->view->w;
    size_t at = 0;
    uint32_t part = 0;
    erg_jsonw_key(w, "layers");
    erg_jsonw_arr_begin(w);
    for (size_t i = 0; i < layers->count; i++) {
        const struct erg_fold_row *row = &layers->rows[i];
        erg_jsonw_obj_begin(w);
        erg_jsonw_kint(w, "layer", row->layer);
        erg_put_part(w, row->duration_ns, &row->energy);
        erg_put_statistics(w, row);
        if (v->detail & (ERG_VIEW_COMPONENTS | ERG_VIEW_OPERATIONS))
            put_components(v, pass, components, row->layer, &at, &part);
        erg_jsonw_obj_end(w);
    }
    erg_jsonw_arr_end(w);
}

/* The layers of a pass that is summed up. */
static int put_summed(struct run_view *v, const struct erg_pass_row *pass,
                      struct erg_rollup *rollup)
{
    struct erg_fold layers = {0}, components = {0};
    size_t count;
    const struct erg_rollup_row *rows = erg_rollup_rows(rollup, &count);
    int rc =
        erg_fold_add(&layers, rows, count, ERG_BY_LAYER, ERG_PHASES, erg_out_name, v->view->store);
    if (rc == 0)
        rc = erg_fold_add(&components, rows, count, ERG_BY_LAYER | ERG_BY_COMPONENT, ERG_PHASES,
                          erg_out_name, v->view->store);
    if (rc == 0)
        put_layers(v, pass, &layers, &components);
    erg_fold_deinit(&layers);
    erg_fold_deinit(&components);
    return rc ? erg_fail(v->err, rc, "no memory for the layers of a pass") : 0;
}

static int put_pass(struct run_view *v, const struct erg_pass_row *pass)
{
    struct erg_rollup *rollup = NULL;
    int rc = erg_parts_fill(&v->parts, pass, v->err);
    if (rc == 0)
        rc = erg_rollup_new(&rollup, ERG_BY_LAYER | ERG_BY_COMPONENT | ERG_BY_OPERATION, v->err);
    if (rc == 0)
        rc = erg_rollup_add(rollup, pass, v->err);
    if (rc == 0)
        rc = put_summed(v, pass, rollup);
    erg_rollup_free(rollup);
    return rc;
}

/* --- rows --------------------------------------------------------------------------------------*/

/* Go on, or stop with the writer's failure: the client may have left. */
static int state(const struct run_view *v)
{
    int rc = v->view->w->status ? v->view->w->status : erg_buf_status(v->view->w->buf);
    return rc ? erg_fail(v->err, rc, "cannot write the run: %s", erg_code_text(rc)) : 0;
}

static int next_token(struct run_view *v)
{
    int rc = erg_cursor_token(v->tokens, &v->token, v->err);
    v->has_token = rc == 1;
    return rc < 0 ? rc : 0;
}

static int on_pass(void *user, const struct erg_pass_row *pass)
{
    struct run_view *v = user;
    struct erg_jsonw *w = v->view->w;
    bool nested = v->detail & (ERG_VIEW_LAYERS | ERG_VIEW_COMPONENTS | ERG_VIEW_OPERATIONS);
    int rc = 0;
    for (bool first = true; rc == 0 && v->has_token && v->token.pass == pass->index;
         first = false) {
        erg_jsonw_obj_begin(w);
        erg_put_token(w, &v->token);
        erg_jsonw_kint(w, "pass", pass->index);
        erg_jsonw_kbool(w, "profiled", !erg_pass_is_bare(pass) && pass->n_spans > 0);
        if (nested && first)
            rc = put_pass(v, pass);
        erg_jsonw_obj_end(w);
        if (rc == 0)
            rc = next_token(v);
    }
    return rc ? rc : state(v);
}

static int on_section(void *user, const struct erg_section_row *row)
{
    struct run_view *v = user;
    erg_put_section_row(v->view->w, row);
    return state(v);
}

static int on_sample(void *user, const struct erg_sample_row *row)
{
    struct run_view *v = user;
    erg_put_sample(v->view->w, row);
    return state(v);
}

static int put_rows(struct run_view *v)
{
    struct erg_jsonw *w = v->view->w;
    struct erg_store *store = v->view->store;
    bool nested = v->detail & ~(unsigned)ERG_VIEW_SAMPLES;
    erg_jsonw_key(w, "sections");
    erg_jsonw_arr_begin(w);
    int rc = erg_store_sections(store, v->view->run_id, on_section, v, v->err);
    erg_jsonw_arr_end(w);
    if (v->detail & ERG_VIEW_SAMPLES) {
        erg_jsonw_key(w, "power_samples");
        erg_jsonw_arr_begin(w);
        if (rc == 0)
            rc = erg_store_samples(store, v->view->run_id, on_sample, v, v->err);
        erg_jsonw_arr_end(w);
    }
    erg_jsonw_key(w, "tokens");
    erg_jsonw_arr_begin(w);
    if (rc == 0)
        rc = next_token(v);
    if (rc == 0)
        rc = erg_store_passes(store, v->view->run_id, nested, on_pass, v, v->err);
    erg_jsonw_arr_end(w);
    return rc;
}

int erg_view_run(const struct erg_view *view, unsigned detail, struct erg_err *err)
{
    struct run_view v = {.view = view, .detail = detail, .err = err};
    ERG_AUTO_FREE char *summary = NULL;
    int rc = erg_store_summary(view->store, view->run_id, &summary, err);
    if (rc == 0)
        rc = erg_cursor_open(&v.tokens, view->store, view->run_id, ERG_CURSOR_TOKENS, err);
    if (rc)
        return rc;
    erg_jsonw_obj_begin(view->w);
    erg_jsonw_members(view->w, summary);
    rc = put_rows(&v);
    erg_jsonw_obj_end(view->w);
    erg_cursor_close(v.tokens);
    erg_parts_deinit(&v.parts);
    return rc;
}
