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
 *   polled  `read` fills one value per channel in order, in at most a tenth of the interval (unless
 *           it has `own_thread`), from one thread at a time: at first from whoever opens it, then
 *           from a sampling thread, which may hand a source that turns out slow to another. A
 *           channel that cannot be read has a status and value 0; `read` itself fails only when the
 *           source is dead for good (then it is not called again and a warning is given).
 *   exact   `at` gives E(t) of every channel at any instant, in any order, from any one thread.
 *
 * Values arrive zeroed; `channel` is filled in by the set. `detail` is one line about what was
 * found, borrowed for the life of the source. `close` accepts NULL and frees everything. Optional:
 * `probe` (of drivers that are not automatic), `read` or `at` (of sources that are never polled or
 * never exact), `set_zero`, `describe`, `warning`, `moves_within_ns`, `family`. No two of `read`,
 * `at` and `set_zero` run at the same time.
 *
 * A counter that opens and stands still is broken. With `moves_within_ns` the set reads the source
 * for at most that long when it is opened, until every counter has moved, and leaves out those that
 * have not: the next source of the same hardware takes their place. Neighbours in the table with
 * the same `family` read the same registers: the one whose reads cost less is used, and the other
 * is read now and then to check it.
 *
 * A sensor of something that contains what other sensors measure (psys, a battery, a power meter)
 * delivers a `raw` channel that `measures` "machine"; the set makes the channel `soc` of it, what
 * is left of it beyond the others (≥ 0). Sensors of one source that contain each other are told
 * apart by the driver: a channel is disjoint from all others of its source or raw.
 */
struct erg_power_source; /* private to the driver */
struct erg_jsonw;

enum { ERG_POWER_NOTHING_NEW = 1 }; /* an answer of `read` */

struct erg_power_driver {
    const char *name;
    const char *summary;
    int64_t default_interval_ns;
    bool automatic;      /* "auto" may choose it */
    bool takes_argument; /* "name:ARGUMENT", and then it is the whole specification */
    bool own_thread;     /* a read may take longer than a tenth of the interval */

    void (*probe)(const struct erg_root *root, struct erg_power_probe *out);
    int (*open)(const struct erg_power_options *options, const char *argument,
                struct erg_power_source **out, struct erg_channel *out_channels,
                uint32_t *out_count, bool *out_exact, struct erg_err *err);
    /* *inout_t_ns comes as the present; a source whose values carry a time of their own sets it.
     * NOTHING_NEW when there is no reading since the last one; of a source that may have several
     * (`batches`), it is asked again until then. */
    int (*read)(struct erg_power_source *source, int64_t *inout_t_ns,
                struct erg_channel_value *values, struct erg_err *err);
    bool batches;
    void (*at)(struct erg_power_source *source, int64_t t_ns, struct erg_channel_value *values);
    void (*set_zero)(struct erg_power_source *source, int64_t t_zero_ns);
    const char *(*detail)(const struct erg_power_source *source);
    /* Members for the source's object in the POWER record (clocks, limits, throttling …). */
    void (*describe)(const struct erg_power_source *source, struct erg_jsonw *w);
    /* Something that a user should know since the last call, one line, or NULL; after each read. */
    const char *(*warning)(struct erg_power_source *source);
    void (*close)(struct erg_power_source *source);
    int64_t moves_within_ns;
    const char *family;
};

/* The table, best first, NULL-terminated. */
extern const struct erg_power_driver *const erg_power_drivers[];

#endif
