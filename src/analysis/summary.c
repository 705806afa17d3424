/* SPDX-License-Identifier: MIT */
#include "analysis/summary.h"

#include "base/err.h"
#include "base/jsonw.h"
#include "stream/taxonomy.h"

#include <math.h>
#include <string.h>

#define NS_PER_S  1e9
#define NJ_PER_J  1e9
#define J_PER_KWH 3.6e6

/* A number that may not be known: written as null when it is NaN or infinite. */
static void put_real(struct erg_jsonw *w, const char *key, double value)
{
    erg_jsonw_kreal(w, key, value);
}

/* a / b, NaN (null) when b is 0. */
static double ratio(double a, double b)
{
    return b != 0 ? a / b : NAN;
}

/* Joules of an energy, NaN when it is not known. */
static double joules(const struct erg_energy *energy)
{
    return erg_energy_known(energy) ? (double)erg_energy_total_nj(energy) / NJ_PER_J : NAN;
}

/* Average power: nJ per ns are watts. */
static double average_mw(const struct erg_energy *energy, int64_t duration_ns)
{
    if (!erg_energy_known(energy))
        return NAN;
    return ratio((double)erg_energy_total_nj(energy), (double)duration_ns) * 1000;
}

static void put_mj(struct erg_jsonw *w, const char *key, const struct erg_energy *energy)
{
    if (erg_energy_known(energy))
        erg_jsonw_kmicro(w, key, erg_energy_total_nj(energy));
    else
        erg_jsonw_knull(w, key);
}

static void put_domains(struct erg_jsonw *w, const char *key, const struct erg_energy *energy)
{
    erg_jsonw_key(w, key);
    erg_jsonw_obj_begin(w);
    for (int d = 0; d < ERG_DOMAINS; d++) {
        const char *name = erg_domain_name((enum erg_domain)d);
        if (energy->present >> d & 1)
            erg_jsonw_kmicro(w, name, energy->nj[d]);
        else
            erg_jsonw_knull(w, name);
    }
    erg_jsonw_obj_end(w);
}

static void put_text(struct erg_jsonw *w, const char *key, const char *text, size_t len)
{
    erg_jsonw_key(w, key);
    if (text)
        erg_jsonw_strn(w, text, len);
    else
        erg_jsonw_null(w);
}

static void put_object(struct erg_jsonw *w, const char *key, const char *json)
{
    erg_jsonw_key(w, key);
    erg_jsonw_raw(w, json ? json : "{}");
}

static void put_counters(struct erg_jsonw *w, const struct erg_phase_counts *counts)
{
    static const char *const keys[ERG_COUNTS] = {"instructions", "cycles", "cache_misses"};
    const uint32_t both = 1u << ERG_COUNT_INSTRUCTIONS | 1u << ERG_COUNT_CYCLES;
    erg_jsonw_key(w, "counters");
    if (!counts->known) {
        erg_jsonw_null(w);
        return;
    }
    erg_jsonw_obj_begin(w);
    for (int i = 0; i < ERG_COUNTS; i++) {
        erg_jsonw_key(w, keys[i]);
        if (counts->known >> i & 1)
            erg_jsonw_uint(w, counts->count[i]);
        else
            erg_jsonw_null(w);
    }
    put_real(w, "ipc",
             (counts->known & both) == both ? ratio((double)counts->count[ERG_COUNT_INSTRUCTIONS],
                                                    (double)counts->count[ERG_COUNT_CYCLES])
                                            : NAN);
    erg_jsonw_obj_end(w);
}

