/* SPDX-License-Identifier: MIT */
#include "export/tables.h"

#include "analysis/rollup.h"
#include "export/facts.h"
#include "stream/taxonomy.h"

#include <jansson.h>
#include <string.h>

static void cell(struct erg_buf *line, const char *text)
{
    erg_cell_text(line, text ? text : "", text ? strlen(text) : 0);
}

static void run_id(struct erg_out *out)
{
    cell(&out->buf, out->request->run_id);
}

static int line_end(struct erg_out *out)
{
    erg_cell_end(&out->buf);
    return erg_out_spill(out);
}

/* A figure of the summary; empty when it is null or absent. */
static void summary_cell(struct erg_buf *line, const json_t *summary, const char *key)
{
    const json_t *value = json_object_get(summary, key);
    if (json_is_integer(value))
        erg_cell_int(line, json_integer_value(value));
    else if (json_is_real(value))
        erg_cell_real(line, json_real_value(value));
    else
        cell(line, json_string_value(value));
}

static const char *const run_figures[] = {
    "tokens_per_second",
    "prefill_tokens_per_second",
    "time_to_first_token_ms",
    "joules_per_token",
    "joules_per_input_token",
    "joules_per_output_token",
    "average_power_mw",
    "peak_power_mw",
    "idle_power_mw",
    "net_energy_mj",
    "unattributed_energy_mj",
    "load_duration_ms",
    "load_energy_mj",
    "cost_usd",
    "co2_g",
};

static int on_run(void *user, const struct erg_run_row *row)
{
    struct erg_out *out = user;
    struct erg_buf *line = &out->buf;
    const char *texts[] = {row->id,         row->created_at, row->created_at_utc,
                           row->status,     row->failure,    row->model_name,
                           row->model_path, row->mode,       row->prompt,
                           row->response,   row->tags_json,  row->experiment_name};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        cell(line, texts[i]);
    erg_cell_int(line, row->input_tokens);
    erg_cell_int(line, row->output_tokens);
    erg_cell_micro(line, row->duration_ns);
    erg_cell_energy(line, &row->energy);
    json_t *summary = json_loads(row->summary_json, JSON_ALLOW_NUL, NULL);
    for (size_t i = 0; i < sizeof run_figures / sizeof run_figures[0]; i++)
        summary_cell(line, summary, run_figures[i]);
    json_decref(summary);
    return line_end(out);
}

static int write_runs(struct erg_out *out)
{
    erg_buf_puts(&out->buf,
                 "run_id,created_at,created_at_utc,status,failure,model_name,model_path,mode,"
                 "prompt,response,tags,experiment_name,input_tokens,output_tokens,"
                 "total_duration_ms,total_" ERG_CSV_ENERGY);
    for (size_t i = 0; i < sizeof run_figures / sizeof run_figures[0]; i++)
        erg_buf_printf(&out->buf, ",%s", run_figures[i]);
    erg_buf_putc(&out->buf, '\n');
    return erg_store_run(out->request->store, out->request->run_id, on_run, out, out->err);
}

static int on_sample(void *user, const struct erg_sample_row *row)
{
    struct erg_out *out = user;
    run_id(out);
    erg_cell_micro(&out->buf, row->t_ns);
    cell(&out->buf, erg_sample_phase_name(row->phase));
    for (int d = 0; d < ERG_DOMAINS; d++)
        erg_cell_real(&out->buf, row->mw[d]);
    erg_cell_real(&out->buf, row->total_mw);
    return line_end(out);
}

static int write_samples(struct erg_out *out)
{
    erg_buf_puts(&out->buf, "run_id,timestamp_ms,phase,cpu_power_mw,gpu_power_mw,ane_power_mw,"
                            "dram_power_mw,soc_power_mw,other_power_mw,total_power_mw\n");
    return erg_store_samples(out->request->store, out->request->run_id, on_sample, out, out->err);
}

static int on_host(void *user, const struct erg_host_row *row)
{
    struct erg_out *out = user;
    run_id(out);
    erg_cell_micro(&out->buf, row->t_ns);
    erg_cell_real(&out->buf, row->sample.engine_cpu_ratio);
    erg_cell_real(&out->buf, row->sample.machine_cpu_ratio);
    erg_cell_real(&out->buf, row->sample.others_cpu_ratio);
    erg_cell_int(&out->buf, (int64_t)row->sample.engine_rss_bytes);
    erg_cell_int(&out->buf, (int64_t)row->sample.machine_used_bytes);
    erg_cell_int(&out->buf, (int64_t)row->sample.machine_total_bytes);
    return line_end(out);
}

static int write_host(struct erg_out *out)
{
    erg_buf_puts(&out->buf,
                 "run_id,timestamp_ms,engine_cpu_ratio,machine_cpu_ratio,others_cpu_ratio,"
                 "engine_rss_bytes,machine_used_bytes,machine_total_bytes\n");
    return erg_store_host(out->request->store, out->request->run_id, on_host, out, out->err);
}

