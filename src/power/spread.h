/* SPDX-License-Identifier: MIT */
#ifndef ERG_POWER_SPREAD_H
#define ERG_POWER_SPREAD_H

#include "stream/format.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Counters that are published in batches, each with the time up to which it counts. Energy is known
 * at those times only: a reading is made of each publication, at its own time, so that the energy
 * of a batch lies evenly over its true span, and what comes later changes nothing before it.
 *
 * A counter that is not published may stand still or be late. After `patience_ns` it stands still:
 * a reading says so of the time before that, and a later publication is for the time since.
 */
enum { ERG_SPREAD_CHANNELS = 8 };

struct erg_spread_channel {
    bool started, pending, lost; /* lost: it stepped back, so something before is not known */
    int64_t published_ns;        /* of the last publication */
    int64_t told_ns;             /* of the last reading */
    int64_t last_nj, total_nj;
};

struct erg_spread {
    int64_t patience_ns;
    uint32_t count;
    struct erg_spread_channel channels[ERG_SPREAD_CHANNELS];
};

/* `count` ≤ ERG_SPREAD_CHANNELS; patience longer than any batch. */
void erg_spread_init(struct erg_spread *spread, uint32_t count, int64_t patience_ns);

/*
 * What channel `i` shows at `now_ns`: a counter of nJ, and the time it counts up to (< 0 = that is
 * not known: now). Readings that this makes are fetched before the next call for the channel.
 */
void erg_spread_show(struct erg_spread *spread, uint32_t i, int64_t published_ns, int64_t nj,
                     int64_t now_ns);

/* The earliest reading there is; BUSY for the channels that have none at its time. */
bool erg_spread_next(struct erg_spread *spread, int64_t *out_t_ns,
                     struct erg_channel_value *out_values);

#endif
