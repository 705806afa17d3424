/* SPDX-License-Identifier: MIT */
#ifndef ERG_ANALYSIS_COMPARE_H
#define ERG_ANALYSIS_COMPARE_H

#include "analysis/hypothesis.h"
#include "base/jsonw.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Comparison of two to four groups of runs, the first being the baseline (docs/compare.md). A run
 * is one observation: its tokens follow each other and are none. Pure: the runs come from
 * export/compare_runs.h or a test.
 */
enum {
    ERG_COMPARE_GROUPS = 4,
    ERG_COMPARE_METRICS = 20,
    ERG_COMPARE_GATES = 16,
    ERG_COMPARE_RUNS_MOST = 1000, /* of a group */
    ERG_COMPARE_FEW = 10,         /* below: a warning, and Student's intervals */
};

#define ERG_COMPARE_ALPHA      0.05
#define ERG_COMPARE_CONFIDENCE 0.95
#define ERG_COMPARE_POWER      0.8  /* of finding a difference, where n is recommended */
#define ERG_COMPARE_SMALLEST   0.01 /* difference that n is recommended for */

enum erg_compare_unit {
    ERG_COMPARE_JOULES,
    ERG_COMPARE_MILLIJOULES,
    ERG_COMPARE_MILLISECONDS,
    ERG_COMPARE_MILLIWATTS,
    ERG_COMPARE_NUMBER,
};

/* A figure of a run: `member` of its summary, or of its phase `phase`. */
struct erg_compare_metric {
    const char *key, *title;
    enum erg_compare_unit unit;
    const char *phase, *member;
    bool per_million_parameters;
    bool higher_is_better;
    bool by_default;
};

/* NULL behind the last. */
const struct erg_compare_metric *erg_compare_metric_at(size_t i);
/* "J" …; "" of plain numbers */
const char *erg_compare_unit_name(enum erg_compare_unit unit);
/* Index, or -1. */
int erg_compare_metric_find(const char *key);

/* What should be the same in runs that are compared. */
enum erg_compare_facet {
    ERG_FACET_SOURCES,
    ERG_FACET_GRADE,
    ERG_FACET_MODE,
    ERG_FACET_MODEL,
    ERG_FACET_PROMPT,
    ERG_FACET_OUTPUT_TOKENS,
    ERG_FACET_MACHINE,
    ERG_FACET_ENGINE,
    ERG_FACET_SETTINGS, /* of computing: device, threads, attention, cache, choice of tokens */
    ERG_FACET_GRID,
    ERG_FACETS,
};

struct erg_compare_run {
    char *id;
    double values[ERG_COMPARE_METRICS]; /* NaN = not known */
    char *facets[ERG_FACETS];           /* "" = not known */
    double overhead_pct;                /* of profiling; NaN = not known */
};

struct erg_compare_excluded {
    char *id;
    char status[16];
};

/* Sums over the runs of a group. */
struct erg_compare_token {
    int32_t id;
    uint32_t phase;
    double ms, mj; /* mj NaN = not known */
};

struct erg_compare_group {
    char *name; /* an id, "tag:NAME", "experiment:NAME" */
    struct erg_compare_run *runs;
    size_t run_count, run_capacity;
    struct erg_compare_excluded *excluded;
    size_t excluded_count, excluded_capacity;
    struct erg_compare_token *tokens;
    size_t token_count, token_capacity;
    size_t token_runs; /* whose tokens are in the sums */
    bool tokens_agree; /* all runs had the same tokens */
};

/* A limit such as joules_per_token+5%. */
struct erg_compare_gate {
    size_t metric;
    double limit_ratio; /* +0.05, -0.05 */
    char text[112];
};

enum erg_compare_outcome {
    ERG_GATE_PASS,
    ERG_GATE_UNSURE,  /* beyond the limit, but the difference is not significant: passes */
    ERG_GATE_FAIL,    /* beyond the limit, and significant or not testable */
    ERG_GATE_UNKNOWN, /* no values */
};

