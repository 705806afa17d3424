/* SPDX-License-Identifier: MIT */
#ifndef ERG_POWER_POWERMETRICS_TIME_H
#define ERG_POWER_POWERMETRICS_TIME_H

#include <stddef.h>
#include <stdint.h>

/*
 * When did an interval end that is reported with its length, but not with its time? Each ends one
 * length after the one before, and none can have ended after it arrived: of the last ones, the one
 * that was under way for the shortest time tells where the chain lies on the clock. What the
 * lengths lack or have too much moves out with the oldest of them.
 */
enum { ERG_ANCHORS = 32 };

struct erg_interval_clock {
    int64_t sum_ns;               /* of all lengths since the anchors began */
    int64_t anchors[ERG_ANCHORS]; /* arrival − sum, a ring */
    uint64_t count;               /* of anchors so far */
    int64_t last_end_ns;          /* INT64_MIN before the first */
};

void erg_interval_clock_init(struct erg_interval_clock *clock);

/* Intervals were lost: the next does not follow the one before. */
void erg_interval_clock_break(struct erg_interval_clock *clock);

/*
 * The ends of `count` ≥ 1 neighbouring intervals that arrived together: not before the one before,
 * and not after `arrival_ns`. Lengths are positive and at most a day.
 */
void erg_interval_clock_place(struct erg_interval_clock *clock, const int64_t *lengths_ns,
                              size_t count, int64_t arrival_ns, int64_t *out_ends_ns);

#endif
