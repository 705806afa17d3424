/* SPDX-License-Identifier: MIT */
#include "base/mem.h"
#include "export/facts.h"
#include "export/out.h"
#include "export/put.h"
#include "export/view.h"
#include "stream/taxonomy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The summary of a run with what its passes add up to. */
struct report {
    const struct erg_view *view;
    const struct erg_run_sums *sums;
    struct erg_facts facts;
    int64_t profiled[ERG_PHASES]; /* passes */
    double whole_mj, whole_ms;    /* of the run; mJ NaN = not known */
};

enum { HOTTEST = 10 };

static int fold(const struct report *r, unsigned keys, struct erg_fold *out)
{
    return erg_fold_add(out, r->sums->rows, r->sums->count, keys, ERG_PHASES, erg_out_name,
                        r->view->store);
}

/* Of the energy of the run, or of its time where energies are not known. */
static double share_of(const struct report *r, const struct erg_fold_row *row)
{
    double mj = (double)erg_energy_total_nj(&row->energy) / 1e6;
    double ms = (double)row->duration_ns / 1e6;
    if (!isnan(r->whole_mj))
        return r->whole_mj > 0 ? mj / r->whole_mj : NAN;
    return r->whole_ms > 0 ? ms / r->whole_ms : NAN;
}

/* The members that all averages have; they are over `passes`. */
static void put_average(const struct report *r, const struct erg_fold_row *row, int64_t passes)
{
    struct erg_jsonw *w = r->view->w;
    double n = passes > 0 ? (double)passes : NAN;
    bool known = erg_energy_known(&row->energy);
    erg_put_part(w, row->duration_ns, &row->energy);
    erg_jsonw_kreal(w, "share_ratio", share_of(r, row));
    erg_jsonw_kint(w, "passes", passes);
    erg_jsonw_kreal(w, "average_duration_ms", (double)row->duration_ns / 1e6 / n);
    erg_jsonw_kreal(w, "average_energy_mj",
                    known ? (double)erg_energy_total_nj(&row->energy) / 1e6 / n : NAN);
    erg_put_statistics(w, row);
}

static const char *component_name(const struct report *r, const struct erg_fold_row *row)
{
    if (row->unprofiled)
        return "not profiled";
    const char *name =
        row->component ? erg_store_name(r->view->store, row->component) : "unattributed";
    return name ? name : "?";
}

static void put_component(const struct report *r, const struct erg_fold_row *row, bool with_layer)
{
    struct erg_jsonw *w = r->view->w;
    const char *name = component_name(r, row);
    erg_jsonw_obj_begin(w);
    erg_jsonw_kstr(w, "phase", erg_phase_name(row->phase));
    if (with_layer)
        erg_jsonw_kint(w, "layer", row->layer);
    erg_jsonw_kstr(w, "component", name);
    erg_jsonw_kstr(w, "group", erg_group_name(name));
    put_average(r, row, row->unprofiled ? row->count : r->profiled[row->phase]);
    erg_jsonw_obj_end(w);
}

/* --- phases and layers -------------------------------------------------------------------------*/

/* A phase as measured, not as its passes add up. */
static int put_phases(const struct report *r)
{
    struct erg_jsonw *w = r->view->w;
    struct erg_fold phases = {0};
    int rc = fold(r, ERG_BY_PHASE, &phases);
    erg_jsonw_key(w, "phase_averages");
    erg_jsonw_arr_begin(w);
    for (uint32_t p = 0; p < ERG_PHASES && rc == 0; p++) {
        struct erg_fold_row row = {
            .phase = p, .mean = NAN, .std = NAN, .max = NAN, .sparsity = NAN};
        for (size_t i = 0; i < phases.count; i++) {
            if (phases.rows[i].phase == p && !phases.rows[i].unprofiled)
                row = phases.rows[i];
        }
        row.duration_ns = r->facts.phases[p].duration_ns;
        row.energy = r->facts.phases[p].energy;
        if (!r->facts.phases[p].seen)
            continue;
        erg_jsonw_obj_begin(w);
        erg_jsonw_kstr(w, "phase", erg_phase_name(p));
        put_average(r, &row, r->sums->passes[p]);
        erg_jsonw_obj_end(w);
    }
    erg_jsonw_arr_end(w);
    erg_fold_deinit(&phases);
    return rc;
}

