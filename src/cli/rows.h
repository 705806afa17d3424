/* SPDX-License-Identifier: MIT */
#ifndef ERG_CLI_ROWS_H
#define ERG_CLI_ROWS_H

#include "analysis/fold.h"
#include "base/jsonw.h"

/*
 * Rows of "where it went" tables: phases, sections, tokens, layers, components, operations,
 * domains. A key that a table has not is absent: NULL, or ERG_NO_NUMBER.
 */
#define ERG_NO_NUMBER INT64_MIN

struct erg_row {
    const char *phase;
    const char *name; /* section, component, domain, or a token's text */
    size_t name_len;
    const char *operation;
    int64_t layer;
    int64_t index; /* of a token */
    int64_t position;
    int64_t duration_ns; /* ERG_NO_NUMBER: domains have none of their own */
    struct erg_energy energy;
    const char *grade;
    int64_t count;     /* spans or tokens */
    bool unprofiled;   /* passes of which only the duration is known; `count` of them */
    bool replaced;     /* these, where the others of their phase stand for them … */
    bool extrapolated; /* … with these many times what was measured: */
    double energy_scale, time_scale;
    double flops, bytes, mean, std, max, sparsity;
    int64_t statistics; /* spans behind the last four */
    struct erg_average kill_ratio, variance_ratio;
    struct erg_average attention_entropy, max_attention_weight, attention_sparsity;
    const char *split;                  /* attribution model of `energy`; NULL = not split by one */
    int64_t by_time_nj, by_activity_nj; /* of both models, when they are compared */
};

/* A growable array of rows; texts that are not borrowed live in `texts`. */
struct erg_rows {
    struct erg_row *items;
    size_t count, capacity;
    char **texts;
    size_t text_count, text_capacity;
};

/* Keys absent, numbers unknown. */
void erg_row_init(struct erg_row *row);
int erg_rows_add(struct erg_rows *rows, const struct erg_row *row);
/* A copy that lives as long as the rows; NULL when there is no memory. */
const char *erg_rows_keep(struct erg_rows *rows, const char *text, size_t len);
void erg_rows_deinit(struct erg_rows *rows);

/*
 * Sum the rows of a roll-up that belong to `phase` (ERG_PHASES = all, kept apart) under `keys`.
 * Component 0 becomes "unattributed". Kill and variance ratios are told apart by the names of
 * component and operation, which the roll-up must then be grouped by, whatever `keys` are.
 */
int erg_rows_from_rollup(struct erg_rows *rows, struct erg_rollup *rollup, unsigned keys,
                         uint32_t phase, erg_names names, void *user);

#define ERG_NOT_PROFILED "not profiled"

/*
 * Let the profiled passes of each phase stand for those that were not: their rows are scaled so
 * that they add up to what the phase took, which is exact, while theirs were measured only in part.
 */
void erg_rows_extrapolate(struct erg_rows *rows);

/* Say what "~" means, when some row is extrapolated. */
void erg_rows_footnote(const struct erg_rows *rows, struct erg_buf *out);

/* Only the first `top` of them, rows that were replaced not counted. */
void erg_rows_keep_top(struct erg_rows *rows, size_t top);

/* What rows are sorted by and shares are taken of. */
enum erg_metric {
    ERG_METRIC_ENERGY,
    ERG_METRIC_TIME,
    ERG_METRIC_POWER,
    ERG_METRIC_COUNT,
    ERG_METRIC_FLOPS,
    ERG_METRIC_BYTES,
    ERG_METRIC_MEAN,
    ERG_METRIC_STD,
    ERG_METRIC_MAX,
    ERG_METRIC_SPARSITY,
    ERG_METRIC_KILL_RATIO,
    ERG_METRIC_VARIANCE_RATIO,
    ERG_METRIC_ATTENTION_ENTROPY,
    ERG_METRIC_ATTENTION_WEIGHT,
    ERG_METRIC_ATTENTION_SPARSITY,
};

/* Value in mJ, ms, mW or as it is, extrapolated where the row is; NaN when not known. */
double erg_row_value(const struct erg_row *row, enum erg_metric metric);

/* True when at least one row's energy is known. */
bool erg_rows_have_energy(const struct erg_rows *rows);

/* Largest first; rows that compare equal keep their order. */
void erg_rows_sort(struct erg_rows *rows, enum erg_metric metric);

void erg_rows_write_json(const struct erg_rows *rows, const char *name_key, struct erg_jsonw *w);

#endif
