/* SPDX-License-Identifier: MIT */
#ifndef ERG_POWER_EXACT_H
#define ERG_POWER_EXACT_H

#include "energy/curve.h"
#include "energy/wide.h"

#include <stdint.h>

/*
 * Exact sources: power as a function of the time since time zero, with the power at the start held
 * before it. Energy counts from an anchor that stays where it is when time zero is moved, so that
 * readings taken before and after agree about the past.
 */
#define ERG_EXACT_MAX_UW INT64_C(100000000000) /* 100 kW */
#define ERG_EXACT_MAX_NS INT64_C(1000000000000000000)

/* Not yet: the start is still held. */
#define ERG_ZERO_UNKNOWN INT64_MAX

struct erg_exact_time {
    int64_t anchor_ns; /* E(t) is counted from 10 000 s before this */
    int64_t zero_ns;
};

/* Time since time zero, within ±ERG_EXACT_MAX_NS. */
int64_t erg_exact_since_zero_ns(const struct erg_exact_time *time, int64_t t_ns);

/* Area below a constant power over a signed duration, in half µW·ns. */
erg_i128 erg_exact_area(int64_t power_uw, int64_t duration_ns);

/*
 * E(t) in nJ, rounded down, ≥ 0: `first_uw` from the anchor to t, plus what the area below the true
 * power has in excess of that (half µW·ns).
 */
int64_t erg_exact_energy_nj(const struct erg_exact_time *time, int64_t t_ns, int64_t first_uw,
                            erg_i128 excess);

#endif
