/* SPDX-License-Identifier: MIT */
#include "server/sources.h"

#include <string.h>

#define STALE_NS INT64_C(10000000000)

void erg_sources_init(struct erg_sources *sources)
{
    *sources = (struct erg_sources){.count = 0};
    pthread_mutex_init(&sources->lock, NULL);
}

void erg_sources_deinit(struct erg_sources *sources)
{
    pthread_mutex_destroy(&sources->lock);
}

void erg_sources_look(struct erg_sources *sources, const struct erg_root *root,
                      const struct erg_clock *clock, bool again, struct erg_sources_found *out)
{
    pthread_mutex_lock(&sources->lock);
    int64_t now_ns = erg_clock_now_ns(clock);
    if (again || !sources->looked || now_ns - sources->checked_ns > STALE_NS) {
        sources->count = 0;
        while (sources->count < ERG_SOURCES_MOST &&
               erg_power_probe(sources->count, root, &sources->probes[sources->count]))
            sources->count++;
        sources->looked = true;
        sources->checked_ns = erg_clock_now_ns(clock);
        sources->checked_wall_ns = clock->wall_ns(clock->user);
    }
    memcpy(out->probes, sources->probes, sources->count * sizeof *out->probes);
    out->count = sources->count;
    erg_format_utc_time(sources->checked_wall_ns, out->checked_at_utc);
    pthread_mutex_unlock(&sources->lock);
}
