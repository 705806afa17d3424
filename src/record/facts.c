/* SPDX-License-Identifier: MIT */
#include "record/join_internal.h"

#include "base/mem.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void erg_join_warn(struct erg_join *join, const char *text, size_t len)
{
    struct erg_buf clean;
    erg_buf_init(&clean);
    erg_utf8_sanitize(text, len, &clean);
    bool known = false;
    for (size_t i = 0; i < join->warning_count && !known; i++)
        known = strcmp(join->warnings[i], erg_buf_view(&clean)) == 0;
    char *copy = known || join->warning_count == ERG_MAX_WARNINGS ? NULL : erg_buf_take(&clean);
    if (copy) {
        join->warnings[join->warning_count++] = copy;
        if (join->sink.warning)
            join->sink.warning(join->sink.user, copy);
    }
    erg_buf_deinit(&clean);
}

static void warn_count(struct erg_join *join, uint64_t count, const char *what)
{
    char text[160];
    int len = snprintf(text, sizeof text, "%" PRIu64 " %s", count, what);
    if (count)
        erg_join_warn(join, text, (size_t)len);
}

/*
 * Shortest window a peak is taken over: long enough that a sensor's step does not look like a
 * burst, short where every instant is known exactly.
 */
static int64_t peak_window_ns(const struct erg_join *join)
{
    bool exact = true;
    for (uint32_t i = 0; i < join->channel_count; i++)
        exact &= join->channels[i].update_period_ns == 0;
    return exact ? INT64_C(1000000) : join->header.interval_ns / 2;
}

/*
 * Highest power (mW) of a window: between readings, and at least the window's own average, which no
 * peak can be below. < 0 when nothing is known.
 */
static double peak_mw(const struct erg_join *join, const struct erg_window *window, int64_t t0_ns,
                      int64_t t1_ns)
{
    double peak = erg_timeline_peak_mw(join->timeline, t0_ns, t1_ns, peak_window_ns(join));
    if (!erg_energy_known(&window->energy) || t1_ns <= t0_ns)
        return peak;
    double average = (double)erg_energy_total_nj(&window->energy) / (double)(t1_ns - t0_ns) * 1e3;
    return average > peak ? average : peak;
}

static void fill_phase(const struct erg_join *join, uint32_t phase, struct erg_phase_facts *out)
{
    *out = join->phases[phase];
    out->peak_mw = -1;
    out->grade = ERG_GRADE_UNAVAILABLE;
    if (!out->seen)
        return;
    out->unattributed_ns = out->t1_ns - out->t0_ns - join->phase_children_ns[phase];
    int64_t t0 = out->t0_ns + join->zero_ns, t1 = out->t1_ns + join->zero_ns;
    erg_join_counts(join, t0, t1, &out->counts);
    if (!join->timeline)
        return;
    struct erg_window window = erg_timeline_window(join->timeline, t0, t1);
    out->energy = window.energy;
    out->grade = window.grade;
    if (t1 - t0 >= peak_window_ns(join))
        out->peak_mw = peak_mw(join, &window, t0, t1);
    out->unattributed = erg_energy_sub(&out->energy, &join->phase_children[phase]);
}

static void fill_energy(const struct erg_join *join, struct erg_run_facts *out)
{
    int64_t t0 = join->zero_ns, t1 = join->end_ns;
    out->grade = ERG_GRADE_UNAVAILABLE;
    out->peak_mw = -1;
    out->coverage_ratio = NAN;
    if (!join->timeline || !join->channel_count)
        return;
    struct erg_window window = erg_timeline_window(join->timeline, t0, t1);
    out->energy = window.energy;
    out->grade = window.grade;
    out->coverage_ratio = window.coverage_ratio;
    out->peak_mw = peak_mw(join, &window, t0, t1);
    for (uint32_t phase = 0; phase < ERG_PHASES; phase++)
        out->peak_mw = fmax(out->peak_mw, out->phases[phase].peak_mw);
    struct erg_energy rest = erg_energy_sub(&out->energy, &join->in_spans);
    out->unattributed_nj = erg_energy_total_nj(&rest);
    if (out->has_load)
        out->load_energy =
            erg_timeline_window(join->timeline, join->load_t0_ns, join->load_t1_ns).energy;
    struct erg_window idle =
        erg_timeline_window(join->timeline, join->idle_t0_ns, join->idle_t1_ns);
    int64_t idle_ns = join->idle_t1_ns - join->idle_t0_ns;
    out->has_idle = join->has_idle && idle_ns > 0 && erg_energy_known(&idle.energy);
    if (out->has_idle)
        out->idle_mw = (double)erg_energy_total_nj(&idle.energy) / (double)idle_ns * 1e3;
}

