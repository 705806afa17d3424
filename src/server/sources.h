/* SPDX-License-Identifier: MIT */
#ifndef ERG_SERVER_SOURCES_H
#define ERG_SERVER_SOURCES_H

#include "base/clock.h"
#include "base/root.h"
#include "power/power.h"

#include <pthread.h>

/*
 * What the doctor finds of every power source, without measuring any: looked at again when it is
 * older than ten seconds and somebody asks. Locked inside; who comes while another looks waits for
 * what that one sees.
 */
enum { ERG_SOURCES_MOST = 32 };

struct erg_sources {
    pthread_mutex_t lock;
    struct erg_power_probe probes[ERG_SOURCES_MOST];
    size_t count;
    bool looked;
    int64_t checked_ns, checked_wall_ns;
};

/* What was found, for a caller. */
struct erg_sources_found {
    struct erg_power_probe probes[ERG_SOURCES_MOST];
    size_t count;
    char checked_at_utc[40];
};

void erg_sources_init(struct erg_sources *sources);
void erg_sources_deinit(struct erg_sources *sources);
void erg_sources_look(struct erg_sources *sources, const struct erg_root *root,
                      const struct erg_clock *clock, bool again, struct erg_sources_found *out);

#endif