static int on_section(void *user, const struct erg_section_row *row)
{
    struct erg_out *out = user;
    run_id(out);
    cell(&out->buf, erg_phase_name(row->phase));
    cell(&out->buf, row->name);
    erg_cell_micro(&out->buf, row->t0_ns);
    erg_cell_micro(&out->buf, row->t1_ns);
    erg_cell_micro(&out->buf, row->duration_ns);
    erg_cell_energy(&out->buf, &row->energy);
    erg_cell_real(&out->buf, erg_average_mw(&row->energy, row->duration_ns));
    cell(&out->buf, erg_grade_name(row->grade));
    return line_end(out);
}

static int write_sections(struct erg_out *out)
{
    erg_buf_puts(&out->buf, "run_id,phase,section_name,start_ms,end_ms,duration_ms," ERG_CSV_ENERGY
                            ",power_mw,grade\n");
    return erg_store_sections(out->request->store, out->request->run_id, on_section, out, out->err);
}

static int on_token(void *user, const struct erg_token_row *row)
{
    struct erg_out *out = user;
    run_id(out);
    erg_cell_int(&out->buf, row->index);
    erg_cell_int(&out->buf, row->pass);
    cell(&out->buf, erg_phase_name(row->phase));
    erg_cell_int(&out->buf, row->position);
    erg_cell_int(&out->buf, row->id);
    erg_cell_text(&out->buf, row->text, row->text_len);
    erg_cell_micro(&out->buf, row->t0_ns);
    erg_cell_micro(&out->buf, row->duration_ns);
    erg_cell_energy(&out->buf, &row->energy);
    erg_cell_real(&out->buf, erg_average_mw(&row->energy, row->duration_ns));
    cell(&out->buf, erg_grade_name(row->grade));
    return line_end(out);
}

static int write_tokens(struct erg_out *out)
{
    erg_buf_puts(&out->buf, "run_id,token_index,pass,phase,position,token,text,start_ms,"
                            "duration_ms," ERG_CSV_ENERGY ",power_mw,grade\n");
    return erg_store_tokens(out->request->store, out->request->run_id, on_token, out, out->err);
}

static int on_pass(void *user, const struct erg_pass_row *row)
{
    struct erg_out *out = user;
    run_id(out);
    erg_cell_int(&out->buf, row->index);
    cell(&out->buf, erg_phase_name(row->phase));
    erg_cell_int(&out->buf, row->position);
    erg_cell_int(&out->buf, row->n_tokens);
    erg_cell_int(&out->buf, row->flags);
    erg_cell_int(&out->buf, row->n_spans);
    erg_cell_micro(&out->buf, row->t0_ns);
    erg_cell_micro(&out->buf, row->t1_ns - row->t0_ns);
    erg_cell_energy(&out->buf, &row->energy);
    erg_cell_real(&out->buf, erg_average_mw(&row->energy, row->t1_ns - row->t0_ns));
    cell(&out->buf, erg_grade_name(row->grade));
    return line_end(out);
}

static int write_passes(struct erg_out *out)
{
    erg_buf_puts(&out->buf, "run_id,pass,phase,position,n_tokens,flags,n_spans,start_ms,"
                            "duration_ms," ERG_CSV_ENERGY ",power_mw,grade\n");
    return erg_store_passes(out->request->store, out->request->run_id, false, on_pass, out,
                            out->err);
}

static int write_layers(struct erg_out *out)
{
    return erg_table_write_spans(out, ERG_BY_LAYER);
}

static int write_components(struct erg_out *out)
{
    return erg_table_write_spans(out, ERG_BY_LAYER | ERG_BY_COMPONENT);
}

static int write_operations(struct erg_out *out)
{
    return erg_table_write_spans(out, ERG_BY_LAYER | ERG_BY_COMPONENT | ERG_BY_OPERATION);
}

static const struct {
    const char *name;
    int (*write)(struct erg_out *out);
} tables[] = {
    {"runs", write_runs},
    {"power_samples", write_samples},
    {"sections", write_sections},
    {"passes", write_passes},
    {"tokens", write_tokens},
    {"layers", write_layers},
    {"components", write_components},
    {"operations", write_operations},
    {"host_samples", write_host},
};

const char *erg_table_name(size_t i)
{
    return i < sizeof tables / sizeof tables[0] ? tables[i].name : NULL;
}

int erg_table_write(const struct erg_export_request *request, const char *table,
                    struct erg_err *err)
{
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        if (strcmp(tables[i].name, table) != 0)
            continue;
        struct erg_out out;
        erg_out_init(&out, request, err);
        int rc = tables[i].write(&out);
        if (rc == 0)
            rc = erg_out_flush(&out);
        erg_out_deinit(&out);
        return rc;
    }
    return erg_fail(err, ERG_INVALID,
                    "there is no table '%.64s' (runs, power_samples, sections, passes, tokens, "
                    "layers, components, operations, host_samples)",
                    table);
}
