/* SPDX-License-Identifier: MIT */
#ifndef ERG_ANALYSIS_ACTIVITY_H
#define ERG_ANALYSIS_ACTIVITY_H

#include "base/err.h"
#include "energy/attribution.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Fitting the attribution model `activity`, E = a·FLOPs + b·bytes + c·time with a, b, c ≥ 0, to
 * what a machine was seen to spend: blocks of a calibration (one operation repeated) and stored
 * runs. Residuals are relative to the energies, since the error is judged as a percentage; every
 * operation of a phase counts the same however many blocks it has, and so does every run.
 */
struct erg_activity_point {
    const char *operation; /* of a block; NULL: passes of a stored run */
    uint32_t phase;        /* enum erg_phase: blocks of both have the same operations */
    struct erg_span_features features;
    double energy_nj; /* gross: what is idle is part of the time's cost */
};

/* A coefficient's 95 % interval by the jackknife over operations (B. Efron and C. Stein, Annals of
 * Statistics 9, 1981); NaN below ERG_ACTIVITY_LEAST_OPERATIONS. */
struct erg_activity_fit {
    struct erg_activity activity, low, high;
    size_t blocks, operations, runs; /* fitted to */
    size_t left_out;                 /* points without energy, FLOPs or bytes */
    /*
     * Error on operations it was not fitted on: each in turn is left out, in both phases, the rest
     * is fitted, and its blocks are predicted. Mean over operations of |predicted − measured| /
     * measured; NaN below ERG_ACTIVITY_LEAST_OPERATIONS.
     */
    double error_ratio;
    double time_error_ratio; /* the same of c·time alone, which is what the model `time` assumes */
};

/* One more than there are coefficients. */
enum { ERG_ACTIVITY_LEAST_OPERATIONS = 4 };

/* NOT_FOUND when no point can be used, NOMEM. */
int erg_activity_fit(const struct erg_activity_point *points, size_t count,
                     struct erg_activity_fit *out, struct erg_err *err);

/* Above this error `activity` is not what a table shows unless it is asked for. */
#define ERG_ACTIVITY_GREATEST_ERROR 0.14

/*
 * What is doubtful about power sources (names joined by '+') as the base of a fit: NULL when they
 * are sensors, else why not, to be put behind a comma.
 */
const char *erg_activity_doubt(const char *sources);

/* Whether `activity` is to be shown unless `time` is asked for; `out_why`, one line, has room for
 * 256 bytes. `error_ratio` NaN: not known. */
bool erg_activity_is_default(const char *sources, double error_ratio, char *out_why);

#endif
