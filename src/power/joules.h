/* SPDX-License-Identifier: MIT */
#ifndef ERG_POWER_JOULES_H
#define ERG_POWER_JOULES_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Energy from a counter of microjoules that counts 0 … max and starts again. A reading below the
 * last one is a wrap-around where the energy that this means could have been used in the time; else
 * a step back: held where it is small, and where it is not, the counter was set to zero and counts
 * from there.
 */
struct erg_joules {
    uint64_t max_uj;
    int64_t most_w; /* more than this is not power but a misunderstanding */
    uint64_t last_uj;
    int64_t t_ns;
    int64_t total_nj; /* since the first reading, plus that reading; saturates */
    bool started;
};

enum erg_joules_event {
    ERG_JOULES_FINE,
    ERG_JOULES_RESET, /* it was set back */
    ERG_JOULES_BLIND, /* so long unread that it may have wrapped unseen */
};

/* `max_power_uw` of the hardware, 0 when it is not known. */
void erg_joules_init(struct erg_joules *joules, uint64_t max_uj, int64_t max_power_uw);

/* A reading ≤ max_uj; `t_ns` never goes back. */
enum erg_joules_event erg_joules_add(struct erg_joules *joules, int64_t t_ns, uint64_t uj);

#endif
