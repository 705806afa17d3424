/* SPDX-License-Identifier: MIT */
#include "base/jsonw.h"
#include "base/mem.h"
#include "export/facts.h"
#include "export/formats.h"
#include "export/out.h"
#include "export/parts.h"
#include "export/put.h"
#include "store/cursor.h"
#include "store/extra.h"
#include "stream/taxonomy.h"

#include <math.h>
#include <stdlib.h>

/* One JSON document: a run with everything below it. Times are ms, energies exact mJ. */
struct json_export {
    const struct erg_export_request *request;
    struct erg_err *err;
    struct erg_jsonw w;
    struct erg_parts parts;
    struct erg_cursor *tokens;
    struct erg_token_row token; /* read ahead */
    bool has_token;
};

static int put_bytes(void *user, const char *bytes, size_t len)
{
    const struct json_export *export = user;
    return export->request->sink(export->request->user, bytes, len);
}

/* Go on with the visit, or stop it with the writer's failure. */
static int state(const struct json_export *export)
{
    int rc = export->w.status ? export->w.status : erg_buf_status(export->w.buf);
    return rc ? erg_out_fail(export->err, rc) : 0;
}

static int on_section(void *user, const struct erg_section_row *row)
{
    struct json_export *export = user;
    erg_put_section_row(&export->w, row);
    return state(export);
}

static void put_operation(struct json_export *export, const struct erg_pass_row *pass,
                          const struct erg_part *part)
{
    static const char *const keys[] = {"flops",          "bytes",          "activation_mean",
                                       "activation_std", "activation_max", "activation_sparsity"};
    const struct erg_extra_source source = {pass, erg_out_name, export->request->store};
    struct erg_jsonw *w = &export->w;
    const struct erg_span *span = &pass->spans[part->span];
    erg_jsonw_obj_begin(w);
    erg_jsonw_kstr(w, "operation", erg_store_name(export->request->store, span->operation));
    erg_put_cost(w, part->t0_ns, (int64_t)span->ticks * ERG_TICK_NS, &part->energy);
    for (size_t c = 0; c < sizeof keys / sizeof keys[0]; c++) {
        float value = erg_part_value(pass, (enum erg_value_column)c, part->span);
        if (pass->values[c])
            erg_jsonw_kreal(w, keys[c], (double)value);
    }
    if (span->operation) {
        erg_jsonw_key(w, "extra_metrics");
        if (!erg_extra_write(&source, part->span, w))
            erg_jsonw_null(w);
    }
    erg_jsonw_obj_end(w);
}

/* Sum over parts [from, to). */
static int64_t sum_parts(const struct json_export *export, const struct erg_pass_row *pass,
                         uint32_t from, uint32_t to, struct erg_energy *out)
{
    int64_t duration_ns = 0;
    *out = (struct erg_energy){0};
    for (uint32_t i = from; i < to; i++) {
        const struct erg_part *part = &export->parts.items[i];
        erg_energy_add(out, &part->energy);
        duration_ns += (int64_t)pass->spans[part->span].ticks * ERG_TICK_NS;
    }
    return duration_ns;
}

/* A node above operations has nothing but its children: what is unattributed, the pass has. */
static void put_sums(struct json_export *export, const struct erg_pass_row *pass, uint32_t from,
                     uint32_t to)
{
    struct erg_energy energy, none = {0};
    int64_t duration_ns = sum_parts(export, pass, from, to, &energy);
    none.present = energy.present;
    erg_jsonw_kmicro(&export->w, "duration_ms", duration_ns);
    erg_put_energy(&export->w, "energy_mj", &energy);
    erg_put_energy(&export->w, "unattributed_energy_mj", &none);
}

static uint32_t end_of_component(const struct erg_parts *parts, uint32_t from)
{
    uint32_t to = from + 1;
    while (to < parts->count && parts->items[to].group == parts->items[from].group)
        to++;
    return to;
}

static uint32_t end_of_layer(const struct erg_parts *parts, const struct erg_pass_row *pass,
                             uint32_t from)
{
    int16_t layer = pass->spans[parts->items[from].span].layer;
    uint32_t to = from + 1;
    while (to < parts->count && pass->spans[parts->items[to].span].layer == layer)
        to++;
    return to;
}

