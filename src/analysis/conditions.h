/* SPDX-License-Identifier: MIT */
#ifndef ERG_ANALYSIS_CONDITIONS_H
#define ERG_ANALYSIS_CONDITIONS_H

#include "base/jsonw.h"

#include <stdbool.h>
#include <stdint.h>

/* What the machine was like during a run; -1 and "" where it is not known. */
struct erg_conditions {
    char governor[32]; /* of the CPUs' clocks; "mixed" when they differ */
    int64_t clock_min_mhz, clock_max_mhz;
    int64_t clock_mhz; /* at the end of the run, averaged over the CPUs */
    int64_t cpus_allowed_count, cpus_online_count;
    int64_t throttle_count; /* times a CPU was slowed down for its heat or power during the run */
    int64_t on_battery;     /* 1 yes, 0 no */
};

/* Nothing is known. */
void erg_conditions_init(struct erg_conditions *conditions);

/* Take over from `news` what it knows. */
void erg_conditions_update(struct erg_conditions *conditions, const struct erg_conditions *news);

/*
 * The members governor, clocks {min, max, current}, throttling, affinity {allowed, online} and
 * on_battery of an open object, null where they are not known.
 */
void erg_conditions_write(const struct erg_conditions *conditions, struct erg_jsonw *w);

/* The array of what makes figures hard to compare; `others_cpu_ratio` may be NaN. */
void erg_conditions_write_warnings(const struct erg_conditions *conditions, double others_cpu_ratio,
                                   struct erg_jsonw *w);

#endif
