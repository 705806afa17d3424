/* SPDX-License-Identifier: MIT */
#include "power/counter.h"

#include <inttypes.h>

void erg_counter_init(struct erg_counter *counter, uint64_t max)
{
    *counter = (struct erg_counter){.max = max};
}

uint64_t erg_counter_delta(uint64_t previous, uint64_t now, uint64_t max)
{
    return now >= previous ? now - previous : max - previous + now + 1;
}

int erg_counter_update(struct erg_counter *counter, uint64_t now, uint64_t *out_total,
                       struct erg_err *err)
{
    if (now > counter->max)
        return erg_fail(err, ERG_CORRUPT, "counter reads %" PRIu64 ", above its range of %" PRIu64,
                        now, counter->max);
    uint64_t delta = counter->started ? erg_counter_delta(counter->last, now, counter->max) : now;
    if (__builtin_add_overflow(counter->total, delta, &counter->total))
        counter->total = UINT64_MAX;
    counter->last = now;
    counter->started = true;
    *out_total = counter->total;
    return 0;
}
