/* SPDX-License-Identifier: MIT */
#ifndef ERG_ANALYSIS_ROLLUP_H
#define ERG_ANALYSIS_ROLLUP_H

#include "base/err.h"
#include "energy/attribution.h"
#include "store/rows.h"
#include "store/sums.h"

/*
 * Roll-up: the spans of passes, with their share of the pass's energy, summed under the keys a
 * table is grouped by. Pure: fed with passes from the store or from a live run.
 */
enum erg_rollup_key {
    ERG_BY_PHASE = 1 << 0,
    ERG_BY_LAYER = 1 << 1,
    ERG_BY_COMPONENT = 1 << 2,
    ERG_BY_OPERATION = 1 << 3,
    /* Passes of which nothing but their duration was taken stay apart, one row for each phase, so
     * that the others can stand for them; else they are "unattributed". */
    ERG_UNPROFILED_APART = 1 << 4,
};

/* One more value, and all that another average stands for. NaN and nothing change nothing. */
void erg_average_add(struct erg_average *average, double value);
void erg_average_merge(struct erg_average *average, const struct erg_average *other);

struct erg_rollup;

/* `keys`: bits of enum erg_rollup_key. */
int erg_rollup_new(struct erg_rollup **out, unsigned keys, struct erg_err *err);
void erg_rollup_free(struct erg_rollup *rollup);

/*
 * Split energies by `model` (borrowed) instead of `time`, from the next pass on. Passes whose spans
 * do not say what they computed are split by time all the same, and counted.
 */
void erg_rollup_attribute(struct erg_rollup *rollup, const struct erg_attribution_model *model);
size_t erg_rollup_fallbacks(const struct erg_rollup *rollup);

/* Add a pass: its spans, and what they leave of it as component 0 ("unattributed"). */
int erg_rollup_add(struct erg_rollup *rollup, const struct erg_pass_row *pass, struct erg_err *err);

/* Rows in order of phase, layer, first appearance; borrowed. Their sums equal the passes' sums
 * exactly, in nanoseconds and in nanojoules per domain. */
const struct erg_rollup_row *erg_rollup_rows(struct erg_rollup *rollup, size_t *out_count);
/* The same with the passes that were added; `out` borrows. */
void erg_rollup_sums(struct erg_rollup *rollup, struct erg_run_sums *out);

#endif
