/* SPDX-License-Identifier: MIT */
#include "energy/curve.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/num.h"

#include <stdlib.h>
#include <string.h>

/* Integrals saturate where E(t) reaches INT64_MAX nJ. */
#define MAX_AREA ((erg_u128)INT64_MAX * ERG_HALF_UWNS_PER_NJ)

void erg_curve_init(struct erg_curve *curve, enum erg_quantity quantity, int64_t max_gap_ns)
{
    *curve =
        (struct erg_curve){.quantity = quantity, .max_gap_ns = max_gap_ns, .frozen_ns = INT64_MIN};
}

void erg_curve_deinit(struct erg_curve *curve)
{
    free(curve->points);
    *curve = (struct erg_curve){0};
}

size_t erg_curve_rank(const struct erg_curve *curve, int64_t t_ns)
{
    size_t low = 0, high = curve->count;
    /* Most questions are about the newest readings. */
    if (high && curve->points[high - 1].t_ns <= t_ns)
        return high;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (curve->points[middle].t_ns <= t_ns)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool joined(const struct erg_curve *curve, const struct erg_curve_point *left)
{
    if (left[1].starts)
        return false;
    return curve->quantity == ERG_QUANTITY_ENERGY ||
           erg_span_u64(left[0].t_ns, left[1].t_ns) <= (uint64_t)curve->max_gap_ns;
}

static erg_u128 add_area(erg_u128 a, erg_u128 b)
{
    return b >= MAX_AREA - a ? MAX_AREA : a + b;
}

/* floor(slope × x² / dt) or its ceiling, for x ≤ dt: exact, without exceeding 128 bits. */
static erg_u128 ramp_area(uint64_t slope, uint64_t x, uint64_t dt, bool up)
{
    erg_u128 product = (erg_u128)slope * x;
    erg_u128 rest = product % dt * x;
    return product / dt * x + rest / dt + (up && rest % dt);
}

/*
 * Integral of the power over the first `x` ns of the segment behind `left`, which is dt long:
 * 2·p0·x + (p1 − p0)·x²/dt half µW·ns, rounded down. It never exceeds 2^128.
 */
static erg_u128 segment_area(const struct erg_curve_point *left, uint64_t x)
{
    uint64_t p0 = (uint64_t)left[0].value, p1 = (uint64_t)left[1].value;
    uint64_t dt = erg_span_u64(left[0].t_ns, left[1].t_ns);
    erg_u128 area = (erg_u128)(2 * p0) * x;
    if (p1 >= p0)
        return area + ramp_area(p1 - p0, x, dt, false);
    return area - ramp_area(p0 - p1, x, dt, true);
}

/* Bring what point i accumulates up to date with the point before it. */
static void accumulate(struct erg_curve *curve, size_t i)
{
    struct erg_curve_point *point = &curve->points[i];
    bool energy = curve->quantity == ERG_QUANTITY_ENERGY;
    if (energy && i && point->value < point[-1].value)
        point->value = point[-1].value;
    point->area = i ? point[-1].area : 0;
    point->covered_ns = i ? point[-1].covered_ns : 0;
    if (i && joined(curve, point - 1)) {
        uint64_t dt = erg_span_u64(point[-1].t_ns, point->t_ns);
        point->covered_ns += dt;
        if (!energy)
            point->area = add_area(point->area, segment_area(point - 1, dt));
    }
}

/* Of the newest point's time: what was lost before it took no time. */
static void join_anew(struct erg_curve *curve, size_t at, int64_t value)
{
    if (!curve->broken || at != curve->count)
        return;
    curve->broken = false;
    if (curve->quantity == ERG_QUANTITY_ENERGY)
        curve->offset = curve->points[at - 1].value - (value < 0 ? 0 : value);
}

int erg_curve_add(struct erg_curve *curve, int64_t t_ns, int64_t value)
{
    size_t at = erg_curve_rank(curve, t_ns);
    if (at && curve->points[at - 1].t_ns == t_ns) {
        join_anew(curve, at, value);
        return 0;
    }
    bool across = at && curve->points[at - 1].t_ns < curve->frozen_ns;
    if (t_ns < curve->frozen_ns || (across && at < curve->count)) {
        curve->refused++;
        return 0;
    }
    void *items = curve->points;
    int rc = erg_grow(&items, &curve->capacity, curve->count + 1, sizeof *curve->points,
                      ERG_MAX_READINGS);
    if (rc)
        return rc;
    curve->points = items;
    bool anew = across || (curve->broken && at && at == curve->count);
    curve->broken = curve->broken && at != curve->count;
    memmove(&curve->points[at + 1], &curve->points[at],
            (curve->count - at) * sizeof *curve->points);
    struct erg_curve_point point = {.t_ns = t_ns, .value = value < 0 ? 0 : value, .starts = anew};
    if (curve->quantity == ERG_QUANTITY_ENERGY) {
        if (anew)
            curve->offset = curve->points[at - 1].value - point.value;
        point.value = erg_add_sat_i64(point.value, curve->offset);
    }
    curve->points[at] = point;
    curve->count++;
    for (size_t i = at; i < curve->count; i++)
        accumulate(curve, i);
    return 0;
}

void erg_curve_break(struct erg_curve *curve)
{
    curve->broken = true;
}

/* floor(rise × x / dt) for x ≤ dt */
static int64_t share(uint64_t rise, uint64_t x, uint64_t dt)
{
    return (int64_t)((erg_u128)rise * x / dt);
}

static erg_u128 area_at(const struct erg_curve *curve, size_t rank, int64_t t_ns)
{
    if (rank == 0)
        return 0;
    const struct erg_curve_point *left = &curve->points[rank - 1];
    if (rank == curve->count || !joined(curve, left))
        return left->area;
    return add_area(left->area, segment_area(left, erg_span_u64(left->t_ns, t_ns)));
}

erg_u128 erg_curve_area(const struct erg_curve *curve, int64_t t_ns)
{
    return area_at(curve, erg_curve_rank(curve, t_ns), t_ns);
}

int64_t erg_curve_energy_nj(const struct erg_curve *curve, int64_t t_ns)
{
    return erg_curve_energy_at_nj(curve, erg_curve_rank(curve, t_ns), t_ns);
}

int64_t erg_curve_energy_at_nj(const struct erg_curve *curve, size_t rank, int64_t t_ns)
{
    if (curve->quantity == ERG_QUANTITY_POWER)
        return (int64_t)(area_at(curve, rank, t_ns) / ERG_HALF_UWNS_PER_NJ);
    if (rank == 0)
        return curve->count ? curve->points[0].value : 0;
    const struct erg_curve_point *left = &curve->points[rank - 1];
    if (rank == curve->count || !joined(curve, left))
        return left->value;
    return left->value + share((uint64_t)(left[1].value - left[0].value),
                               erg_span_u64(left->t_ns, t_ns),
                               erg_span_u64(left[0].t_ns, left[1].t_ns));
}

uint64_t erg_curve_covered_ns(const struct erg_curve *curve, int64_t t_ns)
{
    size_t rank = erg_curve_rank(curve, t_ns);
    if (rank == 0)
        return 0;
    const struct erg_curve_point *left = &curve->points[rank - 1];
    if (rank == curve->count || !joined(curve, left))
        return left->covered_ns;
    return left->covered_ns + erg_span_u64(left->t_ns, t_ns);
}

bool erg_curve_covers(const struct erg_curve *curve, int64_t t_ns)
{
    size_t rank = erg_curve_rank(curve, t_ns);
    if (rank == 0)
        return false;
    const struct erg_curve_point *left = &curve->points[rank - 1];
    return left->t_ns == t_ns || (rank < curve->count && joined(curve, left));
}
