/* SPDX-License-Identifier: MIT */
#ifndef ERG_RECORD_METER_H
#define ERG_RECORD_METER_H

#include "energy/timeline.h"
#include "power/power.h"

/*
 * A meter: power sources with the timeline that their readings make, for those who want to know
 * what a window cost soon after it. Sampling begins when it is opened.
 */
struct erg_meter;

/* NOT_FOUND when the specification leaves no source at all; `*out_unusable` as erg_power_open(),
 * and then too. `on_warning` may be called on the sampling thread. */
int erg_meter_open(struct erg_meter **out, const struct erg_power_options *options,
                   erg_power_on_warning on_warning, void *user, bool *out_unusable,
                   struct erg_err *err);
void erg_meter_close(struct erg_meter *meter);

/* The slowest sensor's update period; 0 when all are exact. */
int64_t erg_meter_period_ns(const struct erg_meter *meter);

/* Names of the sources behind the channels, each once, joined by '+'. Borrowed. */
const char *erg_meter_sources(const struct erg_meter *meter);

/* Whether every living sensor has been read past `t_ns`; asks them to be read. */
bool erg_meter_has_seen(struct erg_meter *meter, int64_t t_ns);

/* The time up to which every living sensor has been read; INT64_MIN when none has. */
int64_t erg_meter_settled_ns(struct erg_meter *meter);

/* What its channels are; borrowed. */
uint32_t erg_meter_channels(const struct erg_meter *meter, const struct erg_channel **out_channels);

/* Highest power (mW) within the window, at least its average; < 0 when it is not known. */
double erg_meter_peak_mw(struct erg_meter *meter, int64_t t0_ns, int64_t t1_ns);

/* What the window cost. */
struct erg_window erg_meter_window(struct erg_meter *meter, int64_t t0_ns, int64_t t1_ns);

#endif
