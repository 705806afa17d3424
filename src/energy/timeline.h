/* SPDX-License-Identifier: MIT */
#ifndef ERG_ENERGY_TIMELINE_H
#define ERG_ENERGY_TIMELINE_H

#include "base/err.h"
#include "energy/energy.h"

/*
 * The timeline: one monotone curve of cumulative energy E(t) per channel, and from it the energy
 * of any interval. E(t) is an integer (nanojoules, rounded down) at every t, so intervals add up
 * exactly: energy(a,c) = energy(a,b) + energy(b,c) for a ≤ b ≤ c.
 *
 * A counter channel is linear between readings. A power channel is integrated by the trapezoid
 * rule; a hole longer than `max_gap_ns` is not covered and adds nothing. Outside its first and last
 * reading a channel has no coverage and E(t) is constant. Readings may come late, twice, or out of
 * order: they are sorted by time, a later reading for the same time is ignored, and a counter that
 * steps back is held at its maximum. Readings of the future never change the past by more than the
 * interpolation between the neighbours they fall between.
 */
enum erg_quantity { ERG_QUANTITY_ENERGY /* nJ, cumulative */, ERG_QUANTITY_POWER /* µW */ };

/* What the channel `measures` that is the rest of a whole machine beyond its measured parts. */
#define ERG_CHANNEL_REST "rest"

struct erg_channel {
    char name[64];   /* "package-0", "gpu0" */
    char source[32]; /* driver: "rapl", "estimate" */
    enum erg_domain domain;
    int device; /* 0-based index within the domain */
    enum erg_quantity quantity;
    int64_t update_period_ns; /* of the sensor; 0 = exact at every instant */
    int64_t max_gap_ns;       /* power channels: longest hole that is integrated across, > 0 */
    char measures[64]; /* the hardware: "cpu", "dram", "gpu:0000:01:00.0", "machine"; "" = domain
                          and device. Of two channels that measure the same only one is used. */
    bool raw;       /* its energy contains that of other channels: kept, but in no domain's sum */
    bool estimated; /* a power model, not a sensor */
    bool synthetic; /* a simulation: not this machine's energy */
};

struct erg_timeline;

/* INVALID for a channel that makes no sense, LIMIT above ERG_MAX_CHANNELS, NOMEM. */
int erg_timeline_new(struct erg_timeline **out, const struct erg_channel *channels, uint32_t count,
                     struct erg_err *err);
void erg_timeline_free(struct erg_timeline *timeline);

uint32_t erg_timeline_channels(const struct erg_timeline *timeline);
const struct erg_channel *erg_timeline_channel(const struct erg_timeline *timeline, uint32_t i);

/*
 * Add a reading of channel `i`: nanojoules since some origin, or microwatts (negative readings of
 * either kind are clamped at 0). INVALID for an unknown channel, LIMIT, NOMEM. O(1) for readings in
 * order, O(k) for one that belongs k readings back.
 */
int erg_timeline_add(struct erg_timeline *timeline, uint32_t i, int64_t t_ns, int64_t value,
                     struct erg_err *err);

/*
 * Channel `i` has lost readings: what lies between those before and the next one is not covered,
 * and no energy is booked there whatever a counter has counted meanwhile.
 */
void erg_timeline_break(struct erg_timeline *timeline, uint32_t i);

/*
 * Energy before `t_ns` has been given out: from now on it stays as it is. Readings before that time
 * are refused (and counted); a channel that speaks again after a silence that reaches into the
 * frozen time starts anew there, and its energy of the silence is not covered. Time only moves on.
 */
void erg_timeline_freeze(struct erg_timeline *timeline, int64_t t_ns);

/* Readings refused so far. */
uint64_t erg_timeline_refused(const struct erg_timeline *timeline);

/* What a window cost and how far the sensors saw it; raw channels take no part in it. */
struct erg_window {
    struct erg_energy energy; /* a domain is present when a channel of it covers part of the window
                                 (an empty one: its instant) */
    enum erg_grade grade;     /* of the worst channel that is present */
    double coverage_ratio;    /* covered share of the window, averaged over channels; 1 if empty */
};

/* Energy of [t0, t1] over all channels, summed per domain; t1 < t0 counts as empty. O(c log n). */
struct erg_window erg_timeline_window(const struct erg_timeline *timeline, int64_t t0_ns,
                                      int64_t t1_ns);

/* Energy of one channel in [t0, t1]; false when it covers nothing of it. */
bool erg_timeline_channel_energy(const struct erg_timeline *timeline, uint32_t i, int64_t t0_ns,
                                 int64_t t1_ns, int64_t *out_nj);

/*
 * The time up to which every channel that is still alive has been read (so that windows ending
 * there are final). Raw channels do not count, nor those silent for more than `patience_ns` before
 * `now_ns`; one never read is silent since the first reading of any. INT64_MIN before the first
 * reading, `now_ns` with no channels or all of them silent.
 */
int64_t erg_timeline_settled_ns(const struct erg_timeline *timeline, int64_t now_ns,
                                int64_t patience_ns);

/* Highest average power (mW) between neighbouring readings ≥ min_window_ns apart that lie in
 * [t0, t1], all channels together at the reading times of the densest channel; < 0 if not known. */
double erg_timeline_peak_mw(const struct erg_timeline *timeline, int64_t t0_ns, int64_t t1_ns,
                            int64_t min_window_ns);

#endif
