/* SPDX-License-Identifier: MIT */
#include "server/frames.h"

#include "export/facts.h"
#include "stream/taxonomy.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

void erg_frame_begin(struct erg_jsonw *w, const char *type, const char *run_id, int64_t t_ns)
{
    erg_jsonw_obj_begin(w);
    erg_jsonw_kstr(w, "type", type);
    erg_jsonw_kstr(w, "run_id", run_id);
    erg_jsonw_kmicro(w, "t_ms", t_ns);
}

static void put_energy(struct erg_jsonw *w, const struct erg_energy *energy)
{
    if (erg_energy_known(energy))
        erg_jsonw_kmicro(w, "energy_mj", erg_energy_total_nj(energy));
    else
        erg_jsonw_knull(w, "energy_mj");
}

static void put_domains(struct erg_jsonw *w, const struct erg_energy *energy)
{
    erg_jsonw_key(w, "energy_by_domain_mj");
    erg_jsonw_obj_begin(w);
    for (int d = 0; d < ERG_DOMAINS; d++) {
        if (energy->present >> d & 1)
            erg_jsonw_kmicro(w, erg_domain_name((enum erg_domain)d), energy->nj[d]);
    }
    erg_jsonw_obj_end(w);
}

/* What sections and tokens have in common. */
static void put_cost(struct erg_jsonw *w, int64_t t0_ns, int64_t duration_ns,
                     const struct erg_energy *energy, enum erg_grade grade)
{
    erg_jsonw_kmicro(w, "start_ms", t0_ns);
    erg_jsonw_kmicro(w, "duration_ms", duration_ns);
    put_energy(w, energy);
    put_domains(w, energy);
    erg_jsonw_kreal(w, "power_mw", erg_average_mw(energy, duration_ns));
    erg_jsonw_kstr(w, "grade", erg_grade_name(grade));
}

void erg_frame_section_start(struct erg_jsonw *w, uint32_t phase, const char *name)
{
    erg_jsonw_kstr(w, "phase", erg_phase_name(phase));
    erg_jsonw_kstr(w, "section_name", name);
}

void erg_frame_section_end(struct erg_jsonw *w, const struct erg_section_row *row)
{
    erg_frame_section_start(w, row->phase, row->name);
    erg_jsonw_kmicro(w, "end_ms", row->t1_ns);
    put_cost(w, row->t0_ns, row->duration_ns, &row->energy, row->grade);
}

void erg_frame_token(struct erg_jsonw *w, const struct erg_token_row *row)
{
    erg_jsonw_kint(w, "index", row->index);
    erg_jsonw_kint(w, "pass", row->pass);
    erg_jsonw_kint(w, "position", row->position);
    erg_jsonw_kint(w, "token", row->id);
    erg_jsonw_key(w, "text");
    erg_jsonw_strn(w, row->text, row->text_len);
    erg_jsonw_kstr(w, "phase", erg_phase_name(row->phase));
    put_cost(w, row->t0_ns, row->duration_ns, &row->energy, row->grade);
}

/* --- samples ---------------------------------------------------------------------------------- */

static bool any_known(const struct erg_sample_row *rows, size_t count, int domain)
{
    for (size_t i = 0; i < count; i++) {
        if (!isnan(rows[i].mw[domain]))
            return true;
    }
    return false;
}

static void put_domain_column(struct erg_jsonw *w, const struct erg_sample_row *rows, size_t count,
                              int domain)
{
    char key[24];
    if (!any_known(rows, count, domain))
        return;
    snprintf(key, sizeof key, "%s_power_mw", erg_domain_name((enum erg_domain)domain));
    erg_jsonw_key(w, key);
    erg_jsonw_arr_begin(w);
    for (size_t i = 0; i < count; i++)
        erg_jsonw_real(w, rows[i].mw[domain]);
    erg_jsonw_arr_end(w);
}

void erg_frame_samples(struct erg_jsonw *w, const struct erg_sample_row *rows, size_t count)
{
    erg_jsonw_key(w, "timestamp_ms");
    erg_jsonw_arr_begin(w);
    for (size_t i = 0; i < count; i++)
        erg_jsonw_micro(w, rows[i].t_ns);
    erg_jsonw_arr_end(w);
    erg_jsonw_key(w, "phase");
    erg_jsonw_arr_begin(w);
    for (size_t i = 0; i < count; i++)
        erg_jsonw_str(w, erg_sample_phase_name(rows[i].phase));
    erg_jsonw_arr_end(w);
    for (int d = 0; d < ERG_DOMAINS; d++)
        put_domain_column(w, rows, count, d);
    erg_jsonw_key(w, "total_power_mw");
    erg_jsonw_arr_begin(w);
    for (size_t i = 0; i < count; i++)
        erg_jsonw_real(w, rows[i].total_mw);
    erg_jsonw_arr_end(w);
}

