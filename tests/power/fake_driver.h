/* SPDX-License-Identifier: MIT */
#ifndef ERG_TESTS_POWER_FAKE_DRIVER_H
#define ERG_TESTS_POWER_FAKE_DRIVER_H

#include "base/mem.h"
#include "power/driver.h"

#include <stdlib.h>

/* What the drivers of a test table share: a source without state. */
struct erg_power_source {
    int nothing;
};

static inline int fake_open_channels(const enum erg_domain *domains, uint32_t count,
                                     struct erg_power_source **out,
                                     struct erg_channel *out_channels, uint32_t *out_count,
                                     bool *out_exact)
{
    for (uint32_t i = 0; i < count; i++)
        out_channels[i] = (struct erg_channel){.name = "fake", .domain = domains[i]};
    *out = erg_calloc(1, sizeof **out);
    *out_count = count;
    *out_exact = false;
    return 0;
}

static inline void fake_probe(const struct erg_root *root, struct erg_power_probe *out)
{
    (void)root;
    out->state = ERG_POWER_READY;
}

static inline const char *fake_detail(const struct erg_power_source *source)
{
    (void)source;
    return "a fake";
}

static inline void fake_close(struct erg_power_source *source)
{
    free(source);
}

#endif