struct group_sum {
    int64_t duration_ns;
    struct erg_energy energy;
};

/* Attention and MLP of a layer; `parts` are in order of phase and layer, from *at on. */
static void sum_groups(const struct report *r, const struct erg_fold *parts,
                       const struct erg_fold_row *layer, struct group_sum out[3])
{
    memset(out, 0, 3 * sizeof *out);
    for (size_t i = 0; i < parts->count; i++) {
        const struct erg_fold_row *part = &parts->rows[i];
        if (part->phase != layer->phase || part->layer != layer->layer || part->unprofiled)
            continue;
        const char *name = component_name(r, part);
        enum erg_component_group group = erg_component_group(erg_component_find(name));
        out[group].duration_ns += part->duration_ns;
        erg_energy_add(&out[group].energy, &part->energy);
    }
}

static int put_layers(const struct report *r, const struct erg_fold *parts)
{
    struct erg_jsonw *w = r->view->w;
    struct erg_fold layers = {0};
    int rc = fold(r, ERG_BY_PHASE | ERG_BY_LAYER, &layers);
    erg_jsonw_key(w, "layer_averages");
    erg_jsonw_arr_begin(w);
    for (size_t i = 0; i < layers.count && rc == 0; i++) {
        const struct erg_fold_row *row = &layers.rows[i];
        struct group_sum groups[3];
        if (row->unprofiled)
            continue;
        sum_groups(r, parts, row, groups);
        erg_jsonw_obj_begin(w);
        erg_jsonw_kstr(w, "phase", erg_phase_name(row->phase));
        erg_jsonw_kint(w, "layer", row->layer);
        erg_jsonw_kmicro(w, "attention_ms", groups[ERG_GROUP_ATTENTION].duration_ns);
        erg_jsonw_kmicro(w, "mlp_ms", groups[ERG_GROUP_MLP].duration_ns);
        erg_put_energy(w, "attention_energy_mj", &groups[ERG_GROUP_ATTENTION].energy);
        erg_put_energy(w, "mlp_energy_mj", &groups[ERG_GROUP_MLP].energy);
        put_average(r, row, r->profiled[row->phase]);
        erg_jsonw_obj_end(w);
    }
    erg_jsonw_arr_end(w);
    erg_fold_deinit(&layers);
    return rc;
}

/* --- components --------------------------------------------------------------------------------*/

static int put_components(const struct report *r)
{
    struct erg_jsonw *w = r->view->w;
    struct erg_fold components = {0};
    int rc = fold(r, ERG_BY_PHASE | ERG_BY_COMPONENT, &components);
    erg_jsonw_key(w, "component_averages");
    erg_jsonw_arr_begin(w);
    for (size_t i = 0; i < components.count && rc == 0; i++)
        put_component(r, &components.rows[i], false);
    erg_jsonw_arr_end(w);
    erg_fold_deinit(&components);
    return rc;
}

static bool is_hotter(const struct erg_fold_row *a, const struct erg_fold_row *b)
{
    int64_t x = erg_energy_total_nj(&a->energy), y = erg_energy_total_nj(&b->energy);
    return x != y ? x > y : a->duration_ns > b->duration_ns;
}

/* By energy; by time where that is not known. Insertion into a short list. */
static void put_hottest(const struct report *r, const struct erg_fold *parts)
{
    const struct erg_fold_row *hottest[HOTTEST];
    size_t count = 0;
    for (size_t i = 0; i < parts->count; i++) {
        const struct erg_fold_row *row = &parts->rows[i];
        if (row->unprofiled || row->component == 0)
            continue;
        size_t at = count < HOTTEST ? count++ : HOTTEST;
        for (; at > 0 && is_hotter(row, hottest[at - 1]); at--) {
            if (at < HOTTEST)
                hottest[at] = hottest[at - 1];
        }
        if (at < HOTTEST)
            hottest[at] = row;
    }
    erg_jsonw_key(r->view->w, "hottest_components");
    erg_jsonw_arr_begin(r->view->w);
    for (size_t i = 0; i < count; i++)
        put_component(r, hottest[i], true);
    erg_jsonw_arr_end(r->view->w);
}

