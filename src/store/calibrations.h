/* SPDX-License-Identifier: MIT */
#ifndef ERG_STORE_CALIBRATIONS_H
#define ERG_STORE_CALIBRATIONS_H

#include "energy/attribution.h"
#include "store/store.h"

/*
 * Calibrations: what single operations cost on a machine by its power sources, and the model
 * `activity` fitted to that. They belong to a machine and its sources, not to a run. Strings are
 * borrowed.
 */
struct erg_calibration_row {
    int64_t id; /* not looked at when it is added */
    const char *created_at, *created_at_utc;
    const char *machine; /* "hostname, cpu, cpus" */
    const char *sources; /* names joined by '+' */
    const char *model_name;
    int64_t threads;
    const char *status;                   /* complete cancelled failed */
    struct erg_activity activity;         /* NaN where nothing could be fitted */
    double error_ratio, time_error_ratio; /* NaN = not known (analysis/activity.h) */
    const char *report_json;
};

/* One operation repeated for a while; FLOPs and bytes of the whole block. */
struct erg_calibration_block {
    int64_t calibration;
    const char *model_name;
    uint32_t phase; /* enum erg_phase whose shapes it has */
    const char *component, *operation;
    int64_t duration_ns, repetitions;
    double flops, bytes;
    int64_t energy_nj; /* gross */
    int64_t idle_nj;   /* what the machine would have spent idle */
};

/* Add a calibration with its blocks, all or nothing. */
int erg_store_add_calibration(struct erg_store *store, const struct erg_calibration_row *row,
                              const struct erg_calibration_block *blocks, size_t count,
                              struct erg_err *err);

typedef int (*erg_calibration_visitor)(void *user, const struct erg_calibration_row *row);
typedef int (*erg_block_visitor)(void *user, const struct erg_calibration_block *block);

/* Newest first; only of `machine` and `sources` unless these are NULL. */
int erg_store_calibrations(struct erg_store *store, const char *machine, const char *sources,
                           erg_calibration_visitor visit, void *user, struct erg_err *err);

/* Blocks of all calibrations of `machine` and `sources`, the newest calibration's first. */
int erg_store_calibration_blocks(struct erg_store *store, const char *machine, const char *sources,
                                 erg_block_visitor visit, void *user, struct erg_err *err);

#endif
