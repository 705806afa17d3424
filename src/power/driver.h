/* SPDX-License-Identifier: MIT */
#ifndef ERG_POWER_DRIVER_H
#define ERG_POWER_DRIVER_H

#include "power/power.h"

/*
 * A power source: one `const struct erg_power_driver` in one file, listed in the ordered table of
 * power/drivers.c (best first).
 *
 * Contract. `probe` is quick (< 50 ms), has no side effects and never fails: it reports. `open`
 * gets the driver's argument (text behind the colon, or NULL) and fills `*out` with private state
 * and `channels` (at most ERG_MAX_CHANNELS; `source` and `device` set). Then exactly one of two
 * ways:
 *
 *   polled  `read` fills one value per channel in order, in at most a tenth of the interval, always
 *           from the same thread (the sampling thread). A channel that cannot be read has a status
 *           and value 0; `read` itself fails only when the source is dead for good (then it is not
 *           called again and a warning is given).
 *   exact   `at` gives E(t) of every channel at any instant, in any order, from any one thread.
 *
 * Values arrive zeroed; `channel` is filled in by the set. `detail` is one line about what was
 * found, borrowed for the life of the source. `close` accepts NULL and frees everything. Optional:
 * `probe` (of drivers that are not automatic), `read` or `at` (of sources that are never polled or
 * never exact), `set_zero`. No two of `read`, `at` and `set_zero` run at the same time.
 */
struct erg_power_source; /* private to the driver */

struct erg_power_driver {
    const char *name;
    const char *summary;
    int64_t default_interval_ns;
    bool automatic;      /* "auto" may choose it */
    bool takes_argument; /* "name:ARGUMENT", and then it is the whole specification */

    void (*probe)(const struct erg_root *root, struct erg_power_probe *out);
    int (*open)(const struct erg_power_options *options, const char *argument,
                struct erg_power_source **out, struct erg_channel *out_channels,
                uint32_t *out_count, bool *out_exact, struct erg_err *err);
    int (*read)(struct erg_power_source *source, int64_t now_ns, struct erg_channel_value *values,
                struct erg_err *err);
    void (*at)(struct erg_power_source *source, int64_t t_ns, struct erg_channel_value *values);
    void (*set_zero)(struct erg_power_source *source, int64_t t_zero_ns);
    const char *(*detail)(const struct erg_power_source *source);
    void (*close)(struct erg_power_source *source);
};

/* The table, best first, NULL-terminated. */
extern const struct erg_power_driver *const erg_power_drivers[];

#endif
