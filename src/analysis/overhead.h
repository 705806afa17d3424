/* SPDX-License-Identifier: MIT */
#ifndef ERG_ANALYSIS_OVERHEAD_H
#define ERG_ANALYSIS_OVERHEAD_H

#include "base/err.h"
#include "store/rows.h"

#include <stdbool.h>

/*
 * What profiling costs a run, from the run itself (docs/overhead.md). Some generated tokens are
 * taken without what is to be priced; the time from the start of one pass to the start of the next
 * (so the report behind a pass counts) is compared between the ways in which passes were taken.
 * Pure: the same passes give the same figures, live or from a file.
 *
 *   1. Each interval is divided by the median of its nearest neighbours of the most frequent class,
 *      itself left out: drift, steps and the growing context fall out.
 *   2. Of each class the 25 % trimmed mean of these ratios is taken (J. W. Tukey; standard error
 *      from the winsorised variance, K. K. Yuen, Biometrika 61, 1974): a token during which
 *      another program ran says nothing.
 *      Where most tokens are bare and but a few profiled, the median of these stands in.
 *   3. overhead = Σ share × mean / mean of the bare − 1, its interval by the delta method and
 *      Student's t with Welch's degrees of freedom.
 *
 * Passes whose graph was new are left out on both sides: they cost more, whoever takes them.
 */

/* How a pass was taken, the cheapest first. */
enum erg_taken { ERG_TAKEN_BARE, ERG_TAKEN_TRACED, ERG_TAKEN_STANDARD, ERG_TAKEN_DEEP, ERG_TAKENS };

enum erg_taken erg_taken_of(const struct erg_pass_row *pass);

/* "bare", "traced", "standard", "deep" */
const char *erg_taken_name(enum erg_taken taken);

/* True when a pass has no spans of its own but for comparison or because it was not sampled. */
bool erg_pass_is_bare(const struct erg_pass_row *pass);

enum {
    ERG_OVERHEAD_LEAST = 6,     /* intervals to compare with, below which nothing is said … */
    ERG_OVERHEAD_FEW = 2,       /* … and profiled in full, where most are not */
    ERG_OVERHEAD_MOST = 1 << 15 /* intervals kept: the latest */
};

struct erg_overhead_interval {
    float ns;
    float ratio; /* scratch of the estimate */
    uint8_t taken;
};

struct erg_overhead {
    struct erg_overhead_interval *kept; /* a ring once it is full */
    size_t kept_count, kept_capacity, kept_next;
    double *scratch; /* as large as `kept` */
    size_t scratch_capacity;
    int64_t tokens[ERG_TAKENS];   /* generated, all of them */
    int64_t unmarked[ERG_TAKENS]; /* of these, not taken for comparison only */
    bool has_last;
    uint32_t last_position;
    enum erg_taken last_taken;
    bool last_counts;
    int64_t last_t0_ns;
};

void erg_overhead_deinit(struct erg_overhead *overhead);

/* Take in the next pass of the run; NOMEM. */
int erg_overhead_add(struct erg_overhead *overhead, const struct erg_pass_row *pass);

/* What the recording says of it beside the passes. */
struct erg_overhead_settings {
    double tracing_pct; /* cost of stamps and their report, measured directly; NaN = not known */
    double budget_pct;  /* NaN = none */
    bool sampled;       /* not every token was to be profiled: all count, not only the marked */
};

struct erg_overhead_facts {
    bool measured;
    double pct, low_pct, high_pct; /* of the run's generated tokens, tracing included */
    double deepest_pct;            /* of a token taken at the greatest depth; NaN = none */
    double deepest_low_pct, deepest_high_pct;
    enum erg_taken baseline, deepest; /* compared with; the greatest depth taken */
    int64_t tokens[ERG_TAKENS];       /* generated, by how they were taken */
    int64_t bare_tokens;              /* taken for comparison */
    char method[240];                 /* how, or why not: a sentence */
};

void erg_overhead_estimate(const struct erg_overhead *overhead,
                           const struct erg_overhead_settings *settings,
                           struct erg_overhead_facts *out);

#endif
