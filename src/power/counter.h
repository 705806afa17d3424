/* SPDX-License-Identifier: MIT */
#ifndef ERG_POWER_COUNTER_H
#define ERG_POWER_COUNTER_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * A hardware counter that counts 0 … max and starts again at 0. Undoing the wrap-around needs at
 * least one reading per lap; more than one lap between two readings cannot be seen.
 */
struct erg_counter {
    uint64_t max;
    uint64_t last;
    uint64_t total; /* counted since the first reading, plus that reading; saturates */
    bool started;
};

void erg_counter_init(struct erg_counter *counter, uint64_t max);

/* What was counted between two neighbouring readings, both ≤ max. */
uint64_t erg_counter_delta(uint64_t previous, uint64_t now, uint64_t max);

/* Take a reading; the unwrapped total in *out_total. CORRUPT for a reading above max. */
int erg_counter_update(struct erg_counter *counter, uint64_t now, uint64_t *out_total,
                       struct erg_err *err);

#endif
