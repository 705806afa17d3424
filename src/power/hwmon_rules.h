/* SPDX-License-Identifier: MIT */
#ifndef ERG_POWER_HWMON_RULES_H
#define ERG_POWER_HWMON_RULES_H

#include "energy/timeline.h"

#include <stdbool.h>

/*
 * Which sensors of which kernel drivers are the power of what. One row per sensor; of the rows of a
 * driver that match a sensor the first counts. A driver that is not here is not used: most power
 * sensors of boards measure something nobody can name.
 */
struct erg_hwmon_rule {
    const char *driver;         /* "name" of the hwmon device */
    const char *stem;           /* "power": files "power1_average", "power2_average" … */
    const char *suffix;         /* "average" */
    int first, last;            /* the numbers that are tried */
    const char *tag_suffix;     /* the sensor counts if "power1_<tag_suffix>" … */
    const char *tag;            /* … begins with this; NULL = whatever it says */
    const char *unless;         /* not beside this file of the same device, which contains it */
    bool skip;                  /* part of what another row measures */
    enum erg_quantity quantity; /* µJ or µW */
    enum erg_domain domain;
    bool raw;
    const char *measures; /* "gpu" gets the device's PCI address */
    const char *what;     /* for people */
    int64_t update_period_ns;
    uint32_t max_w; /* more than the hardware can use; of counters */
};

/* The table; the last row has no driver. */
extern const struct erg_hwmon_rule erg_hwmon_rules[];

#endif
