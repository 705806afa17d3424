/* SPDX-License-Identifier: MIT */
#ifndef ERG_ENERGY_CURVE_H
#define ERG_ENERGY_CURVE_H

#include "energy/timeline.h"
#include "energy/wide.h"

#include <stddef.h>

/*
 * The cumulative energy of one channel. Power is integrated exactly, in units of half a µW·ns
 * (2 000 000 of them are 1 nJ), so that a trapezoid between integer readings is an integer.
 */
#define ERG_HALF_UWNS_PER_NJ 2000000u

struct erg_curve_point {
    int64_t t_ns;
    int64_t value;       /* energy: nJ, the maximum so far; power: µW */
    erg_u128 area;       /* power: half µW·ns since the first point */
    uint64_t covered_ns; /* covered time since the first point */
    bool starts;         /* nothing is known of the time since the point before */
};

struct erg_curve {
    enum erg_quantity quantity;
    int64_t max_gap_ns; /* power: longest hole that is integrated across */
    int64_t frozen_ns;  /* E(t) does not change any more before this time */
    int64_t offset;     /* energy: added to readings, so that E(t) is flat across a break */
    uint64_t refused;   /* readings that came too late */
    bool broken;        /* the next newest reading begins a new stretch */
    struct erg_curve_point *points;
    size_t count, capacity;
};

void erg_curve_init(struct erg_curve *curve, enum erg_quantity quantity, int64_t max_gap_ns);
void erg_curve_deinit(struct erg_curve *curve);

/*
 * Add a reading; negative values count as 0, a second one for the same time is ignored. O(k) for a
 * reading k places back. 0, NOMEM or LIMIT.
 *
 * A reading that would change E(t) before `frozen_ns` is refused and counted, unless it is the
 * newest: then it begins a new stretch, and the time since the reading before is not covered.
 */
int erg_curve_add(struct erg_curve *curve, int64_t t_ns, int64_t value);

/* Readings were lost: the next one that is the newest begins a new stretch. */
void erg_curve_break(struct erg_curve *curve);

/* E(t): nanojoules, rounded down; constant outside the readings. 0 for a curve without any. */
int64_t erg_curve_energy_nj(const struct erg_curve *curve, int64_t t_ns);

/* The same where erg_curve_rank(curve, t_ns) is known already. */
int64_t erg_curve_energy_at_nj(const struct erg_curve *curve, size_t rank, int64_t t_ns);

/* The same of a power curve in its own unit, not saturated at INT64_MAX nJ until it reaches it. */
erg_u128 erg_curve_area(const struct erg_curve *curve, int64_t t_ns);

/* Time between the first reading and `t_ns` for which the energy is known. */
uint64_t erg_curve_covered_ns(const struct erg_curve *curve, int64_t t_ns);

/* True when `t_ns` itself is covered: at or between readings that belong together. */
bool erg_curve_covers(const struct erg_curve *curve, int64_t t_ns);

/* Number of points at or before `t_ns`; O(log n). */
size_t erg_curve_rank(const struct erg_curve *curve, int64_t t_ns);

#endif