/* What a reader of the energies must know; said once, at the end. */
static void warn_about_power(struct erg_join *join, const struct erg_run_facts *facts)
{
    bool synthetic = false, estimated = false, measured = false;
    for (uint32_t i = 0; i < join->channel_count; i++) {
        synthetic |= join->channels[i].synthetic;
        estimated |= join->channels[i].estimated;
        measured |= !join->channels[i].estimated;
    }
    static const char fake[] = "energies come from a simulated source, not from this machine";
    static const char model[] =
        "energies are estimates from a power model: no sensor was read (see 'ergon doctor')";
    static const char some[] =
        "the energy of some domains is an estimate from a power model (see 'ergon doctor')";
    if (synthetic)
        erg_join_warn(join, fake, sizeof fake - 1);
    if (estimated && measured)
        erg_join_warn(join, some, sizeof some - 1);
    else if (estimated)
        erg_join_warn(join, model, sizeof model - 1);
    if (facts->coverage_ratio < 0.995) {
        char text[120];
        int len =
            snprintf(text, sizeof text,
                     "the power sources covered only %.1f %% of the run: energies are too low",
                     facts->coverage_ratio * 100);
        erg_join_warn(join, text, (size_t)len);
    }
}

static const char *instrument_of(uint32_t flags)
{
    if (flags & ERG_PASS_TRACED)
        return "trace";
    return flags & ERG_PASS_OBSERVED ? "observe" : "none";
}

static double mean(double sum, int64_t count)
{
    return count ? sum / (double)count : NAN;
}

static void fill_description(const struct erg_join *join, struct erg_run_facts *out)
{
    const struct erg_header *header = &join->header;
    out->id = header->id;
    out->created_at = header->created_at;
    out->created_at_utc = header->created_at_utc;
    out->status = join->closed ? join->status : "running";
    out->failure = join->closed ? join->failure : NULL;
    out->model_name = header->model_name;
    out->mode = header->mode;
    out->prompt = header->prompt;
    out->prompt_len = header->prompt_len;
    out->response = erg_buf_view(&join->response);
    out->response_len = join->response.len;
    out->tags_json = header->tags_json;
    out->experiment_name = header->experiment;
    out->model_json = join->model_json;
    out->engine_json = join->engine_json;
    out->machine_json = header->machine_json;
    out->settings_json = header->settings_json;
    out->provenance_json = header->provenance_json;
    out->conditions = header->conditions;
    out->ggml_variant = join->ggml_variant;
    out->model_parameters = join->model_parameters;
    out->grid = header->grid;
}

/* Phases may be too short for readings of the counters; only those who see none want to know. */
static const char *counters_reason(const struct erg_join *join, const struct erg_run_facts *facts)
{
    bool lacks = false;
    for (uint32_t phase = 0; phase < ERG_PHASES; phase++)
        lacks |= facts->phases[phase].seen && !facts->phases[phase].counts.known;
    if (join->counters_reason || !join->counters_count || !lacks)
        return join->counters_reason;
    return "some phases are too short for the readings of the performance counters";
}

void erg_join_facts(struct erg_join *join, struct erg_run_facts *out)
{
    *out = (struct erg_run_facts){
        .input_tokens = join->input_tokens,
        .output_tokens = join->output_tokens,
        .duration_ns = join->has_zero ? join->end_ns - join->zero_ns : 0,
        .first_token_ns =
            join->first_token_ns == INT64_MIN ? -1 : join->first_token_ns - join->zero_ns,
        .has_load = join->has_load,
        .load_ns = join->has_load ? join->load_t1_ns - join->load_t0_ns : 0,
        .channels = join->channels,
        .channel_count = join->channel_count,
        .interval_ns = join->header.interval_ns,
        .sample_count = join->sample_count,
        .instrument = instrument_of(join->pass_flags),
        .profiled_tokens = join->profiled_tokens,
        .tracing_pct = join->overhead_settings.tracing_pct,
        .budget_pct = join->overhead_settings.budget_pct,
        .guessed = join->pass_flags & ERG_PASS_GUESSED,
        .dropped_events = join->dropped,
        .store_bytes = -1,
        .others_cpu_ratio = mean(join->others_cpu_sum, join->others_cpu_count),
        .engine_cpu_ratio = mean(join->engine_cpu_sum, join->engine_cpu_count),
        .peak_rss_bytes = join->memory.peak_rss_bytes,
        .kv_cache_bytes = join->memory.kv_cache_bytes,
        .model_bytes = join->memory.model_bytes,
    };
    fill_description(join, out);
    for (uint32_t phase = 0; phase < ERG_PHASES; phase++)
        fill_phase(join, phase, &out->phases[phase]);
    out->counters_reason = counters_reason(join, out);
    fill_energy(join, out);
    out->has_overhead = join->closed; /* it looks at all tokens: not while the engine runs */
    if (join->closed)
        erg_overhead_estimate(&join->overhead, &join->overhead_settings, &out->overhead);
    if (join->closed) {
        warn_about_power(join, out);
        warn_count(join, join->dropped, "events were dropped: the recorder was too slow");
        warn_count(join, join->orphans, "events lack the event they belong to");
        warn_count(join, join->clipped, "items overlapped others and were cut short");
        warn_count(join, join->timeline ? erg_timeline_refused(join->timeline) : 0,
                   "power readings came too late to be used");
    }
    out->source_details_json = erg_join_source_details(join);
    out->residual_ratio = erg_join_residual(join);
    out->warnings = (const char *const *)join->warnings;
    out->warning_count = join->warning_count;
}