static void put_phase(struct erg_jsonw *w, uint32_t phase, const struct erg_phase_facts *facts)
{
    int64_t duration_ns = facts->t1_ns - facts->t0_ns;
    erg_jsonw_obj_begin(w);
    erg_jsonw_kstr(w, "phase", erg_phase_name(phase));
    erg_jsonw_kmicro(w, "start_ms", facts->t0_ns);
    erg_jsonw_kmicro(w, "duration_ms", duration_ns);
    put_mj(w, "energy_mj", &facts->energy);
    put_domains(w, "energy_by_domain_mj", &facts->energy);
    put_real(w, "average_power_mw", average_mw(&facts->energy, duration_ns));
    put_real(w, "peak_power_mw", facts->peak_mw >= 0 ? facts->peak_mw : NAN);
    erg_jsonw_kint(w, "tokens", facts->tokens);
    put_real(w, "tokens_per_second",
             facts->tokens ? ratio((double)facts->tokens, (double)duration_ns / NS_PER_S) : NAN);
    put_real(w, "joules_per_token", ratio(joules(&facts->energy), (double)facts->tokens));
    erg_jsonw_kmicro(w, "unattributed_ms", facts->unattributed_ns);
    put_mj(w, "unattributed_energy_mj", &facts->unattributed);
    erg_jsonw_kstr(w, "grade", erg_grade_name(facts->grade));
    put_counters(w, &facts->counts);
    erg_jsonw_obj_end(w);
}

static void put_identity(struct erg_jsonw *w, const struct erg_run_facts *f)
{
    erg_jsonw_kstr(w, "id", f->id);
    erg_jsonw_kstr(w, "run_id", f->id);
    erg_jsonw_kstr(w, "created_at", f->created_at);
    erg_jsonw_kstr(w, "created_at_utc", f->created_at_utc);
    erg_jsonw_kstr(w, "status", f->status);
    erg_jsonw_kstr(w, "failure", f->failure);
    erg_jsonw_kstr(w, "model_name", f->model_name);
    put_object(w, "model", f->model_json);
    put_object(w, "engine", f->engine_json);
    put_object(w, "machine", f->machine_json);
    put_text(w, "prompt", f->prompt, f->prompt_len);
    put_text(w, "response", f->response, f->response_len);
    erg_jsonw_key(w, "tags");
    erg_jsonw_raw(w, f->tags_json ? f->tags_json : "[]");
    erg_jsonw_kstr(w, "experiment_name", f->experiment_name);
    erg_jsonw_kstr(w, "mode", f->mode);
    put_object(w, "settings", f->settings_json);
    put_object(w, "provenance", f->provenance_json);
}

static void put_totals(struct erg_jsonw *w, const struct erg_run_facts *f)
{
    erg_jsonw_kint(w, "input_tokens", f->input_tokens);
    erg_jsonw_kint(w, "output_tokens", f->output_tokens);
    erg_jsonw_kmicro(w, "total_duration_ms", f->duration_ns);
    put_mj(w, "total_energy_mj", &f->energy);
    put_domains(w, "energy_by_domain_mj", &f->energy);
    if (f->has_load) {
        erg_jsonw_kmicro(w, "load_duration_ms", f->load_ns);
        put_mj(w, "load_energy_mj", &f->load_energy);
    }
    erg_jsonw_key(w, "phases");
    erg_jsonw_arr_begin(w);
    for (uint32_t phase = 0; phase < ERG_PHASES; phase++) {
        if (f->phases[phase].seen)
            put_phase(w, phase, &f->phases[phase]);
    }
    erg_jsonw_arr_end(w);
}

static double phase_rate(const struct erg_phase_facts *phase)
{
    double seconds = (double)(phase->t1_ns - phase->t0_ns) / NS_PER_S;
    return phase->seen && phase->tokens ? ratio((double)phase->tokens, seconds) : NAN;
}

static double phase_joules(const struct erg_phase_facts *phase)
{
    return phase->seen ? joules(&phase->energy) : NAN;
}

static void put_efficiency(struct erg_jsonw *w, const struct erg_run_facts *f)
{
    const struct erg_phase_facts *prefill = &f->phases[ERG_PHASE_PREFILL];
    const struct erg_phase_facts *decode = &f->phases[ERG_PHASE_DECODE];
    double total_j = joules(&f->energy);
    double per_input = ratio(phase_joules(prefill), (double)f->input_tokens);
    double per_output = ratio(phase_joules(decode), (double)f->output_tokens);

    put_real(w, "tokens_per_second", phase_rate(decode));
    put_real(w, "prefill_tokens_per_second", phase_rate(prefill));
    if (f->first_token_ns >= 0)
        erg_jsonw_kmicro(w, "time_to_first_token_ms", f->first_token_ns);
    else
        erg_jsonw_knull(w, "time_to_first_token_ms");
    put_real(w, "joules_per_token", ratio(total_j, (double)f->output_tokens));
    put_real(w, "joules_per_input_token", per_input);
    put_real(w, "joules_per_output_token", per_output);
    put_real(w, "tokens_per_joule", ratio((double)f->output_tokens, total_j));
    put_real(w, "energy_delay_product_js", total_j * (double)f->duration_ns / NS_PER_S);
    put_real(w, "prefill_decode_energy_ratio", ratio(phase_joules(prefill), phase_joules(decode)));
    put_real(w, "output_input_token_energy_ratio", ratio(per_output, per_input));
    put_real(w, "energy_per_million_parameters_mj",
             ratio(total_j * 1000, (double)f->model_parameters / 1e6));
}

