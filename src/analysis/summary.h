/* SPDX-License-Identifier: MIT */
#ifndef ERG_ANALYSIS_SUMMARY_H
#define ERG_ANALYSIS_SUMMARY_H

#include "analysis/conditions.h"
#include "analysis/overhead.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/jsonw.h"
#include "energy/timeline.h"
#include "store/rows.h"
#include "stream/counters.h"

/*
 * The run summary: from the facts of a run to the JSON object of the contract. Pure.
 */

/* Carbon and price of electricity. */
struct erg_grid {
    char region[32]; /* "us", "germany", "custom" … */
    double g_per_kwh;
    double usd_per_kwh;
    int year; /* that the figures are of; 0 = not of a year */
};

/* Look up a region by name or ISO code, whatever its case; false when there is no such region. */
bool erg_grid_find(const char *region, struct erg_grid *out);
/* Region `i`, the presets first; false when there are no more. */
bool erg_grid_at(size_t i, struct erg_grid *out);
/* Where the countries' figures are from, in a sentence. */
extern const char erg_grid_source[], erg_grid_price_source[];
/* ISO 3166-1 code of region `i`; NULL when it has none. */
const char *erg_grid_code(size_t i);
/* Figures of one's own in place of the region's; < 0 leaves the region's. */
void erg_grid_override(struct erg_grid *grid, double g_per_kwh, double usd_per_kwh);
/* The members of a summary's `grid` object. */
void erg_grid_write(const struct erg_grid *grid, struct erg_jsonw *w);

/* What the processor counted of the engine; bit i of `known`: count[i] is known. */
struct erg_phase_counts {
    uint64_t count[ERG_COUNTS];
    uint32_t known;
};

/* One phase as it happened. */
struct erg_phase_facts {
    bool seen;
    int64_t t0_ns, t1_ns;
    int64_t tokens; /* evaluated in it */
    struct erg_energy energy;
    enum erg_grade grade;
    double peak_mw; /* < 0 = not known */
    struct erg_energy
        unattributed; /* energy of the phase in none of its sections' spans or passes */
    int64_t unattributed_ns;
    struct erg_phase_counts counts;
};

struct erg_run_facts {
    const char *id, *created_at, *created_at_utc, *status, *failure;
    const char *model_name, *mode;
    const char *prompt, *response;
    size_t prompt_len, response_len;
    const char *tags_json; /* array */
    const char *experiment_name;
    /* Objects copied as they are; NULL = {} */
    const char *model_json, *engine_json, *machine_json, *settings_json, *provenance_json;
    const char *ggml_variant; /* NULL = not known, "" = no memory */
    int64_t model_parameters; /* 0 = not known */

    int64_t input_tokens, output_tokens;
    int64_t duration_ns;
    struct erg_energy energy;
    enum erg_grade grade;
    double peak_mw; /* < 0 = not known */
    struct erg_phase_facts phases[ERG_PHASES];
    int64_t unattributed_nj; /* in no operation, section or host work: run and phase level gaps */
    int64_t first_token_ns;  /* end of prefill; < 0 = not reached */

    bool has_load; /* false when the engine was warm */
    int64_t load_ns;
    struct erg_energy load_energy;

    bool has_idle;
    double idle_mw;

    /* power */
    const struct erg_channel *channels;
    uint32_t channel_count;
    int64_t interval_ns;
    int64_t sample_count;
    double coverage_ratio; /* NaN = no power source */
    double
        residual_ratio; /* a source's integrated power against its counter; NaN = none has both */
    const char *source_details_json; /* {"sources","reconciliation"}; "" = no memory for it */

    const char *instrument;  /* "trace", "observe", "none": how operations were timed */
    int64_t profiled_tokens; /* tokens of passes with spans */
    bool has_overhead;       /* false while the run goes on */
    struct erg_overhead_facts overhead;
    double tracing_pct;          /* what tracing costs, measured directly; NaN = not known */
    double budget_pct;           /* that the slowdown was to stay below; NaN = none */
    bool guessed;                /* some operation was classified by the fallback */
    const char *counters_reason; /* why phases lack performance counters; NULL = none does */
    uint64_t dropped_events;
    int64_t store_bytes; /* taken by the run's rows; < 0 = not stored */
    struct erg_conditions conditions;
    double others_cpu_ratio; /* mean over the run; NaN = not known */
    double engine_cpu_ratio;
    uint64_t peak_rss_bytes, kv_cache_bytes, model_bytes;

    const char *const *warnings;
    size_t warning_count;
    struct erg_grid grid;
};

/* Append the summary object to `out`, whose status tells of failures. */
void erg_summary_write(const struct erg_run_facts *facts, struct erg_buf *out);

#endif
