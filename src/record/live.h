/* SPDX-License-Identifier: MIT */
#ifndef ERG_RECORD_LIVE_H
#define ERG_RECORD_LIVE_H

#include "base/buf.h"
#include "base/limits.h"
#include "power/host.h"
#include "power/power.h"
#include "record/counters.h"
#include "record/engine_process.h"
#include "record/outcome.h"
#include "record/session.h"
#include "record/tape.h"

#include <pthread.h>

/*
 * A run while it happens: three inputs (the engine's events, power readings from their thread, the
 * recorder's own records) become one tape.
 */
struct erg_live {
    struct erg_engine *engine;
    const struct erg_run_options *options;
    const struct erg_run_observer *observer;
    const struct erg_root *root;
    const struct erg_clock *clock;

    struct erg_join *join;
    struct erg_tape *tape;
    struct erg_outcome outcome;
    struct erg_err store_err; /* why the run is not being stored; code 0: it is, or need not be */
    struct erg_power *power;
    struct erg_host host;
    struct erg_counters *counters; /* of the engine; NULL = none are read */

    pthread_mutex_t inbox_lock;
    struct erg_buf inbox; /* records from the sampling thread, waiting for the tape */
    struct erg_channel_state channels[ERG_MAX_CHANNELS];
    struct erg_buf moving; /* the inbox while it is put on the tape */

    bool loaded;    /* the engine has the model */
    bool begun;     /* RUN_BEGIN seen: the run is in the store */
    bool ended;     /* RUN_END seen */
    uint32_t phase; /* of the last pass or progress */
    bool cancel_sent, interrupted;
    int64_t cancel_ns;
    int64_t idle_t0_ns, idle_t1_ns; /* of polled sources */
    int64_t next_grid_ns;           /* of exact sources */
    int64_t next_host_ns, next_update_ns, next_counters_ns;
    bool counters_explained; /* why some are missing is on the tape */
};

/* Make everything but the engine: join, tape, power. `header` is written to the tape. */
int erg_live_open(struct erg_live *live, struct erg_engine *engine,
                  const struct erg_run_options *options, const struct erg_run_observer *observer,
                  const struct erg_root *root, const struct erg_clock *clock,
                  bool *out_power_unusable, struct erg_err *err);
void erg_live_close(struct erg_live *live);

/*
 * Take whatever arrives within `timeout_ms`. GONE when the engine has ended, CORRUPT when its
 * stream is not valid; both after everything valid has been taken. CANCELLED when the observer says
 * that the run is interrupted.
 */
int erg_live_pump(struct erg_live *live, int timeout_ms, struct erg_err *err);

/* Stop sampling and put what is left on the tape. */
int erg_live_stop_power(struct erg_live *live, struct erg_err *err);

/* Put a warning of the recorder's on the tape. */
void erg_live_warn(struct erg_live *live, const char *text);

#endif
