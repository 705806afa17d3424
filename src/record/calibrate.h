/* SPDX-License-Identifier: MIT */
#ifndef ERG_RECORD_CALIBRATE_H
#define ERG_RECORD_CALIBRATE_H

#include "analysis/activity.h"
#include "analysis/stats.h"
#include "base/clock.h"
#include "base/jsonw.h"
#include "base/root.h"

/*
 * Calibration by amplification: the engine repeats one operation of a model in isolation for a
 * block of time that is long for the power sensors, with random phase against them; idle blocks lie
 * between; until the interval of the operation's net energy is narrow enough, or time is up. What
 * comes out is what operations cost on this machine, and the model `activity` fitted to it.
 */
struct erg_calibrate_options {
    const char *engine_path, *model_path, *model_name;
    const char *power_spec; /* power/power.h */
    bool power_files_allowed;
    int64_t threads; /* 0 = the engine's default */
    double ci_ratio; /* half the 95 % interval over the mean that is narrow enough */
    int64_t max_ns;  /* for all operations together */
    const struct erg_root *root;
    const struct erg_clock *clock;
    const char *store_path; /* NULL = do not store, nor use what is stored */
};

/* An operation of the model; costs and time are of one repetition: all layers once. */
struct erg_calibrate_operation {
    char phase[16], component[48], operation[48];
    int64_t nodes;
    double flops, bytes;
    bool chosen;
    char skipped[160]; /* why it could not be repeated; "" = it could */
    bool warm;         /* fits into the last-level cache, which it does not in a real pass */

    size_t blocks;
    bool converged;
    struct erg_interval time_ns, net_w, net_nj; /* of one repetition; NaN when not known */
    double gross_w;
};

struct erg_calibrate_result {
    char status[16]; /* complete, cancelled, failed */
    char failure[300];
    int failure_code;
    bool power_unusable;

    struct erg_calibrate_operation *operations;
    size_t count;
    size_t blocks, unreached; /* chosen operations that time did not suffice for */
    int64_t threads, prompt_tokens, block_ns, llc_bytes;
    char sources[256], machine[400], model_name[128], created_at[40], created_at_utc[40];
    enum erg_grade grade; /* of the worst block */
    struct erg_interval idle_w;
    /* Change from the first to the last third of the blocks, of each operation by itself and then
     * on average; idle power over the whole calibration. NaN = too few blocks. */
    double power_drift_ratio, time_drift_ratio, idle_drift_ratio;
    bool has_fit;
    struct erg_activity_fit fit;
    char *store_failure; /* NULL, or why it could not be stored */
};

struct erg_calibrate_observer {
    void *user;
    void (*stage)(void *user, const char *what);
    /* `done` of `total` operations; `now` is being repeated. */
    void (*progress)(void *user, size_t done, size_t total,
                     const struct erg_calibrate_operation *now);
    void (*warning)(void *user, const char *text); /* also on the sampling thread */
    bool (*cancelled)(void *user);
    /* Set `chosen` of those to measure; an error ends the calibration. NULL: all. */
    int (*choose)(void *user, struct erg_calibrate_operation *operations, size_t count,
                  struct erg_err *err);
};

/*
 * Calibrate. 0 when something was measured, whatever the status: when the engine dies or the user
 * cancels, what is complete is kept. An error when nothing was.
 */
int erg_calibrate(const struct erg_calibrate_options *options,
                  const struct erg_calibrate_observer *observer, struct erg_calibrate_result *out,
                  struct erg_err *err);

/* The result as one JSON object. */
void erg_calibrate_write(const struct erg_calibrate_result *result, struct erg_jsonw *w);

void erg_calibrate_result_deinit(struct erg_calibrate_result *result);

#endif
