/* SPDX-License-Identifier: MIT */
#ifndef ERG_ENGINE_DELAY_H
#define ERG_ENGINE_DELAY_H

#include "ergon/probe.h"

/*
 * A build with ERG_SPAN_DELAY_NS waits that long at each span it reports: profiling of a known
 * cost, by which the estimate of the overhead is tested. Any other build does nothing here.
 */
#ifdef ERG_SPAN_DELAY_NS
static inline void erg_delay_span(void)
{
    int64_t until_ns = ergon_probe_now_ns() + ERG_SPAN_DELAY_NS;
    while (ergon_probe_now_ns() < until_ns) {
    }
}
#define ERG_DELAY_SPAN() erg_delay_span()
#else
#define ERG_DELAY_SPAN() ((void)0)
#endif

#endif
