/* SPDX-License-Identifier: MIT */
#ifndef ERG_ANALYSIS_FOLD_H
#define ERG_ANALYSIS_FOLD_H

#include "analysis/rollup.h"

#include <stdbool.h>

/*
 * A fine table of a run (a roll-up by phase, layer, component and operation) summed up under fewer
 * keys. Pure.
 */

/* Names of components and operations by id; NULL when there is none. */
typedef const char *(*erg_names)(void *user, uint16_t id);

/* As a row of the roll-up, its `extra` told apart. Keys that are not asked for are ERG_PHASES, -2,
 * 0; component 0 is what no span accounts for. */
struct erg_fold_row {
    uint32_t phase;
    int layer;
    uint16_t component, operation;
    bool unprofiled; /* passes of which only the duration is known; `count` of them */
    int64_t duration_ns, count;
    struct erg_energy energy;
    double flops, bytes;             /* sums; 0 when not known */
    double mean, std, max, sparsity; /* NaN = none */
    int64_t statistics;              /* spans behind these */
    struct erg_average kill_ratio, variance_ratio;
    struct erg_average attention_entropy, max_attention_weight, attention_sparsity;
};

struct erg_fold {
    struct erg_fold_row *rows; /* in order of phase, layer, first appearance */
    size_t count, capacity;
    bool unordered; /* a row came behind one of a later layer */
};

/* The rows of `phase` (ERG_PHASES = all) under `keys`, added to `out` (zeroed at first). NOMEM. */
int erg_fold_add(struct erg_fold *out, const struct erg_rollup_row *rows, size_t count,
                 unsigned keys, uint32_t phase, erg_names names, void *user);
void erg_fold_deinit(struct erg_fold *fold);

/*
 * What the profiled passes of a phase are to be multiplied with so that they add up to all of it:
 * they stand for those that were not. 1 where all were profiled, or none was.
 */
struct erg_fold_scale {
    double time_scale, energy_scale;
    int64_t unprofiled; /* passes */
};
struct erg_fold_scale erg_fold_scale(const struct erg_rollup_row *rows, size_t count,
                                     uint32_t phase);

#endif
