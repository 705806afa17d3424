/* SPDX-License-Identifier: MIT */
#ifndef ERG_RECORD_COUNTERS_H
#define ERG_RECORD_COUNTERS_H

#include "power/pmu.h"

#include <stdbool.h>

/*
 * The processor's counters of an engine process, opened once when it has started, so that they
 * cover every thread it will ever have. What cannot be counted is missing for a reason, never an
 * error.
 */
struct erg_counters {
    const struct erg_pmu *pmu;
    uint32_t open; /* bit i: fds[i] is open */
    int fds[ERG_COUNTS];
    uint64_t last[ERG_COUNTS]; /* scaled counts never step back */
    char reason[200];          /* why some or all are missing; "" when none is */
};

void erg_counters_open(struct erg_counters *counters, const struct erg_pmu *pmu, pid_t pid);
void erg_counters_close(struct erg_counters *counters);

/* What has been counted until now, scaled up where a counter was shared; `known` says what is. */
void erg_counters_read(struct erg_counters *counters, int64_t t_ns, struct erg_counters_head *out);

#endif
