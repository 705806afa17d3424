/* SPDX-License-Identifier: MIT */
#ifndef ERG_POWER_WAVEFORM_H
#define ERG_POWER_WAVEFORM_H

#include "base/err.h"
#include "energy/energy.h"
#include "energy/wide.h"

#include <stdbool.h>

/*
 * The text behind "synthetic:": power as a function of time per domain, and misbehaviour.
 *
 *   cpu=20W  gpu=ramp(10W,2W/s)  dram=square(5W,25W,200ms)     W, mW, kW; up to 100 kW
 *   drop=0.1  stale=3  wrap=262143328850uJ  die=5s
 */
enum erg_waveform_shape { ERG_WAVE_NONE, ERG_WAVE_CONSTANT, ERG_WAVE_RAMP, ERG_WAVE_SQUARE };

struct erg_waveform {
    enum erg_waveform_shape shape;
    int64_t first_uw;   /* constant power; start of the ramp; first half of the period */
    int64_t slope_uw_s; /* ramp, µW per second; the power stays within 0 … 100 kW */
    int64_t second_uw;  /* square: second half of the period */
    int64_t period_ns;  /* square */
};

struct erg_synthetic_spec {
    struct erg_waveform waves[ERG_DOMAINS];
    bool misbehaves;
    double drop_ratio; /* probability that a reading is lost */
    int64_t stale;     /* every value is read this many times, ≥ 1 */
    int64_t wrap_uj;   /* the counter counts 0 … wrap_uj; 0 = never wraps */
    int64_t die_ns;    /* the source fails for good after this long; -1 = never */
};

/* INVALID with one clear line. At least one domain must have a waveform. */
int erg_synthetic_parse(const char *text, struct erg_synthetic_spec *out, struct erg_err *err);

/*
 * What the waveform's area over [0, since] has in excess of holding its first power, in half µW·ns,
 * rounded down; 0 for since ≤ 0. |since| ≤ ERG_EXACT_MAX_NS.
 */
erg_i128 erg_waveform_excess(const struct erg_waveform *wave, int64_t since_ns);

#endif