/* Gross energy less what the idle machine would have used in the same time, if that is a number. */
static void put_net(struct erg_jsonw *w, const struct erg_run_facts *f)
{
    double idle_nj = f->idle_mw * (double)f->duration_ns / 1000;
    if (f->has_idle && erg_energy_known(&f->energy) && fabs(idle_nj) < (double)(INT64_MAX / 2))
        erg_jsonw_kmicro(w, "net_energy_mj", erg_energy_total_nj(&f->energy) - llround(idle_nj));
    else
        erg_jsonw_knull(w, "net_energy_mj");
}

static void put_power_figures(struct erg_jsonw *w, const struct erg_run_facts *f)
{
    double total_j = joules(&f->energy);
    put_real(w, "average_power_mw", average_mw(&f->energy, f->duration_ns));
    put_real(w, "peak_power_mw", f->peak_mw >= 0 ? f->peak_mw : NAN);
    put_real(w, "idle_power_mw", f->has_idle ? f->idle_mw : NAN);
    put_net(w, f);
    if (erg_energy_known(&f->energy))
        erg_jsonw_kmicro(w, "unattributed_energy_mj", f->unattributed_nj);
    else
        erg_jsonw_knull(w, "unattributed_energy_mj");
    put_real(w, "cost_usd", total_j / J_PER_KWH * f->grid.usd_per_kwh);
    put_real(w, "co2_g", total_j / J_PER_KWH * f->grid.g_per_kwh);
    erg_jsonw_key(w, "grid");
    erg_jsonw_obj_begin(w);
    erg_grid_write(&f->grid, w);
    erg_jsonw_obj_end(w);
}

/* Names of the sources behind the channels, each once, in order. */
static void put_sources(struct erg_jsonw *w, const struct erg_run_facts *f)
{
    erg_jsonw_key(w, "sources");
    erg_jsonw_arr_begin(w);
    for (uint32_t i = 0; i < f->channel_count; i++) {
        bool seen = false;
        for (uint32_t j = 0; j < i && !seen; j++)
            seen = strcmp(f->channels[i].source, f->channels[j].source) == 0;
        if (!seen)
            erg_jsonw_str(w, f->channels[i].source);
    }
    erg_jsonw_arr_end(w);
}

static void put_power(struct erg_jsonw *w, const struct erg_run_facts *f)
{
    erg_jsonw_key(w, "power");
    erg_jsonw_obj_begin(w);
    put_sources(w, f);
    if (f->source_details_json && *f->source_details_json) {
        erg_jsonw_key(w, "source_details");
        erg_jsonw_raw(w, f->source_details_json);
    }
    erg_jsonw_kstr(w, "grade", erg_grade_name(f->grade));
    put_real(w, "interval_ms", f->channel_count ? (double)f->interval_ns / 1e6 : NAN);
    erg_jsonw_kint(w, "samples", f->sample_count);
    put_real(w, "coverage_ratio", f->coverage_ratio);
    put_real(w, "residual_ratio", f->residual_ratio);
    erg_jsonw_key(w, "warnings");
    erg_jsonw_arr_begin(w);
    for (size_t i = 0; i < f->warning_count; i++)
        erg_jsonw_str(w, f->warnings[i]);
    erg_jsonw_arr_end(w);
    erg_jsonw_obj_end(w);
}