struct erg_compare_verdict {
    enum erg_compare_outcome outcome;
    double change_ratio;
    double p_holm; /* NaN = no test */
};

struct erg_compare_side {
    struct erg_stats stats;
    double min, max;
    struct erg_interval t, bootstrap, median;
};

/* A group against the baseline in one metric. */
struct erg_compare_pair {
    struct erg_interval ratio;
    struct erg_welch welch;
    struct erg_rank_test ranks;
    double welch_holm, ranks_holm;
    double hedges_g, cliffs_delta;
    bool significant;    /* welch_holm below ERG_COMPARE_ALPHA */
    size_t runs_needed;  /* in each group to see `needed_ratio`; 0 = cannot be told */
    double needed_ratio; /* the difference seen, at least ERG_COMPARE_SMALLEST */
};

enum erg_compare_token_metric { ERG_COMPARE_TOKEN_MS, ERG_COMPARE_TOKEN_MJ, ERG_COMPARE_TOKENS };

/* Generated tokens against those of the baseline, position by position. */
struct erg_compare_paired {
    struct erg_interval ratio; /* of sums; n = tokens, 0 = not compared */
    struct erg_rank_test ranks;
    double autocorrelation; /* of neighbouring differences */
};

struct erg_compare {
    struct erg_compare_group groups[ERG_COMPARE_GROUPS];
    size_t group_count;
    bool selected[ERG_COMPARE_METRICS];
    struct erg_compare_gate gates[ERG_COMPARE_GATES];
    size_t gate_count;

    /* what erg_compare_calculate() finds; index 0 of groups in a pair is not used */
    struct erg_compare_side sides[ERG_COMPARE_METRICS][ERG_COMPARE_GROUPS];
    struct erg_compare_pair pairs[ERG_COMPARE_METRICS][ERG_COMPARE_GROUPS];
    struct erg_compare_paired paired[ERG_COMPARE_TOKENS][ERG_COMPARE_GROUPS];
    struct erg_compare_verdict verdicts[ERG_COMPARE_GATES][ERG_COMPARE_GROUPS];
    char *warnings[64];
    size_t warning_count;
};

void erg_compare_deinit(struct erg_compare *compare);

/* Select what is shown by default. */
void erg_compare_select_default(struct erg_compare *compare);
/* Select the figures of a set: "normalized" (what is shown by default), "token", "input_token" …;
 * INVALID when there is none of that name. The names: NULL behind the last. */
int erg_compare_select_set(struct erg_compare *compare, const char *name, struct erg_err *err);
const char *erg_compare_set_at(size_t i);
/* Select a metric; INVALID, with the nearest key, when there is none of that name. */
int erg_compare_select(struct erg_compare *compare, const char *key, struct erg_err *err);
/* Add a limit METRIC+PCT% or METRIC-PCT%, selecting the metric; INVALID, LIMIT. */
int erg_compare_add_gate(struct erg_compare *compare, const char *text, struct erg_err *err);

/*
 * Everything that follows from the groups, once. NOMEM. In export/compare_runs.h: filling groups.
 */
int erg_compare_calculate(struct erg_compare *compare, struct erg_err *err);

/* What a pair says, as text; `out` has room for 128 bytes. */
void erg_compare_finding(const struct erg_compare *compare, size_t metric, size_t group, char *out);

/* One line about a gate and a group; `out` has room for 320 bytes. */
void erg_compare_verdict_text(const struct erg_compare *compare, size_t gate, size_t group,
                              char *out);

/* The interval of a side that is shown: the bootstrap's, below ERG_COMPARE_FEW runs Student's. */
const struct erg_interval *erg_compare_interval(const struct erg_compare_side *side);

/* All of it as one object. */
void erg_compare_write(const struct erg_compare *compare, struct erg_jsonw *w);

#endif
