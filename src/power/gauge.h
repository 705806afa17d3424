/* SPDX-License-Identifier: MIT */
#ifndef ERG_POWER_GAUGE_H
#define ERG_POWER_GAUGE_H

#include "base/root.h"
#include "power/power.h"
#include "power/tally.h"

/*
 * A gauge: one channel of a sensor in /sys, read again and again through descriptors that stay
 * open. Its value is a counter in µJ, a power, or the product of a voltage and a current.
 */
struct erg_gauge {
    int fd, factor_fd; /* factor_fd: the other factor of a product, else -1 */
    bool counter;
    int64_t multiplier; /* to µW; of a counter 1 */
    struct erg_tally tally;
};

/* Nothing open: deinit may be called. */
void erg_gauge_init(struct erg_gauge *gauge);
void erg_gauge_deinit(struct erg_gauge *gauge);

/* Open a power in units of `multiplier` µW; `factor_path` NULL unless it is a product. */
int erg_gauge_open_power(struct erg_gauge *gauge, const struct erg_root *root, const char *path,
                         const char *factor_path, int64_t multiplier, struct erg_err *err);

/* Open an energy counter in µJ of hardware that uses at most max_w watts. */
int erg_gauge_open_counter(struct erg_gauge *gauge, const struct erg_root *root, const char *path,
                           uint32_t max_w, struct erg_err *err);

/*
 * What it shows at `t_ns`: nJ since the first reading, or µW. CORRUPT when it shows no number or a
 * negative one; BUSY for a counter that cannot have been reached, OVERRUN when the next reading
 * confirms it (see power/tally.h).
 */
int erg_gauge_read(struct erg_gauge *gauge, int64_t t_ns, int64_t *out, struct erg_err *err);

/* As erg_gauge_read(), into a value with its status. */
void erg_gauge_read_value(struct erg_gauge *gauge, int64_t t_ns, struct erg_channel_value *out);

/* --- what the drivers of sensors in /sys share ------------------------------------------------ */

/* The number that a small file of /sys holds, white space behind it. CORRUPT when it does not. */
int erg_gauge_parse(const char *text, size_t len, int64_t *out, struct erg_err *err);

/* Read the number behind a descriptor from its beginning. */
int erg_gauge_read_i64(int fd, int64_t *out, struct erg_err *err);

/* Value of KEY in the text of a "uevent" file (KEY=VALUE lines); false when it has none that fits.
 */
bool erg_gauge_uevent(const char *text, const char *key, char *out, size_t out_bytes);

/* State and reason of a probe that failed with `err`. */
void erg_gauge_probe_failed(struct erg_power_probe *out, const struct erg_err *err,
                            const char *remedy);

#endif
