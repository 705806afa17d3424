/* SPDX-License-Identifier: MIT */
#include "export/put.h"

#include "export/facts.h"
#include "stream/taxonomy.h"

#include <math.h>
#include <stdio.h>

void erg_put_energy(struct erg_jsonw *w, const char *key, const struct erg_energy *energy)
{
    if (erg_energy_known(energy))
        erg_jsonw_kmicro(w, key, erg_energy_total_nj(energy));
    else
        erg_jsonw_knull(w, key);
}

void erg_put_domain_energies(struct erg_jsonw *w, const struct erg_energy *energy)
{
    erg_jsonw_key(w, "energy_by_domain_mj");
    erg_jsonw_obj_begin(w);
    for (int d = 0; d < ERG_DOMAINS; d++) {
        if (energy->present >> d & 1)
            erg_jsonw_kmicro(w, erg_domain_name((enum erg_domain)d), energy->nj[d]);
        else
            erg_jsonw_knull(w, erg_domain_name((enum erg_domain)d));
    }
    erg_jsonw_obj_end(w);
}

void erg_put_cost(struct erg_jsonw *w, int64_t t0_ns, int64_t duration_ns,
                  const struct erg_energy *energy)
{
    erg_jsonw_kmicro(w, "start_ms", t0_ns);
    erg_jsonw_kmicro(w, "duration_ms", duration_ns);
    erg_put_energy(w, "energy_mj", energy);
}

void erg_put_count(struct erg_jsonw *w, const char *key, int64_t count)
{
    if (count < 0)
        erg_jsonw_knull(w, key);
    else
        erg_jsonw_kint(w, key, count);
}

void erg_put_part(struct erg_jsonw *w, int64_t duration_ns, const struct erg_energy *energy)
{
    erg_jsonw_kmicro(w, "duration_ms", duration_ns);
    erg_put_energy(w, "energy_mj", energy);
    erg_put_domain_energies(w, energy);
    erg_jsonw_kreal(w, "average_power_mw", erg_average_mw(energy, duration_ns));
}

static double known_sum(double sum)
{
    return sum > 0 ? sum : NAN;
}

static double known_mean(const struct erg_average *average)
{
    return average->count ? average->mean : NAN;
}

void erg_put_statistics(struct erg_jsonw *w, const struct erg_fold_row *row)
{
    erg_jsonw_kreal(w, "flops", known_sum(row->flops));
    erg_jsonw_kreal(w, "bytes", known_sum(row->bytes));
    erg_jsonw_kreal(w, "activation_mean", row->mean);
    erg_jsonw_kreal(w, "activation_std", row->std);
    erg_jsonw_kreal(w, "activation_max", row->max);
    erg_jsonw_kreal(w, "activation_sparsity", row->sparsity);
    erg_jsonw_kreal(w, "activation_kill_ratio", known_mean(&row->kill_ratio));
    erg_jsonw_kreal(w, "variance_ratio", known_mean(&row->variance_ratio));
    erg_jsonw_kreal(w, "attention_entropy", known_mean(&row->attention_entropy));
    erg_jsonw_kreal(w, "max_attention_weight", known_mean(&row->max_attention_weight));
    erg_jsonw_kreal(w, "attention_sparsity", known_mean(&row->attention_sparsity));
}

void erg_put_section_row(struct erg_jsonw *w, const struct erg_section_row *row)
{
    erg_jsonw_obj_begin(w);
    erg_jsonw_kstr(w, "phase", erg_phase_name(row->phase));
    erg_jsonw_kstr(w, "section_name", row->name);
    erg_put_cost(w, row->t0_ns, row->duration_ns, &row->energy);
    erg_jsonw_kmicro(w, "end_ms", row->t1_ns);
    erg_put_domain_energies(w, &row->energy);
    erg_jsonw_kreal(w, "average_power_mw", erg_average_mw(&row->energy, row->duration_ns));
    erg_jsonw_kstr(w, "grade", erg_grade_name(row->grade));
    erg_jsonw_obj_end(w);
}

void erg_put_token(struct erg_jsonw *w, const struct erg_token_row *row)
{
    erg_jsonw_kint(w, "index", row->index);
    erg_jsonw_kint(w, "position", row->position);
    erg_jsonw_kint(w, "token", row->id);
    erg_jsonw_key(w, "text");
    erg_jsonw_strn(w, row->text, row->text_len);
    erg_jsonw_kstr(w, "phase", erg_phase_name(row->phase));
    erg_put_cost(w, row->t0_ns, row->duration_ns, &row->energy);
    erg_jsonw_kreal(w, "power_mw", erg_average_mw(&row->energy, row->duration_ns));
    erg_put_domain_energies(w, &row->energy);
    erg_jsonw_kstr(w, "grade", erg_grade_name(row->grade));
}

void erg_put_sample(struct erg_jsonw *w, const struct erg_sample_row *row)
{
    char key[24];
    erg_jsonw_obj_begin(w);
    erg_jsonw_kmicro(w, "timestamp_ms", row->t_ns);
    erg_jsonw_kstr(w, "phase", erg_sample_phase_name(row->phase));
    for (int d = 0; d < ERG_DOMAINS; d++) {
        snprintf(key, sizeof key, "%s_power_mw", erg_domain_name((enum erg_domain)d));
        erg_jsonw_kreal(w, key, row->mw[d]);
    }
    erg_jsonw_kreal(w, "total_power_mw", row->total_mw);
    erg_jsonw_obj_end(w);
}

const char *erg_group_name(const char *component)
{
    static const char *const names[] = {"other", "attention", "mlp"};
    return names[erg_component_group(erg_component_find(component))];
}
