/* SPDX-License-Identifier: MIT */
#include "analysis/decimate.h"
#include "base/mem.h"
#include "export/facts.h"
#include "export/put.h"
#include "export/view.h"
#include "stream/taxonomy.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Columns: the domains, then the total. */
enum { SERIES = ERG_DOMAINS + 1, MOST_SAMPLES = 1 << 24 };

struct column {
    double *values;
    size_t capacity;
};

struct power {
    const struct erg_view_power *request;
    struct column series[SERIES];
    int64_t *t_ns;
    int32_t *phases;
    size_t count, t_capacity, phase_capacity;
    bool seen[SERIES]; /* known at least once */
    bool *keep;
    size_t kept, intervals;
    int phase_index[ERG_PHASES]; /* place in the member "phases"; -1 = not there */
    struct erg_err *err;
};

static void deinit(struct power *power)
{
    for (int s = 0; s < SERIES; s++)
        free(power->series[s].values);
    free(power->t_ns);
    free(power->phases);
    free(power->keep);
}

static int make_room(struct power *power)
{
    size_t need = power->count + 1;
    void *t_ns = power->t_ns, *phases = power->phases;
    int rc = erg_grow(&t_ns, &power->t_capacity, need, sizeof *power->t_ns, MOST_SAMPLES);
    power->t_ns = t_ns;
    if (rc == 0)
        rc = erg_grow(&phases, &power->phase_capacity, need, sizeof *power->phases, MOST_SAMPLES);
    power->phases = phases;
    for (int s = 0; s < SERIES && rc == 0; s++) {
        void *values = power->series[s].values;
        rc = erg_grow(&values, &power->series[s].capacity, need, sizeof(double), MOST_SAMPLES);
        power->series[s].values = values;
    }
    return rc ? erg_fail(power->err, rc, "cannot read the power samples: %s", erg_code_text(rc))
              : 0;
}

static int on_sample(void *user, const struct erg_sample_row *row)
{
    struct power *power = user;
    double ms = (double)row->t_ns / 1e6;
    if (ms < power->request->from_ms || ms > power->request->to_ms)
        return 0;
    int rc = make_room(power);
    if (rc)
        return rc;
    power->t_ns[power->count] = row->t_ns;
    power->phases[power->count] = row->phase;
    for (int s = 0; s < SERIES; s++) {
        double mw = s < ERG_DOMAINS ? row->mw[s] : row->total_mw;
        power->series[s].values[power->count] = mw;
        power->seen[s] |= !isnan(mw);
    }
    power->count++;
    return 0;
}

static int thin_out(struct power *power)
{
    const double *series[SERIES];
    size_t count = 0;
    int64_t most = power->request->max_points;
    for (int s = 0; s < SERIES; s++) {
        if (power->seen[s])
            series[count++] = power->series[s].values;
    }
    power->keep = erg_calloc(power->count, sizeof *power->keep);
    if (!power->keep)
        return erg_fail(power->err, ERG_NOMEM, "out of memory");
    power->intervals = erg_decimate(series, count, power->count,
                                    most < 0 ? power->count : (size_t)most, power->keep);
    for (size_t i = 0; i < power->count; i++)
        power->kept += power->keep[i];
    return 0;
}

/* Which of the listed phases a sample lies in; NaN: before the run. */
static double phase_of(const struct power *power, size_t i)
{
    int32_t phase = power->phases[i];
    int index = phase >= 0 && phase < ERG_PHASES ? power->phase_index[phase] : -1;
    return index < 0 ? NAN : index;
}

/* The columns that are known, in their order, with the two that all have. */
static void put_columns(const struct power *power, struct erg_jsonw *w)
{
    char key[24];
    erg_jsonw_key(w, "samples");
    erg_jsonw_obj_begin(w);
    erg_jsonw_key(w, "timestamp_ms");
    erg_jsonw_arr_begin(w);
    for (size_t i = 0; i < power->count; i++) {
        if (power->keep[i])
            erg_jsonw_micro(w, power->t_ns[i]);
    }
    erg_jsonw_arr_end(w);
    erg_jsonw_key(w, "phase");
    erg_jsonw_arr_begin(w);
    for (size_t i = 0; i < power->count; i++) {
        if (power->keep[i])
            erg_jsonw_real(w, phase_of(power, i));
    }
    erg_jsonw_arr_end(w);
    for (int s = 0; s < SERIES; s++) {
        if (s < ERG_DOMAINS && !power->seen[s])
            continue;
        snprintf(key, sizeof key, "%s_power_mw",
                 s < ERG_DOMAINS ? erg_domain_name((enum erg_domain)s) : "total");
        erg_jsonw_key(w, key);
        erg_jsonw_arr_begin(w);
        for (size_t i = 0; i < power->count; i++) {
            if (power->keep[i])
                erg_jsonw_real(w, power->series[s].values[i]);
        }
        erg_jsonw_arr_end(w);
    }
    erg_jsonw_obj_end(w);
}

