/* SPDX-License-Identifier: MIT */
#ifndef ERG_RECORD_ACTIVITY_H
#define ERG_RECORD_ACTIVITY_H

#include "analysis/activity.h"
#include "base/root.h"
#include "store/calibrations.h"

/* What the store knows of a machine's costs: gathering the points of analysis/activity.h. */

/* A machine and the sources its power was measured by: costs are those of both together. */
struct erg_activity_key {
    char machine[400]; /* "hostname, cpu, cpus" */
    char sources[256]; /* joined by '+'; "" = none */
};

/* Of a stored run; CORRUPT when the summary is no JSON object. */
int erg_activity_key_of(const char *summary_json, struct erg_activity_key *out,
                        struct erg_err *err);

/* Of this machine; sources are the caller's to fill in. */
void erg_activity_key_here(const struct erg_root *root, struct erg_activity_key *out);

/*
 * Fit to `blocks` (of a calibration that is not stored yet; may be 0), to those stored for the key,
 * of which the newest of each model, operation and phase count, and to the passes of the newest 32
 * runs in depth. The passes of a run and phase are one point: their energy is known over a longer
 * window than a single one's. NOT_FOUND when there is nothing to fit to.
 */
int erg_activity_fit_store(struct erg_store *store, const struct erg_activity_key *key,
                           const struct erg_calibration_block *blocks, size_t count,
                           struct erg_activity_fit *out, struct erg_err *err);

/* The model to split a run's energies by, and how it came to be chosen. */
struct erg_activity_choice {
    bool known;                   /* there is a model `activity` for the run */
    bool is_default;              /* and it is good enough to be shown unasked */
    struct erg_activity activity; /* when known */
    char why[400];                /* one line: where it is from and why (not) the default */
};

/*
 * What is known for a run's key: the newest calibration, or, with `or_runs`, a fit to stored runs,
 * which proves nothing and is never the default. 0 when nothing is known, too.
 */
int erg_activity_choose(struct erg_store *store, const struct erg_activity_key *key, bool or_runs,
                        struct erg_activity_choice *out, struct erg_err *err);

#endif
