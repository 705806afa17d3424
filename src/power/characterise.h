/* SPDX-License-Identifier: MIT */
#ifndef ERG_POWER_CHARACTERISE_H
#define ERG_POWER_CHARACTERISE_H

#include "power/power.h"

/*
 * What a source does when it is read: how often its values change, what a read costs, how fine it
 * is, and whether it notices that the processors work.
 */
struct erg_trait {
    struct erg_channel channel;
    uint32_t reads, valid;    /* reads, and those that gave a value */
    uint32_t changes;         /* values other than the one before */
    int64_t update_period_ns; /* median time between changes; 0 = not known */
    bool at_every_read;       /* … it changed at nearly every read: it may change more often */
    int64_t quantum;          /* smallest step: nJ or µW; 0 = not known */
    double idle_mw, load_mw;  /* NaN = not known */
    enum erg_answer { ERG_UNKNOWN, ERG_NO, ERG_YES } moves, responds;
};

struct erg_character {
    struct erg_trait *traits;
    uint32_t count;
    uint32_t reads;
    int64_t cost_median_ns, cost_p99_ns; /* of a read of all channels */
    int64_t idle_ns, load_ns;            /* how long it was read */
    double coverage_ratio;               /* valid values among those read */
    bool dead;                           /* it failed for good meanwhile */
    bool broken;                         /* no counter of it moves */
    char reason[200];                    /* of dead and broken */
};

/* How to find out. `load` keeps the processors busy while it is on. */
struct erg_character_plan {
    int64_t idle_ns, load_ns, step_ns; /* step: from one read to the next */
    int (*load)(void *user, bool on, struct erg_err *err);
    void *user;
};

/*
 * Read ready automatic driver `i` (as of erg_power_probe()) by itself, idle and loaded. An exact
 * source has no such character: UNSUPPORTED. Errors of opening come as they are.
 */
int erg_characterise(size_t i, const struct erg_power_options *options,
                     const struct erg_character_plan *plan, struct erg_character *out,
                     struct erg_err *err);

/* The same for a driver. */
struct erg_power_driver;
int erg_characterise_driver(const struct erg_power_driver *driver,
                            const struct erg_power_options *options,
                            const struct erg_character_plan *plan, struct erg_character *out,
                            struct erg_err *err);

void erg_character_deinit(struct erg_character *character);

#endif
