/* SPDX-License-Identifier: MIT */
#include "export/tables.h"

#include "analysis/rollup.h"
#include "store/cursor.h"
#include "store/extra.h"
#include "stream/taxonomy.h"

#include <math.h>
#include <string.h>

/* Rows per pass, grouped by `keys`; they name the first token that the pass evaluated. */
struct spans_export {
    struct erg_out *out;
    unsigned keys;
    struct erg_cursor *tokens;
    struct erg_token_row token;
    bool has_token;
};

static int next_token(struct spans_export *export)
{
    int rc = erg_cursor_token(export->tokens, &export->token, export->out->err);
    export->has_token = rc == 1;
    return rc < 0 ? rc : 0;
}

static void name_cell(struct spans_export *export, uint16_t id, const char *none)
{
    const char *name = id ? erg_store_name(export->out->request->store, id) : none;
    erg_cell_text(&export->out->buf, name ? name : "", name ? strlen(name) : 0);
}

/* Time of the spans of a layer by what part of the layer they are. */
static void group_cells(struct spans_export *export, const struct erg_pass_row *pass, int layer)
{
    int64_t sums[3] = {0};
    for (uint32_t i = 0; i < pass->n_spans; i++) {
        const struct erg_span *span = &pass->spans[i];
        if (span->layer != layer)
            continue;
        const char *name = erg_store_name(export->out->request->store, span->component);
        sums[erg_component_group(erg_component_find(name ? name : ""))] +=
            (int64_t)span->ticks * ERG_TICK_NS;
    }
    erg_cell_micro(&export->out->buf, sums[ERG_GROUP_ATTENTION]);
    erg_cell_micro(&export->out->buf, sums[ERG_GROUP_MLP]);
}

/* extra_metrics of the first span of the row that has some. */
static void extra_cell(struct spans_export *export, const struct erg_pass_row *pass,
                       const struct erg_rollup_row *row)
{
    const struct erg_extra_source source = {pass, erg_out_name, export->out->request->store};
    struct erg_buf text;
    struct erg_jsonw w;
    bool any = false;
    erg_buf_init(&text);
    erg_jsonw_init(&w, &text);
    for (uint32_t i = 0; i < pass->n_spans && row->operation && !any; i++) {
        const struct erg_span *span = &pass->spans[i];
        if (span->layer == row->layer && span->component == row->component &&
            span->operation == row->operation)
            any = erg_extra_write(&source, i, &w);
    }
    erg_cell_text(&export->out->buf, erg_buf_view(&text), text.len);
    if (erg_buf_status(&text) && !export->out->buf.status)
        export->out->buf.status = erg_buf_status(&text);
    erg_buf_deinit(&text);
}

static void put_row(struct spans_export *export, const struct erg_pass_row *pass,
                    const struct erg_rollup_row *row, int64_t first_token)
{
    struct erg_buf *line = &export->out->buf;
    const char *run_id = export->out->request->run_id, *phase = erg_phase_name(pass->phase);
    erg_cell_text(line, run_id, strlen(run_id));
    erg_cell_int(line, pass->index);
    if (first_token >= 0)
        erg_cell_int(line, first_token);
    else
        erg_buf_putc(line, ',');
    erg_cell_int(line, pass->position);
    erg_cell_text(line, phase ? phase : "", phase ? strlen(phase) : 0);
    erg_cell_int(line, row->layer);
    if (export->keys & ERG_BY_COMPONENT)
        name_cell(export, row->component, "unattributed");
    if (export->keys & ERG_BY_OPERATION)
        name_cell(export, row->operation, "");
    erg_cell_micro(line, row->duration_ns);
    if (!(export->keys & ERG_BY_COMPONENT))
        group_cells(export, pass, row->layer);
    erg_cell_energy(line, &row->energy);
    erg_cell_real(line, pass->values[ERG_VALUE_FLOPS] ? row->flops : NAN);
    erg_cell_real(line, pass->values[ERG_VALUE_BYTES] ? row->bytes : NAN);
    erg_cell_real(line, row->mean);
    erg_cell_real(line, row->std);
    erg_cell_real(line, row->max);
    erg_cell_real(line, row->sparsity);
    if (export->keys & ERG_BY_OPERATION)
        extra_cell(export, pass, row);
    erg_cell_end(line);
}

static int on_pass(void *user, const struct erg_pass_row *pass)
{
    struct spans_export *export = user;
    int64_t first_token = -1;
    int rc = 0;
    while (rc == 0 && export->has_token && export->token.pass <= pass->index) {
        if (export->token.pass == pass->index && first_token < 0)
            first_token = export->token.index;
        rc = next_token(export);
    }
    struct erg_rollup *rollup = NULL;
    if (rc == 0)
        rc = erg_rollup_new(&rollup, export->keys, export->out->err);
    if (rc == 0)
        rc = erg_rollup_add(rollup, pass, export->out->err);
    if (rc == 0) {
        size_t count;
        const struct erg_rollup_row *rows = erg_rollup_rows(rollup, &count);
        for (size_t i = 0; i < count && rc == 0; i++) {
            put_row(export, pass, &rows[i], first_token);
            /* how attribution says that it had no memory */
            if (rows[i].count && rows[i].energy.present != pass->energy.present)
                rc = erg_fail(export->out->err, ERG_NOMEM, "no memory for a table");
        }
        if (rc == 0)
            rc = erg_out_spill(export->out);
    }
    erg_rollup_free(rollup);
    return rc;
}

int erg_table_write_spans(struct erg_out *out, unsigned keys)
{
    struct spans_export export = {.out = out, .keys = keys};
    const struct erg_export_request *request = out->request;
    erg_buf_puts(&out->buf, "run_id,pass,token_index,position,phase,layer_index,");
    if (keys & ERG_BY_COMPONENT)
        erg_buf_puts(&out->buf, "component_name,");
    if (keys & ERG_BY_OPERATION)
        erg_buf_puts(&out->buf, "operation_name,");
    erg_buf_puts(&out->buf, keys & ERG_BY_COMPONENT
                                ? "time_ms,"
                                : "total_time_ms,attention_time_ms,mlp_time_ms,");
    erg_buf_puts(&out->buf, ERG_CSV_ENERGY ",flops_estimate,bytes_estimate,activation_mean,"
                                           "activation_std,activation_max,activation_sparsity");
    erg_buf_puts(&out->buf, keys & ERG_BY_OPERATION ? ",extra_metrics\n" : "\n");
    int rc = erg_cursor_open(&export.tokens, request->store, request->run_id, ERG_CURSOR_TOKENS,
                             out->err);
    if (rc == 0)
        rc = next_token(&export);
    if (rc == 0)
        rc = erg_store_passes(request->store, request->run_id, true, on_pass, &export, out->err);
    erg_cursor_close(export.tokens);
    return rc;
}