static void put_component(struct json_export *export, const struct erg_pass_row *pass,
                          uint32_t from, uint32_t to)
{
    struct erg_jsonw *w = &export->w;
    uint16_t name = pass->spans[export->parts.items[from].span].component;
    erg_jsonw_obj_begin(w);
    erg_jsonw_kstr(w, "component", erg_store_name(export->request->store, name));
    put_sums(export, pass, from, to);
    erg_jsonw_key(w, "operations");
    erg_jsonw_arr_begin(w);
    for (uint32_t i = from; i < to; i++)
        put_operation(export, pass, &export->parts.items[i]);
    erg_jsonw_arr_end(w);
    erg_jsonw_obj_end(w);
}

static void put_layers(struct json_export *export, const struct erg_pass_row *pass)
{
    struct erg_jsonw *w = &export->w;
    const struct erg_parts *parts = &export->parts;
    erg_jsonw_key(w, "layers");
    erg_jsonw_arr_begin(w);
    for (uint32_t from = 0, to; from < parts->count; from = to) {
        to = end_of_layer(parts, pass, from);
        erg_jsonw_obj_begin(w);
        erg_jsonw_kint(w, "layer", pass->spans[parts->items[from].span].layer);
        put_sums(export, pass, from, to);
        erg_jsonw_key(w, "components");
        erg_jsonw_arr_begin(w);
        for (uint32_t at = from, next; at < to; at = next) {
            next = end_of_component(parts, at);
            put_component(export, pass, at, next);
        }
        erg_jsonw_arr_end(w);
        erg_jsonw_obj_end(w);
    }
    erg_jsonw_arr_end(w);
}

static int next_token(struct json_export *export)
{
    int rc = erg_cursor_token(export->tokens, &export->token, export->err);
    export->has_token = rc == 1;
    return rc < 0 ? rc : 0;
}

/* The tokens of a pass, its second partition, and what is left when some are missing. */
static int put_tokens(struct json_export *export, const struct erg_pass_row *pass)
{
    struct erg_jsonw *w = &export->w;
    struct erg_energy sum = {0};
    int rc = 0;
    erg_jsonw_key(w, "tokens");
    erg_jsonw_arr_begin(w);
    while (rc == 0 && export->has_token && export->token.pass == pass->index) {
        const struct erg_token_row *row = &export->token;
        erg_jsonw_obj_begin(w);
        erg_put_token(w, row);
        erg_jsonw_obj_end(w);
        erg_energy_add(&sum, &row->energy);
        rc = next_token(export);
    }
    erg_jsonw_arr_end(w);
    struct erg_energy rest = erg_energy_sub(&pass->energy, &sum);
    erg_put_energy(w, "tokens_unattributed_energy_mj", &rest);
    return rc;
}

static void put_flags(struct erg_jsonw *w, uint32_t flags)
{
    static const char *const names[] = {"traced", "observed", "guessed", "mismatch",
                                        "bare",   "reused",   "deep",    "rows_sampled"};
    erg_jsonw_key(w, "flags");
    erg_jsonw_arr_begin(w);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (flags >> i & 1)
            erg_jsonw_str(w, names[i]);
    }
    erg_jsonw_arr_end(w);
}

static int on_pass(void *user, const struct erg_pass_row *row)
{
    struct json_export *export = user;
    struct erg_jsonw *w = &export->w;
    int rc = erg_parts_fill(&export->parts, row, export->err);
    if (rc)
        return rc;
    erg_jsonw_obj_begin(w);
    erg_jsonw_kint(w, "index", row->index);
    erg_jsonw_kstr(w, "phase", erg_phase_name(row->phase));
    erg_jsonw_kint(w, "position", row->position);
    erg_jsonw_kint(w, "n_tokens", row->n_tokens);
    put_flags(w, row->flags);
    erg_put_cost(w, row->t0_ns, row->t1_ns - row->t0_ns, &row->energy);
    erg_put_domain_energies(w, &row->energy);
    erg_jsonw_kstr(w, "grade", erg_grade_name(row->grade));
    erg_jsonw_kmicro(w, "unattributed_ms", export->parts.rest_ns);
    erg_put_energy(w, "unattributed_energy_mj", &export->parts.rest);
    put_layers(export, row);
    rc = put_tokens(export, row);
    erg_jsonw_obj_end(w);
    return rc ? rc : state(export);
}

static int on_sample(void *user, const struct erg_sample_row *row)
{
    struct json_export *export = user;
    erg_put_sample(&export->w, row);
    return state(export);
}