/* --- the whole ---------------------------------------------------------------------------------*/

static void put_domains(const struct report *r)
{
    struct erg_jsonw *w = r->view->w;
    const struct erg_energy *energy = &r->facts.energy;
    double total = (double)erg_energy_total_nj(energy);
    erg_jsonw_key(w, "domains");
    erg_jsonw_arr_begin(w);
    for (int d = 0; d < ERG_DOMAINS; d++) {
        if (!(energy->present >> d & 1))
            continue;
        erg_jsonw_obj_begin(w);
        erg_jsonw_kstr(w, "domain", erg_domain_name((enum erg_domain)d));
        erg_jsonw_kmicro(w, "energy_mj", energy->nj[d]);
        erg_jsonw_kreal(w, "share_ratio", total > 0 ? (double)energy->nj[d] / total : NAN);
        erg_jsonw_obj_end(w);
    }
    erg_jsonw_arr_end(w);
}

/* How many passes were looked into, and what they are to be multiplied with to stand for all. */
static void put_profiled(struct report *r)
{
    struct erg_jsonw *w = r->view->w;
    erg_jsonw_key(w, "profiled");
    erg_jsonw_arr_begin(w);
    for (uint32_t p = 0; p < ERG_PHASES; p++) {
        struct erg_fold_scale scale = erg_fold_scale(r->sums->rows, r->sums->count, p);
        r->profiled[p] = r->sums->passes[p] - scale.unprofiled;
        if (!r->sums->passes[p])
            continue;
        erg_jsonw_obj_begin(w);
        erg_jsonw_kstr(w, "phase", erg_phase_name(p));
        erg_jsonw_kint(w, "passes", r->sums->passes[p]);
        erg_jsonw_kint(w, "profiled_passes", r->profiled[p]);
        erg_jsonw_kreal(w, "time_scale", scale.time_scale);
        erg_jsonw_kreal(w, "energy_scale", scale.energy_scale);
        erg_jsonw_obj_end(w);
    }
    erg_jsonw_arr_end(w);
}

static int put_averages(struct report *r, const struct erg_view_split *split)
{
    struct erg_fold parts = {0};
    int rc = fold(r, ERG_BY_PHASE | ERG_BY_LAYER | ERG_BY_COMPONENT, &parts);
    erg_view_put_split(r->view->w, split);
    put_domains(r);
    put_profiled(r);
    if (rc == 0)
        rc = put_phases(r);
    if (rc == 0)
        rc = put_layers(r, &parts);
    if (rc == 0)
        rc = put_components(r);
    if (rc == 0)
        put_hottest(r, &parts);
    erg_fold_deinit(&parts);
    return rc;
}

int erg_view_report(const struct erg_view *view, const struct erg_view_split *split,
                    const struct erg_run_sums *sums, struct erg_err *err)
{
    struct report r = {.view = view, .sums = sums, .whole_mj = NAN};
    const struct erg_export_request request = {.store = view->store, .run_id = view->run_id};
    int rc = erg_facts_load(&r.facts, &request, err);
    if (rc)
        return rc;
    r.whole_ms = (double)r.facts.duration_ns / 1e6;
    if (erg_energy_known(&r.facts.energy))
        r.whole_mj = (double)erg_energy_total_nj(&r.facts.energy) / 1e6;
    erg_jsonw_obj_begin(view->w);
    erg_jsonw_members(view->w, r.facts.summary_json);
    rc = put_averages(&r, split);
    erg_jsonw_obj_end(view->w);
    erg_facts_deinit(&r.facts);
    return rc ? erg_fail(err, rc, "no memory for the averages of a run") : 0;
}
