/* SPDX-License-Identifier: MIT */
#include "power/tally.h"

#include "energy/wide.h"

/* A sensor publishes in steps: a reading may hold the energy of this long before the last one. */
#define LATE_NS INT64_C(1000000000)

#define NS_PER_S 1000000000

void erg_tally_init(struct erg_tally *tally, uint64_t unit_numerator, uint64_t unit_denominator,
                    uint32_t max_w)
{
    erg_u128 max_nj = (erg_u128)max_w * NS_PER_S;
    *tally = (struct erg_tally){
        .unit_numerator = unit_numerator,
        .unit_denominator = unit_denominator,
        .max_per_s = (uint64_t)(max_nj * unit_denominator / unit_numerator),
    };
}

static bool within(const struct erg_tally *tally, uint64_t steps, int64_t span_ns)
{
    erg_u128 most = (erg_u128)tally->max_per_s * (uint64_t)(span_ns > 0 ? span_ns : 0) / NS_PER_S;
    return steps <= most;
}

static bool reachable(const struct erg_tally *tally, uint64_t from, int64_t from_ns, uint64_t to,
                      int64_t to_ns)
{
    return to >= from && within(tally, to - from, to_ns - from_ns + LATE_NS);
}

static void count(struct erg_tally *tally, int64_t t_ns, uint64_t value, uint64_t steps)
{
    if (__builtin_add_overflow(tally->total, steps, &tally->total))
        tally->total = UINT64_MAX;
    tally->last = value;
    tally->last_ns = t_ns;
    tally->started = true;
    tally->suspicious = false;
}

enum erg_tally_step erg_tally_add(struct erg_tally *tally, int64_t t_ns, uint64_t value)
{
    if (!tally->started) {
        count(tally, t_ns, value, 0);
        return ERG_TALLY_MOVED;
    }
    if (reachable(tally, tally->last, tally->last_ns, value, t_ns)) {
        enum erg_tally_step step = value == tally->last ? ERG_TALLY_SAME : ERG_TALLY_MOVED;
        if (step == ERG_TALLY_MOVED)
            count(tally, t_ns, value, value - tally->last);
        tally->suspicious = false;
        return step;
    }
    if (value == 0)
        return ERG_TALLY_SUSPECT; /* the commonest way to show nothing: never a fresh start */
    if (tally->suspicious && reachable(tally, tally->suspect, tally->suspect_ns, value, t_ns)) {
        count(tally, t_ns, value, 0);
        return ERG_TALLY_RESTARTED;
    }
    tally->suspect = value;
    tally->suspect_ns = t_ns;
    tally->suspicious = true;
    return ERG_TALLY_SUSPECT;
}

int64_t erg_tally_nj(const struct erg_tally *tally)
{
    erg_u128 nj = (erg_u128)tally->total * tally->unit_numerator / tally->unit_denominator;
    return nj > INT64_MAX ? INT64_MAX : (int64_t)nj;
}