/* --- detail tables ---------------------------------------------------------------------------- */

/* A column: its name, the tables that have it, and how its value is written. */
enum column_kind { LAYER, NAME, TICKS, ENERGY, VALUE };

enum {
    IN_LAYERS = 1 << ERG_DETAIL_LAYERS,
    IN_COMPONENTS = 1 << ERG_DETAIL_COMPONENTS,
    IN_OPERATIONS = 1 << ERG_DETAIL_OPERATIONS
};

#define FIELD(name) offsetof(struct erg_detail_row, name)

static const struct column {
    const char *name;
    unsigned tables;
    enum column_kind kind;
    size_t offset;
} columns[] = {
    {"layer_index", IN_LAYERS | IN_COMPONENTS | IN_OPERATIONS, LAYER, FIELD(layer)},
    {"component_name", IN_COMPONENTS | IN_OPERATIONS, NAME, FIELD(component)},
    {"operation_name", IN_OPERATIONS, NAME, FIELD(operation)},
    {"total_time_ms", IN_LAYERS, TICKS, FIELD(ticks)},
    {"time_ms", IN_COMPONENTS | IN_OPERATIONS, TICKS, FIELD(ticks)},
    {"attention_time_ms", IN_LAYERS, TICKS, FIELD(attention_ticks)},
    {"mlp_time_ms", IN_LAYERS, TICKS, FIELD(mlp_ticks)},
    {"energy_mj", IN_LAYERS | IN_COMPONENTS | IN_OPERATIONS, ENERGY, FIELD(energy_nj)},
    {"flops_estimate", IN_OPERATIONS, VALUE, FIELD(flops)},
    {"bytes_estimate", IN_OPERATIONS, VALUE, FIELD(bytes)},
    {"activation_mean", IN_LAYERS | IN_COMPONENTS, VALUE, FIELD(mean)},
    {"activation_std", IN_LAYERS | IN_COMPONENTS, VALUE, FIELD(std)},
    {"activation_max", IN_LAYERS | IN_COMPONENTS, VALUE, FIELD(max)},
    {"activation_sparsity", IN_LAYERS | IN_COMPONENTS, VALUE, FIELD(sparsity)},
    {"tensor_mean", IN_OPERATIONS, VALUE, FIELD(mean)},
    {"tensor_std", IN_OPERATIONS, VALUE, FIELD(std)},
    {"tensor_max", IN_OPERATIONS, VALUE, FIELD(max)},
};

/* Six digits are more than is stored. */
static void put_value(struct erg_jsonw *w, float value)
{
    char text[32];
    if (!isfinite(value)) {
        erg_jsonw_null(w);
        return;
    }
    snprintf(text, sizeof text, "%.6g", (double)value);
    erg_jsonw_raw(w, text);
}

static void put_cell(struct erg_jsonw *w, const struct column *column,
                     const struct erg_extra_source *source, const struct erg_detail_row *row)
{
    const void *field = (const char *)row + column->offset;
    switch (column->kind) {
    case LAYER:
        erg_jsonw_int(w, *(const int *)field);
        break;
    case NAME:
        erg_jsonw_str(w, source->name(source->user, *(const uint16_t *)field));
        break;
    case TICKS:
        erg_jsonw_micro(w, *(const int64_t *)field * ERG_TICK_NS);
        break;
    case ENERGY:
        if (erg_energy_known(&source->pass->energy))
            erg_jsonw_micro(w, *(const int64_t *)field);
        else
            erg_jsonw_null(w);
        break;
    case VALUE:
        put_value(w, *(const float *)field);
        break;
    }
}

int erg_frame_details(struct erg_jsonw *w, enum erg_detail_kind kind,
                      const struct erg_extra_source *pass, uint32_t token_index)
{
    struct erg_detail_row *rows;
    size_t count;
    int rc = erg_detail_rows(kind, pass, &rows, &count);
    if (rc)
        return rc;
    erg_jsonw_kint(w, "token_index", token_index);
    erg_jsonw_kint(w, "pass", pass->pass->index);
    erg_jsonw_kstr(w, "phase", erg_phase_name(pass->pass->phase));
    for (size_t c = 0; c < sizeof columns / sizeof columns[0]; c++) {
        if (!(columns[c].tables >> kind & 1))
            continue;
        erg_jsonw_key(w, columns[c].name);
        erg_jsonw_arr_begin(w);
        for (size_t i = 0; i < count; i++)
            put_cell(w, &columns[c], pass, &rows[i]);
        erg_jsonw_arr_end(w);
    }
    free(rows);
    return 0;
}