static void put_interval(struct erg_jsonw *w, const char *key, double low, double high)
{
    erg_jsonw_key(w, key);
    if (!isfinite(low) || !isfinite(high)) {
        erg_jsonw_null(w);
        return;
    }
    erg_jsonw_arr_begin(w);
    erg_jsonw_real(w, low);
    erg_jsonw_real(w, high);
    erg_jsonw_arr_end(w);
}

/* Why there is no figure is said in its method. */
static void put_overhead(struct erg_jsonw *w, const struct erg_run_facts *f)
{
    const struct erg_overhead_facts *o = &f->overhead;
    bool known = f->has_overhead && o->measured;
    put_real(w, "overhead_pct", known ? o->pct : NAN);
    put_interval(w, "overhead_ci_pct", known ? o->low_pct : NAN, known ? o->high_pct : NAN);
    erg_jsonw_kbool(w, "measured", known);
    erg_jsonw_kstr(w, "method", f->has_overhead ? o->method : "the run goes on");
    put_real(w, "profiled_overhead_pct", known ? o->deepest_pct : NAN);
    put_interval(w, "profiled_overhead_ci_pct", known ? o->deepest_low_pct : NAN,
                 known ? o->deepest_high_pct : NAN);
    put_real(w, "tracing_pct", f->tracing_pct);
    put_real(w, "budget_pct", f->budget_pct);
    erg_jsonw_kint(w, "bare_tokens", o->bare_tokens);
    erg_jsonw_key(w, "tokens_by_depth");
    erg_jsonw_obj_begin(w);
    for (int taken = 0; taken < ERG_TAKENS; taken++)
        erg_jsonw_kint(w, erg_taken_name((enum erg_taken)taken), o->tokens[taken]);
    erg_jsonw_obj_end(w);
}

static void put_profiler(struct erg_jsonw *w, const struct erg_run_facts *f)
{
    erg_jsonw_key(w, "profiler");
    erg_jsonw_obj_begin(w);
    put_overhead(w, f);
    erg_jsonw_kstr(w, "instrument", f->instrument);
    erg_jsonw_kint(w, "profiled_tokens", f->profiled_tokens);
    erg_jsonw_kint(w, "dropped_events", (int64_t)f->dropped_events);
    int64_t tokens = f->input_tokens + f->output_tokens;
    put_real(w, "store_bytes_per_token",
             f->store_bytes >= 0 ? ratio((double)f->store_bytes, (double)tokens) : NAN);
    erg_jsonw_kbool(w, "guessed_operations", f->guessed);
    erg_jsonw_kstr(w, "counters_reason", f->counters_reason);
    erg_jsonw_obj_end(w);
}

static void put_conditions(struct erg_jsonw *w, const struct erg_run_facts *f)
{
    erg_jsonw_key(w, "conditions");
    erg_jsonw_obj_begin(w);
    erg_conditions_write(&f->conditions, w);
    erg_jsonw_kstr(w, "ggml_variant", f->ggml_variant);
    put_real(w, "engine_load_ratio", f->engine_cpu_ratio);
    put_real(w, "other_load_ratio", f->others_cpu_ratio);
    erg_jsonw_kint(w, "model_bytes", (int64_t)f->model_bytes);
    erg_jsonw_kint(w, "kv_cache_bytes", (int64_t)f->kv_cache_bytes);
    erg_jsonw_kint(w, "peak_rss_bytes", (int64_t)f->peak_rss_bytes);
    erg_jsonw_key(w, "warnings");
    erg_conditions_write_warnings(&f->conditions, f->others_cpu_ratio, w);
    erg_jsonw_obj_end(w);
}

void erg_summary_write(const struct erg_run_facts *facts, struct erg_buf *out)
{
    struct erg_jsonw w;
    erg_jsonw_init(&w, out);
    erg_jsonw_obj_begin(&w);
    put_identity(&w, facts);
    put_totals(&w, facts);
    put_efficiency(&w, facts);
    put_power_figures(&w, facts);
    put_power(&w, facts);
    put_profiler(&w, facts);
    put_conditions(&w, facts);
    erg_jsonw_obj_end(&w);
    if (facts->source_details_json && !*facts->source_details_json && !out->status)
        out->status = ERG_NOMEM;
}
