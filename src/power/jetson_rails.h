/* SPDX-License-Identifier: MIT */
#ifndef ERG_POWER_JETSON_RAILS_H
#define ERG_POWER_JETSON_RAILS_H

#include "energy/timeline.h"

#include <stdbool.h>

/* What a supply rail of a Jetson board feeds. */
struct erg_jetson_rail {
    const char *label;
    enum erg_domain domain;
    bool raw;             /* the board's input: all other rails hang on it */
    const char *measures; /* "" = its domain and device */
    const char *note;     /* behind the label in what is said to people */
};

/* NULL for a rail that is not connected, is part of another one, or is not known. */
const struct erg_jetson_rail *erg_jetson_find_rail(const char *label);

#endif