static void put_floats(struct erg_buf *floats, double value)
{
    float single = (float)value;
    erg_buf_append(floats, &single, sizeof single);
}

/* Their names, and the values behind one another. */
static void put_float_columns(const struct power *power, struct erg_jsonw *w,
                              struct erg_buf *floats)
{
    char key[24];
    erg_jsonw_key(w, "columns");
    erg_jsonw_arr_begin(w);
    erg_jsonw_str(w, "timestamp_ms");
    erg_jsonw_str(w, "phase");
    for (size_t i = 0; i < power->count; i++) {
        if (power->keep[i])
            put_floats(floats, (double)power->t_ns[i] / 1e6);
    }
    for (size_t i = 0; i < power->count; i++) {
        if (power->keep[i])
            put_floats(floats, phase_of(power, i));
    }
    for (int s = 0; s < SERIES; s++) {
        if (s < ERG_DOMAINS && !power->seen[s])
            continue;
        snprintf(key, sizeof key, "%s_power_mw",
                 s < ERG_DOMAINS ? erg_domain_name((enum erg_domain)s) : "total");
        erg_jsonw_str(w, key);
        for (size_t i = 0; i < power->count; i++) {
            if (power->keep[i])
                put_floats(floats, power->series[s].values[i]);
        }
    }
    erg_jsonw_arr_end(w);
}

static void put_number(struct erg_jsonw *w, const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    erg_jsonw_kreal(w, key, json_is_number(value) ? json_number_value(value) : NAN);
}

static void put_phases(struct power *power, const json_t *summary, struct erg_jsonw *w)
{
    const json_t *phases = json_object_get(summary, "phases");
    erg_jsonw_key(w, "phases");
    erg_jsonw_arr_begin(w);
    for (size_t i = 0; i < json_array_size(phases); i++) {
        const json_t *phase = json_array_get(phases, i);
        double start = json_number_value(json_object_get(phase, "start_ms"));
        double length = json_number_value(json_object_get(phase, "duration_ms"));
        const char *name = json_string_value(json_object_get(phase, "phase"));
        for (uint32_t p = 0; name && p < ERG_PHASES; p++) {
            if (strcmp(name, erg_phase_name(p)) == 0)
                power->phase_index[p] = (int)i;
        }
        erg_jsonw_obj_begin(w);
        erg_jsonw_kstr(w, "phase", name);
        erg_jsonw_kmicro(w, "start_ms", llround(start * 1e6));
        erg_jsonw_kmicro(w, "end_ms", llround(start * 1e6) + llround(length * 1e6));
        erg_jsonw_obj_end(w);
    }
    erg_jsonw_arr_end(w);
}

static void put_power(struct power *power, const struct erg_view *view, const json_t *summary,
                      struct erg_buf *floats)
{
    struct erg_jsonw *w = view->w;
    erg_jsonw_obj_begin(w);
    erg_jsonw_kstr(w, "run_id", view->run_id);
    erg_jsonw_kint(w, "count", (int64_t)power->count);
    erg_jsonw_kint(w, "returned", (int64_t)power->kept);
    erg_jsonw_kstr(w, "decimation", power->intervals ? "minmax" : "none");
    erg_jsonw_kint(w, "intervals", (int64_t)power->intervals);
    put_phases(power, summary, w);
    put_number(w, summary, "average_power_mw");
    put_number(w, summary, "peak_power_mw");
    put_number(w, summary, "idle_power_mw");
    if (floats)
        put_float_columns(power, w, floats);
    else
        put_columns(power, w);
    erg_jsonw_obj_end(w);
}

int erg_view_power(const struct erg_view *view, const struct erg_view_power *request,
                   struct erg_buf *floats, struct erg_err *err)
{
    struct power power = {.request = request, .phase_index = {-1, -1, -1, -1}, .err = err};
    struct erg_facts facts;
    const struct erg_export_request load = {.store = view->store, .run_id = view->run_id};
    int rc = erg_facts_load(&facts, &load, err);
    if (rc)
        return rc;
    rc = erg_store_samples(view->store, view->run_id, on_sample, &power, err);
    if (rc == 0)
        rc = thin_out(&power);
    if (rc == 0)
        put_power(&power, view, facts.summary, floats);
    erg_facts_deinit(&facts);
    deinit(&power);
    return rc;
}
