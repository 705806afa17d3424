/* SPDX-License-Identifier: MIT */
#ifndef ERG_POWER_SPEC_H
#define ERG_POWER_SPEC_H

#include "power/driver.h"

enum { ERG_MAX_SOURCES = 16 };

/* A power specification taken apart. */
struct erg_power_spec {
    bool automatic; /* "auto": all automatic drivers, in the table's order */
    const struct erg_power_driver *drivers[ERG_MAX_SOURCES]; /* named, in the user's order */
    size_t count;
    const char *argument; /* of the single driver that takes one; points into the text */
};

/* `table` is NULL-terminated; NULL text is "auto". INVALID with one clear line. */
int erg_power_spec_parse(const char *text, const struct erg_power_driver *const *table,
                         struct erg_power_spec *out, struct erg_err *err);

#endif
