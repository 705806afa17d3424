/* SPDX-License-Identifier: MIT */
#ifndef ERG_STORE_ROWS_H
#define ERG_STORE_ROWS_H

#include "energy/energy.h"
#include "stream/format.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * What the recorder writes and the store returns, one struct per table. Times are nanoseconds from
 * the run's t = 0 (start of its first pre_inference section) on a grid of 100 ns, so that spans,
 * which are counted in ticks of 100 ns, tile their pass exactly. Strings are borrowed.
 */
#define ERG_TICK_NS 100

/* Part of a pass: [layer, component, operation] for `ticks` × 100 ns. Names by id. */
struct erg_span {
    int16_t layer;      /* -1 = outside the layers */
    uint16_t component; /* name id, never 0 */
    uint16_t operation; /* name id, 0 = all of the component */
    uint16_t zero;
    uint32_t ticks;
};

/* The optional columns of a pass's spans; NULL = absent, NaN = not known for that span. */
enum erg_value_column {
    ERG_VALUE_FLOPS,
    ERG_VALUE_BYTES,
    ERG_VALUE_MEAN,
    ERG_VALUE_STD,
    ERG_VALUE_MAX,
    ERG_VALUE_SPARSITY,
    ERG_VALUE_EXTRA, /* kill ratio of an activation, variance ratio of a norm */
    ERG_VALUE_COLUMNS,
};

/* Per head: entropy, largest weight, sparsity, `heads` of each (format.h); in stored precision. */
struct erg_attention_row {
    uint32_t span; /* index of the softmax span */
    uint32_t heads;
    const float *entropy, *max_weight, *sparsity;
};

struct erg_routing_row {
    uint32_t span;                  /* index of the top-k span */
    uint32_t tokens, used, experts; /* format.h */
    float entropy;
    const uint16_t *expert; /* [tokens][used] */
    const float *weight;    /* [tokens][used], in stored precision */
};

struct erg_pass_row {
    uint32_t index; /* 0-based, in order of time */
    uint32_t phase; /* enum erg_phase */
    uint32_t position;
    uint32_t n_tokens;
    uint32_t flags; /* enum erg_pass_flag */
    int64_t t0_ns, t1_ns;
    struct erg_energy energy;
    enum erg_grade grade;
    uint32_t n_spans;
    const struct erg_span *spans; /* in order of execution; sum of ticks × 100 ≤ t1 − t0 */
    const float *values[ERG_VALUE_COLUMNS];
    uint32_t n_attention, n_routing; /* in order of their spans */
    const struct erg_attention_row *attention;
    const struct erg_routing_row *routing;
};

/* Every token belongs to the pass that evaluated it; the tokens of a pass share it equally. */
struct erg_token_row {
    uint32_t index; /* 0-based, in order of evaluation */
    uint32_t pass;  /* erg_pass_row.index */
    uint32_t phase; /* PREFILL: prompt, DECODE: generated */
    uint32_t position;
    int32_t id;
    const char *text; /* valid UTF-8: whole characters, completed ones on the completing token */
    size_t text_len;
    int64_t t0_ns, duration_ns;
    struct erg_energy energy;
    enum erg_grade grade;
};

/* In prefill and decode one row per run and section: sums over its spans, first t0, last t1. */
struct erg_section_row {
    uint32_t phase;
    const char *name;
    int64_t t0_ns, t1_ns;
    int64_t duration_ns;
    struct erg_energy energy;
    enum erg_grade grade;
};

/* One power sample: the average since the sample before, per domain. */
struct erg_sample_row {
    int64_t t_ns;  /* end of the interval; negative before the run (idle baseline, loading) */
    int32_t phase; /* enum erg_phase, -1 idle, -2 loading */
    double mw[ERG_DOMAINS]; /* NaN = not known */
    double total_mw;        /* NaN = not known */
};

#define ERG_SAMPLE_IDLE    (-1)
#define ERG_SAMPLE_LOADING (-2)

struct erg_host_row {
    int64_t t_ns;
    struct erg_host_sample sample;
};

/* Average over what is known; NaN when nothing is. */
struct erg_average {
    double mean;
    int64_t count;
};

/*
 * Spans summed up (analysis/rollup.h); a key that is not grouped by is phase ERG_PHASES, layer -2,
 * id 0. Of a finished run the store has these by phase, layer, component and operation.
 */
struct erg_rollup_row {
    uint32_t phase;
    int layer; /* -1 = outside the layers */
    uint16_t component;
    uint16_t operation;
    int64_t duration_ns;
    int64_t count; /* spans */
    struct erg_energy energy;
    double flops, bytes;             /* sums; 0 when not known */
    double mean, std, max, sparsity; /* averages over spans (std: root of the averaged
                                        variances, max: maximum); NaN = none */
    int64_t statistics;              /* spans behind these */
    bool is_result;                  /* these are its component's: erg_pass_results() */
    /* averages over the spans that have them; of attention the averages over heads */
    struct erg_average extra; /* kill ratio or variance ratio: see erg_extra_kind() */
    struct erg_average attention_entropy, max_attention_weight, attention_sparsity;
};

/* `component` of passes of which only the duration is known: layer -1, `count` of them. */
#define ERG_ROLLUP_UNPROFILED UINT16_MAX

/*
 * A run. `summary_json` is the whole summary of the contract as far as it is known; the columns
 * beside it repeat what is searched or sorted by. Tags are a JSON array.
 */
struct erg_run_row {
    const char *id;
    const char *created_at;     /* local time */
    const char *created_at_utc; /* with +00:00 */
    const char *status;         /* running complete failed cancelled interrupted */
    const char *failure;        /* NULL unless failed or interrupted */
    const char *model_name, *model_path;
    const char *mode;
    const char *prompt, *response;
    const char *tags_json;
    const char *experiment_name; /* NULL = none */
    const char *recorder;        /* "pid start_time boot_id" while running, to find dead ones */
    int64_t duration_ns;
    struct erg_energy energy;
    int64_t input_tokens, output_tokens;
    double tokens_per_second, joules_per_token; /* of the summary, when read; NaN = not known */
    const char *summary_json;
};

#endif