static int on_host(void *user, const struct erg_host_row *row)
{
    struct json_export *export = user;
    struct erg_jsonw *w = &export->w;
    erg_jsonw_obj_begin(w);
    erg_jsonw_kmicro(w, "timestamp_ms", row->t_ns);
    erg_jsonw_kreal(w, "engine_cpu_ratio", row->sample.engine_cpu_ratio);
    erg_jsonw_kreal(w, "machine_cpu_ratio", row->sample.machine_cpu_ratio);
    erg_jsonw_kreal(w, "others_cpu_ratio", row->sample.others_cpu_ratio);
    erg_jsonw_key(w, "engine_rss_bytes");
    erg_jsonw_uint(w, row->sample.engine_rss_bytes);
    erg_jsonw_key(w, "machine_used_bytes");
    erg_jsonw_uint(w, row->sample.machine_used_bytes);
    erg_jsonw_key(w, "machine_total_bytes");
    erg_jsonw_uint(w, row->sample.machine_total_bytes);
    erg_jsonw_obj_end(w);
    return state(export);
}

/* The run's level of the tree: the phases, and what lies between them. */
static void put_totals(struct json_export *export, const struct erg_facts *facts)
{
    struct erg_jsonw *w = &export->w;
    struct erg_energy sum = {0};
    for (uint32_t p = 0; p < ERG_PHASES; p++)
        erg_energy_add(&sum, &facts->phases[p].energy);
    struct erg_energy rest = erg_energy_sub(&facts->energy, &sum);
    erg_jsonw_key(w, "totals");
    erg_jsonw_obj_begin(w);
    erg_jsonw_kmicro(w, "duration_ms", facts->duration_ns);
    erg_put_energy(w, "energy_mj", &facts->energy);
    erg_put_domain_energies(w, &facts->energy);
    erg_put_energy(w, "phases_energy_mj", &sum);
    erg_put_energy(w, "unattributed_energy_mj", &rest);
    erg_jsonw_obj_end(w);
}

static int put_body(struct json_export *export)
{
    const struct erg_export_request *request = export->request;
    struct erg_jsonw *w = &export->w;
    erg_jsonw_key(w, "sections");
    erg_jsonw_arr_begin(w);
    int rc = erg_store_sections(request->store, request->run_id, on_section, export, export->err);
    erg_jsonw_arr_end(w);
    erg_jsonw_key(w, "passes");
    erg_jsonw_arr_begin(w);
    if (rc == 0)
        rc = next_token(export);
    if (rc == 0)
        rc = erg_store_passes(request->store, request->run_id, true, on_pass, export, export->err);
    erg_jsonw_arr_end(w);
    erg_jsonw_key(w, "power_samples");
    erg_jsonw_arr_begin(w);
    if (rc == 0)
        rc = erg_store_samples(request->store, request->run_id, on_sample, export, export->err);
    erg_jsonw_arr_end(w);
    erg_jsonw_key(w, "host_samples");
    erg_jsonw_arr_begin(w);
    if (rc == 0)
        rc = erg_store_host(request->store, request->run_id, on_host, export, export->err);
    erg_jsonw_arr_end(w);
    return rc;
}

static int put_document(struct json_export *export, const struct erg_facts *facts)
{
    struct erg_jsonw *w = &export->w;
    erg_jsonw_obj_begin(w);
    erg_jsonw_kstr(w, "format", "ergon-run");
    erg_jsonw_kint(w, "version", 1);
    erg_jsonw_key(w, "summary");
    erg_jsonw_raw(w, facts->summary_json);
    put_totals(export, facts);
    int rc = put_body(export);
    erg_jsonw_obj_end(w);
    if (rc)
        return rc;
    rc = erg_jsonw_finish(w);
    return rc ? erg_out_fail(export->err, rc) : 0;
}

static int write_json(const struct erg_export_request *request, struct erg_err *err)
{
    struct json_export export = {.request = request, .err = err};
    struct erg_buf scratch;
    struct erg_facts facts;
    erg_buf_init(&scratch);
    erg_jsonw_init_sink(&export.w, &scratch, put_bytes, &export);
    int rc = erg_facts_load(&facts, request, err);
    if (rc)
        return rc;
    rc = erg_cursor_open(&export.tokens, request->store, request->run_id, ERG_CURSOR_TOKENS, err);
    if (rc == 0)
        rc = put_document(&export, &facts);
    erg_cursor_close(export.tokens);
    erg_parts_deinit(&export.parts);
    erg_facts_deinit(&facts);
    erg_buf_deinit(&scratch);
    return rc;
}

const struct erg_exporter erg_export_json = {
    .name = "json",
    .summary = "one JSON object with everything, nested",
    .media_type = "application/json",
    .extension = "json",
    .write = write_json,
};
