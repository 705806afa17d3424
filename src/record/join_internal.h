/* SPDX-License-Identifier: MIT */
#ifndef ERG_RECORD_JOIN_INTERNAL_H
#define ERG_RECORD_JOIN_INTERNAL_H

#include "analysis/overhead.h"
#include "analysis/summary.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "record/header.h"
#include "record/join.h"
#include "stream/taxonomy.h"

/* Shared by join.c and join_details.c (events come in), settle.c (rows go out) and facts.c
 * (totals). */

enum { ERG_MAX_SECTIONS = 256, ERG_TEXT_CARRY = 4 };

/* Something that waits for its energy: a section, a pass with its tokens, or a power sample. */
struct erg_pending {
    struct erg_pending *next;
    enum { ERG_PENDING_SECTION, ERG_PENDING_PASS, ERG_PENDING_SAMPLE } kind;
    int64_t t0_ns, t1_ns; /* absolute, clipped, on the grid */
    uint32_t phase;
    const char *name; /* SECTION */
    /* PASS */
    struct erg_pass_row pass;
    struct erg_span *spans;
    float *values[ERG_VALUE_COLUMNS];
    struct erg_attention_row *attention; /* pass.n_attention, in order of their spans */
    struct erg_routing_row *routing;     /* pass.n_routing, likewise */
    size_t attention_capacity, routing_capacity;
    uint64_t detail_numbers; /* in both */
    struct erg_token_row *tokens;
    uint32_t token_count, token_capacity;
    /* SAMPLE */
    struct erg_sample_row sample;
};

/* A section of prefill or decode, summed over the spans of its passes. */
struct erg_section_sum {
    uint32_t phase;
    const char *name;
    int64_t t0_ns, t1_ns; /* from t = 0 */
    int64_t duration_ns;
    struct erg_energy energy;
    enum erg_grade grade;
};

struct erg_join_name {
    char *text;
    enum erg_component component;
};

/* One channel's last grid reading, from which the next sample is made. */
struct erg_sample_state {
    bool seen;
    int64_t t_ns;
    int64_t value;
    double mw;    /* NaN = not known */
    uint64_t row; /* that it is part of; 0 = none yet */
};

struct erg_join {
    struct erg_join_sink sink;
    struct erg_header header; /* from RECORDING */
    struct erg_channel *channels;
    uint32_t channel_count;
    struct erg_timeline *timeline;
    struct erg_sample_state *sample_states;
    bool row_open;               /* a sample that may get more channels */
    uint64_t row_number;         /* of the open row, from 1 */
    int64_t row_t0_ns, row_t_ns; /* its first and last reading */
    char *sources_json;          /* what POWER says of the sources */
    char *source_details;        /* the same with their energies; or taken over from a recording */

    struct erg_join_name *names;
    size_t name_count, name_capacity;

    /* engine's description (RUN_BEGIN) */
    bool begun;
    char *engine_json, *model_json, *ggml_variant;
    int64_t model_parameters;
    bool has_load;
    int64_t load_t0_ns, load_t1_ns;

    bool has_idle;
    int64_t idle_t0_ns, idle_t1_ns;

    /* time */
    bool has_zero;
    int64_t zero_ns;
    int64_t latest_ns; /* latest time any record has named */
    int64_t cursor_ns; /* end of the last item taken in: the next one starts no earlier */
    uint32_t phase;    /* of the last item */
    bool phase_begun[ERG_PHASES];
    int64_t phase_start_ns[ERG_PHASES]; /* of its first item or progress; for samples */
    bool section_open;
    uint32_t open_name, open_phase;
    int64_t open_t0_ns;

    struct erg_pending *first, **last; /* queue in order of time of arrival */
    struct erg_pending *open_pass;     /* last pass in the queue while it may get tokens */
    struct erg_pending *first_sample, **last_sample;

    /* what has been given out */
    struct erg_phase_facts phases[ERG_PHASES];
    struct erg_energy phase_children[ERG_PHASES];
    int64_t phase_children_ns[ERG_PHASES];
    int64_t end_ns;             /* end of the last row, absolute */
    struct erg_energy in_spans; /* energy that some span, section or host work accounts for */
    struct erg_section_sum sections[ERG_MAX_SECTIONS];
    size_t section_count;
    struct erg_rollup *rollup;
    uint32_t pass_count, token_count;
    int64_t input_tokens, output_tokens, profiled_tokens;
    struct erg_overhead overhead;
    struct erg_overhead_settings overhead_settings;
    int64_t first_token_ns; /* absolute; INT64_MIN = not reached */
    int64_t sample_count;
    uint32_t pass_flags; /* of all passes together */
    uint64_t dropped, clipped;
    uint64_t orphans; /* records whose partner is missing: the producer may drop any record */
    char carry[ERG_PHASES][ERG_TEXT_CARRY]; /* half a character per kind of token */
    size_t carry_len[ERG_PHASES];
    struct erg_buf response;

    double engine_cpu_sum, others_cpu_sum;
    int64_t engine_cpu_count, others_cpu_count;
    struct erg_memory_view memory;

    struct erg_counters_head *counters; /* in order of time */
    size_t counters_count, counters_capacity;
    char *counters_reason; /* why some or all are missing */

    int end_status; /* enum erg_end_status, -1 = none yet */
    char *end_reason;
    bool closed; /* RECORDING_END seen */
    char *status, *failure;
    char *warnings[ERG_MAX_WARNINGS];
    size_t warning_count;
};

/* join_details.c */
int erg_join_attention(struct erg_join *join, const struct erg_attention_view *view,
                       struct erg_err *err);
int erg_join_routing(struct erg_join *join, const struct erg_routing_view *view,
                     struct erg_err *err);
void erg_pending_free_details(struct erg_pending *item);

/* join_counters.c: take a COUNTERS record; what was counted in a window, where that is known. */
int erg_join_counters(struct erg_join *join, const struct erg_event *event, struct erg_err *err);
void erg_join_counts(const struct erg_join *join, int64_t t0_ns, int64_t t1_ns,
                     struct erg_phase_counts *out);

/* join_samples.c: a reading on the grid; and the row that is open at the end. */
int erg_join_sample(struct erg_join *join, const struct erg_reading_view *reading,
                    struct erg_err *err);
int erg_join_last_sample(struct erg_join *join, struct erg_err *err);

/* join_sources.c: of the POWER record; and the `source_details` of the summary so far, NULL when
 * nothing is known, "" for want of memory. Borrowed until the next call. */
int erg_join_keep_sources(struct erg_join *join, const char *json, size_t len, struct erg_err *err);
const char *erg_join_source_details(struct erg_join *join);
/* What the sources say of themselves at the end, from the RECORDING_END record. */
int erg_join_renew_sources(struct erg_join *join, const char *json, size_t len,
                           struct erg_err *err);
/* Of what they say: the greatest difference between a counter and its integrated power; NaN = none
 * has both. */
double erg_join_residual(const struct erg_join *join);

/* settle.c */
int erg_join_settle(struct erg_join *join, bool everything, struct erg_err *err);
void erg_pending_free(struct erg_pending *item);

/* facts.c: keep a warning unless it is there already. */
void erg_join_warn(struct erg_join *join, const char *text, size_t len);

#endif
